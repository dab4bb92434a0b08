"""What follows from the record of study `bottleneck-neurons`? The numbers by seed that its claims and figures share.

Networks that diverged are NaN here too, and classes without examples count nowhere.
"""

import numpy as np
import scipy.stats
from jaxtyping import Float

from jaxinterp.stats import indicator
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.bottleneck_neurons.record import BottleneckNeurons

GONE = 0.1  # what guessing among ten digits gives: an accuracy that is "about 0 %" lies below it
TOP = 3  # the write-up lists three neurons a class

Values = Float[np.ndarray, "..."]


def worst_doses(record: BottleneckNeurons) -> Float[np.ndarray, "seeds classes doses"]:
    """Each class's accuracy at every strength of its worst neuron under zero-ablation."""
    return of_units(np.moveaxis(record.dose_accuracy, 3, 2), record.worst[:, record.kinds.index("zero")])


def dose_gain(record: BottleneckNeurons, curves: Values) -> Values:
    """Accuracy at the highest strength less that at 1; curves end with doses."""
    return curves[..., -1] - curves[..., int(np.argmin(np.abs(record.doses - 1)))]


def dose_rises(record: BottleneckNeurons, curves: Float[np.ndarray, "*batch classes doses"]) -> Values:
    """1 where an accuracy never falls by more than one image from dose to dose, and rises by more than one in all."""
    image = 1.001 / np.maximum(record.held_out, 1)
    steady = (np.diff(curves, axis=-1) >= -image[:, None]).all(axis=-1)
    return indicator(steady & (curves[..., -1] - curves[..., 0] > image), curves[..., 0])


def gone(accuracy: Values, intact: Values) -> Values:
    """1 where a class is about lost and 0 where it is not; NaN for a class that was lost before."""
    return np.where(intact >= GONE, indicator(accuracy < GONE, accuracy), np.nan)


def worst_class(record: BottleneckNeurons, kind: str, values: Float[np.ndarray, "seeds classes"]) -> Values:
    """The values of the class that loses most under an ablation, which was chosen on the other half: " seeds"."""
    index = np.nan_to_num(record.worst_class[:, record.kinds.index(kind)]).astype(int)
    return np.take_along_axis(values, index[:, None], axis=1)[:, 0]


def predictor_correlations(
    record: BottleneckNeurons, kind: str, *, shifted: bool = False
) -> Float[np.ndarray, "predictors seeds"]:
    """Spearman's correlation over (unit, class) of every predictor with the accuracy that an ablation costs.

    shifted: with predictors of another class than the one that is damaged, mean over all others.
    """
    cost = record.baseline[:, None] - record.ablated[:, record.kinds.index(kind)]
    cost = cost.reshape(len(cost), -1)

    def correlation(values, shift):
        return spearman(np.roll(values, shift, axis=2).reshape(cost.shape), cost)

    shifts = range(1, len(record.classes)) if shifted else (0,)
    by_predictor = np.moveaxis(record.predictor, 1, 0)
    return np.stack([mean([correlation(values, shift) for shift in shifts], 0) for values in by_predictor])


def measure_correlations(record: BottleneckNeurons, *, shifted: bool = False) -> dict[str, np.ndarray]:
    """How alike the selectivity index and other measures rank a class's neurons: Spearman, mean over classes, by seed.

    Mutual information has no sign, and is compared with the index's size. shifted: with the next class's measure.
    """
    by_measure = dict(zip(record.measures, np.moveaxis(record.selectivity, 1, 0), strict=True))
    index = by_measure.pop("index")
    return {
        name: mean(
            spearman(np.abs(index) if name == "mutual_information" else index, np.roll(values, int(shifted), axis=1)), 1
        )
        for name, values in by_measure.items()
    }


def top_overlap(record: BottleneckNeurons) -> tuple[np.ndarray, np.ndarray, float]:
    """Share of a ranking's top neurons that another ranking names: for the same class, for other classes, by chance.

    The first two by seed, means over the pairs of rankings and over classes.
    """
    count = record.ranking.shape[-1]
    kept = min(TOP, count)
    top = (np.argsort(np.argsort(-record.ranking, axis=-1), axis=-1) < kept).astype(float)
    shared = np.einsum("srcu,stdu->srtcd", top, top) / kept
    first, second = np.triu_indices(len(record.rankings), 1)
    unknown = np.isnan(record.ranking).sum(axis=(1, 3)) > 0
    pairs = np.where(unknown[:, :, None] | unknown[:, None], np.nan, shared[:, first, second].mean(axis=1))
    same = np.eye(len(record.classes), dtype=bool)
    own, other = (mean(np.where(mask, pairs, np.nan), (1, 2)) for mask in (same, ~same))
    return own, other, kept / count


def of_units(
    values: Float[np.ndarray, "seeds units classes *rest"], units: Float[np.ndarray, "seeds classes"]
) -> Float[np.ndarray, "seeds classes *rest"]:
    """The table read at each class's own unit."""
    seeds, classes = np.indices(units.shape)
    return values[seeds, np.nan_to_num(units).astype(int), classes]


def percent(share: float) -> str:
    """A share in words."""
    return f"{100 * share:.0f} %"


def spelled(name: str) -> str:
    """A predictor's or a measure's name in words."""
    words = {"d_prime": "d′", "auc": "AUC"}
    return words.get(name, name.replace("activation_weight", "activation × weight").replace("_", " "))


def spearman(first: Values, second: Values) -> Values:
    """Spearman's correlation along the last axis, over what is known of both; NaN where either is constant."""
    first, second = np.broadcast_arrays(first, second)
    known = ~(np.isnan(first) | np.isnan(second))

    def standard(values):
        ranks = scipy.stats.rankdata(np.where(known, values, np.nan), axis=-1, nan_policy="omit")
        centred = np.where(known, ranks - mean(ranks, -1)[..., None], 0)
        size = np.sqrt(np.sum(centred**2, axis=-1, keepdims=True))
        return centred / np.where(size > 0, size, np.nan)

    return np.sum(standard(first) * standard(second), axis=-1)
