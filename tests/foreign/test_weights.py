import itertools

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from support import exports

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
        ("0.weight", "params/hidden0/kernel (5, 4), transposed"),
        ("0.bias", "params/hidden0/bias (4,)"),
        ("1.weight", "params/norm0/scale (4,)"),
        ("1.bias", "params/norm0/bias (4,)"),
        ("1.running_mean", "batch_stats/norm0/mean (4,)"),
        ("1.running_var", "batch_stats/norm0/var (4,)"),
        ("3.weight", "params/output/kernel (4, 2), transposed"),
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


# Every naming, every architecture.


def expected_variables(layers, norm):
    """The variables that layers are, with ones and zeros for what they leave out."""
    variables = {"params": {}, "batch_stats": {}}
    for place, layer in enumerate(layers):
        last, units = place == len(layers) - 1, layer.kernel.shape[1]
        bias = np.zeros(units) if layer.bias is None else layer.bias
        variables["params"]["output" if last else f"hidden{place}"] = {"kernel": layer.kernel, "bias": bias}
        if norm != "none" and not last:
            parts = {"scale": np.ones(units), "shift": np.zeros(units)} | layer.norm
            variables["params"][f"norm{place}"] = {"scale": parts["scale"], "bias": parts["shift"]}
            if norm == "batch":
                variables["batch_stats"][f"norm{place}"] = {"mean": parts["mean"], "var": parts["var"]}
    return {collection: found for collection, found in variables.items() if found}


def check_variables(weights, layers, norm):
    expected = expected_variables(layers, norm)
    assert jax.tree.structure(expected) == jax.tree.structure(weights.variables)
    jax.tree.map(lambda one, other: np.testing.assert_array_equal(one, other[0]), expected, weights.variables)
    assert weights.widths == tuple(layer.kernel.shape[1] for layer in layers[:-1])
    assert (weights.outputs, weights.norm) == (layers[-1].kernel.shape[1], norm)


@settings(max_examples=300)
@given(
    scheme=st.sampled_from([*exports.SCHEMES, "sequential", "unnamed"]),
    sizes=st.lists(st.sampled_from([2, 3, 4, 5]), min_size=2, max_size=6),
    norm=st.sampled_from(["none", "layer", "batch"]),
    bias=st.booleans(),
    affine=st.booleans(),
    flipped=st.booleans(),
    suffix=st.sampled_from([".npz", ".safetensors"]),
    seed=st.integers(0, 9),
)
def test_any_network_in_any_naming_is_read_whole(
    tmp_path_factory, scheme, sizes, norm, bias, affine, flipped, suffix, seed
):
    norm = norm if len(sizes) > 2 else "none"
    layers = exports.draw(np.random.default_rng(seed), sizes, norm=norm, bias=bias, affine=affine)
    square = len(set(sizes)) == 1
    if scheme in exports.SCHEMES:
        turned = exports.SCHEMES[scheme][-1] != (flipped and not square)
        tensors = exports.named(layers, scheme, transposed=turned, norm=norm)
    else:
        turned = scheme == "sequential"
        tensors = (exports.sequential if turned else exports.unnamed)(layers)
    file = write(tmp_path_factory.mktemp("export"), tensors, suffix)
    known = foreign.Known()
    if scheme == "unnamed" or (norm == "layer" and not affine):  # which leaves no other trace
        known = known._replace(norm=norm)
    if square and scheme in ("numpy", "haiku", "unnamed"):
        with pytest.raises(InputError, match="give --orientation inputs-first or outputs-first"):
            foreign.read_weights(file, sizes[0], known)
        known = known._replace(orientation="inputs-first")
    weights = foreign.read_weights(file, sizes[0], known)
    check_variables(weights, layers, norm)
    kernels = [variable for _, variable in weights.mapping if "/kernel" in variable]
    assert all(("transposed" in variable) == turned for variable in kernels)


@pytest.mark.parametrize("norm", ["none", "layer", "batch"])
@pytest.mark.parametrize("scheme", [*exports.SCHEMES, "sequential", "unnamed"])
def test_any_naming_computes_the_same_function(tmp_path, images, scheme, norm):
    layers = exports.draw(np.random.default_rng(1), (PIXELS, 4, 4, 2), norm=norm)
    export = {"sequential": exports.sequential, "unnamed": exports.unnamed}
    tensors = export[scheme](layers) if scheme in export else exports.named(layers, scheme, norm=norm)
    found = imported_logits(write(tmp_path, tensors, ".npz"), ModelConfig((4, 4), outputs=2, norm=norm), images)
    np.testing.assert_allclose(found, exports.forward(layers, images, norm), rtol=1e-5, atol=1e-5)


# What is refused.


@pytest.mark.parametrize(
    ("config", "missing", "message"),
    [
        (PLAIN, "2.weight", r"2\.bias is the bias of no matrix"),
        (ModelConfig((4, 3), outputs=2, norm="layer"), "1.weight", r"1\.bias is the bias of no matrix"),
        (ModelConfig((4, 3), outputs=2, norm="batch"), "1.running_var", "no running mean and variance .* 1.weight"),
    ],
)
def test_a_missing_tensor_is_named(tmp_path, config, missing, message):
    tensors = drawn(sequential(config))
    del tensors[missing]
    with pytest.raises(InputError, match=message):
        foreign.import_weights(write(tmp_path, tensors), networks.build(config), PIXELS)


