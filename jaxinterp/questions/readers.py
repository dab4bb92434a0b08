"""Can a reader of summaries predict what a network answers? On images that it gets right, and that it gets wrong.

A language model's answers stand beside those of readers who know nothing of the network; see `explanation.reading`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from jaxinterp.data import Dataset
from jaxinterp.explanation import evaluation, reading
from jaxinterp.explanation.reading import ANOTHER, CONFUSION, GUESS, MODEL, NEAREST, TOLD, TRUTH
from jaxinterp.networks import num_classes
from jaxinterp.stats import Estimate
from jaxinterp.studies.inputs import Inputs


class Tested(NamedTuple):
    """One network, the test images on which its readers are tested, and what each reader says on these.

    right, wrong: rows of the test images. predicted: the network's answers to all of them. answers: numbers of classes,
    on the right images and then on the wrong ones; `predicting.NO_ANSWER` without one.
    """

    seed: int
    right: Int[np.ndarray, " right"]
    wrong: Int[np.ndarray, " wrong"]
    predicted: Int[np.ndarray, " examples"]
    answers: dict[str, Int[np.ndarray, " rows"]]

    @property
    def rows(self) -> Int[np.ndarray, " rows"]:
        """All rows, the right ones first."""
        return np.concatenate([self.right, self.wrong])


class Reached(NamedTuple):
    """What one reader reaches.

    estimates: by name, C, N, L, F and the write-up's scores with intervals over images. agreement: share of the images
    where the reader says what the network answers. beyond: see `reading.beyond`, compared with the nearest image.
    """

    seed: int
    reader: str
    estimates: dict[str, Estimate]
    agreement: float
    beyond: float


def by_model(seed: int, seeds: Sequence[int]) -> dict[str, dict[str, Any]]:
    """The ways in which a language model reads one of several networks: arguments of `predicting.classes`, by name.

    The summaries of another network are the control, if there is one.
    """
    found: dict[str, dict[str, Any]] = {MODEL: {}, TOLD: {"half_wrong": True}}
    if len(seeds) > 1:
        found[ANOTHER] = {"summaries_of": seeds[(seeds.index(seed) + 1) % len(seeds)]}
    return found


def prepare(inputs: Inputs, known: Dataset, *, seed: int, each: int) -> Tested:
    """The images to test a network's readers on, and what readers say who know nothing of the network.

    known: labelled images, for the reader by the nearest of them. each: how many images of either kind at most. Raises
    InputError where the network gets all images right, or all wrong.
    """
    test, classes = inputs.test, num_classes(inputs.model)
    images, truth = np.asarray(test.images), np.asarray(test.labels)
    predicted = evaluation.predicted(inputs.networks, images, loss=inputs.config.train.loss)
    predicted = np.where(inputs.diverged[:, None], truth, predicted)  # so that these count for no confusion
    right, wrong = reading.chosen(predicted[seed], truth, each=each)
    found = Tested(seed, right, wrong, predicted[seed], {})
    guesses = np.random.default_rng([inputs.config.train.base_seed, seed]).integers(0, classes, len(found.rows))
    plain = {
        NEAREST: reading.nearest(images[found.rows], known.images, known.labels),
        TRUTH: truth[found.rows],
        CONFUSION: reading.confusions(predicted, truth, classes=classes)[seed][found.rows],
        GUESS: guesses,
    }
    return found._replace(answers=plain)


def reached(inputs: Inputs, tested: Tested) -> list[Reached]:
    """What every reader of one network reaches. The intervals' draws are those of the run's seed."""
    truth, rows = np.asarray(inputs.test.labels)[tested.rows], np.arange(len(tested.rows))
    predicted, right, wrong = tested.predicted[tested.rows], *np.split(rows, [len(tested.right)])
    classes, rng = num_classes(inputs.model), np.random.default_rng([inputs.config.train.base_seed, tested.seed])
    return [
        Reached(
            tested.seed,
            name,
            reading.bootstrap(answers, predicted, truth, right, wrong, rng, classes=classes),
            float((answers == predicted).mean()),
            float(reading.beyond(answers, tested.answers[NEAREST], predicted, rows)),
        )
        for name, answers in tested.answers.items()
    ]
