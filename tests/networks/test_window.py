import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.networks import field_at, receptive_field, window
from jaxinterp.networks.convolution import POOLS

SHAPE = (24, 23, 2)
PIXELS = 24 * 23 * 2


SIZES = {"kernel_size": (1, 3), "stride": (1, 2), "padding": (0, 2), "pool_size": (1, 2)}
GEOMETRIES = st.fixed_dictionaries({name: st.tuples(*[st.integers(*ends)] * 2) for name, ends in SIZES.items()})


def built(geometry, pool):
    """Two blocks, on images that are not square."""
    return networks.build(ModelConfig((3,), 2, channels=(2, 3), image_shape=SHAPE, pool=pool, **geometry))


def sites_with_maps(model):
    return [site for layer in model.layers[:2] for site in layer.sites]


def windowed(model, site, base, position=None):
    return window(networks.init(jax.random.key(0), model, PIXELS), site, position=position, base=base)


def images(seed, count=1):
    return np.random.default_rng(seed).uniform(size=(count, PIXELS)).astype(np.float32)


def at(activations, site, field):
    return np.asarray(activations[site])[..., *field.position, :]


@settings(max_examples=8, deadline=None)
@given(GEOMETRIES, st.sampled_from(POOLS), st.data())
def test_a_position_depends_on_its_patch_alone(geometry, pool, data):
    model = built(geometry, pool)
    site = data.draw(st.sampled_from(sites_with_maps(model)))
    (image,), (base,) = images(0), images(1)
    own = windowed(model, site, base)
    rows, columns = own.network(image)[1][site].shape[:2]
    position = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    try:
        own = windowed(model, site, base, position)
    except InputError as error:
        assert "sees padding alone" in str(error)
        return
    expected, found = own.network(image)[1], own(own.cut(image))[1]
    np.testing.assert_allclose(at(found, site, own.field), at(expected, site, own.field), rtol=1e-5, atol=1e-6)


@settings(max_examples=20, deadline=None)
@given(GEOMETRIES, st.sampled_from(POOLS), st.data())
def test_the_middle_sees_no_padding_if_any_position_sees_none(geometry, pool, data):
    model = built(geometry, pool)
    site = data.draw(st.sampled_from(sites_with_maps(model)))
    size, stride, offset = receptive_field(model, site)
    shapes = jax.eval_shape(lambda: networks.init(jax.random.key(0), model, PIXELS)(jnp.zeros(PIXELS))[1])
    for axis, places in enumerate(shapes[site].shape[:2]):
        starts = offset + stride * np.arange(places)
        whole = (starts >= 0) & (starts + size <= SHAPE[axis])
        middle = field_at(model, site)
        assert middle.position[axis] == places // 2
        assert whole[places // 2] == whole.any() == (middle.shape[axis] == size)


@settings(max_examples=8, deadline=None)
@given(GEOMETRIES, st.sampled_from(POOLS), st.data())
def test_placing_and_cutting_undo_each_other(geometry, pool, data):
    model = built(geometry, pool)
    own = windowed(model, data.draw(st.sampled_from(sites_with_maps(model))), images(1)[0])
    patches, others = np.random.default_rng(2).normal(size=(4, 3, own.pixels)).astype(np.float32), images(3, 5)
    whole = own.placed(patches)
    assert whole.shape == (4, 3, PIXELS)
    np.testing.assert_array_equal(own.cut(whole), patches)
    np.testing.assert_array_equal(np.sum(whole != own.base, axis=-1), own.pixels)
    again = own.placed(own.cut(others))
    changed = again != others
    np.testing.assert_array_equal(np.sum(~changed, axis=-1), own.pixels)
    np.testing.assert_array_equal(again[changed], np.tile(own.base, (5, 1))[changed])


def test_a_patch_is_a_rectangle_of_the_image():
    model = networks.build(ModelConfig((), 2, channels=(1,), pool_size=(1,), padding=(1,), image_shape=SHAPE))
    grid = np.arange(PIXELS, dtype=np.float32).reshape(SHAPE)
    own = windowed(model, "conv0/pre", None, (5, 7))
    np.testing.assert_array_equal(own.cut(grid.reshape(-1)), grid[4:7, 6:9].reshape(-1))
    corner = windowed(model, "conv0/pre", None, (0, 22))  # next to the padding
    np.testing.assert_array_equal(corner.cut(grid.reshape(-1)), grid[:2, 21:].reshape(-1))


def test_what_cannot_be_cut_is_named():
    model = networks.build(ModelConfig((3,), 2, channels=(2,), padding=(2,), kernel_size=(1,), image_shape=SHAPE))
    for site in ("hidden0/pre", "logits", "input"):
        with pytest.raises(InputError, match=f"{site} has no feature maps: its units see the whole image"):
            field_at(model, site)
    with pytest.raises(InputError, match=r"no position \(28, 0\) at conv0/pre: use rows 0 to 27, columns 0 to 26"):
        field_at(model, "conv0/pre", (28, 0))
    with pytest.raises(InputError, match="no position"):
        field_at(model, "conv0/pre", (0, -1))
    with pytest.raises(InputError, match=r"position \(0, 0\) at conv0/pre sees padding alone: .* \(14, 13\)"):
        field_at(model, "conv0/pre", (0, 0))
    with pytest.raises(InputError, match="the base has 5 pixels: use one image of 1104"):
        windowed(model, "conv0/pre", images(0)[0, :5])
