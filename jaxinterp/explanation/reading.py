"""Can a reader of labels predict what the network answers? The write-up's test, its scores, and readers without labels.

A reader predicts a network's answer on images that the network classifies correctly, and on as many that it does not.
C: share of the first that it predicts; N, L, F: share of the others where it says what the network answers, the true
label, or neither. The write-up's scores, of k classes (k = 10):

    correct = (C − L)/(1 − L)    incorrect = (N − F/(k − 2))/(1 − F/(k − 2))    final = their mean

They are 0 for a reader that answers at random, and for one that says the true label as often on either kind of image.
But images that a network gets wrong are harder to read, so that a reader of digits that knows nothing of the network
has C > L and scores above 0: a score of 0 is not "no understanding", and a score above it is not understanding.
`beyond` compares a reader with a reader of digits on the same images.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import stats
from jaxinterp.errors import InputError
from jaxinterp.explanation import score
from jaxinterp.stats import LEVEL, Estimate

EACH = 100  # images of either kind
# A language model that reads a network's own summaries, in the write-up's second way, and those of another network.
MODEL = "language model"
TOLD, ANOTHER = f"{MODEL}, told that half are wrong", f"{MODEL}, another network's summaries"
# Readers who know nothing of the network.
NEAREST, TRUTH, CONFUSION, GUESS = "nearest image", "true class", "most common confusion", "guess"

Answers = Int[Array | np.ndarray, "*readers examples"]
Of = Int[Array | np.ndarray, " examples"]
Rows = Int[Array | np.ndarray, "*draws _"]


class Counts(NamedTuple):
    """C, N, L and F of a reader; see the module's docstring."""

    c: Float[np.ndarray, "*readers"]
    n: Float[np.ndarray, "*readers"]
    l: Float[np.ndarray, "*readers"]  # noqa: E741
    f: Float[np.ndarray, "*readers"]


class Reading(NamedTuple):
    """The write-up's scores of a reader. Where L = 1, correct is NaN, and final with it: the formula divides by 0."""

    correct: Float[np.ndarray, "*readers"]
    incorrect: Float[np.ndarray, "*readers"]
    final: Float[np.ndarray, "*readers"]


class Published(NamedTuple):
    """A row of the write-up's table: a language model that reads labels of one network."""

    name: str
    counts: Counts
    scores: Reading


def _row(name: str, counts: tuple[float, ...], scores: tuple[float, ...]) -> Published:
    return Published(name, Counts(*map(np.asarray, counts)), Reading(*map(np.asarray, scores)))


PUBLISHED = (
    _row("width 6", (0.98, 0.04, 0.75, 0.21), (0.92, 0.014, 0.467)),
    _row("width 6, told that half are wrong", (0.51, 0.12, 0.43, 0.45), (0.14, 0.068, 0.104)),
    _row("width 12", (0.95, 0.06, 0.83, 0.11), (0.706, 0.047, 0.376)),
)


def chosen(
    predicted: Of, labels: Of, *, each: int = EACH
) -> tuple[Int[np.ndarray, " right"], Int[np.ndarray, " wrong"]]:
    """The first images that the network gets right, and as many that it gets wrong, in the order of the images.

    predicted: the network's answers. At most `each`, and as many as there are of the rarer kind. Raises InputError
    where there is no image of one kind.
    """
    is_right = np.asarray(predicted) == np.asarray(labels)
    right, wrong = np.flatnonzero(is_right), np.flatnonzero(~is_right)
    number = min(each, len(right), len(wrong))
    if not number:
        kind = "wrong" if len(right) else "right"
        raise InputError(
            f"the network gets none of the {len(is_right)} images {kind}: testing readers needs both kinds"
        )
    return right[:number], wrong[:number]


def counts(answers: Answers, predicted: Of, labels: Of, right: Rows, wrong: Rows) -> Counts:
    """C, N, L and F of each reader. answers: of all images; right, wrong: those that are tested, of each draw."""
    answers, predicted, labels = (np.asarray(values) for values in (answers, predicted, labels))
    as_network, as_label = answers == predicted, answers == labels
    n, l = as_network[..., wrong].mean(axis=-1), as_label[..., wrong].mean(axis=-1)  # noqa: E741
    return Counts(as_network[..., right].mean(axis=-1), n, l, 1 - n - l)


def scores(found: Counts, *, classes: int = 10) -> Reading:
    """The write-up's scores of C, N, L and F."""
    c, n, l, f = (np.asarray(value, np.float64) for value in found)  # noqa: E741
    guessed = f / (classes - 2) if classes > 2 else np.zeros_like(f)
    correct, incorrect = stats.calibrated(c, l), stats.calibrated(n, guessed)
    return Reading(correct, incorrect, (correct + incorrect) / 2)


