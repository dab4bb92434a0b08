"""Is the drop due to how many neurons are knocked out, or to which? Rows 1.9 and 1.11, where the write-up stopped."""

from collections.abc import Mapping

import numpy as np
import xarray as xr

from jaxinterp.studies.judge import Claim, Finding, Given, above
from jaxinterp.studies.one_vs_seven.common import MOST, NAME, PLAIN, SMALL, mean, p_values
from jaxinterp.studies.one_vs_seven.knockouts import ALL, GROUPS, KINDS, RANDOM, SHOWN
from jaxinterp.studies.study import Results
from jaxinterp.text import format_number

# A drop of less than five points is hardly one to explain.
DROP = 0.05

_WHICH = "The drop is due to which neurons are knocked out, not to how many"
_DIFFERENCE = "The drop is due to the neurons' class difference, not to their number and mean activation"


def claims(results: Results) -> list[Claim]:
    """Row 1.9: in the study's own networks, by every kind of ablation."""
    return [
        _which(results, NAME, kind, group, "1.9", f"{kind}, {group.split()[0]}") for kind in KINDS for group in GROUPS
    ]


def claims_of_others(results: Results) -> list[Claim]:
    """Row 1.11: the same in networks without dropout and in small ones."""
    return [
        _which(results, arm, "zero", group, "1.11", f"{arm.removeprefix(NAME + '-')}, {group.split()[0]}")
        for arm in (PLAIN, SMALL)
        for group in GROUPS
    ]


def not_by_number(chosen: xr.DataArray, drawn: xr.DataArray) -> xr.DataArray:
    """Share of a drop that as many other units do not cause: 1 − drawn/chosen; 0: number alone, 1: identity alone.

    Where the others cost more it is chosen/drawn − 1, so that it lies in [−1, 1]. Both are drops in accuracy; a rise
    counts as none. NaN where neither drops.
    """
    chosen, drawn = chosen.clip(min=0), drawn.clip(min=0)
    larger = chosen.where(chosen > drawn, drawn)
    return (chosen - drawn) / larger.where(larger > 0)


def answer(findings: Mapping[str, Finding]) -> str:
    """Number or identity: the sentence that row 1.9 supports."""
    random = {kind: findings[f"1.9 {kind}, {RANDOM}"] for kind in KINDS}
    if not any(np.isfinite(finding.score.mean) for finding in random.values()):
        return (
            "No ablation costs enough accuracy to ask whether it is due to how many neurons are removed, or to which."
        )
    verdicts = [finding.verdict for finding in random.values()]
    which, number = verdicts.count("holds"), verdicts.count("does not hold")
    if which == len(verdicts):
        word = "The drop in accuracy is due to which neurons are removed, not to how many"
    elif number == len(verdicts):
        word = "The drop in accuracy is due to how many neurons are removed, not to which"
    else:
        word = (
            f"Which neurons are removed explains the drop by {which} of {len(verdicts)} ablations, how many by {number}"
        )
    shares = ", ".join(f"{format_number(finding.score.mean)} ({kind})" for kind, finding in random.items())
    return f"{word}: random neurons leave {shares} of it unexplained."


def _which(results: Results, arm: str, kind: str, group: str, row: str, name: str) -> Claim:
    """Is it which units, not how many? Averaged over the thresholds at which a network loses at least DROP either way.

    Drawn groups hold chosen units, whose share in the damage is theirs and not the number's. So the score is known
    between two ends: the share of the drop that the drawn groups do not cause, and the share that those of the drawn
    units that were not chosen do not cause.
    """
    found = results["knockouts"].sel(recipes=arm, kinds=kind, groups=group)
    chosen, intact = found.chosen.sel(signs=ALL), found.intact
    counted = (intact - chosen >= DROP) | (intact - found.drawn >= DROP)

    def over_counted(values: xr.DataArray) -> xr.DataArray:
        return values.where(counted).mean("thresholds")

    low, high = (over_counted(not_by_number(intact - chosen, intact - others)) for others in (found.drawn, found.apart))
    return Claim(
        row=row,
        name=name,
        text=f"{_WHICH if group == RANDOM else _DIFFERENCE}: {kind}-ablation",
        published="— (the write-up stops here)",
        quantity=f"the share of the drop that as many units, {group}, do not cause; the mean over the thresholds at "
        f"which a network loses {100 * DROP:g} points or more either way; its interval reaches up to that of the drawn "
        "units that are not among the chosen",
        measured=over_counted(chosen),
        controls={f"as many units, {group}": over_counted(found.drawn)},
        shown={"those of them that were not chosen": over_counted(found.apart)},
        score=Given(low, low.where(low > high, high)),
        rule=above(MOST),
        note=_note(found, counted, arm),
        recipes=(arm,),
    )


def _note(found: xr.Dataset, counted: xr.DataArray, arm: str) -> str:
    shown = found.sel(thresholds=SHOWN)
    chosen = shown.chosen.sel(signs=ALL)
    p = p_values(-chosen, -shown.by_draw)
    counts = counted.sum("thresholds").where(found.intact.notnull())
    by_share = " Here as large a share of the units is taken as in the wide networks." if arm == SMALL else ""
    return (
        f"At {SHOWN:g}: {mean(shown.units.sel(signs=ALL), 1)} units, accuracy {mean(chosen)}, without the drawn groups "
        f"{mean(shown.drawn)}, intact {mean(found.intact)}; p of a network: median {mean(p.median())}, largest "
        f"{mean(p.max())}; drawn groups hold {mean(shown.overlap)} of the chosen units.{by_share} Thresholds counted: "
        f"{mean(counts, 1)} of {counted.sizes['thresholds']}."
    )
