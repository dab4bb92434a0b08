from functools import partial

import jax
import numpy as np
import pytest

from jaxinterp import ensemble
from jaxinterp.analysis import facets, planted_facets

KINDS = list(planted_facets.KINDS)
EASY = [
    place
    for place, kind in enumerate(planted_facets.KINDS.values())
    if kind.gains == (1,) * kind.facets and not kind.shallow
]


def unit(name):
    """One planted unit: its gain on images, and images of each block lit alone."""
    network = ensemble.take(planted_facets.planted(1), KINDS.index(name))
    kernel = np.asarray(network.variables["params"]["hidden0"]["kernel"])
    blocks = np.unique(kernel.T > 0, axis=0)
    return (lambda images: np.asarray(network(np.float32(images))[0])[..., 0]), np.float32(blocks[blocks.any(axis=1)])


@pytest.mark.parametrize("name", KINDS)
def test_the_truth_is_that_of_the_definition(name):
    kind, (gain, blocks) = planted_facets.KINDS[name], unit(name)
    assert len(blocks) == kind.facets
    alone = np.sort(gain(blocks))[::-1]
    peak = 1 + kind.bias
    expected = [peak + 0.5] if kind.together else [peak * one for one in kind.gains]
    np.testing.assert_allclose(alone, np.sort(expected)[::-1], rtol=1e-5)
    assert (alone > facets.SHARE * alone[0]).all()
    # Brute force: no other image does better. Pixels of a block go together, since all of them push one way.
    levels = np.linspace(0, 1, 6)
    mixed = np.stack(np.meshgrid(*[levels] * len(blocks)), -1).reshape(-1, len(blocks)) @ blocks
    assert gain(mixed).max() <= alone[0] + 1e-5
    for first in range(len(blocks)):
        for second in range(first):
            line = [(1 - part) * blocks[first] + part * blocks[second] for part in (0.25, 0.5, 0.75)]
            assert gain(np.stack(line)).min() <= facets.SHARE * alone[0]


def test_a_shallow_valley_keeps_a_third_and_two_blocks_at_once_are_a_lesser_optimum():
    gain, blocks = unit("2, shallow valleys")
    both = blocks.sum(axis=0)
    assert gain(both / 2) == pytest.approx(0.3, rel=1e-4) and gain(both) == pytest.approx(0.8, rel=1e-4)
    assert gain(both - 0.1 * blocks[0]) < gain(both) > gain(both - 0.1 * blocks[1])
    easy, blocks = unit("2")
    assert easy(blocks.sum(axis=0) / 2) == 0


def test_one_facet_that_is_not_linear():
    gain, (block,) = unit("1, not linear")
    np.testing.assert_allclose(gain(np.linspace(0, 1, 5)[:, None] * block), [0, 0.15, 0.4, 0.9, 1.4], atol=1e-5)


def test_an_inhibited_unit_is_silent_on_noise_and_on_the_images_at_hand():
    gain, blocks = unit("3, inhibited")
    rng = np.random.default_rng(0)
    noise = rng.uniform(size=(1000, planted_facets.PIXELS))
    inked = blocks[rng.integers(3, size=1000)] * rng.uniform(0.5, 1, noise.shape)
    assert gain(noise).max() == 0 and gain(inked).max() == 0


def test_as_many_facets_are_found_as_were_planted():
    networks = ensemble.take(planted_facets.planted(1), EASY)
    count = jax.jit(ensemble.over_seeds(partial(planted_facets.count, restarts=4, steps=64)))
    assert np.asarray(count(networks, jax.random.key(0))).tolist() == [1, 2, 3, 2, 3]
