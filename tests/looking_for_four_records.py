"""A record of study `looking-for-four` in which nothing is planted but the fields given."""

import numpy as np
from random_records import random_record

from jaxinterp.studies.looking_for_four import backwards, focus, growth, ladder, likeness
from jaxinterp.studies.looking_for_four.record import CONDITIONS, KINDS, STUDY, TURNS, UNTRAINED, LookingForFour

NAMES = {
    "classes": tuple("0123456789"),
    "layers": ("hidden0", "hidden1"),
    "conditions": CONDITIONS,
    "views": likeness.VIEWS,
    "kinds": KINDS,
    "turns": TURNS,
    "rungs": ladder.RUNGS,
    "statistics": focus.STATISTICS,
    "snapshots": (UNTRAINED, "epoch 1", "epoch 5", growth.KEPT),
    "methods": backwards.METHODS,
    "attributions": backwards.ATTRIBUTIONS,
    "orders": backwards.ORDERS,
    "ablations": likeness.ABLATIONS,
}
SIZES = {
    "splits": 3,
    "epochs": 4,
    "quantiles": 3,
    "looks": 2,
    "levels": len(focus.LEVELS),
    "shown": 5,
    "grown": 3,
    "templates_of": 10,
    "sizes": 16,
    "steps": 9,
    "averages": 10,
    "neurons": 16,
    "bins": len(likeness.BINS) - 1,
    "exemplars": 2,
    "answers": 10,
}


def record(seeds=5, diverged=(), rungs=ladder.RUNGS, pixels=16, seed=0, **fields) -> LookingForFour:
    """Random numbers, NaN for the networks that diverged; rungs: those that were trained."""
    mask = np.isin(np.arange(seeds), diverged)
    names = NAMES | {
        "diverged": mask,
        "example_seed": np.array(int(np.argmin(mask))),
        "widths": np.full(len(fields.get("layers", NAMES["layers"])), SIZES["neurons"]),
        "rung_networks": np.where(np.isin(ladder.RUNGS, rungs), seeds, 0),
    }
    made = random_record(
        LookingForFour, SIZES | {"seeds": seeds, "networks": seeds, "pixels": pixels}, seed=seed, **names | fields
    )
    changed = {name: np.array(getattr(made, name)) for name in ("rung_accuracy", "rung_epoch", "curves")}
    for place, name in enumerate(ladder.RUNGS):
        if name not in rungs:
            for values in changed.values():
                values[place] = np.nan
    last = ladder.RUNGS.index(STUDY)
    changed["rung_accuracy"][last, mask] = changed["rung_epoch"][last, mask] = np.nan
    ordered = {
        "focus_quantiles": np.sort(made.focus_quantiles, axis=-1),
        "curves": np.sort(changed["curves"], axis=-1),
        "deletion": np.sort(made.deletion, axis=-1)[..., ::-1],
    }
    return made._replace(**{name: value for name, value in (changed | ordered).items() if name not in fields})


def planted(record: LookingForFour, field: str, value, *place) -> LookingForFour:
    """The record with a value, one a seed or one for all, at a place behind seeds; a diverged network stays NaN."""
    values = np.array(getattr(record, field))
    values[(slice(None), *place)] = np.asarray(value)
    values[record.diverged] = np.nan
    return record._replace(**{field: values})
