"""How do t-SNE and UMAP draw a layer? By openTSNE and umap-learn, of the extra `projection`.

Both are loaded when a picture is asked for: umap-learn takes seconds to import.
"""

from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from jaxtyping import Array, Float

from jaxinterp.errors import InputError

Activations = Float[Array | np.ndarray, "examples units"]
Picture = Float[np.ndarray, "examples 2"]

EXTRA = "pip install 'jaxinterp[projection]'"
PERPLEXITY, NEIGHBOURS = 30, 15  # what the two libraries take by default
# Principal components. From a random start, where groups lie in the picture is random too (Kobak and Linderman 2021,
# Initialization is critical for preserving global data structure in both t-SNE and UMAP).
_START = "pca"


class UndrawableError(InputError):
    """Activations of which a method, with these settings, has no meaningful picture."""


def t_sne(activations: Activations, *, seed: int, perplexity: int = PERPLEXITY) -> Picture:
    """The picture of t-SNE (van der Maaten and Hinton 2008, Visualizing data using t-SNE).

    Equal seeds give equal pictures. Raises UndrawableError where all examples are alike, and where they are fewer than
    three times the perplexity, for which the library would take a lower one; InputError where it is not installed.
    """
    if not 1 < perplexity <= (len(activations) - 1) / 3:
        raise UndrawableError(
            f"perplexity {perplexity} for {len(activations)} examples: use more than 1 and at most "
            f"{(len(activations) - 1) / 3:g}, a third of the others"
        )
    points = drawable(activations)
    try:
        import openTSNE  # pyright: ignore
    except ImportError:
        raise _missing("openTSNE", "openTSNE") from None
    embedding = openTSNE.TSNE(perplexity=perplexity, initialization=_START, random_state=seed, n_jobs=1)
    return np.asarray(embedding.fit(points), np.float32)


def umap(activations: Activations, *, seed: int, neighbours: int = NEIGHBOURS) -> Picture:
    """The picture of UMAP (McInnes, Healy and Melville 2018, arXiv 1802.03426).

    Equal seeds give equal pictures, and equal activations equal points. Raises UndrawableError where all examples are
    alike, and where fewer than neighbours + 1 differ; InputError where the library is not installed.
    """
    points = drawable(activations)
    if (different := len(np.unique(points, axis=0))) <= neighbours:
        raise UndrawableError(f"{neighbours} neighbours of {different} different examples: use at most {different - 1}")
    try:
        import umap as library  # pyright: ignore
    except ImportError:
        raise _missing("umap-learn", "umap") from None
    # Equal points would otherwise be drawn apart. One job, or it warns that a seed leaves it but one.
    model = library.UMAP(n_neighbors=neighbours, init=_START, unique=True, random_state=seed, n_jobs=1)
    return np.asarray(model.fit_transform(points), np.float32)


METHODS: dict[str, Callable[..., Picture]] = {"t-SNE": t_sne, "UMAP": umap}
_MODULES = {"t-SNE": "openTSNE", "UMAP": "umap"}


def installed() -> tuple[str, ...]:
    """Names of the METHODS whose libraries are installed."""
    return tuple(name for name in METHODS if find_spec(_MODULES[name]) is not None)


def _missing(library: str, what: str) -> InputError:
    return InputError(f"pictures by {what} need {library}, which is not installed: {EXTRA}")


def drawable(activations: Activations) -> Float[np.ndarray, "examples units"]:
    """The activations, if they have a picture. Raises UndrawableError where they are all alike, or not finite."""
    points = np.asarray(activations, np.float32)
    if not np.isfinite(points).all():
        raise UndrawableError("activations must be finite to be drawn: leave out networks that diverged")
    if (points == points[0]).all():
        raise UndrawableError(f"all {len(points)} examples have the same activations: a dead layer has no picture")
    return points
