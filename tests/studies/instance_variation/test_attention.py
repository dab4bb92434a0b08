import jax.numpy as jnp
import numpy as np
import pytest
from support.judging import judged, plant
from support.random_results import random_results

from jaxinterp import networks
from jaxinterp.networks import MLP
from jaxinterp.studies.instance_variation import STUDY, attention, maps
from jaxinterp.studies.instance_variation.attention import ATTENTION, CEILING, PAIRINGS, RANDOM

LAYERS = ("hidden0", "hidden1", "logits")


def findings(*means, most=1.0):
    results = random_results(STUDY)
    results[CEILING].reliability[:] = most
    for seed, (pairing, mean) in enumerate(zip(PAIRINGS, means, strict=True)):
        plant(results[ATTENTION].correlation, mean, spread=1e-4, seed=seed, pairings=pairing)
    return judged(STUDY, results, "3.5")


@pytest.mark.parametrize(
    ("means", "most", "verdict", "control"),
    [
        ((0.8, 0.1, 0.3, 0.9, 0.2, 0.9), 1.0, "holds", RANDOM),
        ((0.8, 0.7, 0.3, 0.9, 0.2, 0.9), 1.0, "does not hold", "untrained"),
        ((0.3, 0.0, 0.1, 0.95, 0.1, 0.9), 1.0, "does not hold", RANDOM),
        ((0.4, 0.0, 0.1, 0.95, 0.1, 0.9), 0.5, "holds", RANDOM),
    ],
    ids=["alike", "alike before training too", "alike only if matched by the maps", "as alike as can be measured"],
)
def test_the_verdict_follows_the_planted_likeness(means, most, verdict, control):
    hardest = max(means[1:3])
    judged_by_it = {name: found for name, found in findings(*means, most=most).items() if "published" not in name}
    for finding in judged_by_it.values():
        assert finding.verdict == verdict and finding.control_name == control
        assert finding.score.mean == pytest.approx((means[0] - hardest) / (most - hardest), abs=0.01)
        assert f"{means[3]:.3f}" in finding.note
    assert len(judged_by_it) == 6


@pytest.mark.parametrize(("more", "expected"), [(0.0, "holds"), (0.2, "does not hold")])
def test_the_write_up_is_repeated_by_its_own_method(more, expected):
    for layer, published in zip(LAYERS, (0.297, 0.259, 0.441), strict=True):
        found = findings(0.3, 0.0, 0.1, 0.5, 0.1, published + more)[f"3.5 published {layer}"]
        assert found.verdict == expected and found.published == f"{published:.3f}"[1:]


def test_the_ceiling_is_what_halves_of_the_images_agree_on(key):
    network = networks.init(key, MLP((5, 4), outputs=3), 36)
    images = jnp.asarray(np.random.default_rng(0).uniform(size=(80, 36)), jnp.float32)
    images = images.at[:, :6].set(0)  # never lit
    lit, halves = np.asarray(maps.lit(images)), (images[::2], images[1::2])
    assert not lit[:6].any() and lit[6:].all()
    found = np.asarray(attention.ceiling(network, images).reliability)
    np.testing.assert_allclose(found[0], 1, atol=1e-5)  # weights do not depend on images
    first, second = (np.asarray(maps.of_layer(network, half, layer="hidden1").maps[1])[:, lit] for half in halves)
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(first, second, strict=True)])
    assert found[1, 1] == pytest.approx((2 * r / (1 + r)).mean(), abs=1e-4) and found[1, 1] < 0.999
    again = np.asarray(attention.ceiling(network, jnp.repeat(images, 2, axis=0)).reliability)
    np.testing.assert_allclose(again, 1, atol=1e-4)  # both halves hold the same images
