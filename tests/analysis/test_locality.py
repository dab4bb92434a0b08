import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp.analysis import locality
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, init

SIDE = 6
PIXELS = SIDE * SIDE
measure = jax.jit(locality.locality)
maps = hnp.arrays(
    np.float32, (3, PIXELS), elements=st.floats(-4, 4, width=32).filter(lambda x: x == 0 or abs(x) > 1e-3)
)


def picture(*spots, side=SIDE):
    image = np.zeros((side, side), np.float32)
    for spot in spots:
        image[spot] = 1
    return image.reshape(1, -1)


def of(image):
    return {name: float(value[0]) for name, value in measure(image)._asdict().items()}


def gaussian(seed, units=40, side=SIDE):
    return np.random.default_rng(seed).normal(size=(units, side * side)).astype(np.float32)


def test_one_pixel_is_as_local_as_can_be():
    found = of(picture((2, 3)))
    expected = {"participation": 1, "gini": 1 - 1 / PIXELS, "top_share": 1, "spread": 0}
    expected |= {"core": 1, "components": 1, "largest": 1}
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    assert found["moran"] == pytest.approx(-1 / (PIXELS - 1), abs=0.02)


def test_a_uniform_map_is_spread_over_the_image_in_one_piece():
    found = of(np.full((1, PIXELS), -0.3, np.float32))
    assert found["participation"] == pytest.approx(PIXELS, rel=1e-5) and found["gini"] == pytest.approx(0, abs=1e-6)
    assert found["top_share"] == pytest.approx(round(locality.TOP * PIXELS) / PIXELS)
    assert found["spread"] == pytest.approx(np.sqrt((SIDE**2 - 1) / 6), rel=1e-5)
    assert (found["core"], found["components"], found["largest"]) == (PIXELS, 1, pytest.approx(1))
    assert np.isnan(found["moran"])


def test_two_spots_are_two_clusters_at_their_distance():
    near = of(picture((slice(0, 2), slice(0, 2)), (slice(4, 6), slice(4, 6))))
    assert (near["components"], near["core"]) == (2, 8)
    assert near["largest"] == pytest.approx(0.5) and near["participation"] == pytest.approx(8)
    # Each spot's centre is 2√2 from the centre of both; a spot's own spread is √(1/2).
    assert near["spread"] == pytest.approx(np.sqrt(8 + 0.5), rel=1e-5)


def test_a_checkerboard_falls_apart_completely():
    signs = np.where(np.indices((SIDE, SIDE)).sum(0) % 2, 1, -1).reshape(1, -1).astype(np.float32)
    assert of(signs)["moran"] == pytest.approx(-1, abs=1e-6)
    found = of((signs + 1) / 2)
    assert (found["components"], found["core"]) == (PIXELS / 2, PIXELS / 2)
    assert found["largest"] == pytest.approx(2 / PIXELS)


def test_only_edges_join_pixels():
    assert of(picture((1, 1), (2, 2)))["components"] == 2
    assert of(picture((1, 1), (1, 2), (2, 2)))["components"] == 1


@settings(max_examples=40)
@given(hnp.arrays(bool, (4, PIXELS)))
def test_connected_parts_are_those_of_scipy(masks):
    for mask, names in zip(masks, np.asarray(locality.connected(masks)), strict=True):
        labels, count = scipy.ndimage.label(mask.reshape(SIDE, SIDE))
        assert len(set(names[mask])) == count and np.all(names[~mask] == PIXELS)
        for part in range(1, count + 1):
            inside = labels.reshape(-1) == part
            np.testing.assert_array_equal(names[inside], np.flatnonzero(inside)[0])


def test_a_long_snake_is_one_part():
    side = 29
    mask = np.ones((side, side), bool)
    for row in range(1, side, 2):
        mask[row] = False
        mask[row, -1 if row % 4 == 1 else 0] = True
    names = np.asarray(locality.connected(mask.reshape(1, -1)))
    assert set(names[0][mask.reshape(-1)]) == {0}


