"""Facts of units that no network has, for prompts about them."""

import numpy as np

from jaxinterp.explanation.facts import Connections, Facts
from jaxinterp.explanation.prompting import Background, Split

NAMES, SHAPE, UNITS = ("zero", "one", "two"), (4, 4, 1), 3
BACKGROUND = Background(
    kind="a multilayer perceptron",
    layers=(UNITS, UNITS),
    outputs=len(NAMES),
    activation="relu",
    data="toys",
    class_names=NAMES,
    image_shape=SHAPE,
    splits=(Split("train", 0.97, 0.1), Split("test", 0.95, 0.2)),
)


def connections(count: int = 3) -> Connections:
    weights = 0.5 - np.arange(count)
    return Connections(np.arange(count), weights, weights / 2)


def facts(unit: int = 0, layer: int = 0, *, dead: bool = False) -> Facts:
    rng = np.random.default_rng([unit, layer])
    return Facts(
        site=f"hidden{layer}/post",
        unit=unit,
        layer=layer,
        dead=dead,
        class_mean=np.array([1.5, 0.0, unit + 10 * layer]),
        class_sd=np.array([0.25, 0.0, 1.0]),
        class_names=NAMES,
        image_shape=SHAPE,
        incoming=connections(3 if layer else 0),
        outgoing=connections(),
        weight_map=rng.normal(size=16),
        exemplars=rng.uniform(size=(5, 16)),
        exemplar_labels=np.array([2, 0, 2, 1, 1]),
        exemplar_values=5.0 - np.arange(5),
        maximiser=rng.uniform(size=16),
        damage=np.zeros(3),
    )


def layers(dead: tuple[int, ...] = ()) -> tuple[tuple[Facts, ...], ...]:
    """Two layers; dead: units of the first."""
    return (
        tuple(facts(unit, dead=unit in dead) for unit in range(UNITS)),
        tuple(facts(unit, 1) for unit in range(UNITS)),
    )
