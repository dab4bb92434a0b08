"""How do networks solve XOR, read from their weights? Row 2.1.

On the four corners each neuron of a 2-4-1 ReLU network is active or not. Which sets of corners these are is the way in
which a network solves XOR (`analysis.gates`).
"""

from collections import Counter
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, gates
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import indicator, unknown
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.judge import Claim, above, between
from jaxinterp.studies.llm_labels.neurons import CONDITIONS, MOST, SITE, XOR
from jaxinterp.studies.study import Measurement, Results

PUBLISHED_LOSS = 2.18e-6
WAYS = "ways found"
LEAST_DEAD, MOST_DEAD = 1 / 8, 3 / 8  # nearer to one neuron in four than to none or to two

Way = tuple[str, ...]


class Solution(NamedTuple):
    """A network's weights, and how it classifies the four corners.

    active: 1 where a neuron is. solved: 1 where all corners are classified correctly; spared and spared_at_mean: 1
    where they still are without this neuron, at 0 and at its mean. fewest: the smallest number of neurons that solve
    XOR with all others at 0; NaN where all of them do not.
    """

    kernel: Float[Array, "inputs neurons"]
    bias: Float[Array, " neurons"]
    outgoing: Float[Array, " neurons"]
    offset: Float[Array, ""]
    active: Float[Array, "neurons corners"]
    outputs: Float[Array, " corners"]
    loss: Float[Array, ""]
    solved: Float[Array, ""]
    spared: Float[Array, " neurons"]
    spared_at_mean: Float[Array, " neurons"]
    fewest: Float[Array, ""]


def solution(network: Network, corners: Dataset) -> Solution:
    """Read one network."""

    def right(logits, labels):
        return metrics.correct("squared_error", logits, labels).astype(logits.dtype)

    params, (logits, activations) = network.variables["params"], network(corners.images)
    kept = ablation.subsets(network.model.widths[0])
    size = kept.sum(axis=1)
    solves = ablation.groups(network, corners, ~kept, kind="zero", site=SITE, measure=right).all(axis=1)
    at_mean = ablation.units(network, corners, kind="mean", site=SITE, measure=right).all(axis=1)
    without_one = kept[size == kept.shape[1] - 1]
    lacking = np.argsort(np.argmin(without_one, axis=1))  # in the order of the neuron that is lacking
    solved = solves[-1]
    return Solution(
        kernel=params["hidden0"]["kernel"],
        bias=params["hidden0"]["bias"],
        outgoing=params["output"]["kernel"][:, 0],
        offset=params["output"]["bias"][0],
        active=(activations[SITE] > 0).T.astype(float),
        outputs=logits[:, 0],
        loss=jnp.mean(metrics.losses("squared_error", logits, corners.labels)),
        solved=solved.astype(float),
        spared=solves[size == kept.shape[1] - 1][lacking].astype(float),
        spared_at_mean=at_mean.astype(float),
        fewest=jnp.where(solved, jnp.min(jnp.where(solves, size, jnp.inf)), jnp.nan),
    )


MEASUREMENTS = (
    Measurement(
        "xor", solution, lambda inputs: (inputs.splits.test,), lambda _: {"corners": gates.CORNERS}, CONDITIONS, (XOR,)
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
    return [_solved(after, before), _loss(after, before), _dead(after, before), _fewer(after), _ways(results)]


def _solved(after: xr.Dataset, before: xr.Dataset) -> Claim:
    return Claim(
        row="2.1",
        name="solved",
        text="Training solves XOR: all four corners are classified correctly",
        published="one network",
        quantity="share of networks",
        measured=after.solved,
        controls={UNTRAINED: before.solved},
        rule=above(MOST),
        note="Correct: the output is nearer to its target, 0 or 1, than to the other.",
        recipes=(XOR,),
    )


def _loss(after: xr.Dataset, before: xr.Dataset) -> Claim:
    low, low_before = (indicator(found.loss <= PUBLISHED_LOSS, found.loss) for found in (after, before))
    median = float(after.loss.median())
    return Claim(
        row="2.1",
        name="loss",
        text="Training ends at the published loss or below it",
        published=f"{PUBLISHED_LOSS:g}",
        quantity="share of networks",
        measured=low,
        controls={UNTRAINED: low_before},
        rule=above(MOST),
        shown={"networks that solve it": low.where(after.solved == 1)},
        note=f"Mean squared error on the four corners; median over networks {median:.2g}.".replace("nan", "—"),
        recipes=(XOR,),
    )


def _dead(after: xr.Dataset, before: xr.Dataset) -> Claim:
    dead, dead_before = 1 - alive(after), 1 - alive(before)
    number, count = dead.sum("neurons"), dead.sizes["neurons"]
    shown = {"networks that solve it": dead.where(after.solved == 1)}
    shown |= {f"networks with {k} dead": indicator(number == k, after.loss) for k in range(count + 1)}
    return Claim(
        row="2.1",
        name="dead",
        text="One neuron in four is dead",
        published="1 of 4",
        quantity="share of neurons",
        measured=dead,
        controls={UNTRAINED: dead_before},
        rule=between(LEAST_DEAD, MOST_DEAD),
        shown=shown,
        note="Dead: active on none of the four corners.",
        recipes=(XOR,),
    )


def _fewer(after: xr.Dataset) -> Claim:
    live, solves = alive(after) == 1, after.solved == 1

    def some(spared: xr.DataArray) -> xr.DataArray:
        return spared.max("neurons").where(solves)

    shown = {
        "without one of the live, at its mean": some(after.spared_at_mean.where(live, 0)),
        "without one of all, dead ones included": some(after.spared),
        "fewest neurons that solve it alone": after.fewest,
        **{
            f"networks that need {k}": indicator(after.fewest == k, after.fewest)
            for k in range(1, after.sizes["neurons"] + 1)
        },
    }
    return Claim(
        row="2.1",
        name="fewer",
        text="Fewer neurons are needed than are alive: without one of the live ones, at 0, XOR is still solved",
        published="one of them is dead",
        quantity="share of the networks that solve it",
        measured=some(after.spared.where(live, 0)),
        controls={"a live neuron at random": after.spared.where(live).mean("neurons").where(solves)},
        rule=above(MOST),
        shown=shown,
        note="Control: a random live neuron instead of the one that can best be spared. A dead neuron can always be "
        "spared. Zero-ablation of each neuron and of every subset; two ReLU neurons can solve XOR, and one cannot.",
        recipes=(XOR,),
    )


def _ways(results: Results) -> Claim:
    counts = counted(results)
    common = "; ".join(f"{gates.spelled(way)} ({times})" for way, times in counts.most_common(3))
    return Claim(
        row="2.1",
        name="ways",
        text="One network shows how XOR is solved: two networks solve it in the same way",
        published="one network read",
        quantity="share of pairs of networks that solve it",
        measured=_same(solving_ways(results)),
        controls={f"{UNTRAINED}, all networks": _same(ways(solutions(results, UNTRAINED)))},
        rule=above(MOST),
        shown={WAYS: unknown(sum(counts.values()))._replace(mean=float(len(counts)))},
        note="A way: the sets of corners on which neurons are active, up to swapping the inputs and inverting both. "
        f"{len(counts)} ways among {sum(counts.values())} networks; the most common: {common or '—'}.",
        recipes=(XOR,),
    )


def _same(own: list[Way | None]) -> xr.DataArray:
    """1 for pairs of networks whose ways are the same; NaN where one has none."""
    same = [[np.nan if a is None or b is None else float(a == b) for b in own] for a in own]
    return xr.DataArray(same, dims=("seeds", "seeds_other"))
