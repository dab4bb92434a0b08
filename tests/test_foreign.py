import itertools
import pickle

import jax
import numpy as np
import pytest
from safetensors.numpy import save_file

from jaxinterp import ensemble, foreign, networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError

PIXELS = 5
PLAIN = ModelConfig((4, 3), outputs=2)


def drawn(shapes, seed=0):
    """Tensors of these shapes; variances are positive."""
    rng = np.random.default_rng(seed)
    return {
        name: rng.uniform(0.5, 1.5, shape).astype(np.float32)
        if name.endswith("var")
        else rng.normal(size=shape).astype(np.float32)
        for name, shape in shapes.items()
    }


def sequential(config, *, step=2):
    """The shapes of a PyTorch nn.Sequential's state_dict: linear, [norm], activation, …; norm before the activation."""
    shapes, place = {}, 0
    sizes = (PIXELS, *config.widths, config.outputs)
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        shapes |= {f"{place}.weight": (outputs, inputs), f"{place}.bias": (outputs,)}
        if config.norm != "none" and layer < len(config.widths):
            names = ("weight", "bias", "running_mean", "running_var") if config.norm == "batch" else ("weight", "bias")
            shapes |= {f"{place + 1}.{name}": (outputs,) for name in names}
        place += step + (config.norm != "none")
    return shapes


def numpy_forward(tensors, config, images, *, step=2):
    """What PyTorch would answer, in NumPy."""
    x, place = np.float64(images), 0
    for layer in range(len(config.widths) + 1):
        x = x @ tensors[f"{place}.weight"].T + tensors[f"{place}.bias"]
        if layer == len(config.widths):
            return x
        if config.norm != "none":
            norm = {
                name: tensors.get(f"{place + 1}.{name}") for name in ("weight", "bias", "running_mean", "running_var")
            }
            mean = norm["running_mean"] if config.norm == "batch" else x.mean(-1, keepdims=True)
            var = norm["running_var"] if config.norm == "batch" else x.var(-1, keepdims=True)
            x = (x - mean) / np.sqrt(var + config.norm_epsilon) * norm["weight"] + norm["bias"]
        x = np.maximum(x, 0)
        place += step + (config.norm != "none")


def write(folder, tensors, suffix=".safetensors"):
    file = folder / f"weights{suffix}"
    if suffix == ".npz":
        np.savez(file, allow_pickle=False, **tensors)
    else:
        save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, file)
    return file


def imported_logits(file, config, images):
    imported = foreign.import_weights(file, networks.build(config), PIXELS)
    assert ensemble.size(imported.networks) == 1
    return np.asarray(ensemble.take(imported.networks, 0)(images)[0])


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(size=(7, PIXELS)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize(
    "config",
    [
        PLAIN,
        ModelConfig((PIXELS, PIXELS), outputs=PIXELS),  # square: a transpose would go unnoticed
        ModelConfig((4, PIXELS, 4), outputs=PIXELS),  # every layer has another's shape, transposed
        ModelConfig((), outputs=3),
        ModelConfig((4, 3), outputs=2, norm="layer"),
        ModelConfig((4, 4), outputs=4, norm="batch"),
    ],
    ids=["plain", "square", "zigzag", "linear", "layernorm", "batchnorm"],
)
def test_imported_weights_answer_as_they_did(tmp_path, images, config, suffix):
    tensors = drawn(sequential(config))
    expected = numpy_forward(tensors, config, images)
    if config.norm == "batch":
        tensors["1.num_batches_tracked"] = np.array(9)
    file = write(tmp_path, tensors, suffix)
    np.testing.assert_allclose(imported_logits(file, config, images), expected, rtol=1e-4, atol=1e-5)


def test_layer_10_comes_after_layer_9(tmp_path, images):
    config = ModelConfig((PIXELS,) * 11, outputs=PIXELS)
    tensors = drawn(sequential(config, step=1))
    expected = numpy_forward(tensors, config, images, step=1)
    found = imported_logits(write(tmp_path, tensors), config, images)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4 * abs(expected).max())


@pytest.mark.parametrize("config", [PLAIN, ModelConfig((PIXELS,), outputs=PIXELS)], ids=["plain", "square"])
def test_a_kernel_is_taken_as_it_is(tmp_path, images, config):
    model = networks.build(config)
    network = networks.init(jax.random.key(1), model, PIXELS)
    flat = {
        f"{layer}.{name}": np.asarray(value)
        for layer, parts in network.variables["params"].items()
        for name, value in parts.items()
    }
    found = imported_logits(write(tmp_path, flat), config, images)
    np.testing.assert_allclose(found, network(images)[0], rtol=1e-5, atol=1e-6)


