"""How many neurons does a digit need, and which of them together? All subsets of the last hidden layer, exactly.

Row 4.6 without its limit to one ablation at a time: where neurons stand in for each other, none of them is missed, and
where they work only together, each of them is. Values are F1 of one digit against the rest, since a network without
neurons answers one digit always and thus has full recall of it. Sets are chosen on one half of the test images and
scored on the other. The control is a random basis of the layer, in which as many sets are searched alike. Untrained
networks and permuted labels are none for sets, since where F1 is next to nothing, anything keeps 95 % of it. They are
for ranks: what single ablations tell of Shapley values where there is no digit to know.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import ensemble, stats
from jaxinterp.analysis import coalitions, directions
from jaxinterp.analysis.coalitions import sets
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED, Bounds
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, CHOSEN, MOST, WORDS
from jaxinterp.studies.inputs import UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, Finding, above, below
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number, format_percent

COALITIONS = "coalitions"
KINDS = ("zero", "mean")
OWN, ROTATED = BASES = ("neurons", "random basis")
PERMUTED = "permuted labels"
CASES = (*BASES, UNTRAINED, PERMUTED)
IMAGES = 2000  # of each half
_KEY = 12  # of the study's keys


class Coalitions(NamedTuple):
    """F1 of every digit with subsets of the neurons, or of the directions of a random basis: one for each network.

    cases: also the neurons of the untrained network, and the trained network's on images whose labels are permuted.

    enough, needed: number of units in the smallest set that keeps 95 % of the intact F1, and in the smallest without
    which less than 10 % is left; of several as small, the best. kept, left: the share of the intact F1 on the scoring
    half with the one set alone, and without the other. one_kept, one_left: the same of the best and the most damaging
    single unit. shapley: on the scoring half. damage: F1 lost without each unit alone, on the choosing half.
    additivity: `analysis.coalitions.additivity`, and disjoint: number of disjoint sets that each keep 95 %; both on the
    choosing half, and of all test images alone, not of parts.
    """

    intact: Float[Array, "seeds classes"]
    enough: Float[Array, "seeds bases kinds classes"]
    needed: Float[Array, "seeds bases kinds classes"]
    kept: Float[Array, "seeds bases kinds classes"]
    left: Float[Array, "seeds bases kinds classes"]
    one_kept: Float[Array, "seeds bases kinds classes"]
    one_left: Float[Array, "seeds bases kinds classes"]
    disjoint: Float[Array, "seeds bases kinds classes"]
    additivity: Float[Array, "seeds bases kinds classes"]
    shapley: Float[Array, "seeds cases kinds classes units"]
    damage: Float[Array, "seeds cases kinds classes units"]


def values(
    network: Network, untrained: Network, key, halves: Sequence[Dataset]
) -> Float[Array, "halves cases kinds classes subsets"]:
    """F1 of every class with all subsets of the last hidden layer's units, in all cases."""
    basis = directions.random_bases(key, network.model.layers[-1].units, draws=1)[0]

    def of_half(half: Dataset, key) -> list[coalitions.Parts]:
        permuted = dataclasses.replace(half, labels=jax.random.permutation(key, jnp.asarray(half.labels)))
        cases = ((network, half, None), (network, half, basis), (untrained, half, None), (network, permuted, None))
        return [coalitions.parts(own, data, kind=kind, basis=basis) for own, data, basis in cases for kind in KINDS]

    keys = jax.random.split(key, len(halves))
    made = [parts for half, own in zip(halves, keys, strict=True) for parts in of_half(half, own)]
    found = jax.lax.map(lambda own: coalitions.f1(coalitions.of_parts(own)), ensemble.stack(made))
    return found.reshape(len(halves), len(CASES), len(KINDS), *found.shape[1:])


