"""Is the drop without the neurons that differ between 1s and 7s due to how many they are, or to which?

Units are chosen on one half of the test images, and accuracy, among all outputs, is measured on the other. A network
that calls everything a 1 is right on half of the images and has lost every 7, so row 1.8 judges the accuracy on each of
the two classes. Rows 1.9 and 1.11 go on where the write-up stopped: they compare with the loss of equally many other
units, by balanced accuracy, the mean of the two.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, last_layer, responses, top_units
from jaxinterp.analysis.last_layer import KINDS
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED, permutation_p_over, unexplained_share
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Finding, above, below, between
from jaxinterp.studies.one_vs_seven import common
from jaxinterp.studies.one_vs_seven.common import ARMS, CLASSES, NAME, NEAR, ONE, PLAIN, SEVEN, SMALL
from jaxinterp.studies.scores import Difference, Given
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number, mean

THRESHOLDS = np.arange(1, 10) / 10
JUDGED = (0.1, 0.3, 0.5)  # from where nothing is left to where little is lost
SHOWN = 0.3  # single draws are kept at this threshold
ALL, PREFER_ONE, PREFER_SEVEN = SIGNS = ("all", "more active on 1s", "more active on 7s")
RANDOM, MATCHED = GROUPS = ("random", "matched on mean activation")
DRAWS = 200
STRATA, LEAST_IN_STRATUM = 10, 8  # of mean activation; a stratum of one unit leaves nothing to draw
DROP = 0.05  # a drop of less than five points is hardly one to explain

PUBLISHED = xr.DataArray(
    [0.0, 0.045, 0.58, 0.875, 0.92, 0.955, 0.97, 0.975, 0.988], {"thresholds": THRESHOLDS}, name="published"
)


class KnockOuts(NamedTuple):
    """Accuracy without groups of units of the last hidden layer: the chosen ones, and as many drawn at random.

    units: how many are chosen. drawn: mean over draws; low, high: the middle 95 % of their balanced accuracy. apart:
    without those of the drawn units that were not chosen. overlap: the share of the chosen units among them. by_draw:
    balanced accuracy of every draw, at SHOWN.
    """

    intact: Float[Array, " classes"]
    units: Float[Array, "signs thresholds"]
    chosen: Float[Array, "signs thresholds kinds classes"]
    drawn: Float[Array, "groups thresholds kinds classes"]
    low: Float[Array, "groups thresholds kinds"]
    high: Float[Array, "groups thresholds kinds"]
    apart: Float[Array, "groups thresholds kinds classes"]
    overlap: Float[Array, "groups thresholds"]
    by_draw: Float[Array, "groups kinds draws"]


def difference(network: Network, data: Dataset) -> Float[Array, " units"]:
    """The class difference of the units that the outputs read."""
    return responses.class_difference(network(data.images)[1][common.LAST], data.labels, ONE, SEVEN)


def knock_outs(network: Network, choosing: Dataset, scoring: Dataset, key, by_share, shares) -> KnockOuts:
    """Accuracy without the units whose class difference exceeds each threshold, and without as many others.

    by_share: choose these shares of the units, those of largest difference, in place of what exceeds a threshold.
    """
    differences, (draw_key, fill_key) = difference(network, choosing), jax.random.split(key)
    size = jnp.abs(differences)
    largest = top_units.largest(size, jnp.round(shares[:, None] * len(size)))
    chosen = jnp.where(by_share, largest, size > THRESHOLDS[:, None])
    by_sign = jnp.stack([chosen, chosen & (differences > 0), chosen & (differences < 0)])
    activation, strata = jnp.mean(network(choosing.images)[1][common.LAST], axis=0), len(size) // LEAST_IN_STRATUM
    drawn = ablation.control_groups(draw_key, chosen, activation, draws=DRAWS, strata=min(STRATA, max(1, strata)))
    masks = (by_sign, drawn, drawn & ~chosen[:, None])
    flat = jnp.concatenate([part.reshape(-1, len(size)) for part in masks])
    both = np.array([ONE, SEVEN])
    by_class = last_layer.group_accuracies(network, scoring, flat, fill_key)[..., both]
    ends = np.cumsum([part[..., 0].size for part in masks])[:-1]
    of_sign, of_drawn, of_apart = (
        part.reshape(*mask.shape[:-1], len(KINDS), len(CLASSES))
        for mask, part in zip(masks, jnp.split(by_class, ends), strict=True)
    )
    balanced = jnp.mean(of_drawn, axis=-1)
    low, high = jnp.quantile(balanced, np.array([0.025, 0.975]), axis=2)
    count = jnp.sum(by_sign, axis=-1)
    labels = jnp.asarray(scoring.labels)
    right = metrics.correct("cross_entropy", network(scoring.images)[0], labels)
    return KnockOuts(
        intact=metrics.by_class(right, labels, classes=network.model.outputs)[both],
        units=count,
        chosen=of_sign,
        drawn=jnp.mean(of_drawn, axis=2),
        low=low,
        high=high,
        apart=jnp.mean(of_apart, axis=2),
        overlap=jnp.mean(jnp.sum(drawn & chosen[:, None], axis=-1) / jnp.maximum(count[0], 1)[:, None], axis=-1),
        by_draw=jnp.swapaxes(balanced[:, np.argmax(THRESHOLDS == SHOWN)], 1, 2),
    )


def shares_of_main(inputs: Mapping[str, Inputs]) -> tuple[Float[np.ndarray, " thresholds"]]:
    """The share of the wide networks' units that exceeds each threshold, mean over networks."""
    main = inputs[NAME]
    run = jax.jit(over_seeds(lambda network, data: jnp.abs(difference(network, data)) > THRESHOLDS[:, None], chunk=8))
    chosen = np.asarray(run(main.networks, main.choosing), float)[~main.diverged]
    return (np.nan_to_num(chosen.sum(axis=(0, 2)) / max(len(chosen), 1) / chosen.shape[-1]),)


