"""Convolutions from elsewhere compute what they computed there: PyTorch's, flax's, and those of a Keras config."""

import math
from pathlib import Path
from typing import Any

import flax.linen as flax
import jax
import numpy as np
import pytest
from flax.traverse_util import flatten_dict
from safetensors.numpy import save_file

from jaxinterp import ensemble, foreign, jobs, networks
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.errors import InputError, InputWarning
from jaxinterp.foreign import keras
from jaxinterp.foreign.geometry import FIELDS
from jaxinterp.foreign.order import Known
from jaxinterp.foreign.steps import describe

SHAPE, W = (9, 7, 2), Path("w")


def logits(networks, images, seed=0):
    return np.asarray(ensemble.take(networks, seed)(images.reshape(len(images), -1))[0])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(size=(5, *SHAPE)).astype(np.float32)


# PyTorch modules, and their tensors alone.

MODULES = {
    "pooled": lambda nn: [nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 3)],
    "pooled first": lambda nn: [nn.Conv2d(2, 4, 2), nn.MaxPool2d(2), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3)],
    "mean": lambda nn: [nn.Conv2d(2, 4, 3), nn.GELU(), nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(24, 3)],
    "two blocks": lambda nn: [
        *(nn.Conv2d(2, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout2d(0.3)),
        *(nn.Conv2d(4, 4, 3, padding="same", bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d((2, 2))),
        *(nn.Flatten(), nn.Linear(16, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 3)),
    ],
    "norms of convolutions": lambda nn: [
        *(nn.Conv2d(2, 4, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(4, eps=1e-2), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3)),
    ],
}


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def built(torch, name, images, seed=0):
    """A module whose batch norms have seen images, and its answers."""
    torch.manual_seed(seed)
    module = torch.nn.Sequential(*MODULES[name](torch.nn))
    inputs = torch.from_numpy(images).permute(0, 3, 1, 2)
    with torch.no_grad():
        module(3 * inputs)
        return module.eval(), module.eval()(inputs).numpy()


@pytest.mark.parametrize("name", MODULES)
def test_a_sequential_answers_the_same(torch, images, name):
    modules, answers = zip(*(built(torch, name, images, seed) for seed in range(2)), strict=True)
    found = foreign.from_torch(*modules, image_shape=SHAPE)
    for seed, answer in enumerate(answers):
        np.testing.assert_allclose(logits(found, images, seed), answer, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODULES)
def test_its_tensors_are_the_same_network(torch, images, name, tmp_path):
    module, _ = built(torch, name, images)
    whole = foreign.from_torch(module, image_shape=SHAPE)
    save_file({key: value.numpy() for key, value in module.state_dict().items()}, tmp_path / "w.safetensors")
    told = {field: getattr(whole.model, field) for field in (*FIELDS, "norm_epsilon", "image_shape")}
    read = foreign.read_weights(tmp_path / "w.safetensors", math.prod(SHAPE), Known(**told))
    assert (read.convolutions["channels"], read.widths) == (whole.model.channels, whole.model.widths)
    assert not read.fitted
    jax.tree.map(np.testing.assert_array_equal, read.variables, jax.tree.map(np.asarray, whole.variables))


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (lambda nn: nn.Conv2d(2, 4, 3, groups=2), "0.Conv2d with groups=2: only groups=1"),
        (lambda nn: nn.Conv2d(2, 4, 3, dilation=2), r"with dilation=\(2, 2\): only dilation=1"),
        (lambda nn: nn.Conv2d(2, 4, 3, padding_mode="reflect"), "with padding_mode=reflect: only padding_mode=zeros"),
        (lambda nn: nn.Conv2d(2, 4, (3, 1)), r"with kernel_size=\(3, 1\): only the same number"),
        (lambda nn: nn.Conv2d(2, 4, 2, padding="same"), "with padding='same': only the same number"),
        (lambda nn: nn.MaxPool2d(3, 2), "with stride=2: only its kernel_size, 3"),
        (lambda nn: nn.MaxPool2d(2, ceil_mode=True), "with ceil_mode=True: only ceil_mode=False"),
        (lambda nn: nn.AdaptiveAvgPool2d(1), "only Conv2d, MaxPool2d and AvgPool2d"),
        (lambda nn: nn.Flatten(2), "with start_dim=2: only start_dim=1"),
        (lambda nn: nn.Linear(7, 7), "convolutions come first, then their maps are flattened"),
        (lambda nn: nn.MaxPool2d(2), "does not begin with a linear layer or a convolution"),
    ],
)
def test_what_is_computed_otherwise_is_refused(torch, first, message):
    nn = torch.nn
    module = nn.Sequential(first(nn), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(60, 3))
    with pytest.raises(InputError, match=message):
        foreign.from_torch(module, image_shape=SHAPE)


