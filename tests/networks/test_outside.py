"""Convolutions as PyTorch computes them: forward pass, gradients, a training step, and the order of flattened maps."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxinterp import networks
from jaxinterp.config import ModelConfig

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
nn, functional = torch.nn, torch.nn.functional

# Odd sizes, padding at stride 2, one and three channels; pooling that leaves rows over.
CONFIGS = {
    "stride 2": ModelConfig(
        (6,), 3, channels=(4, 5), stride=(2, 1), padding=(1,), pool_size=(1,), image_shape=(9, 7, 1)
    ),
    "colour": ModelConfig((6,), 3, channels=(4,), kernel_size=(5,), padding=(2,), image_shape=(9, 7, 3)),
    "mean": ModelConfig(
        (), 3, channels=(4, 3), kernel_size=(2, 3), pool="mean", pool_size=(2, 1), image_shape=(11, 8, 1)
    ),
    "batch norm": ModelConfig((6,), 3, channels=(4,), norm="batch", image_shape=(8, 8, 1)),
}


def outside(network):
    """The same network as a module: dense kernels transposed, and the first reordered for maps that C, H, W flatten."""
    model, variables = network.model, jax.tree.map(np.asarray, network.variables)
    parts = [nn.Unflatten(1, model.image_shape), _ToChannelsFirst()]
    channels = model.image_shape[2]
    for number, units in enumerate(model.channels):
        size, stride, padding = model.kernel_size[number], model.stride[number], model.padding[number]
        convolution = nn.Conv2d(channels, units, size, stride, padding)
        _set(convolution, variables["params"][f"conv{number}"], (3, 2, 0, 1))
        parts += [convolution, *_norm(nn.BatchNorm2d, variables, f"conv_norm{number}", units, model), nn.ReLU()]
        pooling = nn.MaxPool2d if model.pool == "max" else nn.AvgPool2d
        parts += [pooling(model.pool_size[number])] if model.pool_size[number] > 1 else []
        channels = units
    parts.append(nn.Flatten())
    positions, inputs = model.maps[-1], channels * model.maps[-1][0] * model.maps[-1][1]
    for number, units in enumerate((*model.widths, model.outputs)):
        last = number == len(model.widths)
        dense = nn.Linear(inputs, units)
        part = variables["params"]["output" if last else f"hidden{number}"]
        kernel = part["kernel"]
        if not number:
            kernel = kernel.reshape(*positions, channels, units).transpose(2, 0, 1, 3).reshape(inputs, units)
        _set(dense, part | {"kernel": kernel}, (1, 0))
        parts += [dense] + (
            [] if last else [*_norm(nn.BatchNorm1d, variables, f"norm{number}", units, model), nn.ReLU()]
        )
        inputs = units
    return nn.Sequential(*parts)


class _ToChannelsFirst(nn.Module):
    def forward(self, images):
        return images.permute(0, 3, 1, 2)


def _set(module, part, axes):
    with torch.no_grad():
        module.weight.copy_(torch.tensor(part["kernel"].transpose(axes)))
        module.bias.copy_(torch.tensor(part["bias"]))


def _norm(kind, variables, name, units, model):
    if model.norm == "none":
        return []
    module, part, kept = kind(units, eps=model.norm_epsilon), variables["params"][name], variables["batch_stats"][name]
    values = {"weight": part["scale"], "bias": part["bias"], "running_mean": kept["mean"], "running_var": kept["var"]}
    with torch.no_grad():
        for place, value in values.items():
            getattr(module, place).copy_(torch.tensor(value))
    return [module]


def made(name, key):
    config = dataclasses.replace(CONFIGS[name], initializer="torch")
    pixels = int(np.prod(config.image_shape))
    return networks.init(key, networks.build(config), pixels), jax.random.uniform(key, (5, pixels))


@pytest.mark.parametrize("name", CONFIGS)
def test_logits_and_gradients_are_pytorchs(name, key):
    network, images = made(name, key)
    theirs, inputs = outside(network).eval(), torch.tensor(np.asarray(images), requires_grad=True)
    logits = theirs(inputs)
    np.testing.assert_allclose(network(images)[0], logits.detach(), rtol=1e-4, atol=1e-5)
    logits[:, 1].sum().backward()
    gradient = jax.grad(lambda images: jnp.sum(network(images)[0][:, 1]))(images)
    np.testing.assert_allclose(gradient, inputs.grad, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_training_step_is_pytorchs(name, key):
    network, images = made(name, key)
    theirs, labels, rate = outside(network).train(), np.arange(5) % 3, 0.1
    optimizer = torch.optim.SGD(theirs.parameters(), lr=rate)
    functional.cross_entropy(theirs(torch.tensor(np.asarray(images))), torch.tensor(labels)).backward()
    optimizer.step()

    def loss(params):
        variables = network.variables | {"params": params}
        (logits, _), kept = network.model.apply(variables, images, train=True, mutable=["batch_stats"])
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels)), kept

    gradients, kept = jax.grad(loss, has_aux=True)(network.variables["params"])
    moved = jax.tree.map(lambda value, slope: value - rate * slope, network.variables["params"], gradients)
    ours = network.replace(variables={"params": moved, **kept})
    # PyTorch keeps the unbiased variance: in evaluation only networks without batch norm agree.
    if network.model.norm == "none":
        np.testing.assert_allclose(
            ours(images)[0], theirs.eval()(torch.tensor(np.asarray(images))).detach(), rtol=1e-3, atol=1e-5
        )
    weights = theirs[2].weight.detach().numpy().transpose(2, 3, 1, 0)
    np.testing.assert_allclose(moved["conv0"]["kernel"], weights, rtol=1e-3, atol=1e-5)