def test_numbers_of_any_precision_are_read(tmp_path, images):
    tensors = {name: value.astype(np.float64) for name, value in drawn(sequential(PLAIN)).items()}
    tensors["0.weight"] = tensors["0.weight"].astype(np.float16)
    found = imported_logits(write(tmp_path, tensors), PLAIN, images)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, numpy_forward(tensors, PLAIN, images), rtol=1e-4, atol=1e-5)


def test_the_mapping_says_what_went_where(tmp_path):
    config = ModelConfig((4,), outputs=2, norm="batch")
    file = write(tmp_path, drawn(sequential(config)))
    assert foreign.import_weights(file, networks.build(config), PIXELS).mapping == [
        ("0.weight", "params/hidden0/kernel (5, 4)"),
        ("0.bias", "params/hidden0/bias (4,)"),
        ("1.weight", "params/norm0/scale (4,)"),
        ("1.bias", "params/norm0/bias (4,)"),
        ("1.running_mean", "batch_stats/norm0/mean (4,)"),
        ("1.running_var", "batch_stats/norm0/var (4,)"),
        ("3.weight", "params/output/kernel (4, 2)"),
        ("3.bias", "params/output/bias (2,)"),
    ]


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
def test_a_pytorch_model_answers_the_same(tmp_path, images, norm):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    norms = {
        "none": lambda width: [],
        "layer": lambda width: [torch.nn.LayerNorm(width)],
        "batch": lambda width: [torch.nn.BatchNorm1d(width)],
    }
    sizes = (PIXELS, 4, 4)
    layers = [
        part
        for inputs, outputs in itertools.pairwise(sizes)
        for part in (torch.nn.Linear(inputs, outputs), *norms[norm](outputs), torch.nn.ReLU())
    ]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(4, 2))
    with torch.no_grad():
        model(torch.from_numpy(images) * 3)  # batch norm sees some statistics
        model.eval()
        expected = model(torch.from_numpy(images)).numpy()
    file = write(tmp_path, {name: value.numpy() for name, value in model.state_dict().items()})
    found = imported_logits(file, ModelConfig((4, 4), outputs=2, norm=norm), images)
    np.testing.assert_allclose(found, expected, atol=1e-5)


# What is refused.


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth", "weights.pkl", "weights.bin", "weights"])
def test_pickles_are_refused_unopened(tmp_path, name):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was loaded",))

    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(InputError, match=f"{name} refused, because pickles can run code: give a .safetensors file"):
        foreign.read_tensors(tmp_path / name)


def test_a_pickle_inside_an_npz_is_refused_unopened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was loaded",))

    np.savez(tmp_path / "weights.npz", a=np.array([Trap()], dtype=object))
    with pytest.raises(InputError, match=r"weights.npz is not a readable .npz file of plain arrays"):
        foreign.read_tensors(tmp_path / "weights.npz")


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"\x80\x04N.", b"PK\x03\x04 and then nothing", b"\xff" * 100])
def test_what_only_looks_like_weights_is_refused_in_one_line(tmp_path, suffix, content):
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(content)
    with pytest.raises(InputError, match=f"is not a readable {suffix} file of plain arrays") as caught:
        foreign.read_tensors(file)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no file .*weights\.npz"):
        foreign.read_tensors(tmp_path / "weights.npz")


@pytest.mark.parametrize(
    ("config", "missing", "message"),
    [
        (PLAIN, "2.weight", r"no matrix of shape \(3, 4\) for layer hidden1; it has 2.bias \(3,\), 4.bias"),
        (PLAIN, "4.bias", r"no 4.bias of shape \(2,\) for output; it has nothing more"),
        (ModelConfig((4, 3), outputs=2, norm="layer"), "1.weight", r"no scale of shape \(4,\) for norm0"),
        (ModelConfig((4, 3), outputs=2, norm="batch"), "1.running_var", r"no 1.running_var of shape \(4,\) for norm0"),
    ],
)
def test_a_missing_tensor_is_named(tmp_path, config, missing, message):
    tensors = drawn(sequential(config))
    del tensors[missing]
    with pytest.raises(InputError, match=message):
        foreign.import_weights(write(tmp_path, tensors), networks.build(config), PIXELS)


def test_tensors_left_over_are_named(tmp_path):
    tensors = drawn(sequential(PLAIN)) | {"6.weight": np.zeros((2, 2), np.float32)}
    with pytest.raises(InputError, match=r"tensors that the model does not use: 6.weight \(2, 2\)"):
        foreign.import_weights(write(tmp_path, tensors), networks.build(PLAIN), PIXELS)


def test_a_bias_of_another_width_is_refused(tmp_path):
    tensors = drawn(sequential(PLAIN)) | {"0.bias": np.zeros(9, np.float32)}
    with pytest.raises(InputError, match=r"no 0.bias of shape \(4,\) for hidden0; it has .*0.bias \(9,\)"):
        foreign.import_weights(write(tmp_path, tensors), networks.build(PLAIN), PIXELS)
