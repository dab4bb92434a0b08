from functools import partial

import jax
import numpy as np

from jaxinterp.analysis.maximization.exemplars import best_images
from jaxinterp.networks import MLP, init

PIXELS, BEST = 16, 9
find = jax.jit(partial(best_images, k=BEST))


def network(bias=0.0, seed=0):
    made = init(jax.random.key(seed), MLP((4,), 2, input_mean=0.5, input_std=0.5, initializer_gain=2.0), PIXELS)
    params = made.variables["params"]
    hidden = {**params["hidden0"], "bias": params["hidden0"]["bias"] + bias}
    return made.replace(variables={"params": {**params, "hidden0": hidden}})


def images(count=200):
    return np.random.default_rng(0).uniform(size=(count, PIXELS)).astype(np.float32)


def test_the_best_images_are_compared_with_the_optimum_and_the_weights():
    net, shown = network(), images()
    found = jax.tree.map(np.asarray, find(net, shown))
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    entering, blank = (np.asarray(net(own)[1]["hidden0/pre"]) for own in (shown, np.zeros((1, PIXELS), np.float32)))
    most = np.array(
        [np.asarray(net((kernel[:, u] > 0)[None].astype(np.float32))[1]["hidden0/pre"])[0, u] for u in range(4)]
    )
    np.testing.assert_allclose(found.gain, (entering.max(axis=0) - blank[0]) / (most - blank[0]), rtol=1e-4)
    assert (found.gain < 1).all() and found.dark.tolist() == (most <= 0).tolist()
    best = np.argsort(-entering, axis=0, kind="stable")[:BEST]
    table = np.array(
        [[np.corrcoef(kernel[:, u], shown[best[:, v]].mean(axis=0))[0, 1] for v in range(4)] for u in range(4)]
    )
    np.testing.assert_allclose(found.likeness, np.diag(table), atol=1e-4)
    np.testing.assert_allclose(found.likeness_other, (table.sum(axis=1) - np.diag(table)) / 3, atol=1e-4)
    assert find(network(bias=-100.0), shown).dark.all()
