"""Can a reader of labels predict what a network answers? Row 2.7: the write-up's test, with readers that know nothing.

The write-up has a language model predict a network's answer from summaries of its neurons alone, on images that the
network gets right and on as many that it gets wrong, and scores it (`explanation.reading`). Here a rule reads the
labels of row 2.6 and what each output reads; its controls are readers who know nothing of the network.
"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp.errors import InputError
from jaxinterp.explanation import evaluation, reading
from jaxinterp.explanation.facts import LISTED
from jaxinterp.explanation.reading import CONFUSION, GUESS, NEAREST, PUBLISHED, TRUTH
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.stats import SHARE
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.llm_labels import labels
from jaxinterp.studies.llm_labels.neurons import MOST, SIX, TWELVE, WIDTHS
from jaxinterp.studies.scores import Calibrated, Difference, ShareBelow
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number, mean

SHUFFLED = tuple(f"{name}, shuffled" for name in EXPLAINERS)
READERS = (*EXPLAINERS, *SHUFFLED, NEAREST, TRUTH, CONFUSION, GUESS)
ZERO = 0.05  # a score that is as good as none
ENDS = ("low", "high")
QUANTITIES = ("c", "n", "l", "f", "correct", "incorrect", "final", "agreement", "beyond")

_claim = partial(Claim, row="2.7")


class Read(NamedTuple):
    """What every reader reaches on images that a network gets right and as many that it gets wrong.

    reached: C, N, L, F and the write-up's three scores, see `reading`; agreement: share of all these images where the
    reader says what the network answers; beyond: (agreement − that of the nearest image)/(1 − that of the nearest
    image). NaN for networks that diverged, and without images of both kinds. images: how many of either kind.
    over_images: of the final score of one network, the first that did not diverge: a bootstrap interval over images.
    """

    reached: Float[np.ndarray, "recipes readers quantities seeds"]
    images: Float[np.ndarray, "recipes seeds"]
    over_images: Float[np.ndarray, "recipes readers ends"]


def measure(inputs: Mapping[str, Inputs]) -> Read:
    """Every reader of every network, of both widths."""
    seeds = max(own.seeds for own in inputs.values())

    def padded(values: np.ndarray) -> np.ndarray:
        room = [(0, 0)] * (values.ndim - 1) + [(0, seeds - values.shape[-1])]
        return np.pad(values, room, constant_values=np.nan)

    reached, images, over_images = zip(*map(_of_recipe, inputs.values()), strict=True)
    return Read(np.stack(list(map(padded, reached))), np.stack(list(map(padded, images))), np.stack(over_images))


def _of_recipe(own: Inputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    known, test, classes = own.once(labels.trained), own.test, own.model.outputs
    rng, truth = np.random.default_rng(own.config.train.base_seed), np.asarray(test.labels)
    predicted = evaluation.predicted(own.networks, test.images, loss=own.config.train.loss)
    predicted = np.where(own.diverged[:, None], truth, predicted)  # so that these count for no confusion
    layer = known.facts.layers[0]
    spread = np.where(layer.dead, 0, layer.sd)
    weights = reading.listed(layer.weights, spread, number=LISTED)
    simulations = [evaluation.simulated(labelled, test) for labelled in known.labels.values()]
    shuffled = [_shuffled(rng, values, layer.dead) for values in simulations]
    plain = [
        reading.nearest(test.images, known.facts.data.images, known.facts.data.labels),
        truth,
        reading.confusions(predicted, truth, classes=classes),
        rng.integers(0, classes, predicted.shape),
    ]
    answers = [reading.by_labels(values, weights, layer.mean, spread) for values in (*simulations, *shuffled)]
    answers += [np.broadcast_to(values, predicted.shape) for values in plain]
    by_network = np.stack(answers, axis=1)  # seeds, readers, examples
    each = own.at_most(reading.EACH)
    found = [
        _of_network(*values, truth, classes=classes, each=each) for values in zip(by_network, predicted, strict=True)
    ]
    values, images = (np.stack(parts, axis=-1) for parts in zip(*found, strict=True))
    one = _over_images(by_network[own.example], predicted[own.example], truth, rng, classes=classes, each=each)
    return np.where(own.diverged, np.nan, values), np.where(own.diverged, np.nan, images), one


def _of_network(
    answers: np.ndarray, predicted: np.ndarray, truth: np.ndarray, *, classes: int, each: int
) -> tuple[np.ndarray, np.ndarray]:
    """QUANTITIES of each reader of one network, "readers quantities", and the number of images of either kind."""
    try:
        right, wrong = reading.chosen(predicted, truth, each=each)
    except InputError:
        return np.full((len(answers), len(QUANTITIES)), np.nan), np.array(0.0)
    counts, rows = reading.counts(answers, predicted, truth, right, wrong), np.concatenate([right, wrong])
    agreement = (answers == predicted)[:, rows].mean(axis=1)
    digits = np.broadcast_to(answers[READERS.index(NEAREST)], answers.shape)
    beyond = reading.beyond(answers, digits, predicted, rows)
    scores = reading.scores(counts, classes=classes)
    return np.stack([*counts, *scores, agreement, beyond], axis=-1), np.array(float(len(right)))


def _over_images(
    answers: np.ndarray, predicted: np.ndarray, truth: np.ndarray, rng: np.random.Generator, *, classes: int, each: int
) -> np.ndarray:
    """The interval over images of each reader's final score of one network: "readers ends"."""
    try:
        rows = reading.chosen(predicted, truth, each=each)
    except InputError:
        return np.full((len(answers), len(ENDS)), np.nan)
    drawn = [reading.bootstrap(own, predicted, truth, *rows, rng, classes=classes)["final"] for own in answers]
    return np.array([[final.low, final.high] for final in drawn])