def measure(inputs: Mapping[str, Inputs]) -> Coalitions:
    """All subsets of every network's last hidden layer; NaN where that has too many units for it."""
    (own,) = inputs.values()
    halves, units = _halves(own), own.model.layers[-1].units
    if units > sets.PACKED:
        return _unknown(own.seeds, own.model.outputs, units)

    def of_network(network: Network, untrained_and_key: tuple, halves) -> Coalitions:
        untrained, key = untrained_and_key
        every = values(network, untrained, key, halves)
        choosing, scoring = every[:, : len(BASES)]
        found = coalitions.searched(choosing, scoring)
        disjoint = additivity = jnp.full(found.kept.shape, jnp.nan)
        if own.whole is None:
            disjoint = coalitions.disjoint_sets(coalitions.sufficient(choosing))
            additivity = coalitions.additivity(choosing)
        return Coalitions(
            intact=coalitions.intact(scoring)[0, 0],
            enough=found.enough.size,
            needed=found.needed.size,
            kept=found.kept,
            left=found.left,
            one_kept=found.one_kept,
            one_left=found.one_left,
            disjoint=disjoint,
            additivity=additivity,
            shapley=coalitions.of_units(coalitions.shapley(every[1])),
            damage=coalitions.single_damage(every[0]),
        )

    lifted = ensemble.over_seeds(of_network, chunk=1, keyed=True)
    program = jax.jit(ensemble.over_devices(lambda seeded, halves: lifted(*seeded, halves)))
    return program((own.networks, (own.untrained, own.network_keys(_KEY))), halves)


def _halves(inputs: Inputs) -> tuple[Dataset, Dataset]:
    """As many images to choose by as to score on."""
    choosing, scoring = inputs.choosing, inputs.scoring
    count = min(inputs.at_most(IMAGES), len(choosing.labels), len(scoring.labels))
    return choosing.spaced(count), scoring.spaced(count)


def _unknown(seeds: int, classes: int, units: int) -> Coalitions:
    sizes = {
        "seeds": seeds,
        "bases": len(BASES),
        "cases": len(CASES),
        "kinds": len(KINDS),
        "classes": classes,
        "units": units,
    }
    axes = {name: own.dim_str.split() for name, own in Coalitions.__annotations__.items()}
    return Coalitions(**{name: jnp.full([sizes[axis] for axis in own], jnp.nan) for name, own in axes.items()})


def _coords(inputs: Mapping[str, Inputs]) -> Mapping[str, Sequence[Any]]:
    (own,) = inputs.values()
    return {"classes": own.classes, "bases": BASES, "cases": CASES, "kinds": KINDS}


MEASUREMENTS = (EnsembleMeasurement(COALITIONS, measure, _coords, slow=True),)


def correlation(found: xr.Dataset, *, shifted: bool = False) -> xr.DataArray:
    """Spearman's correlation over (neuron, digit) of the F1 that a single ablation costs with the Shapley value.

    shifted: with the damage to another digit, mean over all others.
    """
    damage: xr.DataArray = found.damage
    if shifted:
        others = [damage.roll(classes=shift) for shift in range(1, damage.sizes["classes"])]
        damage = xr.concat(others, "shifts")
    alike = stats.spearman_over(("units", "classes"), damage, found.shapley)
    return alike.mean("shifts") if shifted else alike


def claims(results: Results) -> list[Claim]:
    """Row 4.6 by coalitions, where they have been measured."""
    if COALITIONS not in results:
        return []
    found = results[COALITIONS]
    return [claim for kind in KINDS for claim in _of_kind(found.sel(kinds=kind, drop=True), kind)]


def judged(findings: Mapping[str, Finding]) -> bool:
    """Whether coalitions were measured, and the layer is not too wide for them."""
    own = findings.get(f"4.6 one enough {KINDS[0]}")
    return own is not None and math.isfinite(own.score.mean)


def answer(findings: Mapping[str, Finding]) -> str:
    """Whether one neuron is enough for a digit or necessary, and how many a digit needs, under either ablation."""

    def words(name: str) -> str:
        verdicts = {kind: WORDS[findings[f"4.6 {name} {kind}"].verdict] for kind in KINDS}
        alike = len(set(verdicts.values())) == 1
        return verdicts[KINDS[0]] if alike else ", ".join(f"{word} ({kind})" for kind, word in verdicts.items())

    sizes = sorted(findings[f"4.6 fewer {kind}"].measured.mean for kind in KINDS)
    few, many = (format_number(size, 1) for size in sizes)
    return (
        f"One neuron suffices for most digits: {words('one enough')}; necessary: {words('one necessary')}; a digit "
        f"needs {few} to {many} neurons, fewer than random directions: {words('fewer')}."
    )


