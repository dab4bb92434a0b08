import io
import sys
import zipfile

import numpy as np
import pytest
from support import exports
from support.keras_files import logits, other, write_keras

from jaxinterp import foreign
from jaxinterp.errors import InputError
from jaxinterp.foreign import keras

VARIABLES = {"Dense": ("kernel", "bias"), "BatchNormalization": exports.PARTS, "LayerNormalization": exports.PARTS[:2]}
CLASS = {"batch": "BatchNormalization", "layer": "LayerNormalization"}
GROUPS = {"Dense": "dense", "BatchNormalization": "batch_normalization", "LayerNormalization": "layer_normalization"}


def dense(name, units, activation="linear", **options):
    return {"class_name": "Dense", "config": {"name": name, "units": units, "use_bias": True, "activation": activation,
                                              **options}}  # fmt: skip


def saved(layers, *, norm="none", activation="tanh", position="before", names="fc{}", scale=True):
    """What Keras 3.15 saves for layers: the config's list of layers, and arrays by their place in model.weights.h5."""
    entries, arrays, used = [other("InputLayer", "input_layer")], {}, {}

    def put(entry, *values):
        entries.append(entry)
        group = GROUPS[entry["class_name"]]
        number = used[group] = used.get(group, -1) + 1
        place = f"layers/{group}" + (f"_{number}" if number else "")
        present = [value for value in values if value is not None]
        arrays.update({f"{place}/vars/{number}": value for number, value in enumerate(present)})

    for number, layer in enumerate(layers):
        last = number == len(layers) - 1
        within = activation if norm == "none" or position == "after" else "linear"
        units = layer.kernel.shape[1]
        put(dense(names.format(number), units, "softmax" if last else within, use_bias=layer.bias is not None),
            layer.kernel, layer.bias)  # fmt: skip
        if not last and norm != "none":
            parts = [layer.norm.get(part) for part in exports.PARTS]
            parts[0] = parts[0] if scale else None
            options = {"epsilon": 1e-5, "center": True, "scale": scale}
            put(other(CLASS[norm], f"norm{number}", **options), *parts)
            if position == "before":
                entries.append(other("Activation", f"act{number}", activation=activation))
        if not last:
            entries.append(other("Dropout", f"drop{number}", rate=0.1))
    return entries, arrays | {"optimizer/vars/0": np.zeros(())}


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a saved model, its arrays put in the place of those that h5py would read."""

    def read(entries, arrays, *, suffix=".keras", known=None, class_name="Sequential"):
        held = {name: value for name, value in arrays.items() if not name.startswith("optimizer")}
        monkeypatch.setattr(keras, "_arrays", lambda path, source: held)
        file = write_keras(tmp_path, entries, class_name=class_name)
        if suffix != ".keras":
            file = tmp_path / f"model{suffix}"
            file.touch()
        return foreign.read_weights(file, 5, known)

    return read


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(size=(7, 5)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("names", ["fc{}", "in{}_output"])
def test_a_keras_model_computes_the_same(read, images, norm, suffix, names):
    layers = exports.draw(np.random.default_rng(0), (5, 4, 4, 4, 2), norm=norm)
    weights = read(*saved(layers, norm=norm, activation="relu", names=names), suffix=suffix)
    assert (weights.widths, weights.outputs, weights.norm) == ((4, 4, 4), 2, norm)
    told = {"activation": "relu"} | ({} if norm == "none" else {"norm_position": "before", "norm_epsilon": 1e-5})
    assert weights.told == (told if suffix == ".keras" else {})
    np.testing.assert_allclose(logits(weights, images), exports.forward(layers, images, norm), atol=1e-5)


def test_the_config_orders_layers_whatever_they_are_called(read, images):
    layers = exports.draw(np.random.default_rng(0), (5, 5, 5, 5), bias=False)
    for names in ("fc{}", "output{}"):
        entries, arrays = saved(layers, activation="relu", names=names)
        for entry, number in zip(
            [entry for entry in entries if entry["class_name"] == "Dense"], (9, 2, 1), strict=True
        ):
            entry["config"]["name"] = names.format(number)
        np.testing.assert_allclose(
            logits(read(entries, arrays), images), exports.forward(layers, images), rtol=1e-5, atol=1e-5
        )


def test_layer_10_comes_after_layer_9(read, images):
    layers = exports.draw(np.random.default_rng(0), (5,) * 14)
    weights = read(*saved(layers), suffix=".weights.h5")
    found = logits(weights, images, activation="relu")
    np.testing.assert_allclose(found, exports.forward(layers, images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("named", "expected"), [("gelu", "gelu_exact"), ("linear", "identity"), ("sigmoid", "sigmoid")]
)
def test_the_config_tells_the_activation_function(read, named, expected):
    weights = read(*saved(exports.draw(np.random.default_rng(0), (5, 4, 2)), activation=named))
    assert weights.told["activation"] == expected


def test_a_norm_without_scale_needs_the_config(read):
    layers = exports.draw(np.random.default_rng(0), (5, 4, 2), norm="batch")
    model = saved(layers, norm="batch", scale=False)
    variables = read(*model).variables
    np.testing.assert_array_equal(variables["params"]["norm0"]["scale"][0], np.ones(4))
    np.testing.assert_array_equal(variables["params"]["norm0"]["bias"][0], layers[0].norm["shift"])
    with pytest.raises(InputError, match=r"the 3 variables of layers/batch_normalization are: write them with their"):
        read(*model, suffix=".weights.h5")


def test_models_inside_models_are_read(read, images):
    layers = exports.draw(np.random.default_rng(0), (5, 4, 4, 2))
    (begin, *inner, output), arrays = saved(layers, activation="relu")
    body = {"class_name": "Sequential", "config": {"name": "body", "layers": [begin, *inner]}}
    arrays = {name.replace("layers/dense", "layers/sequential/layers/dense"): a for name, a in arrays.items()}
    arrays = {name.replace("layers/sequential/layers/dense_2", "layers/dense"): a for name, a in arrays.items()}
    for suffix in (".keras", ".weights.h5"):
        weights = read([body, output], arrays, suffix=suffix)
        found = logits(weights, images, activation="relu")
        np.testing.assert_allclose(found, exports.forward(layers, images), atol=1e-5)
    assert weights.mapping[0][0] == "sequential/dense/kernel"


def test_a_class_of_the_users_own_tells_nothing_but_its_weights(read, images):
    layers = exports.draw(np.random.default_rng(0), (5, 4, 2), norm="batch")
    _, arrays = saved(layers, norm="batch")
    names = {"layers/dense_1": "fc2", "layers/dense": "fc1", "layers/batch_normalization": "bn1"}
    for old, new in names.items():
        arrays = {name.replace(f"{old}/", f"{new}/"): array for name, array in arrays.items()}
    weights = read([], arrays, class_name="Net")
    assert weights.told == {}
    np.testing.assert_allclose(
        logits(weights, images, activation="relu"), exports.forward(layers, images, "batch"), atol=1e-5
    )


def wired(entry, *sources):
    nodes = [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}}]}
             for name in sources]  # fmt: skip
    return entry | {"inbound_nodes": nodes}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda e: [*e, other("Conv1D", "conv")], r"has the layer conv \(Conv1D\): only Dense, Conv2D, MaxPooling2D"),
        (lambda e: [*e, other("Flatten", "f", data_format="channels_first")], "f flattens channels_first: only"),
        (lambda e: [*e[:-1], wired(e[-1], "fc0")], "fc1 takes fc0: only networks in which each layer takes what the"),
        (lambda e: [*e[:-1], wired(e[-1], "drop0", "fc0")], "fc1 takes drop0, fc0"),
        (lambda e: e[:-1], "layers/dense_1/vars/0 is in its weights alone"),
        (lambda e: [*e, dense("more", 2)], "layers/dense_2/vars/0 is in its config alone"),
        (lambda e: [*e[:-1], dense("fc1", 2, use_bias=False)], "layers/dense_1/vars/1 is in its weights alone"),
        (lambda e: [*e[:-1], dense("fc1", 2, "relu")], "ends with relu"),
        (lambda e: [e[0], dense("fc0", 4, {"class_name": "function", "config": "mine"}), e[-1]], "function mine: only"),
        (lambda e: [*e[:2], other("ReLU", "act", max_value=6.0), e[-1]], "one layer|function act: only"),
        (lambda e: [{"class_name": "Dense"}], "has no readable config.json"),
        (lambda e: [7], "has no readable config.json"),
        (lambda e: [], "layers/dense/vars/0 is in its weights alone"),
    ],
)
def test_a_config_of_what_is_no_mlp_is_refused(read, change, message):
    entries, arrays = saved(exports.draw(np.random.default_rng(0), (5, 4, 2)))
    with pytest.raises(InputError, match=message) as caught:
        read(change(entries), arrays)
    assert "model.keras" in str(caught.value)


def test_what_contradicts_the_config_is_refused(read):
    model = saved(exports.draw(np.random.default_rng(0), (5, 4, 2), norm="batch"), norm="batch")
    for field, value in (("activation", "relu"), ("norm_epsilon", 1e-3), ("norm_position", "after"), ("norm", "layer")):
        option = f"--model.{field.replace('_', '-')}"
        with pytest.raises(InputError, match=f"has {option} .*, and {option} says {value}: leave the option out"):
            read(*model, known=foreign.Known(**{field: value}))
    told = foreign.Known(activation="tanh", norm_epsilon=1e-5, norm_position="before", norm="batch")
    assert read(*model, known=told).widths == (4,)


def test_without_h5py_the_message_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    (tmp_path / "model.weights.h5").touch()
    for file in (tmp_path / "model.weights.h5", write_keras(tmp_path, [])):
        with pytest.raises(
            InputError, match=r"read with h5py, which is not installed: pip install 'jaxinterp\[keras\]'"
        ):
            foreign.read_tensors(file)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, r"has no config\.json: save the model with Keras 3, model\.save\('model\.keras'\)"),
        ({"config.json": "{}"}, r"has no model\.weights\.h5"),
        (None, "is not a readable zip file"),
    ],
)
def test_what_is_no_keras_archive_is_refused(tmp_path, members, message):
    file = tmp_path / "model.keras"
    file.write_bytes(b"PK\x03\x04 and then nothing")
    if members is not None:
        with zipfile.ZipFile(file, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
    with pytest.raises(InputError, match=message):
        foreign.read_tensors(file)


# With h5py.


@pytest.fixture(scope="module")
def h5py():
    return pytest.importorskip("h5py")


def as_h5(h5py, arrays, change=None):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, array in arrays.items():
            file[name] = array
        if change:
            change(file)
    return stream.getvalue()


@pytest.mark.parametrize("suffix", [".keras", ".weights.h5"])
def test_files_are_read(h5py, tmp_path, images, suffix):
    layers = exports.draw(np.random.default_rng(0), (5, 4, 4, 2), norm="batch")
    entries, arrays = saved(layers, norm="batch", activation="relu")
    content = as_h5(h5py, arrays, lambda file: file.create_group("layers/dropout/vars"))
    file = write_keras(tmp_path, entries, content)
    if suffix != ".keras":
        file = tmp_path / "model.weights.h5"
        file.write_bytes(content)
    weights = foreign.read_weights(file, 5)
    np.testing.assert_allclose(
        logits(weights, images, activation="relu"), exports.forward(layers, images, "batch"), atol=1e-5
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h5py, file: file.__setitem__("a", h5py.ExternalLink("other.h5", "/x")), "a is a link, which may lead"),
        (lambda h5py, file: file.__setitem__("a", h5py.SoftLink("/layers")), "a is a link"),
        (lambda h5py, file: file["layers"].__setitem__("a", file["layers"]), "more groups than the file of a network"),
        (lambda h5py, file: file.create_dataset("a", (9,), "f4", external="/etc/hostname"), "a lies in another file"),
        (lambda h5py, file: file.create_virtual_dataset("a", virtual(h5py)), "a lies in another file"),
        (lambda h5py, file: file.__setitem__("a", "text"), "a is no array of numbers"),
        (lambda h5py, file: file.__setitem__("a", h5py.Empty("f4")), "a is no array of numbers"),
        (lambda h5py, file: file.__setitem__("a", np.dtype("f4")), "a is no array of numbers"),
        (lambda h5py, file: file.create_dataset("a", (2**31,), "f4", chunks=(2**20,)), "holds 8 GiB, more than the"),
        (lambda h5py, file: file.create_group("a\x1b"), r"has an array with the name 'a\\x1b'"),
    ],
)
def test_hostile_files_are_refused(h5py, tmp_path, change, message):
    file = tmp_path / "model.weights.h5"
    _, arrays = saved(exports.draw(np.random.default_rng(0), (5, 4, 2)))
    file.write_bytes(as_h5(h5py, arrays, lambda opened: change(h5py, opened)))
    with pytest.raises(InputError, match=message):
        foreign.read_tensors(file)


def virtual(h5py):
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=(3,))
    return layout


def test_damaged_files_are_refused_or_whole(h5py, tmp_path):
    _, arrays = saved(exports.draw(np.random.default_rng(0), (5, 4, 2)))
    content, file = as_h5(h5py, arrays), tmp_path / "model.weights.h5"
    rng, refused = np.random.default_rng(0), 0
    for _ in range(200):
        damaged = bytearray(content[: rng.integers(len(content))] if rng.integers(2) else content)
        for place in rng.integers(max(len(damaged), 1), size=3) if damaged else ():
            damaged[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(bytes(damaged))
        try:
            assert foreign.read_weights(file, 5).widths == (4,)
        except InputError as error:
            assert str(error).isprintable() and "model.weights.h5" in str(error)
            refused += 1
    assert refused > 90