def _shared(inputs: Inputs) -> tuple:
    # The small networks' activations are larger: thresholds would take nearly all units, and leave nothing to draw.
    key = jax.random.split(inputs.key(2), 1 + len(ARMS))[1 + ARMS.index(inputs.recipe)]
    return inputs.choosing, inputs.scoring, key, inputs.recipe == SMALL


_COORDS = common.labelled(signs=SIGNS, thresholds=tuple(THRESHOLDS), kinds=KINDS, classes=CLASSES, groups=GROUPS)
MEASUREMENTS = (Measurement("knockouts", knock_outs, _shared, _COORDS, recipes=ARMS, common=shares_of_main, chunk=1),)


def claims(results: Results) -> list[Claim]:
    """Rows 1.8, the accuracy without the chosen units, and 1.9, number or identity by every kind of ablation."""
    number_or_identity = [
        _which(results, NAME, kind, group, "1.9", f"{kind}, {group.split()[0]}") for kind in KINDS for group in GROUPS
    ]
    zero = results["knockouts"].sel(recipes=NAME, kinds="zero")
    reproduced = [_accuracy(results, threshold, name) for threshold in JUDGED for name in CLASSES]
    return [*reproduced, _of_sevens(zero), *number_or_identity]


def claims_of_others(results: Results) -> list[Claim]:
    """Row 1.11: number or identity in networks without dropout and in small ones."""
    return [
        _which(results, arm, "zero", group, "1.11", f"{arm.removeprefix(NAME + '-')}, {group.split()[0]}")
        for arm in (PLAIN, SMALL)
        for group in GROUPS
    ]


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


def _accuracy(results: Results, threshold: float, name: str) -> Claim:
    found = results["knockouts"].sel(recipes=NAME, thresholds=threshold)
    own, zero = found.sel(classes=[name]), found.sel(kinds="zero")  # a mean over images, even where all are lost
    chosen, published = own.chosen.sel(signs=ALL), PUBLISHED.sel(thresholds=threshold)
    by_sign = [
        f"without the {mean(zero.units.sel(signs=sign), 0)} units {sign}: {mean(zero.chosen.sel(signs=sign))}"
        for sign in SIGNS
    ]
    return Claim(
        row="1.8",
        name=f"{threshold:g} on {name}s",
        text=f"Accuracy on {name}s without the units that differ by more than {threshold:g} between 1s and 7s is as "
        "published",
        published=f"{float(published):g} (images not stated)",
        bounds=SHARE,
        quantity=f"our accuracy on {name}s less the published one, to be within {NEAR:g}",
        measured=chosen.sel(kinds="zero"),
        controls={"as many random units": own.drawn.sel(groups=RANDOM, kinds="zero")},
        shown={
            "balanced accuracy": zero.chosen.sel(signs=ALL),
            **{f"{kind}-ablation": chosen.sel(kinds=kind) for kind in KINDS if kind != "zero"},
        },
        score=Given(chosen.sel(kinds="zero") - published, SIGNED),
        rule=between(-NEAR, NEAR),
        note=f"Zero-ablation at the last hidden layer. Balanced accuracy {'; '.join(by_sign)}.",
    )


