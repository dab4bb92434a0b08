"""What do units do together? The value of every coalition of them, and the roles that follow from it.

A coalition is the units of a layer that keep their activation, while all others take a replacement (`ablation.KINDS`).
Ablating one unit says little of its role where others stand in for it, or where it works only together with others.

- `tables`: predictions, margins and losses of all 2ⁿ coalitions of the last hidden layer, exactly;
- `indices`: Shapley and Banzhaf values, and interactions of all orders;
- `sets`: the smallest sets that are enough, and those that cannot be missed;
- `sampling`: Shapley values of wide and of earlier layers, by sampling, with their standard errors.

A table's axis of subsets has coalition S at the index whose bit u is set if unit u is in S, as `ablation.subsets`.
"""

from jaxinterp.analysis.coalitions.indices import (
    additivity,
    banzhaf,
    from_moebius,
    moebius,
    of_units,
    pairs,
    shapley,
    shapley_of_sets,
    single_damage,
)
from jaxinterp.analysis.coalitions.sampling import Sampled, sampled
from jaxinterp.analysis.coalitions.sets import (
    PACKED,
    Smallest,
    disjoint_sets,
    divided,
    necessary,
    searched,
    smallest,
    sufficient,
)
from jaxinterp.analysis.coalitions.tables import (
    LARGEST,
    Parts,
    Table,
    accuracy,
    check_classes,
    f1,
    intact,
    last_site,
    of_parts,
    parts,
    precision,
    recall,
    table,
)

__all__ = [
    "LARGEST",
    "PACKED",
    "Parts",
    "Sampled",
    "Smallest",
    "Table",
    "accuracy",
    "additivity",
    "banzhaf",
    "check_classes",
    "disjoint_sets",
    "divided",
    "f1",
    "from_moebius",
    "intact",
    "last_site",
    "moebius",
    "necessary",
    "of_parts",
    "of_units",
    "pairs",
    "parts",
    "precision",
    "recall",
    "sampled",
    "searched",
    "shapley",
    "shapley_of_sets",
    "single_damage",
    "smallest",
    "sufficient",
    "table",
]
