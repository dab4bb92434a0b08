"""Is what tells a 7 from a 1 carried by few units, or by many that stand in for each other? All subsets of a layer.

Row 1.9 beyond groups of one size: accuracy that no group costs may be in units that others stand in for. The networks
are the small ones, whose last hidden layer has 16 units. A subset's value is the accuracy of telling as many 1s as 7s
apart by their two logits where its units alone keep their activation, rescaled so that 0 is the layer without units and
1 is the whole layer. Sets are chosen on one half of the test images and scored on the other. The control is a random
basis of the layer, in which sets are searched alike. Untrained networks are none: they tell nothing that a set could
keep.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis import coalitions, directions
from jaxinterp.analysis.coalitions import sets
from jaxinterp.data import Dataset
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, Bounds
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.one_vs_seven import common
from jaxinterp.studies.one_vs_seven.common import MOST, ONE, SEVEN, SMALL
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_percent, mean

COALITIONS = "coalitions"
KINDS = ("zero", "mean")
OWN, ROTATED = BASES = ("units", "random basis")
FEW = 0.25  # of the units
DROP = 0.05  # a layer that adds less than five points of accuracy has nothing to keep
_BOTH = np.array([ONE, SEVEN])


class Coalitions(NamedTuple):
    """What subsets of the last hidden layer's units, or of a random basis' directions, keep of what it tells.

    enough: number of units in the smallest set that keeps 95 %, and kept, what it keeps on the scoring half. needed:
    in the smallest set without which less than 10 % is left, and left, what is. one_kept, one_left: the same of the
    best and of the most damaging single unit. divided: what either part keeps of the layer divided in two, the less of
    both, on the scoring half; of all divisions, the best on the choosing half. damage: what is lost without each unit
    alone, on the choosing half; shapley: each unit's part in all subsets, on the scoring half.
    """

    enough: Float[Array, "bases kinds"]
    kept: Float[Array, "bases kinds"]
    needed: Float[Array, "bases kinds"]
    left: Float[Array, "bases kinds"]
    one_kept: Float[Array, "bases kinds"]
    one_left: Float[Array, "bases kinds"]
    divided: Float[Array, "bases kinds"]
    damage: Float[Array, "bases kinds units"]
    shapley: Float[Array, "bases kinds units"]


def values(network: Network, key, data: Dataset) -> Float[Array, "halves bases kinds subsets"]:
    """Every subset's share of what the layer tells of 1s and 7s, on images of even number and on those of odd number.

    data: with as many 1s as 7s. Means are those of both halves: another mean would move the threshold between the two
    answers. NaN where the layer tells less than DROP.
    """
    bases = (None, directions.random_bases(key, network.model.layers[-1].units, draws=1)[0])
    made = stack([coalitions.parts(network, data, kind=kind, basis=basis) for basis in bases for kind in KINDS])
    two = made.of_classes(_BOTH, jnp.asarray(made.labels == SEVEN, jnp.int32))
    halves = [two.of_examples(slice(half, None, 2)) for half in range(2)]
    accuracy = jax.lax.map(
        lambda own: coalitions.accuracy(coalitions.of_parts(own)),
        jax.tree.map(lambda *own: jnp.concatenate(own), *halves),
    )
    nothing, whole = accuracy[:, :1], accuracy[:, -1:]
    told = jnp.where(whole - nothing >= DROP, whole - nothing, jnp.nan)
    return ((accuracy - nothing) / told).reshape(len(halves), len(bases), len(KINDS), -1)


def measure(network: Network, key, data: Dataset) -> Coalitions:
    """All subsets of the last hidden layer's units; NaN where that has too many units for it."""
    units = network.model.layers[-1].units
    if units > sets.PACKED:
        unknown = jnp.full((len(BASES), len(KINDS), units), jnp.nan)
        one = unknown[..., 0]
        return Coalitions(one, one, one, one, one, one, one, damage=unknown, shapley=unknown)
    first, second = values(network, key, data)
    found = coalitions.searched(first, second)
    return Coalitions(
        enough=found.enough.size,
        kept=found.kept,
        needed=found.needed.size,
        left=found.left,
        one_kept=found.one_kept,
        one_left=found.one_left,
        divided=coalitions.divided(first, second),
        damage=coalitions.single_damage(first),
        shapley=coalitions.of_units(coalitions.shapley(second)),
    )


