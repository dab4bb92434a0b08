import jax
import jax.numpy as jnp
import numpy as np
import pytest
from instance_variation_records import LAYERS, over_pairs, record

from jaxinterp.studies.instance_variation import attention, maps
from jaxinterp.studies.instance_variation.attention import PAIRINGS, RANDOM

SEEDS, EXAMPLES, UNITS, PIXELS = 5, 300, 8, 49
paired = jax.jit(attention.paired, static_argnames=("outputs", "odd"))
OFF = ~np.eye(SEEDS, dtype=bool)


def of_units(seed, seeds=SEEDS, same=False):
    """Random maps, and answers to images; the same for every network, or its own."""
    rng = np.random.default_rng(seed)
    lead = (1,) if same else (seeds,)
    looked = rng.normal(size=(*lead, len(maps.VIEWS), UNITS, PIXELS))
    answers = rng.normal(size=(*lead, EXAMPLES, UNITS))
    both = (np.broadcast_to(x, (seeds, *x.shape[1:])) for x in (looked, answers))
    return maps.Maps(*(np.array(x, np.float32) for x in both))


def copies(mirror):
    """One network's units in another order for every network, mirrored at random."""
    rng, one = np.random.default_rng(0), of_units(0, same=True)
    for network in range(SEEDS):
        order, sign = rng.permutation(UNITS), rng.choice([-1, 1], UNITS) if mirror else np.ones(UNITS)
        one.maps[network] = one.maps[network][:, order] * sign[:, None]
        one.answers[network] = one.answers[network][:, order] * sign
    return one


@pytest.mark.parametrize("mirror", [False, True])
def test_copies_look_at_the_same_and_only_when_matched(mirror):
    found = dict(zip(PAIRINGS, np.asarray(paired(copies(mirror), of_units(1), outputs=False, odd=mirror)), strict=True))
    for name in ("trained", attention.BY_MAPS):
        np.testing.assert_allclose(found[name], 1, atol=1e-4)
    assert np.abs(found[RANDOM][:, OFF]).max() < 1 / UNITS + 0.1
    assert np.abs(found["untrained"][:, OFF]).max() < 0.25


def test_a_match_by_answers_is_scored_by_maps_without_bias():
    """Maps that have nothing to do with one another correlate 0 on average; matched by the maps themselves, more."""
    many = of_units(2, seeds=30)
    found = np.asarray(paired(many, many, outputs=False, odd=True))[..., *np.triu_indices(30, 1)]
    own, _, chance, by_maps, _ = found.mean(axis=(1, 2))
    assert abs(own) < 0.01 and abs(chance) < 0.01 and by_maps > 0.15


def test_random_pairs_are_what_a_random_match_gives():
    units = of_units(3)
    units.maps[:, :, :4] += 2 * np.random.default_rng(0).normal(size=PIXELS)  # so that units have something in common
    found = np.asarray(paired(units, units, outputs=False, odd=False))[PAIRINGS.index(RANDOM)]
    rng, drawn = np.random.default_rng(1), []
    first, second = (np.float64(units.maps[network, 0]) for network in (0, 1))
    table = np.corrcoef(first, second)[:UNITS, UNITS:]
    drawn = [table[range(UNITS), rng.permutation(UNITS)].mean() for _ in range(4000)]
    assert found[0, 0, 1] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(4000))


def test_outputs_are_paired_by_class_whatever_they_answer():
    units = of_units(4, same=True)
    units.answers[1] = units.answers[1][:, ::-1]
    np.testing.assert_allclose(paired(units, units, outputs=True, odd=False)[0], 1, atol=1e-4)


def test_a_unit_that_looks_at_nothing_is_left_out():
    units = copies(False)
    units.maps[1, :, 2], units.answers[1, :, 2] = 0, 0.3
    found = np.asarray(paired(units, units, outputs=False, odd=False))
    np.testing.assert_allclose(found[0, :, 0, 1], 1, atol=1e-4)
    units.maps[2], units.answers[2] = np.nan, np.nan
    broken = np.asarray(paired(units, units, outputs=False, odd=False))
    assert np.isnan(broken[:, :, 2]).all()
    np.testing.assert_allclose(broken[:, :, 0, 1], found[:, :, 0, 1], atol=1e-6)


def test_gallery_shows_counterparts_the_right_way_round():
    few = jax.tree.map(lambda leaf: leaf[:3], copies(True))
    pictures, values = attention._gallery(few, outputs=False, odd=True)
    assert pictures.shape == (2, attention.PLACES, attention.NETWORKS, PIXELS)
    np.testing.assert_allclose(pictures, np.broadcast_to(pictures[:, :, :1], pictures.shape), atol=1e-5)
    np.testing.assert_allclose(values, 1, atol=1e-5)
    shown = {tuple(np.round(row, 4)) for row in pictures[0, :, 0]}
    assert shown <= {tuple(np.round(row, 4)) for row in few.maps[0, 0]} and len(shown) == attention.PLACES
    alone = attention._gallery(jax.tree.map(lambda leaf: leaf[:1], few), outputs=False, odd=True)
    assert np.isnan(alone[0][:, :, 1:]).all() and np.isfinite(alone[0][:, :, 0]).all()
    nobody = attention._gallery(jax.tree.map(lambda leaf: leaf[:0], few), outputs=False, odd=True)
    assert np.isnan(nobody[0]).all()


def judged(*means, layer=0, view=0, seeds=8):
    values = np.zeros((len(PAIRINGS), len(maps.VIEWS), len(LAYERS), seeds, seeds))
    values[:, view, layer] = over_pairs(seeds, *means, noise=1e-4)
    made = record(seeds, attention=values)
    return {finding.claim.id: finding for finding in attention.findings(made)}[
        f"3.5 {LAYERS[layer]} {maps.VIEWS[view]}"
    ]


@pytest.mark.parametrize(
    ("means", "verdict", "control"),
    [
        ((0.8, 0.1, 0.3, 0.9, 0.2), "holds", RANDOM),
        ((0.8, 0.7, 0.3, 0.9, 0.2), "does not hold", "untrained"),
        ((0.3, 0.0, 0.1, 0.95, 0.1), "does not hold", RANDOM),
    ],
    ids=["alike", "alike before training too", "alike only where matched by the maps"],
)
def test_the_verdict_follows_the_planted_likeness(means, verdict, control):
    finding = judged(*means, layer=1, view=1)
    assert finding.verdict == verdict and finding.control_name == control
    assert f"{means[3]:.3f}" in finding.note


def test_published_figures_stand_beside_what_the_write_up_looked_at():
    assert [judged(*[0.5] * 5, layer=layer).claim.published for layer in range(3)] == [".297", ".259", ".441"]
    assert judged(*[0.5] * 5, view=1).claim.published == "—"
    assert jnp.isfinite(judged(*[0.5] * 5).score.mean)
