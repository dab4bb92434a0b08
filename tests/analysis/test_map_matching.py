import numpy as np
import pytest

from jaxinterp.analysis import map_matching
from jaxinterp.analysis.map_matching import likeness

SEEDS, EXAMPLES, UNITS, PIXELS, PLACES = 5, 300, 8, 49, 5
OFF = ~np.eye(SEEDS, dtype=bool)


def of_units(seed, seeds=SEEDS, same=False):
    """Random maps, and activations on images; the same for every network, or its own."""
    rng = np.random.default_rng(seed)
    lead = 1 if same else seeds
    both = rng.normal(size=(lead, 2, UNITS, PIXELS)), rng.normal(size=(lead, EXAMPLES, UNITS))
    return [np.array(np.broadcast_to(x, (seeds, *x.shape[1:])), np.float32) for x in both]


def copies(mirror):
    """One network's units in another order for every network, mirrored at random."""
    rng, (maps, activations) = np.random.default_rng(0), of_units(0, same=True)
    for network in range(SEEDS):
        order, sign = rng.permutation(UNITS), rng.choice([-1, 1], UNITS) if mirror else np.ones(UNITS)
        maps[network] = maps[network][:, order] * sign[:, None]
        activations[network] = activations[network][:, order] * sign
    return maps, activations


@pytest.mark.parametrize("mirror", [False, True])
def test_copies_have_the_same_maps_and_only_if_matched(mirror):
    found = likeness(*copies(mirror), odd=mirror)
    np.testing.assert_allclose(found.activations, 1, atol=1e-4)
    np.testing.assert_allclose(found.maps, 1, atol=1e-4)
    assert np.abs(np.asarray(found.random)[:, OFF]).max() < 1 / UNITS + 0.1


def test_a_match_by_activations_is_scored_by_maps_without_bias():
    """Maps that have nothing to do with one another correlate 0 on average; matched by the maps themselves, more."""
    found = likeness(*of_units(2, seeds=30), odd=True)
    matched, chance, by_maps = (np.asarray(x)[:, *np.triu_indices(30, 1)].mean() for x in found)
    assert abs(matched) < 0.01 and abs(chance) < 0.01 and by_maps > 0.15


def test_random_pairs_are_what_a_random_match_gives():
    maps, activations = of_units(3)
    maps[:, :, :4] += 2 * np.random.default_rng(0).normal(size=PIXELS)  # so that units have something in common
    found = np.asarray(likeness(maps, activations).random)
    rng = np.random.default_rng(1)
    table = np.corrcoef(*(np.float64(maps[network, 0]) for network in (0, 1)))[:UNITS, UNITS:]
    drawn = [table[range(UNITS), rng.permutation(UNITS)].mean() for _ in range(4000)]
    assert found[0, 0, 1] == pytest.approx(np.mean(drawn), abs=4 * np.std(drawn) / np.sqrt(4000))


def test_outputs_are_paired_by_class_whatever_their_activations():
    maps, activations = of_units(4, same=True)
    activations[1] = activations[1][:, ::-1]
    np.testing.assert_allclose(likeness(maps, activations, outputs=True).activations, 1, atol=1e-4)


def test_a_unit_with_an_empty_map_is_left_out():
    maps, activations = copies(False)
    maps[1, :, 2], activations[1, :, 2] = 0, 0.3
    found = likeness(maps, activations)
    np.testing.assert_allclose(found.activations[:, 0, 1], 1, atol=1e-4)
    maps[2], activations[2] = np.nan, np.nan
    for before, broken in zip(found, likeness(maps, activations), strict=True):
        assert np.isnan(broken[:, 2]).all()
        np.testing.assert_allclose(broken[:, 0, 1], before[:, 0, 1], atol=1e-6)


def test_a_gallery_shows_matches_the_right_way_round():
    maps, activations = (values[:3] for values in copies(True))
    pictures, values = map_matching.gallery(maps, activations, places=PLACES, odd=True)
    assert pictures.shape == (2, PLACES, 3, PIXELS)
    np.testing.assert_allclose(pictures, np.broadcast_to(pictures[:, :, :1], pictures.shape), atol=1e-5)
    np.testing.assert_allclose(values, 1, atol=1e-5)
    shown = {tuple(np.round(row, 4)) for row in pictures[0, :, 0]}
    assert shown <= {tuple(np.round(row, 4)) for row in np.float64(maps[0, 0])} and len(shown) == PLACES
    more, _ = map_matching.gallery(maps, activations, places=UNITS + 1, odd=True)
    assert np.isnan(more[:, UNITS]).all() and np.isfinite(more[:, :UNITS]).all()
    nobody, _ = map_matching.gallery(maps[:0], activations[:0], places=PLACES, odd=True)
    assert nobody.shape == (2, PLACES, 0, PIXELS)
