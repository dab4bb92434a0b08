import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file
from support import exports

from jaxinterp import foreign
from jaxinterp.errors import InputError
from jaxinterp.foreign import Known

NAMES = ("fc_in", "fc_mid", "fc_hid", "fc_out")


def tensors_of(layers, names, norm_names=()):
    tensors = {}
    for name, layer in zip(names, layers, strict=True):
        tensors |= {f"{name}.weight": np.ascontiguousarray(layer.kernel.T), f"{name}.bias": layer.bias}
    for name, layer in zip(norm_names, layers, strict=False):
        tensors |= {f"{name}.weight": layer.norm["scale"], f"{name}.bias": layer.norm["shift"]}
    return tensors


def kernels(weights):
    hidden = [f"hidden{place}" for place in range(len(weights.widths))]
    return [weights.variables["params"][layer]["kernel"][0] for layer in (*hidden, "output")]


def check_kernels(weights, layers):
    for found, layer in zip(kernels(weights), layers, strict=True):
        np.testing.assert_array_equal(found, layer.kernel)


@pytest.fixture
def layers():
    return exports.draw(np.random.default_rng(0), (9, 6, 6, 6, 4), norm="layer")


@pytest.fixture
def plain():
    return exports.draw(np.random.default_rng(0), (9, 6, 6, 6, 4))


def as_npz(folder, tensors):
    np.savez(folder / "w.npz", allow_pickle=False, **tensors)
    return folder / "w.npz"


def as_safetensors(folder, tensors):
    save_file(tensors, folder / "w.safetensors")
    return folder / "w.safetensors"


def test_equal_layers_follow_the_files_own_order(tmp_path, plain):
    check_kernels(foreign.read_weights(as_npz(tmp_path, tensors_of(plain, NAMES)), 9), plain)


def test_equal_layers_of_a_sorted_file_are_asked_for(tmp_path, plain):
    tensors = tensors_of(plain, NAMES)
    message = r"does not say which comes first of fc_.*: give their order with --layers"
    for file in (as_safetensors(tmp_path, tensors), as_npz(tmp_path, dict(sorted(tensors.items())))):
        with pytest.raises(InputError, match=message) as caught:
            foreign.read_weights(file, 9)
        assert "fc_mid.weight" in str(caught.value) and "fc_hid.weight" in str(caught.value)
        assert "fc_in" not in str(caught.value)


