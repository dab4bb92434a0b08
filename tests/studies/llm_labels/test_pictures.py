import jax
import numpy as np
import pytest
import scipy.stats

from jaxinterp.networks import MLP, init
from jaxinterp.studies.llm_labels import pictures
from jaxinterp.studies.llm_labels.pictures import INPUT, OUTPUT, TARGETS

PIXELS = 16


def network(bias=0.0, seed=0):
    made = init(jax.random.key(seed), MLP((4,), 2, input_mean=0.5, input_std=0.5, initializer_gain=2.0), PIXELS)
    params = made.variables["params"]
    hidden = {**params["hidden0"], "bias": params["hidden0"]["bias"] + bias}
    return made.replace(variables={"params": {**params, "hidden0": hidden}})


def recipe(net, key):
    return {name: np.asarray(values) for name, values in jax.jit(pictures.recipe)(net, key).items()}


def test_the_recipe_ends_at_the_known_optimum_before_the_relu(key):
    net = network(bias=-0.3)
    found = recipe(net, key)
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    exact = np.sum(kernel**2, axis=0) / 4 - 0.3
    np.testing.assert_allclose(found["exact_value"], exact, rtol=1e-5)
    before = TARGETS.index(INPUT)
    np.testing.assert_allclose(found["recipe_value"][before], exact, rtol=1e-3, atol=1e-3)
    assert (found["recipe_cosine"][before] > 0.999).all()
    np.testing.assert_allclose(found["first"][before], kernel.T / 2, atol=0.02)


@pytest.mark.parametrize("bias, ends", [(-3.0, False), (3.0, True)], ids=["closed", "open"])
def test_behind_the_relu_only_starts_whose_gate_opens_get_there(bias, ends, key):
    found = recipe(network(bias=bias), key)
    after = found["recipe_cosine"][TARGETS.index(OUTPUT)]
    assert (after > 0.95).all() if ends else (np.abs(after) < 0.95).any()
    fires = found["recipe_fires"][TARGETS.index(OUTPUT)]
    assert fires.mean() == 1 if ends else fires.mean() < 0.5
    norms = np.linalg.norm(np.asarray(network().variables["params"]["hidden0"]["kernel"]), axis=0)
    np.testing.assert_allclose(found["silent_starts"], scipy.stats.norm.cdf(-bias / norms), rtol=1e-4)


def test_the_box_optimum_is_beyond_every_image(key):
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(200, PIXELS)).astype(np.float32)
    net = network()
    found = {name: np.asarray(values) for name, values in jax.jit(pictures.beside_images)(net, images).items()}
    entering = np.asarray(net(images)[1]["hidden0/pre"])
    np.testing.assert_allclose(found["best_value"], entering.max(axis=0), rtol=1e-5)
    assert (found["box_value"] >= found["best_value"]).all() and (found["box_value"] > found["blank_value"]).all()
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    best = np.argsort(-entering, axis=0, kind="stable")[: pictures.EXEMPLARS]
    table = np.array(
        [[np.corrcoef(kernel[:, u], images[best[:, v]].mean(axis=0))[0, 1] for v in range(4)] for u in range(4)]
    )
    np.testing.assert_allclose(found["likeness"], np.diag(table), atol=1e-4)
    np.testing.assert_allclose(found["likeness_other"], (table.sum(axis=1) - np.diag(table)) / 3, atol=1e-4)
    climbed = np.asarray(jax.jit(pictures.ascent)(net, images, key)["ascent_value"])
    room = found["box_value"] - found["blank_value"]
    assert ((climbed - found["blank_value"]) / room > 0.99).all()
