import itertools
from collections import OrderedDict

import jax
import numpy as np
import pytest
from support import exports

from jaxinterp import ensemble, foreign
from jaxinterp.errors import InputError
from jaxinterp.networks import Network


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(3).uniform(size=(7, 5)).astype(np.float32)


def logits(networks, images, seed=0):
    return np.asarray(ensemble.take(networks, seed)(images)[0])


def drawn(seed, norm="none"):
    return exports.draw(np.random.default_rng(seed), (5, 4, 4, 2), norm=norm)


# Plain arrays.


def nested(layers):
    """Arrays as flax nests them."""
    tree = {}
    for name, array in exports.named(layers, "flax").items():
        *parents, leaf = name.split("/")
        inner = tree
        for parent in parents:
            inner = inner.setdefault(parent, {})
        inner[leaf] = array
    return tree


FORMS = {
    "names": lambda layers: exports.named(layers, "sklearn"),
    "nested": nested,
    "in turn": lambda layers: list(exports.unnamed(layers).values()),
    "matrices first": lambda layers: [layer.kernel for layer in layers] + [layer.bias for layer in layers],
}


@pytest.mark.parametrize("form", FORMS)
def test_arrays_of_several_networks_become_an_ensemble(images, form):
    several = [drawn(seed) for seed in range(3)]
    networks = foreign.from_arrays(*map(FORMS[form], several), activation="relu")
    assert isinstance(networks, Network) and ensemble.size(networks) == 3
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(networks.variables))
    for seed, layers in enumerate(several):
        np.testing.assert_allclose(logits(networks, images, seed), exports.forward(layers, images), atol=1e-5)


def test_networks_do_not_change_with_the_arrays_that_they_came_from(images):
    arrays = exports.named(drawn(0), "sklearn")
    networks = foreign.from_arrays(arrays, activation="relu")
    before = logits(networks, images)
    for array in arrays.values():
        array[:] = 7
    np.testing.assert_array_equal(logits(networks, images), before)


def test_a_given_orientation_and_order_decide(images):
    square = exports.draw(np.random.default_rng(0), (5, 5, 5))
    arrays = dict(sorted({f"{name}_w": layer.kernel for name, layer in zip("ba", square, strict=True)}.items()))
    with pytest.raises(InputError, match=r"the network .*--layers"):
        foreign.from_arrays(arrays, activation="relu")
    networks = foreign.from_arrays(arrays, activation="relu", layers=("b_w", "a_w"), orientation="inputs-first")
    bare = [layer._replace(bias=None) for layer in square]
    np.testing.assert_allclose(logits(networks, images), exports.forward(bare, images), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "the network does not tell its activation function: give activation=…, one of relu, tanh"),
        ({"colour": 1}, "a model has no colour; it has widths"),
        ({"activation": "relu", "widths": (4, 5)}, "holds .*: widths 4 4"),
        ({"activation": "relu", "input_std": 0.0}, "input_std must be positive"),
    ],
)
def test_what_is_missing_or_wrong_is_named(options, message):
    with pytest.raises(InputError, match=message):
        foreign.from_arrays(exports.named(drawn(0), "sklearn"), **options)


def test_no_network_is_refused():
    with pytest.raises(InputError, match="there is no network to import: give at least one"):
        foreign.from_arrays()


def test_networks_of_other_architectures_are_named():
    other = exports.named(exports.draw(np.random.default_rng(1), (5, 4, 3, 2)), "sklearn")
    with pytest.raises(InputError, match="network 1 has widths 4 3, and network 0 has 4 4: import networks of one"):
        foreign.from_arrays(exports.named(drawn(0), "sklearn"), other, activation="relu")


# PyTorch modules.


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def build(torch, activation, norm=None, position="before", sizes=(5, 4, 4)):
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        normed = [] if norm is None else [norm(outputs)]
        after = [*normed, activation] if position == "before" else [activation, *normed]
        layers += [torch.nn.Linear(inputs, outputs), *after, torch.nn.Dropout(0.2)]
    return torch.nn.Sequential(torch.nn.Flatten(), *layers, torch.nn.Linear(sizes[-1], 2))


def answered(torch, module, images):
    with torch.no_grad():
        module(torch.from_numpy(images) * 3)  # batch norm sees some statistics
        return module.eval()(torch.from_numpy(images)).numpy()


