"""What can be said of a unit without a language model? Three rules that write a label from its facts.

They are baselines for language models, and label every unit offline. Their sentences are read by `simulate`:

    Dead neuron.
    Active for 3 and 8; weakly for 5.
    Ink in the upper left and the middle; some ink in the lower left; no ink in the upper right; little ink in …
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from jaxinterp.explanation.facts import Facts
from jaxinterp.explanation.simulate import DEAD, cell_name, cells

# Of the strongest response: more than the first is said plainly, more than the second as weak.
STRONG, SOME = 2 / 3, 1 / 3
NOTHING = "No preference."

Explainer = Callable[[Facts], str]


def class_means(facts: Facts) -> str:
    """The classes whose mean activation stands out between the lowest and the highest class mean."""
    lowest = np.min(facts.class_mean, where=np.isfinite(facts.class_mean), initial=np.inf)
    return _unless_dead(facts, lambda: _of_classes(facts, facts.class_mean - lowest))


def weight_regions(facts: Facts) -> str:
    """The cells of the image whose pixels contribute most, and those that contribute most against the unit."""
    return _unless_dead(facts, lambda: _of_regions(cells(facts.image_shape) @ facts.weight_map))


def exemplars(facts: Facts) -> str:
    """The classes of the images that activate the unit most."""
    counts = np.bincount(facts.exemplar_labels, minlength=len(facts.class_names))
    return _unless_dead(facts, lambda: _of_classes(facts, counts.astype(float)))


EXPLAINERS: dict[str, Explainer] = {
    "class means": class_means,
    "weight regions": weight_regions,
    "exemplars": exemplars,
}


def _unless_dead(facts: Facts, label: Callable[[], str]) -> str:
    return f"{DEAD}." if facts.dead else label()


def _of_classes(facts: Facts, values: Float[np.ndarray, " classes"]) -> str:
    strong, some = (_listed([facts.class_names[label] for label in found]) for found in _graded(values))
    if not strong:
        return NOTHING
    return f"Active for {strong}{f'; weakly for {some}' if some else ''}."


def _of_regions(values: Float[np.ndarray, " cells"]) -> str:
    """Against the largest value of either sign, so that what counts for a unit and against it is weighed alike."""
    top = float(np.max(np.abs(values)))
    groups = (*_graded(values, top), *_graded(-values, top))
    parts = [
        f"{words} in {_listed([f'the {cell_name(cell)}' for cell in found])}"
        for words, found in zip(("ink", "some ink", "no ink", "little ink"), groups, strict=True)
        if len(found)
    ]
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}." if text else NOTHING


def _graded(values: Float[np.ndarray, " entries"], top: float | None = None) -> tuple[Sequence[int], Sequence[int]]:
    """The entries near the top and those behind them, largest first; none where all are alike."""
    values = np.nan_to_num(values, nan=-np.inf)
    top = float(np.max(values)) if top is None else top
    if not top > 0:
        return (), ()
    order = np.argsort(-values, kind="stable")
    strong, some = values >= STRONG * top, (values >= SOME * top) & (values < STRONG * top)
    return order[strong[order]].tolist(), order[some[order]].tolist()


def _listed(names: Sequence[str]) -> str:
    return " and ".join((", ".join(names[:-1]), names[-1])) if len(names) > 1 else "".join(names)
