"""What can be pruned, by which criterion, and does pruning with retraining make the units that are left specialists?

Row 4.10. Every network is pruned by every criterion: left as it is, with its output weights refitted, and retrained.
What is left is compared, unit by unit, with the same network trained as long without pruning.
"""

import xarray as xr

from jaxinterp.analysis.pruning import CRITERIA
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import pruned
from jaxinterp.studies.bottleneck_neurons.pruned import (
    AS_IS,
    EPOCHS,
    RETRAINED,
    SCORED,
    STAGES,
    TRAINED_ON,
    UNITS,
    WEIGHTS,
)
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import Results
from jaxinterp.text import format_percent

HALF, MOST_WEIGHTS = 0.5, 0.9  # the shares of units and of weights that are judged
POINT = 0.01  # of accuracy
LESS_ALIKE = 0.1  # a correlation that falls by less has not changed what a unit is

WANTED, NOT_PUBLISHED = "wanted, never done", "—"
_NOTE = f"The same share of each hidden layer is pruned. Criteria see {SCORED} training images, not the test images."
_RETRAINED = f"Retrained for {EPOCHS} epoch of {TRAINED_ON} training images, as the network was trained."

MEASUREMENTS = pruned.MEASUREMENTS


def claims(results: Results) -> list[Claim]:
    """Row 4.10, where networks have been pruned."""
    if not {UNITS, WEIGHTS} <= set(results):
        return []
    return [*_of_units(results[UNITS]), *_of_what_is_left(results[UNITS]), *_of_weights(results[WEIGHTS])]


def _of_units(found: xr.Dataset) -> list[Claim]:
    as_is, refitted, retrained = _accuracies(found, HALF)
    intact, longer = _unpruned(found)
    chosen = {"criteria": "selectivity"}

    def others(values: xr.DataArray) -> dict[str, xr.DataArray]:
        return {f"by {name}": values.sel(criteria=name) for name in CRITERIA if name not in ("random", "selectivity")}

    return [
        Claim(
            row="4.10",
            name="selectivity",
            text="Units that are not selective can go: accuracy without the least selective half of every layer",
            published=WANTED,
            bounds=SHARE,
            quantity="accuracy without retraining",
            measured=as_is.sel(chosen),
            controls={"a random half": as_is.sel(criteria="random")},
            score=Difference(),
            rule=above(0.0),
            shown={"nothing pruned": intact, **others(as_is)},
            note=_NOTE,
        ),
        Claim(
            row="4.10",
            name="refitted",
            text="Most of what pruning costs is in the output weights: accuracy once these are refitted",
            published=NOT_PUBLISHED,
            bounds=SHARE,
            quantity="accuracy without the least selective half, output weights refitted,",
            measured=refitted.sel(chosen),
            controls={"not refitted": as_is.sel(chosen)},
            score=Calibrated(),
            rule=above(0.5),
            shown={"a random half, refitted": refitted.sel(criteria="random"), **others(refitted)},
            note="Least squares to the logits of the network before pruning, on training images.",
        ),
        Claim(
            row="4.10",
            name="retrained",
            text="With retraining, half of the units can go at the cost of less than a point of accuracy",
            published=WANTED,
            bounds=SHARE,
            quantity="accuracy without the least selective half, retrained",
            measured=retrained.sel(chosen),
            controls={"nothing pruned, trained as long": longer},
            score=Difference(),
            rule=above(-POINT),
            shown={"a random half": retrained.sel(criteria="random"), **others(retrained)},
            note=_RETRAINED,
        ),
        Claim(
            row="4.10",
            name="criterion",
            text="The criterion still matters after retraining: accuracy without the least selective half",
            published=WANTED,
            bounds=SHARE,
            quantity="accuracy, retrained",
            measured=retrained.sel(chosen),
            controls={"a random half": retrained.sel(criteria="random")},
            score=Difference(),
            rule=above(0.0),
            shown=others(retrained),
            note=_RETRAINED,
        ),
    ]