@pytest.mark.parametrize(
    ("activation", "name"),
    [
        (lambda nn: nn.ReLU(), "relu"),
        (lambda nn: nn.Tanh(), "tanh"),
        (lambda nn: nn.Sigmoid(), "sigmoid"),
        (lambda nn: nn.GELU(), "gelu_exact"),
        (lambda nn: nn.GELU("tanh"), "gelu"),
        (lambda nn: nn.Identity(), "identity"),
    ],
)
def test_a_sequential_tells_its_activation_function(torch, images, activation, name):
    shared = activation(torch.nn)  # one module, used twice
    module = build(torch, shared)
    expected = answered(torch, module, images)
    networks = foreign.from_torch(module)
    assert networks.model.activation == name
    np.testing.assert_allclose(logits(networks, images), expected, atol=1e-6)


@pytest.mark.parametrize("position", ["before", "after"])
@pytest.mark.parametrize("norm", ["batch", "layer", "layer without weights", "batch without weights"])
def test_a_sequential_tells_its_norm(torch, images, norm, position):
    kind = torch.nn.BatchNorm1d if norm.startswith("batch") else torch.nn.LayerNorm
    options = {"affine" if norm.startswith("batch") else "elementwise_affine": "without" not in norm}
    module = build(torch, torch.nn.Tanh(), lambda units: kind(units, eps=1e-2, **options), position)
    expected = answered(torch, module, images)
    networks = foreign.from_torch(module)
    assert (networks.model.norm, networks.model.norm_position) == (norm.split()[0], position)
    np.testing.assert_allclose(logits(networks, images), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch.compile loads parts of torch that are deprecated
def test_wrapped_and_nested_modules_are_read(torch, images):
    body = build(torch, torch.nn.Tanh())
    expected = answered(torch, body, images)
    whole = torch.nn.Sequential(*list(body)[:-1], torch.nn.Sequential(body[-1], torch.nn.LogSoftmax(-1)))
    for module in (body, whole, torch.nn.DataParallel(body), torch.compile(whole), torch.compile(body)):
        networks = foreign.from_torch(module)
        assert networks.model.activation == "tanh"
        np.testing.assert_allclose(logits(networks, images), expected, atol=1e-6)


def test_weight_norm_is_folded(torch, images):
    module = build(torch, torch.nn.Tanh())
    torch.nn.utils.parametrizations.weight_norm(module[1])
    expected = answered(torch, module, images)
    np.testing.assert_allclose(logits(foreign.from_torch(module), images), expected, atol=1e-6)


def test_the_order_in_a_sequential_is_stronger_than_names(torch, images):
    names = ("output10", "act", "in2", "again", "fc1")
    parts = (torch.nn.Linear(5, 5), torch.nn.Tanh(), torch.nn.Linear(5, 5), torch.nn.Tanh(), torch.nn.Linear(5, 5))
    module = torch.nn.Sequential(OrderedDict(zip(names, parts, strict=True)))
    expected = answered(torch, module, images)
    np.testing.assert_allclose(logits(foreign.from_torch(module), images), expected, atol=1e-6)


def test_another_module_is_asked_for_its_activation_function(torch, images):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.fc2 = torch.nn.Linear(5, 4), torch.nn.Linear(4, 2)

        def forward(self, x):
            return self.fc2(torch.tanh(self.fc1(x)))

    class Odd(torch.nn.Sequential):  # which need not compute its parts in turn
        pass

    module = Net()
    odd = Odd(torch.nn.Linear(5, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    for silent in (module, odd):
        with pytest.raises(InputError, match="the module does not tell its activation function: give activation=…"):
            foreign.from_torch(silent)
    expected = answered(torch, module, images)
    networks = foreign.from_torch(module, activation="tanh")
    np.testing.assert_allclose(logits(networks, images), expected, atol=1e-6)


def test_half_precision_modules_are_read_and_are_not_aliased(torch, images):
    module = build(torch, torch.nn.Tanh()).bfloat16()
    networks = foreign.from_torch(module)
    before = logits(networks, images)
    with torch.no_grad():
        expected = module.float().eval()(torch.from_numpy(images)).numpy()
        np.testing.assert_allclose(before, expected, atol=1e-6)
        for parameter in module.parameters():
            parameter.zero_()
    np.testing.assert_array_equal(logits(networks, images), before)


def test_what_is_no_mlp_is_refused(torch):
    nn = torch.nn
    for module, message in (
        (nn.Sequential(nn.Linear(5, 4), nn.ELU(), nn.Linear(4, 2)), "has the activation function ELU: only relu"),
        (nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 2)), "more than one"),
        (nn.Sequential(nn.ReLU(), nn.Linear(5, 2)), "does not begin with a linear layer"),
        (nn.Sequential(nn.Conv1d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2)), "has 0.Conv1d: .* only Conv2d"),
    ):
        with pytest.raises(InputError, match=message):
            foreign.from_torch(module)
    contradicted = nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 2))
    with pytest.raises(InputError, match=r"--model\.activation tanh, and --model.activation says relu"):
        foreign.from_torch(contradicted, activation="relu")