def beyond(answers: Answers, digits: Answers, predicted: Of, rows: Rows) -> Float[np.ndarray, "*readers"]:
    """(A − D)/(1 − D): A and D are shares of the images in rows where the reader, and a reader of digits, agree with
    the network. 0: the reader predicts the network as a reader of digits does; 1: perfectly. NaN where D = 1.
    """
    own, plain = (
        (np.asarray(values) == np.asarray(predicted))[..., rows].mean(axis=-1) for values in (answers, digits)
    )
    return np.asarray(stats.calibrated(own, plain))


def bootstrap(
    answers: Of,
    predicted: Of,
    labels: Of,
    right: Rows,
    wrong: Rows,
    rng: np.random.Generator,
    *,
    classes: int = 10,
    resamples: int = 2000,
    level: float = LEVEL,
) -> dict[str, Estimate]:
    """One reader's C, N, L, F and scores of one network, each with its percentile interval over images.

    Images are resampled within either kind. n: images of either kind.
    """
    draws = [own[rng.integers(0, len(own), (resamples, len(own)))] for own in (np.asarray(right), np.asarray(wrong))]
    own = counts(answers, predicted, labels, right, wrong)
    drawn = counts(answers, predicted, labels, *draws)
    values, resampled = ({**found._asdict(), **scores(found, classes=classes)._asdict()} for found in (own, drawn))
    found = {}
    for name, value in values.items():
        known = resampled[name][np.isfinite(resampled[name])]
        low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if len(known) else (np.nan, np.nan)
        sd = float(known.std(ddof=1)) if len(known) > 1 else np.nan
        found[name] = Estimate(float(value), sd, float(low), float(high), len(right))
    return found


def by_labels(
    simulations: Float[np.ndarray, "*networks units examples"],
    weights: Float[np.ndarray, "*networks outputs units"],
    mean: Float[np.ndarray, "*networks units"],
    spread: Float[np.ndarray, "*networks units"],
) -> Int[np.ndarray, "*networks examples"]:
    """What follows from the labels of the last layer and from what the outputs read: the class of the largest sum.

    simulations: what the labels predict (`simulate.predictions`), brought to each unit's mean and standard deviation
    (spread), or to the mean alone where they are constant. weights: from the units to the
    outputs; biases are left out.
    """
    varies = np.asarray(score.varies(simulations))[..., None]
    size = np.where(varies, simulations.std(axis=-1, keepdims=True), 1)
    standard = np.where(varies, (simulations - simulations.mean(axis=-1, keepdims=True)) / size, 0)
    return np.argmax(weights @ (mean[..., None] + spread[..., None] * standard), axis=-2)


def listed(
    weights: Float[np.ndarray, "*networks outputs units"], spread: Float[np.ndarray, "*networks units"], *, number: int
) -> Float[np.ndarray, "*networks outputs units"]:
    """Weights of each output, 0 but for those of the largest contributions in size: weight × standard deviation."""
    size = np.abs(weights * spread[..., None, :])
    rank = np.argsort(np.argsort(-size, axis=-1, kind="stable"), axis=-1, kind="stable")
    return np.where((rank < number) & (size > 0), weights, 0)


def confusions(
    predicted: Int[np.ndarray, "networks examples"], labels: Of, *, classes: int
) -> Int[np.ndarray, "networks examples"]:
    """For each network a reader that knows the true label, and what the other networks most often confuse it with.

    The true label where the others never confuse it.
    """
    labels = np.asarray(labels)
    tables = np.stack([np.bincount(labels * classes + own, minlength=classes**2) for own in predicted])
    tables = tables.reshape(-1, classes, classes) * (1 - np.eye(classes, dtype=int))
    others = tables.sum(axis=0) - tables
    likely = np.where(others.any(axis=-1), others.argmax(axis=-1), np.arange(classes))
    return likely[:, labels]


def nearest(
    images: Float[Array | np.ndarray, "examples pixels"],
    known: Float[Array | np.ndarray, "known pixels"],
    labels: Int[Array | np.ndarray, " known"],
) -> Int[np.ndarray, " examples"]:
    """A reader of digits: the label of the nearest of the known images."""
    images, known = np.asarray(images), np.asarray(known)
    distance = (known**2).sum(axis=1) - 2 * images @ known.T
    return np.asarray(labels)[np.argmin(distance, axis=1)]
