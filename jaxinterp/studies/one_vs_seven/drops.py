"""Is the drop due to how many neurons are knocked out, or to which? The claims of rows 1.7 to 1.9 and 1.11 judged."""

import numpy as np
from jaxtyping import Float

from jaxinterp import stats
from jaxinterp.studies.claims import Claim, Finding, Rule
from jaxinterp.studies.one_vs_seven.knockouts import (
    ALL,
    PERMUTED,
    RANDOM,
    SHOWN,
    SMALL_DIFFERENCE,
    TRAINED,
    UNTRAINED,
)
from jaxinterp.studies.one_vs_seven.record import (
    ARMS,
    MOST,
    PLAIN,
    SMALL,
    STUDY,
    OneVsSeven,
    Seeds,
    bounded,
    judged,
    left_out,
    mean,
)

PUBLISHED = np.array([0.0, 0.045, 0.58, 0.875, 0.92, 0.955, 0.97, 0.975, 0.988])
PUBLISHED_SMALL = 0.60
JUDGED = (0, 2, 4)  # thresholds .1, .3 and .5: from where nothing is left to where little is lost

# About what is published: close enough that a reader would draw the same curve.
NEAR = 0.1
# A drop of less than five points is hardly one to explain.
DROP = 0.05

_WHICH = "The drop is due to which neurons are knocked out, not to how many"
_DIFFERENCE = "The drop is due to the neurons' class difference, not to their number and mean activation"


def findings(record: OneVsSeven) -> list[Finding]:
    """Rows 1.7 to 1.9 and 1.11 judged."""
    return [
        *(_small_share(record, STUDY, layer, "1.7") for layer in record.layers),
        *_curve(record),
        *(
            which(record, STUDY, kind, group, f"1.9 {kind}, {group.split()[0]}")
            for kind in record.kinds
            for group in record.groups
        ),
        *(
            which(record, arm, "zero", group, f"1.11 {arm.removeprefix(STUDY + '-')}, {group.split()[0]}")
            for arm in ARMS[1:]
            for group in record.groups
        ),
        *(
            _small_share(record, arm, record.layers[-1], f"1.11 {arm.removeprefix(STUDY + '-')}")
            for arm in (PLAIN, SMALL)
        ),
    ]