def test_a_missing_bias_is_zero_and_said_to_be(tmp_path):
    tensors = drawn(sequential(PLAIN))
    del tensors["4.bias"]
    imported = foreign.import_weights(write(tmp_path, tensors), networks.build(PLAIN), PIXELS)
    assert not np.any(imported.networks.variables["params"]["output"]["bias"])
    assert ("not in the file", "params/output/bias (2,), all 0") in imported.mapping


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"6.weight": np.zeros((2, 2), np.float32)}, "has widths 4 3 2, and --model.widths says 4 3: leave"),
        ({"0.bias": np.zeros(9, np.float32)}, r"has 0.bias \(9,\) for the 4 units of hidden0"),
        ({"step": np.zeros(2, np.float32)}, "step not understood: name each tensor for what it is"),
        ({"0.gamma": np.ones(4, np.float32)}, "after each convolution, or none; this has norms for 0.gamma"),
        ({"conv.weight": np.zeros((3, 3, 2, 2), np.float32)}, "convolutions with square windows, each of all channels"),
        ({"0.kernel": np.zeros((5, 4), np.float32)}, "are the same part of one layer"),
        ({"0.bias": np.zeros((2, 2), np.float32)}, "0.bias has the shape .* one number for each unit"),
        ({"0.weight": np.zeros((0, 5), np.float32)}, "0.weight has the shape"),
        ({"0.weight": np.ones((4, 5), np.int32)}, "0.weight is int32, and weights are floating-point numbers"),
        ({"0.weight": np.ones((4, 5), bool)}, "0.weight is bool, and weights are floating-point numbers"),
        ({"0.weight": np.full((4, 5), np.nan, np.float32)}, "0.weight has values that are not finite"),
        ({"2.bias": np.array([1, np.inf, 1])}, "2.bias has values that are not finite"),
        ({"2.bias": np.full(3, 1e300)}, "2.bias has values that are too large for float32"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
def test_what_is_no_such_network_is_refused(tmp_path, change, message, suffix):
    file = write(tmp_path, drawn(sequential(PLAIN)) | change, suffix)
    with pytest.raises(InputError, match=message) as caught:
        foreign.import_weights(file, networks.build(PLAIN), PIXELS)
    assert "weights" in str(caught.value) and "\n" not in str(caught.value)


def test_complex_weights_are_refused(tmp_path):
    file = write(tmp_path, drawn(sequential(PLAIN)) | {"0.weight": np.ones((4, 5), np.complex64)}, ".npz")
    with pytest.raises(InputError, match=r"0\.weight is complex64, and weights are floating-point numbers"):
        foreign.read_weights(file, PIXELS)


def test_a_variance_below_0_is_refused(tmp_path):
    tensors = drawn(sequential(ModelConfig((4,), outputs=2, norm="batch")))
    tensors["1.running_var"][2] = -1
    with pytest.raises(InputError, match=r"1\.running_var goes down to -1, and variances are at least 0"):
        foreign.read_weights(write(tmp_path, tensors), PIXELS)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (foreign.Known(widths=(4, 4)), "widths 4 3, outputs 2, outputs-first; leave out --model.widths"),
        (foreign.Known(widths=(4, 3), outputs=9), "widths 4 3, outputs 2, outputs-first; leave out --model.widths"),
        (foreign.Known(widths=(4,)), "has widths 4 3, and --model.widths says 4"),
        (foreign.Known(norm="batch"), "has the norm none, .* and --model.norm says batch"),
        (foreign.Known(orientation="inputs-first"), "outputs-first; leave out"),
        (foreign.Known(layers=("0", "9")), "has no layer '9', as --layers says; it has 0.weight, 2.weight, 4.weight"),
        (foreign.Known(layers=("2", "2.weight")), "--layers names 2.weight twice"),
        (foreign.Known(layers=("4", "0")), "in no order"),
    ],
)
def test_what_is_known_is_checked_against_the_file(tmp_path, known, message):
    with pytest.raises(InputError, match=message):
        foreign.read_weights(write(tmp_path, drawn(sequential(PLAIN))), PIXELS, known)


def test_images_of_another_size_are_told(tmp_path):
    with pytest.raises(InputError, match=r"takes 5 pixels .*, and the images have 7: choose --data.source"):
        foreign.read_weights(write(tmp_path, drawn(sequential(PLAIN))), 7)


def test_half_precision_weights_are_read(tmp_path, images):
    tensors = {name: value.astype(jax.numpy.bfloat16) for name, value in drawn(sequential(PLAIN)).items()}
    found = imported_logits(write(tmp_path, tensors), PLAIN, images)
    exact = {name: value.astype(np.float32) for name, value in tensors.items()}
    np.testing.assert_allclose(found, numpy_forward(exact, PLAIN, images), rtol=1e-5, atol=1e-5)
