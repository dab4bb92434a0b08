"""jaxinterp asks interpretability questions of hundreds of small networks at once, with error bars and controls.

Modules load when they are first used, so that `import jaxinterp` costs no more than `import jax`.
"""

import importlib

__all__ = (
    "__version__",
    "analysis",
    "choices",
    "config",
    "controls",
    "data",
    "ensemble",
    "errors",
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
    if name == "__version__":
        from importlib import metadata

        return metadata.version(__name__)
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")


def __dir__():
    return sorted([*globals(), *__all__])
