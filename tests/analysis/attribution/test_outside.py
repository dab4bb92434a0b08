"""Agreement with captum, in float64, where it is installed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.analysis import attribution
from jaxinterp.analysis.attribution import integrals
from jaxinterp.interventions import replace

STEPS = 20


@pytest.fixture(scope="module")
def captum():
    return pytest.importorskip("captum.attr")


@pytest.fixture
def float64():
    with jax.enable_x64(True):
        yield


def cast(build, images, activation):
    network = build("batch", "after", activation)
    network = jax.tree.map(lambda leaf: jnp.asarray(np.asarray(leaf, np.float64)), network)
    return network, jnp.asarray(np.asarray(images, np.float64))


def torch_model(network):
    torch = pytest.importorskip("torch")
    kind = {"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[network.model.activation]
    layers = []
    folded = [(np.asarray(kernel), np.asarray(bias)) for kernel, bias in jax.jit(attribution.folded)(network)]
    for kernel, bias in folded:
        linear = torch.nn.Linear(*kernel.shape, dtype=torch.float64)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(kernel.T))
            linear.bias.copy_(torch.tensor(bias))
        layers += [linear, kind()]
    return torch.nn.Sequential(*layers[:-1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_maps_are_captums(activation, build, images, captum, float64, monkeypatch):
    nodes = integrals._nodes

    def rounded(steps, dtype):
        """captum's weights are float32, whatever the network is."""
        places, weights = nodes(steps, dtype)
        return places, weights.astype(np.float32).astype(dtype)

    monkeypatch.setattr(integrals, "_nodes", rounded)
    torch = pytest.importorskip("torch")
    network, images = cast(build, images, activation)
    model, units = torch_model(network), np.arange(len(images)) % 3
    inputs, targets = torch.tensor(np.array(images), requires_grad=True), torch.tensor(units)
    blank = np.full(images.shape[1], 0.3)
    integrated = captum.IntegratedGradients(model).attribute(
        inputs, torch.tensor(blank).expand_as(inputs), target=targets, n_steps=STEPS
    )
    ours = {
        "gradient": attribution.gradient(network, images, units),
        "input × gradient": attribution.gradient_times_input(network, images, units),
        "integrated": attribution.integrated_gradients(network, images, units, baseline=blank, steps=STEPS),
    }
    theirs = {
        "gradient": captum.Saliency(model).attribute(inputs, target=targets, abs=False),
        "input × gradient": captum.InputXGradient(model).attribute(inputs, target=targets),
        "integrated": integrated,
    }
    for name, found in ours.items():
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, theirs[name].detach().numpy(), rtol=0, atol=1e-10, err_msg=name)


def left_sum(network, images, unit, steps):
    """Conductance as captum sums it: gradients at the left of each of the pieces between steps + 1 nodes."""
    places = (np.polynomial.legendre.leggauss(steps + 1)[0] + 1) / 2

    def at(place):
        passed = network(place * images)[1]["hidden0/post"]
        by_unit = jax.grad(lambda x: network(images, {"hidden0/post": replace(x)})[0][:, unit].sum())
        return passed, by_unit(passed)

    passed, gradients = jax.jit(jax.vmap(at))(places)
    return jnp.sum(jnp.diff(passed, axis=0) * gradients[:-1], axis=0)


def test_captums_conductance_is_a_left_sum_that_tends_to_ours(build, images, captum, float64):
    torch = pytest.importorskip("torch")
    network, images = cast(build, images, "tanh")
    model = torch_model(network)
    theirs = captum.LayerConductance(model, model[1]).attribute(torch.tensor(np.array(images)), target=1, n_steps=STEPS)
    np.testing.assert_allclose(left_sum(network, images, 1, STEPS), theirs.detach().numpy(), rtol=0, atol=1e-10)
    ours = attribution.conductance(network, images, 1, through="hidden0/post", steps=STEPS)
    errors = [np.abs(left_sum(network, images, 1, steps) - ours).max() for steps in (50, 100, 200)]
    np.testing.assert_allclose(np.divide(errors[:-1], errors[1:]), 2, rtol=0.05)
