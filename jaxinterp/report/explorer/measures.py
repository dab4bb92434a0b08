"""By which numbers are units sorted and filtered? Each with a name, a sentence that explains it, and its null."""

from typing import NamedTuple

LABELS, UNTRAINED, SHUFFLED = "permuted labels", "untrained networks", "images shuffled within their class"


class Measure(NamedTuple):
    """One number per unit, and what it is compared with.

    null: how its chance values are made, "" if there are none; statistic: the quantile of them that is shown. high:
    whether remarkable units have high values.
    """

    name: str
    label: str
    explanation: str
    null: str = ""
    statistic: str = ""
    high: bool = True


_HIGH, _LOW = "95th percentile", "5th percentile"

MEASURES = (
    Measure(
        "d_prime",
        "d′",
        "Class mean less the mean of the rest, in standard deviations, for the class where it is largest.",
        LABELS,
        _HIGH,
    ),
    Measure(
        "auc",
        "AUC",
        "Chance that an image of a class activates the unit more than one of the rest, for the class where it is most.",
        LABELS,
        _HIGH,
    ),
    Measure(
        "mutual_information",
        "mutual information",
        "Bits of information that the activation, in ten quantile bins, has about one class against the rest, for the "
        "class where it is most.",
        LABELS,
        _HIGH,
    ),
    Measure(
        "selectivity",
        "selectivity index",
        "(class mean − mean of the rest)/(class mean + mean of the rest + .001), for the class where it is largest; "
        "between −1 and 1 where no activation is below 0, and without meaning otherwise.",
        LABELS,
        _HIGH,
    ),
    Measure("firing", "firing rate", "Share of the test images on which the activation is above 0."),
    Measure("mean", "mean activation", "Activation averaged over the test images."),
    Measure(
        "outgoing",
        "outgoing weights",
        "Euclidean norm of the weights from the unit to the next layer.",
        UNTRAINED,
        _HIGH,
    ),
    Measure("damage_zero", "damage, zero", "Largest drop in a class's accuracy when the unit is set to 0."),
    Measure("damage_mean", "damage, mean", "Largest drop in a class's accuracy when the unit is set to its mean."),
    Measure(
        "damage_resample",
        "damage, resample",
        "Largest drop in a class's accuracy when the unit takes its activation on another image, drawn at random.",
    ),
    Measure(
        "participation",
        "participation",
        "Effective number of pixels that the unit's map uses, wherever they are; low if a few pixels have most of it.",
        UNTRAINED,
        _LOW,
        high=False,
    ),
    Measure(
        "largest",
        "largest cluster",
        "Share of the core of the unit's map that lies in its largest connected part; 1 where the core is one cluster.",
        UNTRAINED,
        _HIGH,
    ),
    Measure(
        "universality",
        "universality",
        "Share of the other networks whose matched unit correlates more with this one than 95 % of chance matches do.",
        SHUFFLED,
        _HIGH,
    ),
    Measure(
        "fraction",
        "fraction of bound",
        "How far the maximiser gets from the blank image towards the highest value that any image could give.",
    ),
)
NAMES = tuple(measure.name for measure in MEASURES)
