"""jaxinterp asks interpretability questions of hundreds of small networks at once, with error bars and controls.

Modules load when they are first used, so that `import jaxinterp` costs no more than `import jax`.
"""

import importlib

_MODULES = (
    "analysis",
    "choices",
    "config",
    "controls",
    "data",
    "ensemble",
    "foreign",
    "interventions",
    "jobs",
    "metrics",
    "networks",
    "questions",
    "recipes",
    "records",
    "report",
    "stats",
    "store",
    "studies",
    "sweeps",
    "train",
)


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(_MODULES)}")


def __dir__():
    return sorted([*globals(), *_MODULES])
