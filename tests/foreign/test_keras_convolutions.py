"""Convolutional networks in Keras's own layout: written by hand and, where Keras is installed, by Keras."""

import jax
import numpy as np
import pytest
from support.keras_files import logits, other, write_keras

from jaxinterp import foreign
from jaxinterp.foreign import keras

CONV, NORM = "layers/conv2d{}/vars/{}", "layers/batch_normalization{}/vars/{}"
CNN = {  # what Keras 3.15 writes for `convolutions`, below: places in model.weights.h5, and shapes, layer by layer
    CONV.format("", 0): (5, 5, 1, 4), CONV.format("", 1): (4,), **{NORM.format("", part): (4,) for part in range(4)},
    CONV.format("_1", 0): (3, 3, 4, 4), **{NORM.format("_1", part): (4,) for part in range(4)},
    CONV.format("_2", 0): (3, 3, 4, 4), **{NORM.format("_2", part): (4,) for part in range(4)},
    "layers/dense/vars/0": (16, 3), "layers/dense/vars/1": (3,),
}  # fmt: skip
GEOMETRY = {"stride": (1, 2, 1), "padding": (2, 0, 1), "pool_size": (2, 1, 2)}
SIDE = 18


def convolutions(layers):
    """Conv2D with each padding, strides and pooling, in Keras."""
    return [
        layers.Conv2D(4, 5, padding="same"), layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(),
        layers.Conv2D(4, 3, strides=2, use_bias=False), layers.BatchNormalization(), layers.Activation("relu"),
        layers.SpatialDropout2D(0.1),
        layers.Conv2D(4, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU(),
        layers.MaxPooling2D((2, 2), strides=2), layers.Flatten(), layers.Dense(3),
    ]  # fmt: skip


class Entries:
    """In the place of keras.layers: what each layer is in a config."""

    def __getattr__(self, kind):
        def layer(*values, **options):
            names = {"Conv2D": ("filters", "kernel_size"), "MaxPooling2D": ("pool_size",), "Dense": ("units",)}
            config = {"use_bias": True, "activation": "linear", "padding": "valid", "strides": 1, "groups": 1,
                      "dilation_rate": [1, 1], "data_format": "channels_last", "pool_size": [2, 2], "scale": True,
                      "center": True, "epsilon": 1e-3, "max_value": None, "negative_slope": 0.0,
                      "threshold": 0.0}  # fmt: skip
            config |= {"strides": 2} if kind == "MaxPooling2D" else {}
            config |= dict(zip(names.get(kind, ("activation",)), values, strict=False)) | options
            return other(kind, kind.lower(), **config)

        return layer


def drawn():
    """Positive numbers, since some are variances."""
    rng = np.random.default_rng(0)
    return {place: rng.uniform(0.1, 1, shape).astype(np.float32) for place, shape in CNN.items()}


def test_a_cnn_is_read_from_the_places_that_keras_gives_it(tmp_path, monkeypatch):
    arrays, shape = drawn(), foreign.Known(image_shape=(SIDE, SIDE, 1))
    entries = [
        entry | {"config": entry["config"] | {"name": f"layer{number}"}}
        for number, entry in enumerate(convolutions(Entries()))
    ]
    monkeypatch.setattr(keras, "_arrays", lambda path, source: arrays)  # those that h5py would read
    weights = foreign.read_weights(write_keras(tmp_path, entries), SIDE * SIDE, shape)
    assert {name: weights.told[name] for name in GEOMETRY} == GEOMETRY and not weights.fitted
    assert (weights.told["pool"], weights.convolutions["channels"], weights.widths) == ("max", (4, 4, 4), ())
    params, statistics = weights.variables["params"], weights.variables["batch_stats"]
    for number, suffix in enumerate(("", "_1", "_2")):
        kernel = params[f"conv{number}"]["kernel"][0]
        np.testing.assert_array_equal(kernel, arrays[CONV.format(suffix, 0)])
    for suffix, norm in zip(("", "_1", "_2"), statistics.values(), strict=True):
        np.testing.assert_array_equal(norm["var"][0], arrays[NORM.format(suffix, 3)])
    (tmp_path / "model.weights.h5").touch()
    plain = foreign.read_weights(tmp_path / "model.weights.h5", SIDE * SIDE, shape._replace(**GEOMETRY))
    for leaf, same in zip(*(jax.tree.leaves(each.variables) for each in (plain, weights)), strict=True):
        np.testing.assert_array_equal(leaf, same)


@pytest.mark.parametrize(
    "kind", [*("Conv2D", "MaxPooling2D", "SpatialDropout2D", "BatchNormalization", "ReLU", "Dense", "PReLU"),
             *("Conv1D", "InputLayer", "AveragePooling2D", "GRU", "LSTMCell", "Sequential")]
)  # fmt: skip
def test_classes_are_called_as_keras_calls_them(kind, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    pytest.importorskip("keras")
    from keras.src.utils.naming import to_snake_case

    assert keras._snake(kind) == to_snake_case(kind)


def test_a_cnn_that_keras_wrote_computes_the_same(tmp_path, monkeypatch):
    h5py = pytest.importorskip("h5py")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    library = pytest.importorskip("keras")
    model = library.Sequential([library.Input((SIDE, SIDE, 1)), *convolutions(library.layers)])
    arrays = drawn()
    model.set_weights(list(arrays.values()))
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    held = {}
    with h5py.File(tmp_path / "model.weights.h5") as file:
        file.visititems(lambda name, item: held.update({name: item.shape} if isinstance(item, h5py.Dataset) else {}))
    assert held == CNN
    images = np.random.default_rng(1).uniform(size=(5, SIDE, SIDE, 1)).astype(np.float32)
    expected = np.asarray(model(images, training=False))
    shape = foreign.Known(image_shape=(SIDE, SIDE, 1))
    whole = foreign.read_weights(tmp_path / "model.keras", SIDE * SIDE, shape)
    options = {"norm_epsilon": 1e-3, "activation": "relu", "pool": "max"}
    plain = foreign.read_weights(tmp_path / "model.weights.h5", SIDE * SIDE, shape._replace(**GEOMETRY))
    for weights in (whole, plain):
        found = logits(weights, images.reshape(5, -1), image_shape=(SIDE, SIDE, 1), **options)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