def _of_what_is_left(found: xr.Dataset) -> list[Claim]:
    """Of units left without the least selective half, after retraining, and of the same units unpruned."""
    units, first = "units", "first_units"
    selective, unpruned = same_units(found, "selectivity", "selectivity", units)
    at_random, unpruned_random = same_units(found, "selectivity", "random", units)
    alike, alike_unpruned = same_units(found, "matched", "selectivity", units)
    itself, _ = same_units(found, "itself", "selectivity", units)
    reach, reach_unpruned = same_units(found, "reach", "selectivity", first)
    same = "the same units, nothing pruned, trained as long"
    return [
        Claim(
            row="4.10",
            name="specialists",
            text="Pruning by selectivity with retraining forces units to specialise: AUC of the units that are left",
            published=WANTED,
            bounds=SHARE,
            quantity="AUC of a unit for the class that it separates best",
            measured=selective,
            controls={same: unpruned},
            score=Difference(),
            rule=above(0.0),
            note=_RETRAINED,
        ),
        Claim(
            row="4.10",
            name="specialists selectivity",
            text="It takes pruning by selectivity for that: what units gain in AUC when their layer is halved",
            published=WANTED,
            bounds=SIGNED,
            quantity="gain in AUC over the same units, nothing pruned, trained as long",
            measured=selective - unpruned,
            controls={"a random half pruned": at_random - unpruned_random},
            score=Difference(),
            rule=above(0.0),
            note=_RETRAINED,
        ),
        Claim(
            row="4.10",
            name="alike",
            text="The units that are left stay what they were: correlation with their match in the unpruned network",
            published=NOT_PUBLISHED,
            bounds=SIGNED,
            quantity="correlation with the unit's one-to-one match before pruning",
            measured=alike,
            controls={same: alike_unpruned},
            score=Difference(),
            rule=above(-LESS_ALIKE),
            shown={"with itself": itself},
            note=_RETRAINED,
        ),
        Claim(
            row="4.10",
            name="local",
            text="The units that are left become more local: number of pixels that one of the first layer uses",
            published=NOT_PUBLISHED,
            quantity="number of pixels that a unit effectively uses",
            measured=reach,
            controls={same: reach_unpruned},
            score=Difference(),
            rule=below(0.0),
            note=f"{_RETRAINED} Participation of a unit's weights, each times the spread of its pixel.",
        ),
    ]


def _of_weights(found: xr.Dataset) -> list[Claim]:
    as_is, refitted, retrained = _accuracies(found, MOST_WEIGHTS)
    intact, longer = _unpruned(found)
    most, by_spread = f"{format_percent(MOST_WEIGHTS)} of the weights", "weight × spread"

    def claim(name: str, criterion: str, words: str, values: xr.DataArray, controls: dict[str, xr.DataArray], **fields):
        return Claim(
            row="4.10",
            name=f"weights {name}",
            text=f"{most} can go, those of smallest {words}, at the cost of less than a point of accuracy",
            published=NOT_PUBLISHED,
            bounds=SHARE,
            quantity="accuracy without them",
            measured=values.sel(criteria=criterion),
            controls=controls,
            score=Difference(),
            rule=above(-POINT),
            shown={f"by {other}": values.sel(criteria=other) for other in CRITERIA if other != criterion}
            | {"output weights refitted": refitted.sel(criteria=criterion)},
            **fields,
        )

    unpruned = {"nothing pruned": intact}
    return [
        claim("magnitude", "magnitude", "size", as_is, unpruned, note=_NOTE),
        claim("spread", by_spread, "size times the spread of what they read", as_is, unpruned, note=_NOTE),
        claim(
            "retrained",
            "magnitude",
            "size, with retraining",
            retrained,
            {"nothing pruned, trained as long": longer},
            note=_RETRAINED,
        ),
    ]


def _accuracies(found: xr.Dataset, level: float) -> tuple[xr.DataArray, ...]:
    """Accuracy at a level as it is, refitted and retrained."""
    return tuple(found.accuracy.sel(levels=level, stages=stage) for stage in STAGES)


def _unpruned(found: xr.Dataset) -> tuple[xr.DataArray, ...]:
    """Accuracy of the network itself, and of the network trained as long as those that are retrained."""
    whole = found.accuracy.sel(levels=0, criteria="random")
    return tuple(whole.sel(stages=stage) for stage in (AS_IS, RETRAINED))


def same_units(found: xr.Dataset, name: str, criterion: str, units: str) -> tuple[xr.DataArray, xr.DataArray]:
    """Means over the units that are left once half are pruned by a criterion and the rest is retrained.

    Of these, and of the same units of the network that was trained as long without pruning.
    """
    values = found[name].sel(stages=RETRAINED, criteria=criterion)
    pruned, unpruned = values.sel(levels=HALF), values.sel(levels=0)
    return pruned.mean(units), unpruned.where(pruned.notnull()).mean(units)
