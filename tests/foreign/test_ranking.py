"""A network that made the labels of its images is best with its own strides, padding and pooling."""

import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

from jaxinterp import foreign, networks
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.foreign import ranking

SHAPE = (14, 14, 1)
KNOWN = foreign.Known(activation="relu", image_shape=SHAPE)


def planted(tmp_path, model):
    """A file with the arrays of a network, and images with the labels that it gives them."""
    network = networks.init(jax.random.key(1), networks.build(model), math.prod(SHAPE))
    arrays = flatten_dict(network.variables["params"], sep="/")
    np.savez(tmp_path / "w.npz", allow_pickle=False, **{name: np.asarray(array) for name, array in arrays.items()})
    images = np.random.default_rng(0).normal(size=(400, math.prod(SHAPE))).astype(np.float32)
    return tmp_path / "w.npz", Dataset(images, np.asarray(jnp.argmax(network(images)[0], -1), np.int32))


def undecided(path, known=KNOWN):
    with pytest.raises(foreign.UndecidedError) as caught:
        foreign.read_weights(path, math.prod(SHAPE), known)
    return caught.value


def shown(error):
    """The options in a message, each with its test accuracy."""
    return re.findall(r"(--model[^(]*) \(test accuracy ([\d.]+) %\)", str(error))


@pytest.mark.parametrize("pool", ["max", "mean"])
@pytest.mark.parametrize(
    ("kernel_size", "stride", "padding", "pool_size"),
    [((3, 3), (2, 1), (0, 0), (1, 2)), ((5, 3), (2, 1), (2, 1), (1, 2)), ((5, 5), (1, 1), (2, 0), (2, 1))],
)
def test_the_truth_is_best(tmp_path, pool, kernel_size, stride, padding, pool_size):
    geometry = {"stride": stride, "padding": padding, "pool_size": pool_size}
    model = ModelConfig((), 5, channels=(6, 6), kernel_size=kernel_size, pool=pool, image_shape=SHAPE, **geometry)
    path, test = planted(tmp_path, model)
    said, assumed = [], ModelConfig((), 5)
    error = foreign.rank(undecided(path), KNOWN, assumed, test, "cross_entropy", ("max", "mean"), said.append)
    (best, accuracy), *others = shown(error)
    assert (best, accuracy) == (foreign.options({**geometry, "pool": pool}), "100.0")
    assert others and max(float(share) for _, share in others) < 100
    assert len(said) == 1 and said[0].startswith(f"{len(error.geometries)} common choices of strides")


def test_of_very_many_only_some_are_tested(tmp_path, monkeypatch):
    model = ModelConfig((), 5, channels=(6, 6), kernel_size=(5, 5), padding=(2, 0), pool_size=(2, 1), image_shape=SHAPE)
    path, test = planted(tmp_path, model)
    monkeypatch.setattr(ranking, "_MOST", 1)
    said: list[str] = []
    error = foreign.rank(undecided(path), KNOWN, model, test, "cross_entropy", ("max",), said.append)
    left = len(error.geometries) - 1
    assert said == [f"{left + 1} common choices of strides, padding and pooling fit: testing 1 networks"]
    assert str(error).endswith(f", or one of {left} more, of which {left} were not tested")
    [(options, _)] = shown(error)
    assert "--model.pool " not in options  # it was given
