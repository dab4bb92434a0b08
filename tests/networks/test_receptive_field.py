import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.networks import ReceptiveField, receptive_field

SHAPE = (17, 16, 2)


@settings(max_examples=12, deadline=None)
@given(
    st.tuples(*[st.integers(1, 3)] * 2),
    st.tuples(*[st.integers(1, 2)] * 2),
    st.tuples(*[st.integers(0, 2)] * 2),
    st.tuples(*[st.integers(1, 2)] * 2),
    st.sampled_from(["conv0/pre", "conv0/post", "conv1/pre", "last"]),
    st.data(),
)
def test_gradients_are_zero_outside_the_field(kernel, stride, padding, pool, site, data):
    """With identity activations and positive weights no gradient vanishes by chance."""
    options = {"kernel_size": kernel, "stride": stride, "padding": padding, "pool_size": pool, "pool": "mean"}
    config = ModelConfig((), 2, activation="identity", channels=(2, 2), image_shape=SHAPE, **options)
    model = networks.build(config)
    network = networks.init(jax.random.key(0), model, np.prod(SHAPE).item())
    network = network.replace(variables=jax.tree.map(lambda leaf: jnp.abs(leaf) + 0.1, network.variables))
    site = model.layers[1].last if site == "last" else site
    found, blank = receptive_field(model, site), jnp.zeros(np.prod(SHAPE))
    rows, columns = network(blank)[1][site].shape[:2]
    row, column = data.draw(st.integers(0, rows - 1)), data.draw(st.integers(0, columns - 1))
    gradient = jax.grad(lambda image: network(image)[1][site][row, column].sum())(blank).reshape(SHAPE).sum(-1)
    starts = [found.offset + place * found.stride for place in (row, column)]
    seen = np.zeros(SHAPE[:2], bool)
    seen[tuple(slice(max(0, start), max(0, start + found.size)) for start in starts)] = True
    assert not np.asarray(gradient)[~seen].any()
    if all(0 <= start and start + found.size <= side for start, side in zip(starts, SHAPE, strict=False)):
        corners = [
            (starts[0] + down, starts[1] + right) for down in (0, found.size - 1) for right in (0, found.size - 1)
        ]
        assert all(gradient[corner] > 0 for corner in corners)  # no smaller field would do


def test_two_blocks_of_three_by_three_and_pooling_see_eight_pixels():
    model = networks.build(ModelConfig((5,), 2, channels=(2, 3), image_shape=(28, 28, 1)))
    assert receptive_field(model, "conv0/pre") == ReceptiveField(size=3, stride=1, offset=0)
    assert receptive_field(model, "conv0/pool") == ReceptiveField(size=4, stride=2, offset=0)
    assert receptive_field(model, "conv1/post") == ReceptiveField(size=8, stride=2, offset=0)
    with pytest.raises(InputError, match="hidden0/pre has no feature maps: its units see the whole image"):
        receptive_field(model, "hidden0/pre")
    with pytest.raises(InputError, match="no site 'conv2/pre'"):
        receptive_field(model, "conv2/pre")
