import jax
import numpy as np
import pytest
import scipy.stats
from support.judging import plant, shake, verdicts
from support.random_results import random_results

from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four import STUDY, matches
from jaxinterp.studies.looking_for_four.maps import DIFFERENCE, FOUR, TARGET, UPRIGHT, USED

CLASSES = 5
BEST = {"kinds": DIFFERENCE, "turns": UPRIGHT, "classes": FOUR}
KEY = jax.random.key(0)


@pytest.fixture(autouse=True, scope="module")
def quickly():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(matches, "STEPS", 1)
        patch.setattr(matches, "RESTARTS", 1)
        yield


def slow_selective(activations, labels):
    """Each class's neuron of largest d′."""
    found = []
    for label in range(CLASSES):
        own, rest = activations[labels == label], activations[labels != label]
        spread = np.sqrt((own.var(axis=0) + rest.var(axis=0)) / 2)
        difference = own.mean(axis=0) - rest.mean(axis=0)
        found.append(np.argmax(np.where(spread > 0, difference / np.where(spread > 0, spread, 1), 0)))
    return found


def auc(values, labels):
    own, rest = values[labels == TARGET], values[labels != TARGET]
    return scipy.stats.mannwhitneyu(own, rest).statistic / (len(own) * len(rest))


def activations(known, data, layer):
    return np.asarray(known.network(data.images)[1][f"hidden{layer}/post"], np.float64)


def test_matches_agree_with_numpy(known):
    choosing, scoring = known.choosing, known.scoring
    found = jax.jit(matches.matches)(
        known.network, KEY, choosing.images, known.templates, known.inked, choosing, scoring
    )
    for layer, views in enumerate(known.views(choosing)):
        views = [*views, views[0] > 0] if layer == 0 else views  # the best image of a neuron that is linear in pixels
        before, after = (activations(known, half, layer) for half in (choosing, scoring))
        selective = slow_selective(before, choosing.labels)
        assert found.selective_auc[layer] == pytest.approx(auc(after[:, selective[TARGET]], scoring.labels), abs=1e-5)
        for view, maps in enumerate(views):
            every = np.array(
                [[[[known.alike(row, t) for t in turn] for turn in kind] for kind in known.templates] for row in maps]
            )  # units kinds turns classes
            np.testing.assert_allclose(found.best[layer, view], every.max(axis=0), atol=1e-4)
            target = every[:, 1, 0, TARGET]
            np.testing.assert_allclose(found.neurons[layer, view, : len(maps)], target, atol=1e-4)
            assert np.isnan(found.neurons[layer, view, len(maps) :]).all()
            own = np.stack([every[unit, 1, :, label] for label, unit in enumerate(selective)], axis=1)
            np.testing.assert_allclose(found.selective[layer, view], own, atol=1e-4)
            if matches.VIEWS[view] == USED:
                assert found.auc[layer] == pytest.approx(auc(after[:, np.argmax(target)], scoring.labels), abs=1e-5)
    # It matters by which view the neuron whose AUC is taken was chosen.
    assert (np.nanargmax(found.neurons[:, 0], axis=1) != np.nanargmax(found.neurons[:, 1], axis=1)).any()


def test_cards_agree_with_numpy(known):
    choosing, scoring = known.choosing, known.scoring
    found = jax.jit(matches.cards)(known.network, KEY, choosing.images, choosing, scoring)
    for layer, views in enumerate(known.views(choosing)):
        every = activations(known, scoring, layer)
        assert found.unit[layer].tolist() == slow_selective(activations(known, choosing, layer), choosing.labels)
        for label, unit in enumerate(np.asarray(found.unit[layer])):
            values = every[:, unit]
            means = [values[scoring.labels == other].mean() for other in range(CLASSES)]
            expected = (np.array(means) - values.mean()) / values.std() if values.std() else np.full(CLASSES, np.nan)
            np.testing.assert_allclose(found.profile[layer, label], expected, atol=1e-4)
            shown = [np.flatnonzero((scoring.images == image).all(axis=1))[0] for image in found.images[layer, label]]
            np.testing.assert_allclose(values[shown], np.sort(values)[::-1][: len(shown)], atol=1e-6)
            for view, maps in enumerate(views):
                np.testing.assert_allclose(found.maps[layer, label, view], maps[unit], atol=1e-5)


def planted(value):
    """Results in which trained networks match the template of the target, and nothing else matches anything."""
    results = random_results(STUDY)
    results["matches"]["best"][:] = results["matches"]["selective"][:] = 0.1
    plant(results["matches"]["best"], value, conditions=TRAINED, **BEST)
    plant(results["matches"]["selective"], value, conditions=TRAINED, turns=UPRIGHT, classes=FOUR)
    return results


@pytest.mark.parametrize(("value", "verdict"), [(0.9, "holds"), (0.15, "does not hold")])
def test_a_neuron_that_looks_like_the_target_or_does_not(value, verdict):
    results = planted(value)
    assert verdicts(STUDY, results, "5.6 a neuron") == verdicts(STUDY, results, "5.6 differentiated") == {verdict}


def test_what_looks_as_much_like_a_turned_digit_does_not_look_like_it():
    results = planted(0.9)
    results["matches"]["best"].loc[{"conditions": TRAINED}] = 0.9
    results["matches"]["selective"].loc[{"conditions": TRAINED}] = 0.9
    for name in ("best", "selective"):
        shake(results["matches"][name])
    assert verdicts(STUDY, results, "5.6 a neuron") == {"does not hold"}
    assert verdicts(STUDY, results, "5.6 differentiated") == {"does not hold"}


def test_what_untrained_networks_match_as_well_does_not_count():
    results = planted(0.9)
    results["matches"]["best"].loc[BEST | {"conditions": UNTRAINED}] = 0.9
    assert verdicts(STUDY, results, "5.6 a neuron") == {"does not hold"}


@pytest.mark.parametrize(("level", "verdict"), [(0.98, "holds"), (0.6, "does not hold")])
def test_the_neuron_fires_for_the_target_or_does_not(level, verdict):
    results = random_results(STUDY)
    plant(results["matches"]["auc"], level, conditions=TRAINED)
    assert verdicts(STUDY, results, "5.6 fires") == {verdict}
