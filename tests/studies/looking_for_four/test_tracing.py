import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.judging import plant, verdicts
from support.random_results import random_results

from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.looking_for_four import STUDY, tracing
from jaxinterp.studies.looking_for_four.maps import FOUR, TARGET

measure = jax.jit(tracing.tracing)


def carriers(examples=200, seed=0):
    """Images of class c have bright ink in the pixels 4 c to 4 c + 3."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(examples) % 5).astype(np.int32)
    images = rng.uniform(0, 0.3, (examples, 25)).astype(np.float32)
    for pixel in range(4):
        images[np.arange(examples), 4 * labels + pixel] = rng.uniform(0.6, 1, examples)
    return Dataset(images, labels)


def wide(output):
    """A network of 40 neurons for `carriers`: neuron u copies pixel u % 20."""
    first = np.zeros((25, 40))
    first[np.arange(40) % 20, np.arange(40)] = 1
    params = {
        "hidden0": {"kernel": jnp.float32(first), "bias": jnp.zeros(40)},
        "output": {"kernel": jnp.float32(output), "bias": jnp.zeros(5)},
    }
    return Network(MLP((40,), 5), {"params": params})


def test_correlations_and_paths_agree_with_numpy():
    network, choosing, scoring = wide(np.random.default_rng(5).normal(size=(40, 5))), carriers(), carriers(seed=1)
    found = measure(network, choosing, scoring)
    weight = np.asarray(network.variables["params"]["output"]["kernel"], np.float64)[:, TARGET]
    first, second = (np.asarray(network(half.images)[1]["hidden0/post"], np.float64) for half in (choosing, scoring))
    averages = [first[choosing.labels == label].mean(axis=0) for label in range(5)]

    def path(adds):
        return set(np.argsort(-adds)[:6])  # 15 % of 40

    paths = [path((average - first.mean(axis=0)) * weight) for average in averages]
    taken = [path(adds) for adds in (second - second.mean(axis=0)) * weight]
    for own in range(5):
        members = np.flatnonzero(scoring.labels == own)
        for label in range(5):
            alike = [np.corrcoef(second[i], averages[label])[0, 1] for i in members]
            assert found.alike[own, label] == pytest.approx(np.mean(alike), abs=1e-4)
            shared = [len(taken[i] & paths[label]) / 6 for i in members]
            assert found.path[own, label] == pytest.approx(np.mean(shared), abs=0.01)
    assert found.nearest == 1


def test_a_path_that_every_digit_takes_is_not_the_digits_own():
    """Where the logit reads the pixels of its own class alone, 4s have a path of their own, other digits none of it."""
    choosing, scoring = carriers(), carriers(seed=1)
    own = np.zeros((40, 5))
    own[np.arange(40) % 20 // 4 == TARGET, TARGET] = 1
    path = np.asarray(measure(wide(own), choosing, scoring).path)
    # The eight neurons of the class, of which six are a path.
    assert path[TARGET, TARGET] > 0.7 and np.delete(path[TARGET], TARGET).max() < 0.35
    # Class 3 activates what speaks against the logit, and class 0 to 2 nothing that it reads: a 4 takes another's path.
    other = np.zeros((40, 5))
    other[np.arange(40) % 20 // 4 == TARGET - 1, TARGET] = -1
    path = np.asarray(measure(wide(other), choosing, scoring).path)
    assert path[TARGET, :3].max() > 0.7 * path[TARGET, TARGET]


def test_a_path_is_a_share_of_the_layer():
    assert tracing.path_length(64) == 10 and tracing.path_length(8) == 1 and tracing.path_length(2) == 1
    known = tracing.path(jnp.stack([jnp.arange(20.0), jnp.full(20, jnp.nan)]))
    assert known[0].tolist() == [0] * 17 + [1] * 3 and np.isnan(known[1]).all()


@pytest.mark.parametrize(("other", "verdict"), [(0.2, "holds"), (0.85, "does not hold")])
def test_a_real_four_is_compared_with_the_nearest_other_average(other, verdict):
    results = random_results(STUDY)
    for values in (results["tracing"]["alike"], results["tracing"]["path"]):
        values[:] = 0.1
        plant(values, other, conditions=TRAINED, classes=FOUR, averages="9")
        plant(values, 0.9, conditions=TRAINED, classes=FOUR, averages=FOUR)
    assert verdicts(STUDY, results, "5.5") == {verdict}


@pytest.mark.parametrize("where", [(TRAINED, "2", FOUR), (TRAINED, FOUR, "2"), (UNTRAINED, FOUR, FOUR)])
def test_a_path_is_judged_by_its_highest_control(where):
    """Images of other digits, averages of other digits, and the untrained: any of them alone takes the path away."""
    results = random_results(STUDY)
    path = results["tracing"]["path"]
    path[:] = 0.1
    plant(path, 0.9, conditions=TRAINED, classes=FOUR, averages=FOUR)
    assert verdicts(STUDY, results, "5.5 path") == {"holds"}
    plant(path, 0.85, **dict(zip(("conditions", "classes", "averages"), where, strict=True)))
    assert verdicts(STUDY, results, "5.5 path") == {"does not hold"}