def _of_sevens(zero: xr.Dataset) -> Claim:
    accuracy = zero.chosen.sel(signs=ALL)
    balanced, ones, sevens = (
        np.abs(values - PUBLISHED).mean("thresholds", skipna=False)
        for values in (accuracy.mean("classes"), accuracy.sel(classes="1"), accuracy.sel(classes="7"))
    )
    return Claim(
        row="1.8",
        name="on 7s",
        text="The published curve is that of 7s: it is nearer to their accuracy than to that of 1s or of both",
        bounds=SHARE,
        quantity="distance from the published curve, mean over thresholds",
        measured=sevens,
        controls={"balanced accuracy": balanced, "accuracy on 1s": ones},
        score=Difference(),
        rule=below(0.0),
        note="Mean distance from the published curve. Zero-ablation.",
    )


def _which(results: Results, arm: str, kind: str, group: str, row: str, name: str) -> Claim:
    """Is it which units, not how many? Averaged over the thresholds at which a network loses at least DROP either way.

    Drawn groups hold chosen units, whose share in the damage is theirs and not the number's. So the score is known
    between two ends: the share of the drop that the drawn groups do not cause, and the share that those of the drawn
    units that were not chosen do not cause.
    """
    found = results["knockouts"].sel(recipes=arm, kinds=kind, groups=group)
    chosen, intact, drawn, apart = (
        values.mean("classes") for values in (found.chosen.sel(signs=ALL), found.intact, found.drawn, found.apart)
    )
    counted = (intact - chosen >= DROP) | (intact - drawn >= DROP)

    def over_counted(values: xr.DataArray) -> xr.DataArray:
        return values.where(counted).mean("thresholds")

    low, high = (over_counted(unexplained_share(intact - chosen, intact - others)) for others in (drawn, apart))
    which = "which neurons are knocked out, not to how many"
    if group == MATCHED:
        which = "the neurons' class difference, not to their number and mean activation"
    return Claim(
        row=row,
        name=name,
        text=f"The drop is due to {which}: {kind}-ablation",
        published="— (the write-up stops here)",
        bounds=SHARE,
        quantity=f"the share of the drop in balanced accuracy that as many units, {group}, do not cause; the mean over "
        f"the thresholds at which a network loses {100 * DROP:g} points or more either way; its interval reaches up to "
        "that of the drawn units that are not among the chosen",
        measured=over_counted(chosen),
        controls={f"as many units, {group}": over_counted(drawn)},
        shown={"those of them that were not chosen": over_counted(apart)},
        score=Given(low, SIGNED, high=low.where(low > high, high)),
        rule=above(common.MOST),
        note=_note(found.sel(thresholds=SHOWN), counted, arm),
        recipes=(arm,),
    )


def _note(shown: xr.Dataset, counted: xr.DataArray, arm: str) -> str:
    chosen = shown.chosen.sel(signs=ALL).mean("classes")
    p = permutation_p_over("draws", -chosen, -shown.by_draw)
    counts = counted.sum("thresholds").where(chosen.notnull())
    by_share = " Here as large a share of the units is taken as in the wide networks." if arm == SMALL else ""
    return (
        f"At {SHOWN:g}: {mean(shown.units.sel(signs=ALL), 1)} units, accuracy {mean(chosen)}, without the drawn groups "
        f"{mean(shown.drawn)}, intact {mean(shown.intact)}; p of a network: median {mean(p.median())}, largest "
        f"{mean(p.max())}; drawn groups hold {mean(shown.overlap)} of the chosen units.{by_share} Thresholds counted: "
        f"{mean(counts, 1)} of {counted.sizes['thresholds']}."
    )
