import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import toy_inputs
from support.judging import judged, plant
from support.random_results import random_results

from jaxinterp import networks
from jaxinterp.analysis.locality import Locality
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP
from jaxinterp.studies.instance_variation import STUDY, locality
from jaxinterp.studies.instance_variation.locality import (
    CEILINGS,
    LOCALITY,
    LOCALITY_OF_IMAGES,
    LOCALITY_SHUFFLED,
    SHUFFLED,
)
from jaxinterp.studies.instance_variation.maps import VIEWS

REACHED = 0.8  # by digits


def planted(measure, own, untrained, shuffled):
    """Results in which one measure is given, at every layer, for every view and recipe."""
    results = random_results(STUDY)
    pictures = results[LOCALITY_OF_IMAGES].locality
    if measure in CEILINGS:
        pictures.loc[{"pictures": CEILINGS[measure], "measures": measure}] = REACHED
    for seed, (condition, mean) in enumerate({"trained": own, "untrained": untrained}.items()):
        plant(results[LOCALITY].locality, mean, spread=0.01 * mean, seed=seed, measures=measure, conditions=condition)
    plant(results[LOCALITY_SHUFFLED].locality, shuffled, spread=0.01 * shuffled, seed=2, measures=measure)
    return results


@pytest.mark.parametrize(("parts", "verdict"), [(38.0, "holds"), (10.0, "does not hold")])
def test_scattered_is_more_than_half_of_the_parts_of_a_shuffled_map(parts, verdict):
    findings = judged(STUDY, planted("components", parts, 100.0, 40.0), "3.4")
    for finding in findings.values():
        assert finding.score.mean == pytest.approx(parts / 40, abs=0.02) and finding.verdict == verdict
        assert finding.control_name == SHUFFLED and finding.published == "“scattered”"
    assert len(findings) == 9


@pytest.mark.parametrize("row", [("largest", "3.6 cluster"), ("moran", "3.6 smooth")], ids=["cluster", "smooth"])
@pytest.mark.parametrize(
    ("own", "before", "shuffled", "verdict", "control"),
    [
        (0.75, 0.2, 0.1, "holds", "untrained"),
        (0.6, 0.2, 0.1, "holds", "untrained"),  # two thirds of the way to what real digits reach
        (0.4, 0.2, 0.1, "does not hold", "untrained"),
        (0.75, 0.1, 0.72, "does not hold", SHUFFLED),
        (0.2, 0.5, 0.1, "does not hold", "untrained"),
    ],
    ids=["local", "local as digits are", "scattered", "no more than shuffled", "less than before"],
)
def test_local_is_compared_with_the_higher_control_and_with_digits(row, own, before, shuffled, verdict, control):
    measure, start = row
    findings = judged(STUDY, planted(measure, own, before, shuffled), start)
    assert {(finding.verdict, finding.control_name) for finding in findings.values()} == {(verdict, control)}
    higher = max(before, shuffled)
    for finding in findings.values():
        assert finding.score.mean == pytest.approx((own - higher) / (REACHED - higher), abs=0.1)


def test_real_digits_are_the_ceiling():
    """A stroke is one cluster and smooth; half of the images are of noise, neither."""
    images = np.random.default_rng(0).uniform(size=(4, 144)).astype(np.float32)
    images[:2] = np.pad(np.ones((6, 6)), 3).ravel()
    data = Dataset(images, np.array([0, 0, 1, 1]))
    inputs = dataclasses.replace(toy_inputs.unread(locality.NAME), splits=Splits(data, data, data))
    found = np.asarray(locality.measure_images({locality.NAME: inputs}).locality)
    per_image = np.stack([np.asarray(values) for values in locality.locality(images)], axis=1)
    np.testing.assert_allclose(found[0], per_image.mean(axis=0), rtol=1e-5)
    stroke, noise = (dict(zip(Locality._fields, per_image[image], strict=True)) for image in (0, 2))
    assert stroke["largest"] == pytest.approx(1) and stroke["moran"] > 0.6 > 0.3 > noise["moran"]


def test_recipes_that_were_not_trained_are_left_out():
    with_all, alone = (
        {claim.id: claim for topic in STUDY.claims for claim in topic(random_results(STUDY, optional=x))}
        for x in (True, False)
    )
    layers = ("hidden0", "hidden1", "logits")
    assert set(with_all) - set(alone) == {f"3.4 one digit {layer}" for layer in layers}
    shown = {name for claim in alone.values() if claim.row in ("3.4", "3.6") for name in claim.shown}
    assert shown == {"untrained"}  # the control of row 3.6 is shown in 3.4
    assert {"L1", "permuted pixels", "one digit"} <= set(with_all["3.4 hidden0 used"].shown)


def test_the_note_of_networks_for_one_digit_is_about_them():
    results = random_results(STUDY)
    results["networks"].diverged.loc[{"recipes": locality.ONE_DIGIT}][:2] = 1
    findings = judged(STUDY, results, "3.4")
    for name, finding in findings.items():
        assert ("2 of 32 networks diverged" in finding.note) == ("one digit" in name)


@pytest.fixture
def few(key):
    """Networks of two sizes of layers, and images one of whose pixels are constant."""
    images = np.random.default_rng(0).uniform(size=(50, 36)).astype(np.float32)
    images[:, :10] = 0.5
    return jax.vmap(lambda key: networks.init(key, MLP((5, 4), outputs=3), 36))(jax.random.split(key, 3)), jnp.asarray(
        images
    )


def test_it_is_measured_by_its_definition(few, key):
    ensemble, images = few
    found = np.asarray(jax.vmap(lambda network: locality.measure(network, images).locality)(ensemble))
    moved = np.asarray(jax.vmap(lambda network: locality.measure_shuffled(network, key, images).locality)(ensemble))
    for name in ("participation", "gini", "top_share", "core"):
        place = Locality._fields.index(name)
        np.testing.assert_allclose(moved[..., place, :], found[..., place, :], rtol=1e-4)
    kernels = np.asarray(ensemble.variables["params"]["hidden0"]["kernel"])
    mass = kernels**2 / np.sum(kernels**2, axis=1, keepdims=True)
    np.testing.assert_allclose(found[:, 0, 0, 0], 1 / np.sum(mass**2, axis=1), rtol=1e-4)
    units = np.isfinite(found[0, :, :, 0]).sum(axis=-1)
    np.testing.assert_array_equal(units, [[5, 4, 3]] * len(VIEWS))


def test_what_is_used_counts_a_pixel_for_what_it_varies(few):
    ensemble, images = few
    used = jax.vmap(lambda network: locality.maps.of_layer(network, images, layer="hidden0").maps)(ensemble)[:, 1]
    assert not used[:, :, :10].any() and used[:, :, 10:].all()