def _balanced(inputs: Inputs) -> tuple[Dataset]:
    """As many 1s as 7s of either half, by turns: even numbers to choose by, odd ones to score on."""
    test = inputs.test
    labels, half = np.asarray(test.labels), np.arange(len(test.labels)) % 2
    rows = [np.flatnonzero((labels == label) & (half == own)) for label in _BOTH for own in range(2)]
    count = min(map(len, rows))
    return (test.take(np.stack([own[:count] for own in rows], axis=1).ravel()),)


_COORDS = common.labelled(bases=BASES, kinds=KINDS)
MEASUREMENTS = (Measurement(COALITIONS, measure, _balanced, _COORDS, recipes=(SMALL,), key=4, chunk=1, slow=True),)


def claims(results: Results) -> list[Claim]:
    """Row 1.9 by coalitions, where they have been measured."""
    if COALITIONS not in results:
        return []
    found = results[COALITIONS].sel(recipes=SMALL)
    return [claim for kind in KINDS for claim in _of_kind(found.sel(kinds=kind, drop=True), kind)]


def _of_kind(found: xr.Dataset, kind: str) -> list[Claim]:
    own, rotated = (found.sel(bases=basis, drop=True) for basis in BASES)
    units, percent = found.sizes["units"], format_percent(sets.KEPT)
    others = f"all others under {kind}-ablation"
    search = (
        "Sets are chosen on one half of the test images and scored on the other. Control: one random basis of the "
        "layer for each network, searched alike."
    )
    shown = {
        "what the set keeps": own.kept,
        "what the best unit keeps": own.one_kept,
        "what is left without the most damaging unit": own.one_left,
        "largest Shapley value of a unit": own.shapley.max("units"),
    }
    return [
        Claim(
            row="1.9",
            name=f"few {kind}",
            text=f"Few units are enough to tell 1s from 7s: of {units} units, share in the smallest set that keeps "
            f"{percent} of what the layer tells, {others}",
            published="— (the write-up stops here)",
            bounds=SHARE,
            quantity="share of the units in the smallest set that is enough",
            measured=own.enough / units,
            controls={ROTATED: rotated.enough / units},
            shown=shown,
            rule=below(FEW),
            note=f"{search} {mean(own.enough, 1)} units are enough; without {mean(own.needed, 1)} less than "
            f"{format_percent(sets.LEFT)} is left.",
            recipes=(SMALL,),
        ),
        Claim(
            row="1.9",
            name=f"stand in {kind}",
            text="Units stand in for each other: share of networks whose layer divides into two parts that each keep "
            f"{percent} of what it tells, {others}",
            published="— (the write-up stops here)",
            bounds=SHARE,
            quantity="share of networks with two parts that are each enough",
            measured=stats.indicator(own.divided >= sets.KEPT, own.divided),
            controls={ROTATED: stats.indicator(rotated.divided >= sets.KEPT, rotated.divided)},
            shown={
                "what either part keeps": own.divided,
                f"{ROTATED}, the same": rotated.divided,
                "sum of what single ablations cost": own.damage.sum("units", skipna=False),
            },
            rule=above(MOST),
            note=search,
            recipes=(SMALL,),
        ),
        Claim(
            row="1.9",
            name=f"fewer {kind}",
            text="Fewer units than directions of a random basis tell 1s from 7s: size of the smallest set "
            f"that keeps {percent} of what the layer tells, {others}",
            published="— (the write-up stops here)",
            bounds=Bounds(0, units),
            quantity="number of units in the smallest set that is enough",
            measured=own.enough,
            controls={ROTATED: rotated.enough},
            score=Difference(),
            rule=below(0.0),
            note=search,
            recipes=(SMALL,),
        ),
    ]
