"""Units with known labels are labelled, simulated and scored right, from end to end; labels handed out at random are
not.
"""

import jax
import numpy as np
import pytest
import scipy.stats
from support import planted_labels as planted

from jaxinterp import ensemble
from jaxinterp.explanation import evaluation, facts, rules, simulate
from jaxinterp.explanation.baselines import BASELINES

SITE, LOSS = "hidden0/post", "cross_entropy"
ORDER = tuple(int(unit) for unit in np.random.default_rng(3).permutation(planted.UNITS))
LIVE = [unit for unit in range(planted.UNITS) if unit != planted.NOTHING]


@pytest.fixture(scope="module")
def networks():
    return ensemble.stack([planted.network(), planted.network(ORDER)])


@pytest.fixture(scope="module")
def known(networks):
    return facts.read(networks, planted.data(0), jax.random.key(0), loss=LOSS)


@pytest.fixture(scope="module")
def fitted(networks):
    return evaluation.activations(networks, planted.data(0).images, site=SITE)


@pytest.fixture(scope="module")
def real(networks):
    return evaluation.activations(networks, planted.data(1).images, site=SITE)


@pytest.fixture(scope="module")
def labelled(known):
    return {name: evaluation.label(known, 0, explainer) for name, explainer in rules.EXPLAINERS.items()}


@pytest.fixture(scope="module")
def simulations(labelled):
    return {name: evaluation.simulated(own, planted.data(1)) for name, own in labelled.items()}


def test_planted_units_get_the_labels_that_they_were_built_for(labelled):
    by_class, by_region, by_exemplar = (labelled[name].texts[0] for name in rules.EXPLAINERS)
    assert by_class[4] == by_exemplar[4] == "Active for 4."
    assert set(map(by_class.__getitem__, (planted.THREE_OR_8,))) <= {"Active for 3 and 8.", "Active for 8 and 3."}
    assert by_class[planted.BAR_OF_7] == "Active for 7." and by_exemplar[planted.BAR_OF_7].startswith("Active for 7")
    assert by_region[planted.BAR_OF_7] == "Ink in the upper left."
    named = simulate.cells((planted.SIDE, planted.SIDE, 1)) @ labelled["weight regions"].compiled[0][planted.TOP].pixels
    assert (named[:3] >= 0.5).all() and not named[3:].any()
    assert {texts[0][planted.NOTHING] for texts in (own.texts for own in labelled.values())} == {"Dead neuron."}


def test_the_same_unit_gets_the_same_label_in_another_place(labelled):
    for own in labelled.values():
        first, second = own.texts
        assert [first[unit] for unit in ORDER] == list(second)


def test_the_right_label_scores_high_and_a_wrong_one_does_not(simulations, real):
    by_class, by_region = (evaluation.scores(simulations[name], real) for name in list(rules.EXPLAINERS)[:2])
    digits = [*range(planted.CLASSES), planted.THREE_OR_8]
    for name, values in by_class._asdict().items():
        assert (values[0, digits] > 0.95).all(), name
        assert np.isnan(values[0, planted.NOTHING]), name
    assert (by_class.pearson[0, digits] > by_region.pearson[0, digits] + 0.3).all()
    assert by_region.pearson[0, planted.TOP] > 0.95 > 0.6 > by_class.pearson[0, planted.TOP]
    assert by_region.pearson[0, planted.BAR_OF_7] > 0.8


def test_baselines_are_what_they_are_called(known, fitted, real):
    found = evaluation.baseline_scores(known, 0, fitted, real, planted.data(1)).pearson[0]
    best, means, linear, nearest = (dict(zip(BASELINES, found, strict=True))[name] for name in BASELINES)
    assert (best[: planted.CLASSES] > 0.95).all() and 0.4 < best[planted.THREE_OR_8] < 0.8
    assert means[planted.THREE_OR_8] > 0.95 and means[planted.TOP] < 0.6
    assert (linear[: planted.CLASSES] > 0.95).all() and linear[planted.TOP] > 0.99
    assert np.nanmin(nearest) > 0.1 and np.isnan(found[:, planted.NOTHING]).all()


