import numpy as np
import pytest

from jaxinterp.analysis import templates
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError


def test_turned_maps_are_all_eight_and_agree_with_numpy():
    image = np.arange(9.0)
    grid = image.reshape(3, 3)
    found = dict(zip(templates.TURNS, templates.turned(image[None])[:, 0].reshape(-1, 3, 3), strict=True))
    np.testing.assert_array_equal(found["as it is"], grid)
    np.testing.assert_array_equal(found["mirrored"], np.fliplr(grid))
    np.testing.assert_array_equal(found["upside down"], np.flipud(grid))
    np.testing.assert_array_equal(found["half turn"], np.rot90(grid, 2))
    np.testing.assert_array_equal(found["transposed"], grid.T)
    np.testing.assert_array_equal(found["quarter left"], np.rot90(grid))
    np.testing.assert_array_equal(found["quarter right"], np.rot90(grid, -1))
    np.testing.assert_array_equal(found["crossed"], np.rot90(grid, 2).T)
    assert len({turn.tobytes() for turn in found.values()}) == 8
    with pytest.raises(InputError, match="not square"):
        templates.turned(np.zeros((2, 8)))


def test_templates_are_means_and_their_differences():
    rng = np.random.default_rng(0)
    data = Dataset(rng.uniform(size=(50, 9)).astype(np.float32), rng.integers(0, 3, 50).astype(np.int32))
    own, less_rest = templates.of_classes(data, 4)
    for label in range(3):
        members = data.labels == label
        np.testing.assert_allclose(own[label], data.images[members].mean(axis=0), rtol=1e-5)
        rest = data.images[~members].mean(axis=0)
        np.testing.assert_allclose(less_rest[label], data.images[members].mean(axis=0) - rest, atol=1e-6)
    assert not own[3].any() and not less_rest[3].any()  # a class without images


def test_pixel_statistics_are_numpys():
    rng = np.random.default_rng(0)
    data = Dataset(rng.uniform(size=(50, 9)).round(1).astype(np.float32), rng.integers(0, 3, 50).astype(np.int32))
    found = templates.pixel_statistics(data, 4)
    groups = [data.images, *(data.images[data.labels == label] for label in range(3))]
    np.testing.assert_allclose(found[:4], [[own.mean(), own.std(), (own == 0).mean()] for own in groups], rtol=1e-5)
    assert templates.STATISTICS == ("mean", "sd", "share at 0") and np.isnan(found[4]).all()