def slow(image, grid=(SIDE, SIDE)):
    """Every statistic by its definition, in float64."""
    mass = image.astype(np.float64).reshape(grid) ** 2
    mass /= mass.sum()
    flat, n = np.sort(mass.reshape(-1))[::-1], image.size
    where = np.indices(grid).reshape(2, -1)
    centre = where @ mass.reshape(-1)
    held = np.flatnonzero(np.cumsum(flat) >= 0.5)[0] + 1
    core = mass >= flat[held - 1]
    labels, count = scipy.ndimage.label(core)
    z = image.astype(np.float64) - image.mean(dtype=np.float64)
    weights = np.abs(where[:, :, None] - where[:, None]).sum(0) == 1
    return {
        "participation": 1 / np.sum(flat**2),
        "gini": np.abs(flat[:, None] - flat).sum() / (2 * n),
        "top_share": flat[: round(0.05 * n)].sum(),
        "spread": np.sqrt(mass.reshape(-1) @ ((where - centre[:, None]) ** 2).sum(0)),
        "core": held,
        "components": count,
        "largest": max(mass[labels == part].sum() for part in range(1, count + 1)) / mass[core].sum(),
        "moran": n / weights.sum() * (z @ weights @ z) / (z @ z),
    }


@pytest.mark.parametrize("grid", [None, (5, 20), (20, 5), (1, 100)])
def test_every_statistic_is_its_definition(grid):
    images = gaussian(0, side=SIDE if grid is None else 10) ** 3
    found = jax.jit(lambda maps: locality.locality(maps, grid))(images)
    for place, image in enumerate(images):
        expected = slow(image, grid or (SIDE, SIDE))
        np.testing.assert_allclose([getattr(found, name)[place] for name in expected], list(expected.values()), 1e-4)


@settings(max_examples=30)
@given(maps, st.sampled_from([1e-12, 0.03, 7.0, 1e12]), st.sampled_from([-1, 1]))
def test_scale_and_sign_do_not_matter(images, scale, sign):
    for value, other in zip(measure(images), measure(np.float32(sign * scale) * images), strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-3, atol=1e-4)


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.sampled_from(["turned", "mirrored"]))
def test_a_turned_or_mirrored_map_is_as_local(seed, change):
    images = gaussian(seed, units=4).reshape(-1, SIDE, SIDE)
    moved = np.rot90(images, axes=(1, 2)) if change == "turned" else images[:, :, ::-1]
    for value, other in zip(measure(images.reshape(4, -1)), measure(moved.reshape(4, -1).copy()), strict=True):
        np.testing.assert_allclose(value, other, rtol=1e-4, atol=1e-5)


def test_the_order_of_pixels_matters_to_what_is_spatial_alone():
    rows = np.indices((SIDE, SIDE))[0].reshape(1, -1).astype(np.float32)
    order = np.random.default_rng(0).permutation(PIXELS)
    plain, shuffled = of(rows), of(rows[:, order])
    for name in ("participation", "gini", "top_share", "core"):
        assert plain[name] == pytest.approx(shuffled[name], rel=1e-5)
    assert plain["moran"] > 0.7 > 0.3 > abs(shuffled["moran"])
    assert (plain["components"], plain["largest"]) == (1, pytest.approx(1)) and shuffled["components"] > 2


def test_pixels_in_random_order_have_the_known_mean_of_morans_i():
    # Over all orders it is exactly −1/(n − 1).
    image = gaussian(1, units=1)[0]
    orders = np.random.default_rng(0).permuted(np.tile(image, (20_000, 1)), axis=1)
    values = np.asarray(jax.jit(locality.morans_i)(orders))
    assert values.mean() == pytest.approx(-1 / (PIXELS - 1), abs=4 * values.std() / np.sqrt(len(values)))


def test_a_map_without_mass_has_no_locality_and_leaves_the_others_alone():
    images = gaussian(2, units=4)
    hurt = images.copy()
    hurt[1], hurt[2, 5] = 0, np.nan
    for value, other in zip(measure(hurt), measure(images), strict=True):
        assert np.isnan(value[1:3]).all()
        np.testing.assert_allclose(value[::3], other[::3], rtol=1e-6)


def test_it_can_be_asked_of_every_seed():
    def of_network(network):
        return locality.locality(network.variables["params"]["hidden0"]["kernel"].T)

    model = MLP((5,))
    networks = jax.vmap(lambda key: init(key, model, PIXELS))(jax.random.split(jax.random.key(0), 3))
    kernels = jnp.swapaxes(networks.variables["params"]["hidden0"]["kernel"], 1, 2)
    alone = [measure(kernel) for kernel in kernels]
    for chunk in (None, 2):
        together = jax.jit(over_seeds(of_network, chunk=chunk))(networks)
        for name, values in together._asdict().items():
            np.testing.assert_allclose(values, [getattr(one, name) for one in alone], rtol=1e-5)


