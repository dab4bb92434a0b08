import jax
import numpy as np
import pytest
from support.judging import plant, verdicts
from support.random_results import random_results
from support.toy_networks import bright, copying

from jaxinterp.studies.looking_for_four import STUDY, ablations, maps
from jaxinterp.studies.looking_for_four.maps import TARGET

measure = jax.jit(ablations.losses)


def losses(network, choosing, scoring, template):
    """What is lost, by kind, where the target's template is this map."""
    every = np.zeros((2, 8, 5, 9), np.float32)
    every[1, 0, TARGET] = template
    halves = ((half, maps.fours(half)) for half in (choosing, scoring))
    found = measure(network, jax.random.key(0), choosing.images, every, np.ones(9, bool), *halves)
    by_kind = {
        name: dict(zip(ablations.KINDS, np.asarray(getattr(found, name))[:, 0], strict=True))
        for name in ("match", "random", "most_damaging")
    }
    return by_kind, found.baseline


@pytest.mark.parametrize(("pixel", "lost"), [(TARGET, 1), (2, 0), (5, 0)], ids=["its own", "another's", "of no logit"])
def test_the_neuron_that_looks_like_the_target_is_needed_if_it_carries_its_logit(pixel, lost):
    """The target's template is one pixel, which one neuron reads."""
    network, choosing, scoring = copying(), bright(0), bright(1)
    found, baseline = losses(network, choosing, scoring, np.arange(9) == pixel)
    assert baseline == 1 and found["match"]["zero"] == lost and found["most_damaging"]["zero"] == 1
    assert found["random"]["zero"] == pytest.approx(1 / 6)
    # By the mean, slowly: what is left where the neuron says the same on every image.
    mean, slow = scoring.images.mean(axis=0), []
    for unit in range(6):
        replaced = np.array(scoring.images[scoring.labels == TARGET])
        replaced[:, unit] = mean[unit]
        slow.append(1 - float(np.mean(np.argmax(np.asarray(network(replaced)[0]), axis=1) == TARGET)))
    assert 0 < slow[TARGET] < 1
    assert found["match"]["mean"] == pytest.approx(slow[pixel], abs=1e-6)
    assert found["random"]["mean"] == pytest.approx(np.mean(slow), abs=1e-6)


def test_the_most_damaging_neuron_is_chosen_on_the_other_half():
    """Two neurons carry the target, one in either half: the worst of the choosing half costs nothing in the other."""
    choosing, scoring = bright(0), bright(1)
    fours = scoring.labels == TARGET
    moved, quiet = np.array(scoring.images), np.array(choosing.images)
    moved[fours, 5], moved[fours, TARGET] = moved[fours, TARGET], 0
    quiet[:, 5] = 0
    found, _ = losses(
        copying(also=TARGET), choosing.replace(images=quiet), scoring.replace(images=moved), np.arange(9) == 0
    )
    assert found["most_damaging"]["zero"] == 0 and found["random"]["zero"] == pytest.approx(1 / 6)


@pytest.mark.parametrize(("loss", "verdict"), [(0.9, "holds"), (0.01, "does not hold")])
def test_a_neuron_is_needed_where_most_of_the_accuracy_goes_with_it(loss, verdict):
    results = random_results(STUDY)
    plant(results["ablations"]["baseline"], 0.95)
    plant(results["ablations"]["match"], loss)
    assert verdicts(STUDY, results, "5.6 needed") == {verdict}