@pytest.mark.parametrize("listed", [NAMES, ("fc_mid", "fc_hid"), ("fc_mid.weight", "fc_hid.bias")])
def test_a_list_of_layers_settles_their_order(tmp_path, plain, listed):
    file = as_safetensors(tmp_path, tensors_of(plain, NAMES))
    check_kernels(foreign.read_weights(file, 9, Known(layers=listed)), plain)
    swapped = [layer.kernel for layer in (plain[0], plain[2], plain[1], plain[3])]
    other = foreign.read_weights(file, 9, Known(layers=("fc_hid", "fc_mid")))
    for one, two in zip(kernels(other), swapped, strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_list_is_stronger_than_numbers(tmp_path, plain):
    file = as_npz(tmp_path, tensors_of(plain, ("fc0", "fc2", "fc1", "fc3")))
    with pytest.raises(AssertionError):
        check_kernels(foreign.read_weights(file, 9), plain)
    check_kernels(foreign.read_weights(file, 9, Known(layers=("fc2", "fc1"))), plain)


def test_shapes_alone_can_settle_the_order(tmp_path):
    layers = exports.draw(np.random.default_rng(0), (9, 6, 5, 4))
    check_kernels(foreign.read_weights(as_safetensors(tmp_path, tensors_of(layers, "zyx")), 9), layers)


def test_a_square_matrix_lies_as_the_others_do(tmp_path):
    layers = exports.draw(np.random.default_rng(0), (9, 6, 6, 4))
    for transposed in (False, True):
        for scheme in exports.SCHEMES:
            file = as_npz(tmp_path, exports.named(layers, scheme, transposed=transposed))
            check_kernels(foreign.read_weights(file, 9), layers)


@pytest.mark.parametrize("orientation", ["inputs-first", "outputs-first"])
def test_square_matrices_alone_are_asked_for(tmp_path, orientation):
    layers = exports.draw(np.random.default_rng(0), (6, 6, 6))
    file = as_npz(tmp_path, exports.named(layers, "numpy", transposed=orientation == "outputs-first"))
    with pytest.raises(InputError, match="give --orientation inputs-first or outputs-first"):
        foreign.read_weights(file, 6)
    check_kernels(foreign.read_weights(file, 6, Known(orientation=orientation)), layers)


def test_matrices_that_lie_both_ways_are_refused(tmp_path):
    layers = exports.draw(np.random.default_rng(0), (9, 6, 5, 4))
    tensors = exports.named(layers, "torch")
    tensors["fc1.weight"] = tensors["fc1.weight"].T
    with pytest.raises(InputError, match="all as inputs × outputs or all transposed"):
        foreign.read_weights(as_npz(tmp_path, tensors), 9)


@pytest.mark.parametrize("norm_names", [("norm_in", "norm_mid", "norm_hid"), ("n3", "n4", "n15")])
def test_norms_follow_their_namesakes_and_numbers(tmp_path, layers, norm_names):
    tensors = tensors_of(layers, NAMES, norm_names)
    weights = foreign.read_weights(as_safetensors(tmp_path, tensors), 9, Known(layers=NAMES))
    for place, layer in enumerate(layers[:-1]):
        np.testing.assert_array_equal(weights.variables["params"][f"norm{place}"]["scale"][0], layer.norm["scale"])


def test_norms_without_an_order_are_asked_for(tmp_path, layers):
    file = as_safetensors(tmp_path, tensors_of(layers, ("fc0", "fc1", "fc2", "fc3"), "zyx"))
    with pytest.raises(InputError, match=r"does not say which comes first of .*[xyz]\.weight.*--layers"):
        foreign.read_weights(file, 9)
    weights = foreign.read_weights(file, 9, Known(layers=("z", "y", "x")))
    np.testing.assert_array_equal(weights.variables["params"]["norm0"]["scale"][0], layers[0].norm["scale"])


def test_a_network_has_a_norm_after_each_layer_or_none(tmp_path, layers):
    file = as_npz(tmp_path, tensors_of(layers, NAMES, ("norm_in", "norm_mid")))
    with pytest.raises(InputError, match=r"has 2 norms .* for 3 hidden layers: a network has one norm after each"):
        foreign.read_weights(file, 9)


def test_a_batch_norm_without_statistics_is_refused(tmp_path, layers):
    file = as_npz(tmp_path, tensors_of(layers, NAMES, ("bn0", "bn1", "bn2")))
    with pytest.raises(InputError, match=r"has no running mean and variance for the batch norm of bn0\.weight"):
        foreign.read_weights(file, 9)


def computed(path):
    weights = foreign.read_weights(path, 4)
    return tuple(kernel.tobytes() for kernel in kernels(weights))


@settings(max_examples=60)
@given(
    sizes=st.lists(st.sampled_from([3, 4]), min_size=2, max_size=4),
    order=st.permutations(range(5)),
    seed=st.integers(0),
)
def test_what_shapes_leave_open_is_never_guessed(tmp_path_factory, sizes, order, seed):
    # Names without an order and a sorted file: either one arrangement fits, found by trying all, or the user is asked.
    layers = exports.draw(np.random.default_rng(seed), (4, *sizes), bias=False)
    names = [f"{'abcde'[place]}_.weight" for place in order[: len(layers)]]
    file = as_safetensors(
        tmp_path_factory.mktemp("open"),
        {name: np.ascontiguousarray(layer.kernel.T) for name, layer in zip(names, layers, strict=True)},
    )
    fitting = set()
    for turned in (False, True):
        for arrangement in itertools.permutations([layer.kernel.T if turned else layer.kernel for layer in layers]):
            ends = [4, *(kernel.shape[1] for kernel in arrangement)]
            if all(kernel.shape[0] == inputs for kernel, inputs in zip(arrangement, ends, strict=False)):
                fitting.add((turned, tuple(kernel.tobytes() for kernel in arrangement)))
    by_custom = {found for turned, found in fitting if not turned}
    try:
        found = computed(file)
    except InputError as error:
        assert "--layers" in str(error) and len(by_custom) > 1
    else:
        assert by_custom == {found} or len(fitting) == 1
        assert found == tuple(layer.kernel.tobytes() for layer in layers)


def test_a_file_made_to_mislead_the_search_is_refused_soon(tmp_path):
    rng = np.random.default_rng(0)
    pairs = [*itertools.permutations(range(2, 8), 2)] * 2
    names = [f"{a}{b}" for a, b in itertools.product("abcdefgh", repeat=2)]
    shapes = dict(zip(names, [*pairs, (9, 9)], strict=False))
    tensors = {f"{name}_.weight": rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    with pytest.raises(InputError, match=r"list them in order with --layers|in no order"):
        foreign.read_weights(as_safetensors(tmp_path, tensors), 2)
    many = {f"{number}.weight": np.eye(2, dtype=np.float32) for number in range(101)}
    with pytest.raises(InputError, match="has 101 matrices: at most 100 layers are imported"):
        foreign.read_weights(as_safetensors(tmp_path, many), 2)
    at_most = dict(list(many.items())[:100])
    assert len(foreign.read_weights(as_safetensors(tmp_path, at_most), 2).widths) == 99
