"""What does a language model predict from words alone? Activations from a unit's label, answers from summaries.

The unit's activation on an image is one of 0 to 10. Where the server gives log-probabilities, the expected value over
what could have been answered counts, else the number that was.
"""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp.data import Shape
from jaxinterp.explanation import labels, prompting
from jaxinterp.explanation.answers import STATUSES, Answer, Reply, bare
from jaxinterp.explanation.asking import Asks, Failure, Progress
from jaxinterp.explanation.labels import FAILED, WAITING, Label, Subject
from jaxinterp.explanation.prompting import ACTIVATION, SCALE, Prompt

NO_ANSWER = -1  # in place of a class

Images = Float[Array | np.ndarray, "images pixels"]


class Predictions(NamedTuple):
    """Predicted activations, from 0 to 10. NaN without a number, and for units without a label and dead ones.

    counts: how many questions have each status, of those that occur. stopped: why some wait, "" if none does.
    """

    values: Float[np.ndarray, "units images"]
    counts: dict[str, int]
    stopped: str

    @property
    def filled(self) -> Float[np.ndarray, "units images"]:
        """The same with each unit's mean prediction where there is no number: that says nothing of the image.

        0 for a unit without any number, so that its predictions are constant.
        """
        known = np.isfinite(self.values)
        total = np.where(known, self.values, 0).sum(axis=1, keepdims=True)
        return np.where(known, self.values, total / np.maximum(known.sum(axis=1, keepdims=True), 1))


class Answers(NamedTuple):
    """Which class a reader says that a network answers, by number; NO_ANSWER without one. See also `Predictions`."""

    classes: Int[np.ndarray, " images"]
    counts: dict[str, int]
    stopped: str


def activations(
    units: Sequence[Label], images: Images, shape: Shape, asker: Asks, *, sees: bool, progress: Progress | None = None
) -> Predictions:
    """Predict every labelled unit's activation on every image, from its label alone.

    shape: of the images. What is stored is not asked again. Raises InputError as `Asker.ask` does.
    """
    images = np.asarray(images)
    values = np.full((len(units), len(images)), np.nan)
    cells = [
        (row, column)
        for row, label in enumerate(units)
        if label.text and label.status != labels.DEAD
        for column in range(len(images))
    ]
    prompts = [
        prompting.of_prediction(
            units[row].text, images[column], shape, sees=sees, subject=f"image {column} and {_named(units[row])}"
        )
        for row, column in cells
    ]
    results, counts, stopped = _asked(prompts, asker, progress)
    for cell, result in zip(cells, results, strict=True):
        if isinstance(result, Answer) and result.value:
            values[cell] = expected(result)
    return Predictions(values, counts, stopped)


def classes(
    subject: Subject,
    found: labels.Labels,
    images: Images,
    asker: Asks,
    *,
    summaries_of: int | None = None,
    half_wrong: bool = False,
    sees: bool,
    progress: Progress | None = None,
) -> Answers:
    """What the model says that a network answers for every image, from its background and summaries alone.

    summaries_of: the seed of another network, whose summaries the model gets instead. half_wrong: tell the model that
    half of the network's answers are wrong.
    """
    names = subject.background.class_names
    described = subject.seed if summaries_of is None else summaries_of
    layers = [labels.said(own) for own in found.layers if own.seed == described]
    [network] = [labels.said(own) for own in found.networks if own.seed == described]
    about = f"seed {subject.seed}" + f" by summaries of seed {described}" * (described != subject.seed)
    prompts = [
        prompting.of_reading(
            subject.background,
            layers,
            network,
            image,
            half_wrong=half_wrong,
            sees=sees,
            subject=f"image {row} and {about}",
        )
        for row, image in enumerate(np.asarray(images))
    ]
    results, counts, stopped = _asked(prompts, asker, progress)
    said = [result.value if isinstance(result, Answer) else "" for result in results]
    numbers = [names.index(value) if value else NO_ANSWER for value in said]
    return Answers(np.array(numbers, int), counts, stopped)


def expected(answer: Answer) -> float:
    """The expected number of an answer on the scale; without log-probabilities the number itself.

    Of the tokens in place of the number, those that are on the scale count, and their probabilities are renormalised.
    Where a model writes 10 in two tokens, the probability of a 1 is divided by what would follow it, if that is known.
    """
    probabilities = _probabilities(answer.reply)
    total = sum(probabilities.values())
    if not total > 0:
        return float(answer.value)
    return sum(int(number) * own for number, own in probabilities.items()) / total


def _probabilities(reply: Reply) -> dict[str, float]:
    """Of each number on the scale, as far as they are known."""
    tokens = [next(iter(own)) for own in reply.log_probabilities]
    ends = list(accumulate(map(len, tokens)))
    found = re.search(rf"{ACTIVATION}\W*?(\d+)", "".join(tokens)) or re.search(r"(\d+)", "".join(tokens))
    place = sum(end <= found.start(1) for end in ends) if found else len(tokens)
    if place == len(tokens):
        return {}
    known = _numbers(reply, place, SCALE)
    if bare(tokens[place]) == "1" and place + 1 < len(tokens):
        after = _numbers(reply, place + 1, tuple("0123456789"))
        zero = after.pop("0", 0.0)
        ten = zero / max(1 - sum(after.values()), zero) if zero else 0.0
        known["10"] = known.get("10", 0.0) + known["1"] * ten
        known["1"] *= 1 - ten
    return known


def _numbers(reply: Reply, place: int, among: Sequence[str]) -> dict[str, float]:
    """The probabilities of some texts at a place of the answer, whatever spaces and quotes are around them."""
    known: dict[str, float] = {}
    for token, value in reply.log_probabilities[place].items():
        if bare(token) in among:
            known[bare(token)] = known.get(bare(token), 0.0) + math.exp(value)
    return known


def _asked(
    prompts: Sequence[Prompt], asker: Asks, progress: Progress | None
) -> tuple[tuple[Answer | Failure, ...], dict[str, int], str]:
    """What became of questions, how many have each status, and why some wait."""
    outcome = asker.ask(prompts, progress=progress)
    found = Counter(
        own.status if isinstance(own, Answer) else FAILED if own.final else WAITING for own in outcome.results
    )
    counts = {status: found[status] for status in (*STATUSES, FAILED, WAITING) if found[status]}
    return outcome.results, counts, outcome.waiting


def _named(label: Label) -> str:
    layer = (label.site or "").partition("/")[0]
    return f"{layer}:{label.unit} of seed {label.seed}"