def not_by_number(selected: Float[np.ndarray, "*any"], drawn: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """Share of a drop that as many other units do not cause: 1 − drawn/selected; 0: number alone, 1: identity alone.

    Where the others cost more it is selected/drawn − 1, so that it lies in [−1, 1]. Both are drops in accuracy; a rise
    counts as none. NaN where neither drops.
    """
    selected, drawn = np.maximum(selected, 0), np.maximum(drawn, 0)
    larger = np.maximum(selected, drawn)
    ratio = np.minimum(selected, drawn) / np.where(larger > 0, larger, np.nan)
    return np.where(selected >= drawn, 1 - ratio, ratio - 1)


def which(record: OneVsSeven, arm: str, kind: str, group: str, id_: str) -> Finding:
    """Is it which units, not how many? Averaged over the thresholds at which a network loses at least DROP either way.

    Drawn groups hold chosen units, whose share in the damage is theirs and not the number's. So the score is known
    between two ends: the share of the drop that the drawn groups do not cause, and the share that those of the drawn
    units that were not chosen do not cause. Its interval reaches from the lower end's low to the upper end's high.
    """
    arm_, kind_, group_ = record.arms.index(arm), record.kinds.index(kind), record.groups.index(group)
    intact, selected = record.intact[arm_], record.knocked[arm_, record.signs.index(ALL), :, kind_]
    parts = (record.drawn_mean, record.drawn_apart, record.drawn_p)
    drawn, apart, p = (part[arm_, group_, :, kind_] for part in parts)
    counted = intact - np.minimum(selected, drawn) >= DROP

    def over_counted(values: np.ndarray) -> Seeds:
        count = counted.sum(axis=0)
        return np.where(count > 0, np.where(counted, values, 0).sum(axis=0) / np.maximum(count, 1), np.nan)

    rule = Rule(
        f"the share of the drop that as many units, {group}, do not cause; the mean over the thresholds at which a "
        f"network loses {100 * DROP:g} points or more either way; its interval reaches up to that of the drawn units "
        "that are not among the chosen",
        low=MOST,
    )
    text = f"{_WHICH if group == RANDOM else _DIFFERENCE}: {kind}-ablation"
    place = arm_, group_, SHOWN
    counts = np.where(np.isfinite(intact), counted.sum(axis=0), np.nan)
    by_share = " Here as large a share of the units is taken as in the wide networks." if arm == SMALL else ""
    note = (
        f"At {record.thresholds[SHOWN]:g}: {mean(record.selected_units[arm_, 0, SHOWN], 1)} units, accuracy "
        f"{mean(selected[SHOWN])}, without the drawn groups {mean(drawn[SHOWN])}, intact {mean(intact)}; p a network: "
        f"median {mean(p[SHOWN], of=np.median)}, largest {mean(p[SHOWN], of=np.max)}; drawn groups hold "
        f"{mean(record.drawn_overlap[place])} of the chosen units.{by_share} Thresholds counted: {mean(counts, 1)} of "
        f"{len(record.thresholds)}. Units are chosen on one half of the test images and scored on the other. "
        f"{left_out(record, arm)}"
    )
    claim = Claim(STUDY, id_, text, "— (the write-up stops here)", rule)
    lower, upper = (over_counted(not_by_number(intact - selected, intact - others)) for others in (drawn, apart))
    name, others = f"as many units, {group}", {"those of them that were not chosen": over_counted(apart)}
    found = judged(claim, over_counted(selected), over_counted(drawn), name, lower, others=others, note=note)
    high = stats.over_seeds_estimate(np.maximum(lower, upper)).high
    return found._replace(score=bounded(found.score._replace(high=max(found.score.high, high))))


def _small_share(record: OneVsSeven, arm: str, layer: str, row: str) -> Finding:
    """Is the share of units with little class difference about what is published?"""
    place = record.arms.index(arm), record.layers.index(layer)
    values = {name: record.difference_small[(record.conditions.index(name), *place)] for name in record.conditions}
    rule = Rule(
        f"the share of the units, to be within {NEAR:g} of the published one",
        PUBLISHED_SMALL - NEAR,
        PUBLISHED_SMALL + NEAR,
    )
    text = (
        f"About {100 * PUBLISHED_SMALL:g} % of the units of {layer} differ by less than {SMALL_DIFFERENCE:g} between "
        f"1s and 7s"
    )
    claim = Claim(STUDY, f"{row} {layer}", text, f"about {PUBLISHED_SMALL:g}", rule)
    note = f"The share depends on the scale of the activations. {left_out(record, arm)}"
    others = {UNTRAINED: values[UNTRAINED]}
    return judged(claim, values[TRAINED], values[PERMUTED], PERMUTED, values[TRAINED], others=others, note=note)


def _curve(record: OneVsSeven) -> list[Finding]:
    """Is the accuracy without the chosen units the published one?"""
    arm, every, zero = record.arms.index(STUDY), record.signs.index(ALL), record.kinds.index("zero")
    knocked, by_class = record.knocked[arm, every], record.knocked_classes[arm, every, :, zero]
    sevens = by_class[:, record.classes.index("7")]
    found = []
    for place in JUDGED:
        threshold = f"{record.thresholds[place]:g}"
        text = f"Accuracy without the units that differ by more than {threshold} between 1s and 7s"
        rule = Rule(f"our accuracy less the published one, to be within {NEAR:g}", -NEAR, NEAR)
        claim = Claim(STUDY, f"1.8 {threshold}", text, f"{PUBLISHED[place]:g}", rule)
        counts, accuracies = record.selected_units[arm, :, place], record.knocked[arm, :, place, zero]
        signs = "; ".join(
            f"without the {mean(count, 0)} units {name}: {mean(accuracy)}"
            for name, count, accuracy in zip(record.signs, counts, accuracies, strict=True)
        )
        note = (
            f"Zero-ablation at the last hidden layer. On 1s {mean(by_class[place, 0])}, on 7s "
            f"{mean(by_class[place, 1])}; {signs}. {left_out(record)}"
        )
        values, random = knocked[place, zero], record.drawn_mean[arm, record.groups.index(RANDOM), place, zero]
        others = {
            f"{kind}-ablation": knocked[place, record.kinds.index(kind)] for kind in record.kinds if kind != "zero"
        }
        name = "as many random units"
        found.append(judged(claim, values, random, name, values - PUBLISHED[place], others=others, note=note))
    distance, of_sevens = (np.abs(part - PUBLISHED[:, None]).mean(axis=0) for part in (knocked[:, zero], sevens))
    rule = Rule("how much further the curve of all images lies from the published one, mean over thresholds", low=0.0)
    claim = Claim(STUDY, "1.8 on 7s", "The published curve is that of 7s alone", "—", rule)
    note = f"Mean distance from the published curve; measured: of accuracy on 7s. Zero-ablation. {left_out(record)}"
    found.append(judged(claim, of_sevens, distance, "accuracy on 1s and 7s", distance - of_sevens, note=note))
    return found
