"""Records of study `one-vs-seven`: random numbers under its own names of axes, for tests that plant what they ask."""

import numpy as np
from random_records import random_record

from jaxinterp.studies import one_vs_seven
from jaxinterp.studies.one_vs_seven.analogous import COMPARISONS
from jaxinterp.studies.one_vs_seven.edits import BLENDS, DOSES, EDITS
from jaxinterp.studies.one_vs_seven.knockouts import BIN_EDGES, CONDITIONS, GROUPS, KINDS, SIGNS, THRESHOLDS
from jaxinterp.studies.one_vs_seven.record import ARMS, LAYERS, OneVsSeven
from jaxinterp.studies.one_vs_seven.rows import DIRECTIONS
from jaxinterp.studies.one_vs_seven.strokes import METHODS, SIZES

NAMES = {
    "recipes": tuple(one_vs_seven.RECIPES),
    "arms": ARMS,
    "layers": LAYERS,
    "classes": ("1", "7"),
    "edits": EDITS,
    "blends": BLENDS,
    "directions": DIRECTIONS,
    "conditions": CONDITIONS,
    "kinds": KINDS,
    "signs": SIGNS,
    "groups": GROUPS,
    "methods": METHODS,
    "comparisons": COMPARISONS,
    "doses": DOSES,
    "bin_edges": BIN_EDGES,
    "thresholds": THRESHOLDS,
    "sizes": np.array(SIZES),
}
SIZES_OF = {
    "pixels": 784,
    "doses": len(DOSES),
    "steps": 29,
    "fewest": 30,
    "rows": 28,
    "edges": len(BIN_EDGES),
    "bins": len(BIN_EDGES) - 1,
    "thresholds": len(THRESHOLDS),
    "draws": 20,
    "sizes": len(SIZES),
}


def record(seeds=4, left_out=(), seed=0, **fields) -> OneVsSeven:
    """A record of `seeds` networks of every recipe, those left out NaN everywhere."""
    made = random_record(OneVsSeven, SIZES_OF | {"seeds": seeds}, seed=seed, **NAMES | fields)
    recipes = len(made.recipes)
    made = made._replace(networks=np.full(recipes, seeds), diverged=np.full(recipes, len(left_out)))
    return without(made, left_out)


def without(values: OneVsSeven, left_out) -> OneVsSeven:
    """The same with those networks NaN."""
    changed = {}
    for name, annotation in OneVsSeven.__annotations__.items():
        if isinstance(getattr(values, name), tuple):
            continue
        axes, array = annotation.dim_str.split(), np.array(getattr(values, name))
        for place, axis in enumerate(axes):
            if axis == "seeds":
                np.moveaxis(array, place, 0)[list(left_out)] = np.nan
        changed[name] = array
    return values._replace(**changed)
