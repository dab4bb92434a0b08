from functools import partial

import jax
import numpy as np
from support.toy_networks import noise, one_layer

from jaxinterp.analysis.maximization.exemplars import best_images

BEST = 9
find = jax.jit(partial(best_images, k=BEST))


def test_the_best_images_are_compared_with_the_optimum_and_the_weights():
    net, shown = one_layer(), noise()
    found = jax.tree.map(np.asarray, find(net, shown))
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    entering, blank = (np.asarray(net(own)[1]["hidden0/pre"]) for own in (shown, np.zeros_like(shown[:1])))
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
    assert find(one_layer(bias=-100.0), shown).dark.all()
