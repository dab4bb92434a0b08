"""Which libraries are compared with, and what do they make of our networks?"""

import importlib
import importlib.util
from typing import Any

import numpy as np


def _installed(name: str) -> Any:
    return importlib.import_module(name) if importlib.util.find_spec(name.partition(".")[0]) else None


torch: Any = _installed("torch")
captum: Any = _installed("captum.attr")
ckatorch: Any = _installed("ckatorch.core")
rdm: Any = _installed("rsatoolbox.rdm")


def missing(name: str) -> str:
    """The note of a row whose peer is not installed."""
    return f"{name} not installed: pip install .[bench]"


def torch_model(params):
    """The plain ReLU network of these parameters as a PyTorch module, in their precision."""
    layers = []
    for name in (*sorted(name for name in params if name != "output"), "output"):
        linear = torch.nn.Linear(*params[name]["kernel"].shape)
        linear.weight.data = torch.tensor(np.array(params[name]["kernel"]).T.copy())
        linear.bias.data = torch.tensor(np.array(params[name]["bias"]))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])
