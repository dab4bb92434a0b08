import numpy as np
import pytest
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp import ensemble
from jaxinterp.studies.bottleneck_neurons import STUDY, rankings
from jaxinterp.studies.bottleneck_neurons.rankings import TOP

UNITS = 16


def test_a_gradient_is_fixed_behind_the_last_layer_and_only_there(toy, toy_results):
    found = toy_results["rankings"]
    assert (found.fixed == 1).all() and (found.fixed_before < 1).all()
    assert (found.deviation < 1e-6).all()
    identity = judged(STUDY, toy_results, rankings.claims)["4.4 identity"]
    assert identity.measured.mean == 1 and identity.verdict == "undecided"  # of five networks, the sixth may be another
    _, splits, trained = toy
    images, labels = splits.test.images, splits.test.labels
    for seed in (0, 3):
        activations = np.asarray(ensemble.take(trained.networks, seed)(images)[1]["hidden1/post"])
        means = np.stack([activations[labels == label].mean(axis=0) for label in range(2)])
        np.testing.assert_allclose(found.activation[seed], means, rtol=1e-4, atol=1e-6)


def test_planted_gradients_are_fixed_where_no_gate_lies_between(planted_results):
    found = planted_results["rankings"]
    # Each of four pixels moves one logit, through gates that are open on some images alone.
    fixed = 1 - planted.CLASSES / (planted.PIXELS * planted.CLASSES)
    np.testing.assert_allclose(found.fixed_before.mean("classes"), fixed)
    assert (found.fixed == 1).all() and (found.deviation == 0).all()
    assert (found.activation.argmax("units").sel(classes="2") == 4).all()


@pytest.mark.parametrize(
    ("own", "other", "verdict"), [(1, 0.2, "holds"), (0.2, 0.2, "does not hold"), (1, 1, "undecided")]
)
def test_shared_neurons_are_judged_beyond_those_of_other_digits(own, other, verdict):
    results = random_results(STUDY, {"units": UNITS})
    results["rankings"]["overlap"][:], results["rankings"]["overlap_other"][:] = own, other
    finding = judged(STUDY, results, rankings.claims)["4.4 rankings"]
    assert finding.verdict == verdict and f"by chance {TOP / UNITS:.2f}" in finding.note