def _of_kind(found: xr.Dataset, kind: str) -> list[Claim]:
    own, rotated = (found.sel(bases=basis, cases=basis, drop=True) for basis in BASES)
    chance = {name: correlation(found.sel(cases=name)) for name in (UNTRAINED, PERMUTED)}
    search = f"Sets are {CHOSEN}. Control: one random basis of the layer for each network, searched alike."
    return [
        Claim(
            row="4.6",
            name=f"one enough {kind}",
            text=f"One neuron is enough for most digits: share of digits of which it keeps {format_percent(sets.KEPT)} "
            f"of F1, all others under {kind}-ablation",
            bounds=SHARE,
            quantity=f"share of digits of which one unit keeps {format_percent(sets.KEPT)} of F1",
            measured=_reached(own.one_kept >= sets.KEPT, own.one_kept),
            controls={ROTATED: _reached(rotated.one_kept >= sets.KEPT, rotated.one_kept)},
            score=Difference(),
            rule=above(MOST),
            shown={"share of F1 that the best keeps": own.one_kept, f"{ROTATED}, the same": rotated.one_kept},
            note=search,
        ),
        Claim(
            row="4.6",
            name=f"one necessary {kind}",
            text="One neuron is necessary for most digits: share of digits of which less than "
            f"{format_percent(sets.LEFT)} of F1 is left without it, under {kind}-ablation",
            published="“about 0 %”",
            bounds=SHARE,
            quantity=f"share of digits of which less than {format_percent(sets.LEFT)} of F1 is left without one unit",
            measured=_reached(own.one_left < sets.LEFT, own.one_left),
            controls={ROTATED: _reached(rotated.one_left < sets.LEFT, rotated.one_left)},
            score=Difference(),
            rule=above(MOST),
            shown={"share of F1 that is left": own.one_left, f"{ROTATED}, the same": rotated.one_left},
            note=search,
        ),
        Claim(
            row="4.6",
            name=f"fewer {kind}",
            text="A digit needs fewer neurons than directions of a random basis: number of units in the smallest set "
            f"that keeps {format_percent(sets.KEPT)} of F1, all others under {kind}-ablation",
            bounds=Bounds(0, own.sizes["units"]),
            quantity="number of units in the smallest set that is enough",
            measured=own.enough,
            controls={ROTATED: rotated.enough},
            score=Difference(),
            rule=below(0.0),
            shown={
                "share of F1 that the set keeps": own.kept,
                f"{ROTATED}, the same": rotated.kept,
                "smallest set that is necessary": own.needed,
                f"{ROTATED}, the same set": rotated.needed,
            },
            note=f"{search} {_distribution(own.enough)}",
        ),
        Claim(
            row="4.6",
            name=f"damage predicts {kind}",
            text="What one ablation costs tells a neuron's part in all coalitions: rank correlation of the drop in F1 "
            f"with the Shapley value, under {kind}-ablation",
            bounds=SIGNED,
            quantity="Spearman's correlation over neurons × digits",
            measured=correlation(own),
            controls={"damage to other digits": correlation(own, shifted=True), **chance},
            score=Difference(),
            rule=above(ALIKE),
            shown={ROTATED: correlation(rotated), "value of coalitions, if losses added up": own.additivity},
            note="Damage on one half of the test images, Shapley values on the other.",
        ),
    ]


def _reached(condition: xr.DataArray, values: xr.DataArray) -> xr.DataArray:
    """1 where it is so, 0 where not; NaN where a digit has no F1 to keep."""
    return stats.indicator(condition, values)


def _distribution(sizes: xr.DataArray) -> str:
    """Which share of digits and networks has which size."""
    known = sizes.to_numpy()[sizes.notnull()]
    if not len(known):
        return "No digit has such a set."
    numbers, counts = np.unique(known, return_counts=True)
    parts = [
        f"{number:.0f}: {format_number(count / len(known))}" for number, count in zip(numbers, counts, strict=True)
    ]
    return f"Shares of digits by that number: {', '.join(parts)}."
