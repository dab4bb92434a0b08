"""How do networks solve XOR, read from their weights? Row 2.1.

On the four corners each neuron of a 2-4-1 ReLU network is active or not. Which sets of corners these are is the way in
which a network solves XOR (`analysis.gates`).
"""

from collections import Counter
from functools import partial

import numpy as np
import xarray as xr

from jaxinterp.analysis import gates
from jaxinterp.stats import SHARE, indicator, unknown
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.judge import Claim, above, between
from jaxinterp.studies.llm_labels.neurons import CONDITIONS, MOST, XOR
from jaxinterp.studies.study import Measurement, Results

PUBLISHED_LOSS = 2.18e-6
LEAST_DEAD, MOST_DEAD = 1 / 8, 3 / 8  # nearer to one neuron in four than to none or to two

Way = tuple[str, ...]

_claim = partial(Claim, row="2.1", rule=above(MOST), bounds=SHARE, recipes=(XOR,))


MEASUREMENTS = (
    Measurement(
        "xor",
        gates.solution,
        lambda inputs: (inputs.test,),
        lambda _: {"corners": gates.CORNERS},
        CONDITIONS,
        (XOR,),
    ),
)


def solutions(results: Results, condition: str = TRAINED) -> xr.Dataset:
    """What was measured of the XOR networks in a condition."""
    return results["xor"].sel(recipes=XOR, conditions=condition)


def ways(found: xr.Dataset) -> list[Way | None]:
    """The way of every network; None for those that diverged."""
    active = found.active.transpose("seeds", "neurons", "corners").to_numpy()
    return [None if np.isnan(own).any() else gates.way(own) for own in active]


def solving_ways(results: Results) -> list[Way | None]:
    """The way of every network that solves XOR; None for the others."""
    found = solutions(results)
    return [way if right == 1 else None for way, right in zip(ways(found), found.solved.to_numpy(), strict=True)]


def counted(results: Results) -> Counter[Way]:
    """How many of the networks that solve XOR do so in each way."""
    return Counter(way for way in solving_ways(results) if way is not None)


def alive(found: xr.Dataset) -> xr.DataArray:
    """1 for a neuron that is active on some corner: "seeds neurons"."""
    return indicator((found.active > 0).any("corners"), found.bias)


def claims(results: Results) -> list[Claim]:
    """Row 2.1."""
    after, before = solutions(results), solutions(results, UNTRAINED)
    low, low_before = (indicator(found.loss <= PUBLISHED_LOSS, found.loss) for found in (after, before))
    dead = 1 - alive(after)
    number, counts = dead.sum("neurons"), range(dead.sizes["neurons"] + 1)
    return [
        _claim(
            name="solved",
            text="Training solves XOR: all four corners are classified correctly",
            published="one network",
            quantity="share of networks",
            measured=after.solved,
            controls={UNTRAINED: before.solved},
            note="Correct: the output is nearer to its target, 0 or 1, than to the other.",
        ),
        _claim(
            name="loss",
            text="Training ends at the published loss or below it",
            published=f"{PUBLISHED_LOSS:g}",
            quantity="share of networks",
            measured=low,
            controls={UNTRAINED: low_before},
            shown={"networks that solve it": low.where(after.solved == 1)},
            note="Mean squared error on the four corners; median over networks "
            f"{float(after.loss.median()):.2g}.".replace("nan", "—"),
        ),
        _claim(
            name="dead",
            text="One neuron in four is dead",
            published="1 of 4",
            quantity="share of neurons",
            measured=dead,
            controls={UNTRAINED: 1 - alive(before)},
            rule=between(LEAST_DEAD, MOST_DEAD),
            shown={"networks that solve it": dead.where(after.solved == 1)}
            | {f"networks with {k} dead": indicator(number == k, after.loss) for k in counts},
            note="Dead: active on none of the four corners.",
        ),
        _fewer(after),
        _ways(results),
    ]


def _fewer(after: xr.Dataset) -> Claim:
    live, solves = alive(after) == 1, after.solved == 1

    def some(spared: xr.DataArray) -> xr.DataArray:
        return spared.max("neurons").where(solves)

    return _claim(
        name="fewer",
        text="Fewer neurons are needed than are alive: without one of the live ones, at 0, XOR is still solved",
        published="one of them is dead",
        quantity="share of the networks that solve it",
        measured=some(after.spared.where(live, 0)),
        controls={"a live neuron at random": after.spared.where(live).mean("neurons").where(solves)},
        shown={
            "without one of the live, at its mean": some(after.spared_at_mean.where(live, 0)),
            "without one of all, dead ones included": some(after.spared),
            "fewest neurons that solve it alone": after.fewest,
        }
        | {
            f"networks that need {k}": indicator(after.fewest == k, after.fewest)
            for k in range(1, after.sizes["neurons"] + 1)
        },
        note="Control: a random live neuron instead of the one that can best be spared. A dead neuron can always be "
        "spared. Zero-ablation of each neuron and of every subset; two ReLU neurons can solve XOR, and one cannot.",
    )


def _ways(results: Results) -> Claim:
    counts = counted(results)
    common = "; ".join(f"{gates.spelled(way)} ({times})" for way, times in counts.most_common(3))
    return _claim(
        name="ways",
        text="One network shows how XOR is solved: two networks solve it in the same way",
        published="one network read",
        quantity="share of pairs of networks that solve it",
        measured=_same(solving_ways(results)),
        controls={f"{UNTRAINED}, all networks": _same(ways(solutions(results, UNTRAINED)))},
        shown={"ways found": unknown(counts.total())._replace(mean=float(len(counts)))},
        note="A way: the sets of corners on which neurons are active, up to swapping the inputs and inverting both. "
        f"{len(counts)} ways among {counts.total()} networks; the most common: {common or '—'}.",
    )


def _same(own: list[Way | None]) -> xr.DataArray:
    """1 for pairs of networks whose ways are the same; NaN where one has none."""
    same = [[np.nan if a is None or b is None else float(a == b) for b in own] for a in own]
    return xr.DataArray(same, dims=("seeds", "seeds_other"))
