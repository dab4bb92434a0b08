from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import images as spaces
from jaxinterp.analysis.maximization import objectives
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
    np.testing.assert_allclose(found["first"][2], kernel.T / 2, rtol=1e-5)


@pytest.mark.parametrize("gate, ends", [(-0.6, False), (0.1, True)], ids=["closed", "open"])
def test_behind_the_relu_a_picture_is_the_optimum_or_none_at_all(gate, ends, key):
    # At w/2 the input is ‖w‖²/2 + b: a bias below −‖w‖²/2 closes the gate there, so that no start can end at it, and
    # the penalty alone leads every start to 0. Kept open, the gate leads all of them to w/2.
    kernel = np.asarray(network().variables["params"]["hidden0"]["kernel"])
    squares = np.sum(kernel**2, axis=0)
    bias = gate * squares if gate < 0 else 10.0
    found, after = recipe(network(bias=bias), key), TARGETS.index(OUTPUT)
    expected = kernel.T / 2 if ends else np.zeros_like(kernel.T)
    np.testing.assert_allclose(found["first"][after], expected, atol=0.03)
    assert (found["recipe_fires"][after] == ends).all()
    assert (found["recipe_cosine"][after] > 0.99).all() or not ends
    np.testing.assert_allclose(found["silent_starts"], scipy.stats.norm.cdf(-bias / np.sqrt(squares)), rtol=1e-3)


def test_pictures_after_the_relu_and_before_are_those_of_one_maximisation_each(key):
    net, units = network(), jnp.arange(4)
    found = recipe(net, key)["first"]
    for place, target in enumerate(TARGETS):
        goal = objectives.units({OUTPUT: "hidden0/post", INPUT: "hidden0/pre"}[target], units)
        options = {"parametrization": spaces.PIXELS, "priors": (spaces.l2(1.0),), "learning_rate": 0.1}
        alone = jax.jit(partial(maximization.maximize, objective=goal, objectives=4, restarts=8, steps=200, **options))(
            key, pictures.as_written(net)
        )
        np.testing.assert_allclose(found[place], alone.images[:, 0], atol=1e-4)


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
    np.testing.assert_array_equal(found["best"], best.T)
    np.testing.assert_array_equal(found["box"], kernel.T > 0)
    np.testing.assert_allclose(found["firing"], (entering > 0).mean(axis=0), rtol=1e-6)
    room = found["box_value"] - found["blank_value"]
    assert ((climbed - found["blank_value"]) / room > 0.99).all()
