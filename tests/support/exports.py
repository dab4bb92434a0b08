"""Random networks and the files that libraries would save them in, for tests of the import."""

import itertools
from typing import NamedTuple

import numpy as np

EPSILON = 1e-5
PARTS = ("scale", "shift", "mean", "var")


class Dense(NamedTuple):
    """A linear layer, inputs × outputs, and the norm after it: PARTS, those that it has."""

    kernel: np.ndarray
    bias: np.ndarray | None
    norm: dict[str, np.ndarray]


def draw(rng, sizes, *, norm="none", bias=True, affine=True):
    """Layers of a random network with these sizes."""
    parts = {"none": (), "layer": PARTS[:2], "batch": PARTS}[norm]
    layers = []
    for place, shape in enumerate(itertools.pairwise(sizes)):
        units, last = shape[1], place == len(sizes) - 2
        drawn = {part: rng.uniform(0.5, 1.5, units).astype(np.float32) for part in parts if not last}
        drawn = {part: value for part, value in drawn.items() if affine or part in PARTS[2:]}
        kernel = (rng.normal(size=shape) / np.sqrt(shape[0])).astype(np.float32)
        layers.append(Dense(kernel, rng.normal(size=units).astype(np.float32) if bias else None, drawn))
    return layers


def forward(layers, images, norm="none"):
    """The logits of layers, computed with NumPy in float64."""
    x = np.float64(images)
    for place, layer in enumerate(layers):
        x = x @ layer.kernel + (0 if layer.bias is None else layer.bias)
        if place == len(layers) - 1:
            return x
        if norm != "none":
            mean = layer.norm["mean"] if norm == "batch" else x.mean(-1, keepdims=True)
            var = layer.norm["var"] if norm == "batch" else x.var(-1, keepdims=True)
            x = (x - mean) / np.sqrt(var + EPSILON) * layer.norm.get("scale", 1) + layer.norm.get("shift", 0)
        x = np.maximum(x, 0)


# Names of a kernel, a bias and a norm's parts, of layer n (from 0) of those with such a name; {last} is "output" for
# the last layer. Then whether matrices lie as outputs × inputs by the library's custom.
SCHEMES = {
    "torch": ("fc{n}.weight", "fc{n}.bias", dict(zip(PARTS, ("bn{n}.weight", "bn{n}.bias", "bn{n}.running_mean",
                                                             "bn{n}.running_var"), strict=True)), True),
    "flax": ("params/Dense_{n}/kernel", "params/Dense_{n}/bias", {
        "scale": "params/BatchNorm_{n}/scale", "shift": "params/BatchNorm_{n}/bias",
        "mean": "batch_stats/BatchNorm_{n}/mean", "var": "batch_stats/BatchNorm_{n}/var"}, False),
    "keras": ("net/dense{_n}/kernel:0", "net/dense{_n}/bias:0", {
        "scale": "net/batch_normalization{_n}/gamma:0", "shift": "net/batch_normalization{_n}/beta:0",
        "mean": "net/batch_normalization{_n}/moving_mean:0", "var": "net/batch_normalization{_n}/moving_variance:0"},
        False),
    "numpy": ("W{n}", "b{n}", dict(zip(PARTS, ("gamma{n}", "beta{n}", "mean{n}", "var{n}"), strict=True)), False),
    "sklearn": ("coefs_{n}", "intercepts_{n}", {part: f"norm_{part}_{{n}}" for part in PARTS}, False),
    "haiku": ("mlp/~/linear{_n}/w", "mlp/~/linear{_n}/b", {
        "scale": "mlp/~/norm{_n}/scale", "shift": "mlp/~/norm{_n}/offset", "mean": "mlp/~/norm{_n}/mean",
        "var": "mlp/~/norm{_n}/var"}, False),
    "ours": ("params/{ours}/kernel", "params/{ours}/bias", {
        "scale": "params/norm{n}/scale", "shift": "params/norm{n}/bias", "mean": "batch_stats/norm{n}/mean",
        "var": "batch_stats/norm{n}/var"}, False),
}  # fmt: skip


def named(layers, scheme, *, transposed=None, norm="batch"):
    """Tensors under a scheme's names. transposed: as outputs × inputs; by default as the library does."""
    kernel, bias, parts, custom = SCHEMES[scheme]
    tensors = {}
    for n, layer in enumerate(layers):
        words = {"n": n, "_n": f"_{n}" if n else "", "ours": "output" if n == len(layers) - 1 else f"hidden{n}"}
        turned = custom if transposed is None else transposed
        tensors[kernel.format(**words)] = layer.kernel.T if turned else layer.kernel
        if layer.bias is not None:
            tensors[bias.format(**words)] = layer.bias
        for part, value in layer.norm.items():
            name = parts[part].format(**words)
            if norm == "layer":
                name = name.replace("BatchNorm", "LayerNorm").replace("batch", "layer").replace("bn", "ln")
            tensors[name] = value
    return tensors


def sequential(layers):
    """Tensors under the names of PyTorch's nn.Sequential: linear, [norm], activation, linear, …"""
    tensors, place = {}, 0
    for layer in layers:
        tensors[f"{place}.weight"] = layer.kernel.T
        if layer.bias is not None:
            tensors[f"{place}.bias"] = layer.bias
        own = zip(PARTS, ("weight", "bias", "running_mean", "running_var"), strict=True)
        tensors |= {f"{place + 1}.{name}": layer.norm[part] for part, name in own if part in layer.norm}
        place += 3 if layer.norm else 2
    return tensors


def unnamed(layers):
    """Tensors without names, as numpy.savez(*model.get_weights()) saves them."""
    arrays = [
        array
        for layer in layers
        for array in (layer.kernel, layer.bias, *(layer.norm.get(part) for part in PARTS))
        if array is not None
    ]
    return {f"arr_{place}": array for place, array in enumerate(arrays)}