def test_labels_of_other_units_score_low_and_those_of_matched_units_as_high(simulations, real, fitted):
    own = evaluation.scores(simulations["class means"], real).pearson
    rng = np.random.default_rng(0)
    found = evaluation.controls(simulations["class means"], real, fitted, rng, absolute=False)
    digits = list(range(planted.CLASSES))
    assert (found.others[0, digits] < 0.1).all() and (found.p == 1 / 1000).all()
    np.testing.assert_allclose(found.matched[0, 1, LIVE], own[0, LIVE], atol=1e-5)
    assert np.isnan(found.matched[[0, 1], [0, 1]]).all() and np.isnan(found.matched[0, 1, planted.NOTHING])
    np.testing.assert_allclose(
        found.any_unit[0, 1, LIVE],
        (found.others * (planted.UNITS - 1) + own)[0, LIVE] / planted.UNITS,
        atol=1e-5,
    )


def test_labels_handed_out_at_random_score_at_chance(labelled, real):
    rng, copies = np.random.default_rng(1), 80
    compiled = labelled["class means"].compiled[0]
    handed = tuple(tuple(compiled[unit] for unit in rng.permutation(planted.UNITS)) for _ in range(copies))
    simulations = evaluation.simulated(evaluation.Labelled((), handed), planted.data(1))
    same = np.broadcast_to(real[:1], (copies, *real.shape[1:]))
    p = evaluation.controls(simulations, same, same, rng, absolute=False).p
    assert scipy.stats.kstest(p, "uniform").pvalue > 0.01


def test_a_unit_matters_where_its_label_says_so(networks, simulations):
    found = evaluation.causal(networks, simulations["class means"], planted.data(1), site=SITE, loss=LOSS)
    digits = range(1, planted.CLASSES)  # without the one that is predicted anyway
    idle = [planted.TOP, planted.BAR_OF_7, planted.THREE_OR_8]  # which no output reads
    for said, elsewhere, by_others in zip(
        found.said[:, 0], found.elsewhere[:, 0], found.said_by_others[:, 0], strict=True
    ):
        np.testing.assert_array_equal(said[digits], 1)
        np.testing.assert_array_equal(elsewhere[digits], 0)
        assert not said[idle].any() and not elsewhere[idle].any()
        assert np.isnan(said[planted.NOTHING]) and (by_others[digits] < 0.2).all()


def test_words_from_anywhere_are_compiled_once_and_refused_where_they_say_nothing():
    names, shape = tuple(map(str, range(planted.CLASSES))), (planted.SIDE, planted.SIDE, 1)
    own = evaluation.compiled((("Active for 3.", "loops"), ("loops", "Active for 3.")), names, shape)
    assert own.compiled[0][0] is own.compiled[1][1] and own.compiled[0][1] is own.compiled[1][0]
    assert not evaluation.simulated(own, planted.data(1))[0, 1].any()


def test_the_label_of_a_mirrored_unit_says_the_opposite():
    rng = np.random.default_rng(0)
    own = rng.normal(size=(4, 300)).astype(np.float32)
    real, guess = np.stack([own, -own[::-1]]), own + rng.normal(size=own.shape).astype(np.float32)
    simulations = np.stack([guess, -guess[::-1]])
    found = evaluation.controls(simulations, real, real, rng, absolute=True)
    expected = [np.corrcoef(*pair)[0, 1] for pair in zip(guess, own, strict=True)]
    np.testing.assert_allclose(found.matched[0, 1], expected, atol=1e-5)
    plain = evaluation.controls(simulations, real, real, rng, absolute=False)
    assert plain.matched[0, 1].mean() < 0.5 * np.mean(expected)
