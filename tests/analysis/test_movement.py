import numpy as np
import pytest

from jaxinterp.analysis import movement


def maps(seed=0):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(4, 30)).astype(np.float32) for _ in range(3)]


def test_the_share_gone_is_a_projection_over_the_named_pixels():
    begun, here, final = maps()
    where = np.arange(30) < 25
    way, gone = (final - begun)[:, where], (here - begun)[:, where]
    expected = [way[i] @ gone[i] / (way[i] @ way[i]) for i in range(4)]
    np.testing.assert_allclose(movement.share_gone(begun, here, final, where), expected, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_on_the_straight_way_the_share_gone_is_known(share):
    begun, _, final = maps()
    final[0] = begun[0]  # one that stays has no way to go
    found = np.asarray(movement.share_gone(begun, begun + share * (final - begun), final))
    assert np.isnan(found[0])
    np.testing.assert_allclose(found[1:], share, atol=1e-5)


def test_pixels_that_go_on_as_they_began():
    first = np.array([[1.0, 1, -1, -1], [1, 1, 1, 1]])
    later = np.array([[1.0, 1, -1, 1], [1, 1, 1, 1]])  # one of eight turns back
    assert movement.goes_on(first, later) == pytest.approx(7 / 8)
    assert movement.goes_on(first[::-1], later) == pytest.approx(5 / 8)
    later[0, 3] = 0  # one that stays does not count
    assert movement.goes_on(first, later) == 1
    assert movement.goes_on(first[::-1], later, np.arange(4) < 2) == 1