def test_steps_in_another_order_are_refused(torch):
    nn = torch.nn
    for after, message in (
        ([nn.MaxPool2d(2), nn.GELU(), nn.Flatten()], "computes 1.MaxPool2d, GELU.* after a convolution: pooling comes"),
        ([nn.AvgPool2d(2), nn.ReLU(), nn.Flatten()], "pooling comes once and last"),
        ([nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(4), nn.Flatten()], "pooling comes once and last"),
        ([nn.ReLU(), nn.MaxPool2d(2), nn.MaxPool2d(2), nn.Flatten()], "pooling comes once and last"),
        ([nn.ReLU()], "convolutions come first, then their maps are flattened"),
        ([nn.LayerNorm(5), nn.ReLU(), nn.Flatten()], "norms of .5. units do not follow hidden layers of .4. units"),
        ([nn.LayerNorm(5, elementwise_affine=False), nn.ReLU(), nn.Flatten()], "norms other than batch norm"),
    ):
        module = nn.Sequential(nn.Conv2d(2, 4, 3), *after, nn.Linear(24, 3))
        with pytest.raises(InputError, match=message):
            foreign.from_torch(module, image_shape=SHAPE)
    with pytest.raises(InputError, match="ends with a convolution"):
        foreign.from_torch(nn.Sequential(nn.Conv2d(2, 3, 3)), image_shape=SHAPE)


# flax.


class _Flax(flax.Module):
    norm: str
    widths: tuple[int, ...] = (6,)

    @flax.compact
    def __call__(self, x, train=False):
        for channels in (4, 3):
            x = flax.Conv(channels, (3, 3), padding=1)(x)
            x = flax.max_pool(flax.tanh(self._normed(x, train)), (2, 2), strides=(2, 2))
        x = x.reshape(len(x), -1)
        for width in self.widths:
            x = flax.tanh(self._normed(flax.Dense(width)(x), train))
        return flax.Dense(3)(x)

    def _normed(self, x, train):
        options = {} if self.norm != "batch" else {"use_running_average": not train}
        return {"batch": flax.BatchNorm, "layer": flax.LayerNorm}[self.norm](**options)(x) if self.norm else x


@pytest.mark.parametrize("norm", ["", "batch", "layer"])
def test_flax_answers_the_same(images, norm, tmp_path):
    module = _Flax(norm)
    variables: Any = module.init(jax.random.key(0), images)
    if norm == "batch":
        variables |= module.apply(variables, 3 * images, train=True, mutable=["batch_stats"])[1]
    options: dict[str, Any] = {"norm_epsilon": 1e-6 if norm == "layer" else 1e-5}
    found = foreign.from_arrays(
        variables,
        activation="tanh",
        image_shape=SHAPE,
        stride=(1,),
        padding=(1,),
        pool_size=(2,),
        pool="max",
        **options,
    )
    np.testing.assert_allclose(logits(found, images), np.asarray(module.apply(variables, images)), rtol=1e-4, atol=1e-5)


# A Keras config.


def test_a_keras_config_tells_strides_padding_and_pooling():
    config = {"groups": 1, "dilation_rate": [1, 1], "data_format": "channels_last", "use_bias": True}
    convolution = {**config, "name": "c", "kernel_size": [3, 3], "strides": [1, 1], "activation": "relu"}
    pooling = {"name": "p", "pool_size": [2, 2], "strides": [2, 2], "padding": "valid", "data_format": "channels_last"}

    def told(**changed):
        entries = [
            {"class_name": "Conv2D", "config": {**convolution, **changed}},
            {"class_name": "MaxPooling2D", "config": pooling},
            {"class_name": "Flatten", "config": {"name": "f"}},
            {"class_name": "Dense", "config": {"name": "d", "use_bias": True, "activation": "softmax"}},
        ]
        return describe(W, keras._read_layers(W, entries)[0]).told

    assert told(padding="same") == {
        "activation": "relu", "stride": (1,), "padding": (1,), "pool_size": (2,), "pool": "max"
    }  # fmt: skip
    assert told(padding="valid", strides=[2, 2])["stride"] == (2,)
    for changed, message in (
        ({"padding": "same", "strides": [2, 2]}, "padding same with a window of 3 and strides 2"),
        ({"padding": "same", "kernel_size": [2, 2]}, "padding same with a window of 2"),
        ({"padding": "valid", "groups": 2}, "has groups 2"),
        ({"padding": "valid", "dilation_rate": [2, 2]}, "has dilation_rate 2"),
        ({"padding": "valid", "data_format": "channels_first"}, "has data_format channels_first"),
        ({"padding": "valid", "kernel_size": [3, 1]}, "the same number for rows and columns"),
    ):
        with pytest.raises(InputError, match=message):
            told(**changed)


