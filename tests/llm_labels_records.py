"""A record of study `llm-labels` in which nothing is planted but the fields given."""

import numpy as np
from random_records import random_record

from jaxinterp.studies.llm_labels import pictures, planted, weights, xor
from jaxinterp.studies.llm_labels.record import ARMS, CONDITIONS, XOR, LlmLabels

SEEDS, UNITS, NARROW, PIXELS = 8, 12, 6, 16
RECIPES = (*ARMS, XOR)


def record(seeds=SEEDS, diverged=(), pixels=PIXELS, **fields) -> LlmLabels:
    """Random numbers, NaN for networks that diverged, the same in every recipe, and for units that an arm lacks.

    Half of all neurons are dead, the first three of six and the first six of twelve; XOR is solved in one way by all.
    """
    names = {
        "recipes": RECIPES,
        "arms": ARMS,
        "conditions": CONDITIONS,
        "classes": tuple("0123456789"),
        "networks": np.full(len(RECIPES), seeds),
        "widths": np.array([NARROW, UNITS]),
        "example": np.array([next((seed for seed in range(seeds) if seed not in diverged), 0)] * 2),
        "corners": xor.CORNERS,
        "targets": pictures.TARGETS,
        "views": pictures.VIEWS,
        "lists": weights.LISTS,
        "planted": tuple(planted.KINDS),
        "planted_facets": np.array([kind.facets for kind in planted.KINDS.values()]),
        "blank_value": np.zeros((seeds, 2, 2, UNITS)),
        "box_value": np.ones((seeds, 2, 2, UNITS)),
    }
    dead = np.zeros((seeds, 2, 2, UNITS))
    dead[:, 0, :, :3] = dead[:, 1, :, :6] = 1
    names |= {"dead": dead, "dead_training": dead[:, :, 1]} | or_but_not_and(seeds)
    sizes = {"seeds": seeds, "units": UNITS, "inputs": 2, "neurons": 4, "subsets": 16, "starts": 3, "directions": 5}
    sizes |= {"pixels": pixels, "exemplars": 9, "draws": 4, "facets": 4}
    found = random_record(LlmLabels, sizes, **names | fields)
    values = {name: _blanked(name, getattr(found, name), diverged, fields) for name in found._fields}
    return LlmLabels(**values | {"diverged": np.full(len(RECIPES), len(diverged))})


def or_but_not_and(seeds):
    """XOR = relu(x + y) − 2 relu(x + y − 1), with a third neuron that does nothing and a fourth that never fires."""
    kernel = np.tile([[1.0, 1.0, 0.5, -1.0], [1.0, 1.0, 0.0, -1.0]], (seeds, 1, 1))
    bias, outgoing = np.array([0.0, -1.0, 0.2, -0.1]), np.array([1.0, -2.0, 0.0, 1.0])
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    units = np.maximum(corners @ kernel[0] + bias, 0)
    subsets = xor.subsets(4)
    right = ((units[None] * subsets[:, None]) @ outgoing > 0.5) == np.array([0, 1, 1, 0])
    trained = (units > 0).T.astype(float)
    return {
        "xor_kernel": kernel,
        "xor_bias": np.tile(bias, (seeds, 1)),
        "xor_outgoing": np.tile(outgoing, (seeds, 1)),
        "xor_offset": np.zeros(seeds),
        "xor_gates": np.tile(np.stack([np.zeros((4, 4)), trained]), (seeds, 1, 1, 1)),
        "xor_outputs": np.tile(np.stack([np.zeros(4), units @ outgoing]), (seeds, 1, 1)),
        "xor_loss": np.tile([0.5, 1e-7], (seeds, 1)),
        "xor_kept": np.tile(right.astype(float), (seeds, 1, 1)),
        "xor_mean_ablated": np.zeros((seeds, 4, 4)),
    }


def _blanked(name, values, diverged, fields):
    axes = getattr(LlmLabels.__annotations__[name], "dim_str", "").split()
    if not np.issubdtype(np.asarray(values).dtype, np.floating):
        return values
    values = np.array(values)
    if axes[:1] == ["seeds"]:
        values[list(diverged)] = np.nan
    if "units" in axes and name not in fields:
        narrow = values if "arms" not in axes else np.moveaxis(values, axes.index("arms"), 0)[0]
        place = [axis for axis in axes if axis != "arms"].index("units")
        np.moveaxis(narrow, place, 0)[NARROW:] = np.nan
    return values
