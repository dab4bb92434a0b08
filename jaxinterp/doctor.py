"""Is this installation in order? What it runs on, whether devices agree, what is missing, whether data are whole.

An accelerator is compared with the CPU in one step of training of a small MLP on random images: logits, gradient, and
the change of the weights. The difference is the largest of any number, divided by the largest number.
"""

import os
import platform
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Float
from packaging.requirements import Requirement

from jaxinterp import data, ensemble, epoch, machine, metrics, networks, recipes
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

# 32-bit floats differ by about 1e-6 after a product over 784 pixels; products of fewer bits differ by 1e-3.
TOLERANCE = 1e-4
EXTRAS = {
    "cuda": "training and analyses on NVIDIA GPUs",
    "explain": "labels of units by a language model",
    "keras": "import of .keras and .weights.h5 files",
    "notebooks": "the notebooks",
    "projection": "pictures of activations by t-SNE and UMAP",
    "tensorboard": "learning curves as event files for TensorBoard",
    "wandb": "learning curves as offline runs of W&B",
}
_PACKAGE = "jaxinterp"
_CONFIG, _PIXELS = recipes.get("bottleneck-neurons").config, 28 * 28
_COMPARED = ("logits", "gradient", "step of training")
_GIB = 2**30
_NVIDIA = Path("/proc/driver/nvidia/version")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "XLA_FLAGS")

Verdict = Literal["", "ok", "missing", "wrong"]


class Check(NamedTuple):
    """One line of the self-check; verdict: "" for what is only said."""

    topic: str
    what: str
    found: str
    expected: str
    verdict: Verdict


def checks() -> Iterator[Check]:
    """All checks, one after the other, since some take seconds."""
    yield from versions()
    yield from hardware()
    yield from agreement()
    yield from extras()
    altered = data.altered(data.shipped())
    found = f"altered or missing: {', '.join(altered)}" if altered else "as published"
    yield Check("data", "shipped MNIST", found, "checksums of the original", "wrong" if altered else "ok")


def versions() -> Iterator[Check]:
    """The versions of Python, of this package, and of the packages that it always needs."""
    yield Check("version", "python", platform.python_version(), "", "")
    for package in (_PACKAGE, "jaxlib"):
        yield Check("version", package, machine.version(package) or "not installed", "", "")
    for requirement in _requirements(_PACKAGE, ""):
        version = machine.version(requirement.name)
        verdict = "missing" if version is None else "ok" if requirement.specifier.contains(version, True) else "wrong"
        yield Check("version", requirement.name, version or "not installed", str(requirement.specifier), verdict)


def hardware() -> Iterator[Check]:
    """What this process computes with."""
    yield Check("hardware", "machine", f"{platform.system()} {platform.machine()}", "", "")
    yield Check("hardware", "cores of this process", str(ensemble.cores()), "", "")
    yield Check("hardware", "memory", f"{machine.memory() / _GIB:.1f} GiB", "", "")
    for name in _THREADS:
        yield Check("hardware", name, os.environ.get(name) or "not set", "", "")
    for device in jax.local_devices():
        limit = (device.memory_stats() or {}).get("bytes_limit")
        memory = f", {limit / _GIB:.1f} GiB" if limit else ""
        yield Check("hardware", f"device {device.id}", f"{device.device_kind} ({device.platform}){memory}", "", "")
    if _NVIDIA.is_file() and jax.default_backend() == "cpu":
        yield Check("hardware", "NVIDIA GPU", "there, and not used by JAX", "pip install '.[cuda]'", "missing")
    precision = jax.config.jax_default_matmul_precision or "the device's own"  # pyright: ignore
    yield Check("hardware", "precision of products", precision, "", "")


def agreement(devices: Sequence[Any] | None = None) -> Iterator[Check]:
    """Whether devices, by default all accelerators, compute what the CPU does."""
    if devices is None:
        devices = [device for device in jax.local_devices() if device.platform != "cpu"]
    if not devices:
        yield Check("agreement", "with the CPU", "there is no accelerator", "", "")
        return
    reference = step_on(jax.local_devices(backend="cpu")[0])
    for device in devices:
        for what, found in step_on(device).items():
            difference = _difference(found, reference[what])
            verdict = "ok" if difference <= TOLERANCE else "wrong"
            name = f"{what}, device {device.id} to the CPU"
            yield Check("agreement", name, f"{difference:.1e}", f"at most {TOLERANCE:.0e}", verdict)


def step_on(device: Any) -> dict[str, Float[np.ndarray, " numbers"]]:
    """Logits, gradient and change of weights in one step of training on a device."""
    config, model = _CONFIG.train, networks.build(_CONFIG.model)
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(config.batch_size, _PIXELS)).astype(np.float32)
    examples = Dataset(images, rng.integers(0, model.outputs, config.batch_size).astype(np.int32))
    hyperparameters = jax.tree.map(lambda leaf: leaf[0], epoch.hyperparameters_of([(config, model.dropout)]))
    key, order = jax.random.key(0), np.arange(config.batch_size)
    with jax.default_device(jax.local_devices(backend="cpu")[0]):  # the same weights, wherever the step is computed
        state = jax.device_get(
            jax.jit(epoch.start, static_argnums=(0, 1, 4))(model, config, hyperparameters, key, _PIXELS)
        )

    def loss(variables, examples):
        logits, _ = Network(model, variables)(examples.images)
        return metrics.losses(config.loss, logits, examples.labels).mean(), logits

    def step(state, hyperparameters, key, order, examples):
        gradient, logits = jax.grad(loss, has_aux=True)(state.variables, examples)
        new, _ = epoch.train_epoch(model, config, state, hyperparameters, key, order, examples, None)
        change = jax.tree.map(jnp.subtract, new.variables, state.variables)
        return {name: ravel_pytree(tree)[0] for name, tree in zip(_COMPARED, (logits, gradient, change), strict=True)}

    return jax.device_get(jax.jit(step)(*jax.device_put((state, hyperparameters, key, order, examples), device)))


def _difference(found: np.ndarray, reference: np.ndarray) -> float:
    """The largest difference, relative to the largest number; NaN where a number is none."""
    return float(np.abs(found - reference).max() / np.abs(reference).max())


def _requirements(package: str, extra: str) -> list[Requirement]:
    """What an installed package needs here: always for the extra "", and for an extra alone otherwise."""
    try:
        found = map(Requirement, metadata.requires(package) or ())
    except metadata.PackageNotFoundError:
        return []
    wanted = [part for part in found if part.marker is None or part.marker.evaluate({"extra": extra})]
    return wanted if not extra else [part for part in wanted if "extra" in str(part.marker)]


def _missing(package: str, extra: str) -> list[str]:
    """Packages of an extra that are not installed, and what is missing of their own extras that it asks for."""
    found = []
    for requirement in _requirements(package, extra):
        if machine.version(requirement.name) is None:
            found.append(requirement.name)
        else:
            found += [name for part in sorted(requirement.extras) for name in _missing(requirement.name, part)]
    return found


def extras() -> Iterator[Check]:
    """Which optional packages are missing, and what they would enable."""
    for extra, purpose in EXTRAS.items():
        missing = _missing(_PACKAGE, extra)
        found = f"missing: {', '.join(missing)}" if missing else "installed"
        expected = f"pip install '.[{extra}]' for {purpose}" if missing else purpose
        yield Check("extra", extra, found, expected, "missing" if missing else "ok")
