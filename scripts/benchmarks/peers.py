"""Which libraries are the peers, and how do they represent our networks?"""

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np


def _installed(name: str) -> Any:
    return importlib.import_module(name) if importlib.util.find_spec(name.partition(".")[0]) else None


def _lucent() -> Any:
    if importlib.util.find_spec("lucent") is None:
        return None
    if _is_broken("torchvision"):
        # A CPU build of PyTorch has no torchvision on PyPI. The benchmark uses no part of lucent that needs it.
        empty = {name: ModuleType(name) for name in ("torchvision", "torchvision.transforms", "torchvision.models")}
        empty["torchvision.transforms"].Normalize = None  # pyright: ignore[reportAttributeAccessIssue]
        sys.modules.update(empty)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its kornia uses torch.jit
        return SimpleNamespace(
            **{name: importlib.import_module(f"lucent.optvis.{name}") for name in ("objectives", "param", "render")}
        )


def _is_broken(name: str) -> bool:
    try:
        importlib.import_module(name)
    except (ImportError, RuntimeError):
        return True
    return False


torch: Any = _installed("torch")
captum: Any = _installed("captum.attr")
ckatorch: Any = _installed("ckatorch.core")
rdm: Any = _installed("rsatoolbox.rdm")
lucent: Any = _lucent()


def missing(name: str) -> str:
    """The note of a row whose peer is not installed."""
    return f"{name} not installed: pip install .[bench]"


def with_threads(threads: int, turns: Iterator[Any]) -> Iterator[Any]:
    """The same turns with so many threads of PyTorch. Small products can be faster on one than on all cores."""
    while True:
        torch.set_num_threads(threads)
        yield next(turns)


def torch_model(params):
    """The plain ReLU network of these parameters as a PyTorch module, in their precision."""
    layers = []
    for name in (*sorted(name for name in params if name != "output"), "output"):
        linear = torch.nn.Linear(*params[name]["kernel"].shape)
        linear.weight.data = torch.tensor(np.array(params[name]["kernel"]).T.copy())
        linear.bias.data = torch.tensor(np.array(params[name]["bias"]))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])
