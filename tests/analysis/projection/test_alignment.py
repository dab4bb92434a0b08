import jax
import numpy as np
import pytest
import scipy.spatial
import scipy.stats

from jaxinterp.analysis import projection

RNG = np.random.default_rng(0)
PICTURE = RNG.normal(size=(40, 2)) * [2, 1]


@pytest.mark.parametrize("axes", [2, 3])
def test_turned_mirrored_moved_and_scaled_copies_fall_onto_each_other(axes):
    picture = RNG.normal(size=(40, axes))
    turns = scipy.stats.ortho_group.rvs(axes, size=6, random_state=0)
    assert {-1, 1} == set(np.round(np.linalg.det(turns)))
    copies = np.float32([3**n * picture @ turn + 5 * n for n, turn in enumerate(turns)])
    found = jax.jit(projection.align)(copies)
    np.testing.assert_allclose(found.pictures, np.broadcast_to(found.consensus, copies.shape), atol=1e-5)
    np.testing.assert_allclose(found.fit, 1, rtol=1e-5)
    np.testing.assert_allclose(found.rotations @ np.swapaxes(found.rotations, 1, 2), [np.eye(axes)] * 6, atol=1e-5)
    np.testing.assert_allclose(np.square(found.consensus).sum(), 1, rtol=1e-5)


def test_two_pictures_differ_as_in_scipy():
    """Of two, half of the angle between each and the consensus lies on either side."""
    other = PICTURE + RNG.normal(size=(40, 2))
    found = projection.align(np.float32([PICTURE, other]))
    *_, disparity = scipy.spatial.procrustes(PICTURE, other)  # 1 − cos² of the angle
    np.testing.assert_allclose(np.cos(2 * np.arccos(np.sqrt(found.fit))) ** 2, 1 - disparity, atol=1e-4)


def test_pictures_of_other_things_fit_less():
    copies = np.float32([PICTURE, *(RNG.permutation(PICTURE) for _ in range(5))])
    assert projection.align(copies).fit.mean() < 0.5


def test_a_picture_of_one_point_stays_there():
    found = projection.align(np.float32([PICTURE, np.ones((40, 2))]))
    assert (found.pictures[1] == 0).all() and found.fit[1] == 0 and np.isfinite(found.consensus).all()