def test_channels_of_a_pixel_add_up_their_mass():
    colour = np.random.default_rng(0).normal(size=(6, 4, 7, 3)).astype(np.float32)
    mass = np.sum(colour.astype(np.float64) ** 2, axis=-1)
    grey = np.asarray(locality.over_channels(colour.reshape(6, -1), (4, 7, 3)))
    np.testing.assert_allclose(grey**2, mass.reshape(6, -1), rtol=1e-5)
    plain = colour[..., 0].reshape(6, -1)
    np.testing.assert_array_equal(locality.over_channels(plain, (4, 7, 1)), plain)
    # One channel alone has the locality of its own map, whose sign does not matter but to Moran's I.
    alone = colour * np.float32([0, 1, 0])
    found = locality.locality(locality.over_channels(alone.reshape(6, -1), (4, 7, 3)), (4, 7))
    expected = locality.locality(colour[..., 1].reshape(6, -1), (4, 7))
    np.testing.assert_allclose(found[:-1], expected[:-1], rtol=1e-5)


def test_images_without_a_grid_must_be_square():
    with pytest.raises(InputError, match="images of 35 pixels are not square"):
        locality.locality(np.ones((2, 35), np.float32))


def blobs(*spots, side=12):
    """Squares of 2 × 2 pixels at the given rows and columns, each of its own weight."""
    image = np.zeros((side, side), np.float32)
    for row, column, weight in spots:
        image[row : row + 2, column : column + 2] = weight
    return image.reshape(1, -1)


@pytest.mark.parametrize(
    ("spots", "count", "distance"),
    [
        ([(1, 1, 1.0)], 1, 0),
        ([(1, 1, 1.0), (1, 9, -1.0)], 2, 8),
        ([(0, 0, 1.0), (10, 10, 1.0), (0, 10, 1.0)], 3, 10),
        ([(1, 1, 1.0), (4, 1, 1.0), (8, 1, 1.0), (1, 8, 1.0), (8, 8, 1.0)], 0, 0),
    ],
    ids=["one", "two of opposite sign", "three", "five are too many"],
)
def test_foci_are_counted_and_measured(spots, count, distance):
    found = jax.jit(locality.foci)(blobs(*spots))
    assert found.count[0] == count
    assert found.distance[0] == pytest.approx(distance) or (count == 3 and found.distance[0] >= 10)


def test_a_map_without_mass_has_no_foci():
    maps = np.concatenate([np.zeros((1, 144)), np.full((1, 144), np.nan), blobs((3, 3, 1.0))]).astype(np.float32)
    count, distance = jax.jit(locality.foci)(maps)
    assert np.isnan(count[:2]).all() and np.isnan(distance[:2]).all() and count[2] == 1


def test_layers_of_different_widths_are_measured_together_and_padded():
    layers = [gaussian(seed, units).reshape(1, units, PIXELS) for seed, units in enumerate((3, 5))]
    found = np.asarray(locality.of_layers([jnp.asarray(layer) for layer in layers]))
    assert found.shape == (1, 2, len(locality.Locality._fields), 5)
    for position, layer in enumerate(layers):
        expected = np.stack(measure(layer[0]))
        np.testing.assert_allclose(found[0, position, :, : layer.shape[1]], expected, rtol=1e-5)
    assert np.isnan(found[0, 0, :, 3:]).all()


def test_shuffled_pixels_stay_among_the_lit_ones():
    lit = np.random.default_rng(0).uniform(size=50) < 0.6
    orders = [np.asarray(locality.shuffled(jax.random.key(seed), jnp.asarray(lit))) for seed in range(200)]
    for order in orders:
        assert sorted(order) == list(range(50)) and (order[~lit] == np.flatnonzero(~lit)).all()
    sources = np.stack(orders)[:, lit]
    shares = np.stack([(sources == pixel).mean(axis=0) for pixel in np.flatnonzero(lit)])
    assert abs(shares - 1 / lit.sum()).max() < 6 * np.sqrt(1 / lit.sum() / 200)
