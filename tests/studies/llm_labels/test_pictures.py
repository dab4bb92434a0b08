from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from support import llm_results
from support.llm_results import judged, near, plant, when
from support.toy_networks import noise, one_layer

from jaxinterp.analysis import maximization
from jaxinterp.analysis.maximization import images as spaces
from jaxinterp.analysis.maximization import objectives
from jaxinterp.studies.llm_labels import pictures
from jaxinterp.studies.llm_labels.neurons import SIX
from jaxinterp.studies.llm_labels.pictures import INPUT, OTHERS, OUTPUT, TARGETS

BEST = "best images"
CASES = {
    "2.3 recipe": (
        lambda found: plant(found, "maximised", "reached", 0.99),
        lambda found: plant(found, "maximised", "reached", near(0.5)),
    ),
    "2.3 ascent": (
        lambda found: plant(found, "maximised", "gain", near(0.999, 1e-4)),
        lambda found: plant(found, "maximised", "gain", near(0.8)),
    ),
    "2.3 real": (
        lambda found: when(found, BEST, "gain", near(0.1), near(0.8)),
        lambda found: when(found, BEST, "gain", near(0.4), near(0.6)),
    ),
    "2.3 looks": (
        lambda found: (when(found, BEST, "likeness", near(0.2), near(0.9)), plant(found, BEST, "likeness_other", 0.1)),
        lambda found: (when(found, BEST, "likeness", near(0.85), near(0.9)), plant(found, BEST, "likeness_other", 0.1)),
    ),
    "2.3 dead": (lambda found: when(found, BEST, "dark", 0, 1), lambda found: when(found, BEST, "dark", 0, 0)),
}


def maximised(net, key):
    return jax.tree.map(np.asarray, jax.jit(pictures.maximised)(net, noise(), key))


def test_a_claim_holds_where_it_is_planted_and_not_where_it_is_not():
    assert list(judged(pictures, llm_results.results())) == list(CASES)
    assert llm_results.verdicts(pictures, CASES) == {name: ("holds", "does not hold") for name in CASES}


@pytest.mark.parametrize(
    "name, change, control, score",
    [
        ("2.3 real", lambda found: when(found, BEST, "gain", 0.4, 0.7), "untrained", 0.5),
        ("2.3 looks", lambda found: when(found, BEST, "likeness", 0.2, 0.7), OTHERS, 0.5),
        ("2.3 looks", lambda found: when(found, BEST, "likeness", 0.6, 0.7), "untrained", 0.25),
        ("2.3 dead", lambda found: when(found, BEST, "dark", 1, 0), "the same neurons before training", np.nan),
    ],
)
def test_a_score_is_what_the_hardest_control_leaves_open(name, change, control, score):
    found = llm_results.results()
    plant(found, BEST, "likeness_other", 0.4)
    change(found)
    finding = judged(pictures, found)[name]
    assert finding.control_name == control and finding.score.mean == pytest.approx(score, nan_ok=True)
    assert finding.verdict == "undecided" or np.isfinite(score)


def test_live_and_dead_neurons_are_told_apart():
    found = llm_results.results()
    reached = found["maximised"].reached.sel(recipes=SIX)
    reached[...] = np.where(np.arange(12) < 6, np.arange(12) >= 3, np.nan)  # the first three of six are dead
    finding = judged(pictures, found)["2.3 recipe"]
    shown = {other.name: other.estimate.mean for other in finding.others}
    assert finding.measured.mean == pytest.approx(0.5)
    assert shown["live neurons"] == 1 and shown["dead neurons"] == 0


def test_the_recipe_ends_at_the_known_optimum_before_the_relu(key):
    net = one_layer(bias=-0.3)
    found, recipe = maximised(net, key), jax.jit(pictures.recipe)(pictures.as_written(net), key)
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    np.testing.assert_allclose(found.exact_value, np.sum(kernel**2, axis=0) / 4 - 0.3, rtol=1e-5)
    assert (found.reached[TARGETS.index(INPUT)] == 1).all()
    np.testing.assert_allclose(recipe[TARGETS.index(INPUT), :, 0], kernel.T / 2, atol=0.02)
    assert (found.gain > 0.99).all() and (found.gain < 1 + 1e-5).all()


@pytest.mark.parametrize("gate, ends", [(-0.6, False), (0.1, True)], ids=["closed", "open"])
def test_behind_the_relu_a_picture_is_the_optimum_or_none_at_all(gate, ends, key):
    # At w/2 the input is ‖w‖²/2 + b: a bias below −‖w‖²/2 closes the gate there, so that no start can end at it, and
    # the penalty alone leads every start to 0. Kept open, the gate leads all of them to w/2.
    kernel = np.asarray(one_layer().variables["params"]["hidden0"]["kernel"])
    squares, after = np.sum(kernel**2, axis=0), TARGETS.index(OUTPUT)
    bias = gate * squares if gate < 0 else 10.0
    net = one_layer(bias=bias)
    found, recipe = maximised(net, key), jax.jit(pictures.recipe)(pictures.as_written(net), key)
    np.testing.assert_allclose(recipe[after, :, 0], kernel.T / 2 if ends else np.zeros_like(kernel.T), atol=0.03)
    assert (found.active[after] == ends).all() and (found.reached[after] == 1).all() >= ends
    np.testing.assert_allclose(found.silent_starts, scipy.stats.norm.cdf(-bias / np.sqrt(squares)), rtol=1e-3)


def test_pictures_after_the_relu_and_before_are_those_of_one_maximisation_each(key):
    net = pictures.as_written(one_layer())
    found = jax.jit(pictures.recipe)(net, key)
    for target, site in ((OUTPUT, "hidden0/post"), (INPUT, "hidden0/pre")):
        goal = objectives.units(site, jnp.arange(4))
        options = {"parametrization": spaces.PIXELS, "priors": (spaces.l2(1.0),), "learning_rate": 0.1}
        alone = jax.jit(partial(maximization.maximize, objective=goal, objectives=4, restarts=8, steps=200, **options))
        np.testing.assert_allclose(found[TARGETS.index(target)], alone(key, net).images, atol=1e-4)
