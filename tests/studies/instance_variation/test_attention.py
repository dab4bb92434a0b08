import pytest
from support.judging import judged, plant
from support.random_results import random_results

from jaxinterp.studies.instance_variation import STUDY
from jaxinterp.studies.instance_variation.attention import ATTENTION, PAIRINGS, RANDOM

LAYERS = ("hidden0", "hidden1", "logits")


def findings(*means):
    results = random_results(STUDY)
    for seed, (pairing, mean) in enumerate(zip(PAIRINGS, means, strict=True)):
        plant(results[ATTENTION].correlation, mean, spread=1e-4, seed=seed, pairings=pairing)
    return judged(STUDY, results, "3.5")


@pytest.mark.parametrize(
    ("means", "verdict", "control"),
    [
        ((0.8, 0.1, 0.3, 0.9, 0.2), "holds", RANDOM),
        ((0.8, 0.7, 0.3, 0.9, 0.2), "does not hold", "untrained"),
        ((0.3, 0.0, 0.1, 0.95, 0.1), "does not hold", RANDOM),
    ],
    ids=["alike", "alike before training too", "alike only if matched by the maps"],
)
def test_the_verdict_follows_the_planted_likeness(means, verdict, control):
    for finding in findings(*means).values():
        assert finding.verdict == verdict and finding.control_name == control
        assert f"{means[3]:.3f}" in finding.note


def test_published_numbers_are_given_for_the_maps_that_the_write_up_compared():
    published = {name: finding.published for name, finding in findings(*[0.5] * 5).items()}
    assert [published[f"3.5 {layer} weights"] for layer in LAYERS] == [".297", ".259", ".441"]
    assert {published[f"3.5 {layer} used"] for layer in LAYERS} == {"—"}