def _shuffled(rng: np.random.Generator, values: np.ndarray, dead: np.ndarray) -> np.ndarray:
    """Predictions "seeds units examples" with the labels of each network's live units handed out at random."""
    found = values.copy()
    for network, is_dead in zip(found, dead, strict=True):
        live = np.flatnonzero(~is_dead)
        network[live] = network[rng.permutation(live)]
    return found


MEASUREMENTS = (
    EnsembleMeasurement(
        "readers",
        measure,
        lambda inputs: {"recipes": tuple(inputs), "readers": READERS, "quantities": QUANTITIES, "ends": ENDS},
        recipes=WIDTHS,
    ),
)


def reached(results: Results, reader: str, value: str, recipe: str = SIX) -> xr.DataArray:
    """What a reader reaches on each network of a recipe."""
    return results["readers"].reached.sel(recipes=recipe, readers=reader, quantities=value)


def claims(results: Results) -> list[Claim]:
    """Row 2.7."""
    by_class, shuffled = labels.BY_CLASS, SHUFFLED[0]
    final, published = partial(reached, results, value="final"), PUBLISHED[0]
    nothing = {reader: reached(results, reader, "agreement") for reader in (NEAREST, TRUTH, CONFUSION, shuffled)}
    table = "; ".join(
        f"{row.name} C {row.counts.c:.2f}, N {row.counts.n:.2f}, L {row.counts.l:.2f}, F {row.counts.f:.2f}"
        for row in PUBLISHED
    )
    one = results["readers"].over_images.sel(recipes=SIX, readers=NEAREST)
    low, high = (format_number(float(one.sel(ends=end))) for end in ENDS)
    ours = ", ".join(f"{value.upper()} {mean(reached(results, NEAREST, value), 2)}" for value in "cnlf")
    return [
        _claim(
            name="reader",
            text="A reader of labels predicts what the network answers better than readers who know nothing of it",
            published=f"final {published.scores.final}, by a language model",
            bounds=SHARE,
            quantity="share of images, half of them misclassified, where reader and network agree",
            measured=reached(results, by_class, "agreement"),
            controls=nothing,
            rule=above(0.0),
            score=Calibrated(),
            shown={
                labels.BY_REGION: reached(results, labels.BY_REGION, "agreement"),
                labels.BY_EXEMPLAR: reached(results, labels.BY_EXEMPLAR, "agreement"),
                "twelve neurons": reached(results, by_class, "agreement", TWELVE),
                f"beyond the {NEAREST}": reached(results, by_class, "beyond"),
            },
            note=f"Reader: adds up what the labels predict, by the {LISTED} largest contributions to each output; "
            "labels that name digits are read with the true digit. "
            f"Images of either kind: {mean(results['readers'].images.sel(recipes=SIX), 0)}.",
        ),
        _claim(
            name="own labels",
            text="The write-up's score depends on the network's own labels: with shuffled ones the reader scores less",
            published=f"{published.scores.final}",
            quantity="final score",
            measured=final(by_class),
            controls={shuffled: final(shuffled)},
            rule=above(0.0),
            score=Difference(),
            shown={value: reached(results, by_class, value) for value in ("c", "n", "l", "f", "correct", "incorrect")},
            note=f"Published: {table}.",
        ),
        _claim(
            name="zero",
            text="The write-up's score of a reader that knows nothing of the network is 0",
            quantity="final score of a reader that gives the label of the nearest training image",
            measured=final(NEAREST),
            controls={GUESS: final(GUESS)},
            rule=below(ZERO),
            shown={
                "correct": reached(results, NEAREST, "correct"),
                "incorrect": reached(results, NEAREST, "incorrect"),
                CONFUSION: final(CONFUSION),
                "twelve neurons": final(NEAREST, recipe=TWELVE),
            },
            note=f"It reaches {ours}. Misclassified images are harder to read, so that C > L. The {TRUTH} has L = 1, "
            'for which the score divides by 0. A score of 0 is not "no understanding".',
        ),
        _claim(
            name="published",
            text="The published score is beyond readers who know nothing of the network: they mostly score less",
            published=f"{published.scores.final}",
            quantity="final scores of the reader by the nearest training image",
            measured=final(NEAREST),
            controls={GUESS: final(GUESS)},
            rule=above(MOST),
            score=ShareBelow(float(published.scores.final)),
            shown={
                f"twelve neurons (published {PUBLISHED[2].scores.final})": final(NEAREST, recipe=TWELVE),
            },
            note=f"Published: {published.name}, one network, 100 images of either kind; correct "
            f"{format_number(float(published.scores.correct), 2)}, incorrect "
            f"{format_number(float(published.scores.incorrect), 3)}. Of one of ours, so many images leave an interval "
            f"from {low} to {high}.",
        ),
    ]