# What shapes leave open.


def test_values_to_choose_from_are_named_with_their_accuracy(tmp_path):
    config = RunConfig(DataConfig("strokes"), ModelConfig((), 2), TrainConfig(seeds=1, epochs=1))
    shape = jobs.data.load(config.data).train.shape
    model = ModelConfig((), 2, channels=(3,), padding=(1,), pool_size=(2,), image_shape=shape)
    network = networks.init(jax.random.key(0), networks.build(model), math.prod(shape))
    np.savez(tmp_path / "w.npz", allow_pickle=False, **_joined(network.variables["params"]))
    message = (
        r"w\.npz does not tell its strides, .*: give --model\.stride . --model\.padding 1 --model\.pool-size . "
        r"\(test accuracy \d+\.\d %\), or --model"
    )
    known = Known(activation="relu")
    with pytest.raises(InputError, match=message):
        jobs.import_run(tmp_path / "run", config, tmp_path / "w.npz", known=known, force=True)
    told = known._replace(pool_size=(2,))
    done = jobs.import_run(tmp_path / "run", config, tmp_path / "w.npz", known=told, asked=("pool",), force=True)
    assert (done.told, done.fitted) == ({}, {"stride": (1,), "padding": (1,)})
    stored = jobs.store.load(tmp_path / "run")
    assert stored.config.model.image_shape == shape and stored.config.model.stride == (1,)
    jax.tree.map(lambda one, other: np.testing.assert_array_equal(one[0], other), *_variables(stored, network))


def _joined(params):
    return {"/".join(path): np.asarray(value) for path, value in flatten_dict(params).items()}


def _variables(stored, network):
    return stored.networks.variables, network.variables


def test_what_arrays_leave_open_is_asked_for_or_warned_of():
    known = {"activation": "relu", "image_shape": SHAPE, "padding": (1,), "pool_size": (2,)}
    with pytest.raises(
        InputError, match="the network does not tell its kind of pooling: give pool=…, one of max, mean"
    ):
        foreign.from_arrays(tensors(), **known, stride=(1,))
    with pytest.warns(InputWarning, match=r"does not tell stride=\(1,\): a guess, of common values the only ones"):
        found = foreign.from_arrays(tensors(), **known, pool="mean")
    assert (found.model.pool, found.model.stride) == ("mean", (1,))
    foreign.from_arrays(tensors(), **known, pool="mean", stride=(1,))  # and here nothing is warned of


# Tensors that make no such network.


def tensors(**changed):
    shapes = {"c.weight": (4, 2, 3, 3), "c.bias": (4,), "f.weight": (3, 48), "f.bias": (3,)}
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in (shapes | changed).items() if shape}


@pytest.mark.parametrize(
    ("changed", "options", "message"),
    [
        ({}, {"image_shape": (9, 7, 3)}, "takes images of 2 channels .*, and these have 3"),
        ({}, {}, r"give image_shape=\(rows, columns, channels\)"),
        ({}, {"image_shape": SHAPE, "channels": (5,)}, "holds .*channels 4, widths none, outputs 3"),
        ({}, {"image_shape": SHAPE, "kernel_size": (5,)}, "kernel_size 3, and --model.kernel-size says 5"),
        ({"c.weight": (4, 2, 3, 1)}, {"image_shape": SHAPE}, "convolutions with square windows"),
        ({"c.weight": (4, 2, 3)}, {"image_shape": SHAPE}, "only dense layers, of matrices, and convolutions of images"),
        ({"f.weight": (), "f.bias": ()}, {"image_shape": SHAPE}, "and then dense layers"),
        ({"n.weight": (4,), "n.bias": (4,)}, {"image_shape": SHAPE}, "norms other than batch norm after its"),
    ],
)
def test_tensors_of_other_networks_are_refused(changed, options, message):
    with pytest.raises(InputError, match=message):
        foreign.from_arrays(tensors(**changed), activation="relu", padding=(1,), pool_size=(2,), **options)
