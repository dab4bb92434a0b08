from pathlib import Path

import numpy as np
import pytest

from jaxinterp.errors import InputError
from jaxinterp.foreign.files import Tensors
from jaxinterp.foreign.weight_norm import fold

NAMES = {
    "old": ("0.weight_g", "0.weight_v"),
    "new": ("0.parametrizations.weight.original0", "0.parametrizations.weight.original1"),
}


def folded(arrays):
    return fold(Tensors(Path("w.safetensors"), arrays, ordered=True)).arrays


@pytest.mark.parametrize("names", NAMES.values(), ids=NAMES)
@pytest.mark.parametrize("within", [(1,), (0,), (0, 1), None], ids=["rows", "columns", "all", "scalar"])
def test_a_folded_weight_has_the_lengths_and_the_directions(names, within):
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(4, 5)).astype(np.float32)
    axes = (0, 1) if within is None else within
    norms = np.linalg.norm(directions, axis=axes[0], keepdims=True) if len(axes) == 1 else np.linalg.norm(directions)
    lengths = np.asarray(rng.normal(size=np.shape(norms) if within else ()), np.float32)
    lengths = lengths.reshape(1, 1) if within == (0, 1) else lengths
    weight = folded({"0.bias": np.zeros(4), names[0]: lengths, names[1]: directions, "2.weight": np.ones((2, 4))})
    assert list(weight) == ["0.bias", "0.weight", "2.weight"]
    np.testing.assert_allclose(weight["0.weight"], lengths * directions / norms, rtol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3])
def test_weight_norm_of_its_own_lengths_changes_nothing(outputs):
    weight = np.random.default_rng(1).normal(size=(outputs, 5)).astype(np.float32)
    lengths = np.linalg.norm(weight, axis=1, keepdims=True)
    np.testing.assert_allclose(folded({"weight_g": lengths, "weight_v": weight})["weight"], weight, rtol=1e-6)


@pytest.mark.parametrize(
    "names",
    [
        ("0.parametrizations.weight.original", "0.parametrizations.weight.0._u"),
        ("0.weight_orig", "0.weight_mask"),
        ("0.weight_orig", "0.weight_u", "0.weight_v"),
        ("0.parametrizations.weight.original1",),
    ],
)
def test_other_parametrisations_are_refused(names):
    with pytest.raises(InputError, match=r"0\..* belongs to a parametrisation other than weight norm: remove it"):
        folded({name: np.ones((4, 5), np.float32) for name in names})


def test_names_that_only_look_like_half_a_pair_are_left_alone():
    arrays = {"weight_v": np.ones((4, 5)), "weight_g": np.ones(3)}
    for name, array in arrays.items():
        np.testing.assert_array_equal(folded({name: array})[name], array)


@pytest.mark.parametrize("old", [True, False])
def test_pytorch_computes_the_same_weight(old):
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(5, 4)
    if old:
        with pytest.warns(FutureWarning):
            torch.nn.utils.weight_norm(module)
    else:
        torch.nn.utils.parametrizations.weight_norm(module)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(1.5)
    images = torch.eye(5)
    expected = (module(images) - module.bias).detach().numpy().T
    arrays = folded({name: tensor.numpy() for name, tensor in module.state_dict().items()})
    np.testing.assert_allclose(arrays["weight"], expected, rtol=1e-5, atol=1e-6)
