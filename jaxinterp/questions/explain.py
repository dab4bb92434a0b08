"""What does each unit do, in words? Networks described for prompts, labels by rules, and how well labels predict units.

Facts are measured on training images, and labels are scored on test images.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import NamedTuple

import numpy as np

from jaxinterp import ensemble
from jaxinterp.explanation import baselines, evaluation, facts, labels, rules
from jaxinterp.explanation.answers import Parameters
from jaxinterp.explanation.asking import Asker
from jaxinterp.explanation.clients import is_local
from jaxinterp.explanation.facts import EnsembleFacts
from jaxinterp.explanation.labels import Labels, Subject
from jaxinterp.explanation.prompting import Background, Prompt, Split
from jaxinterp.interventions import Site
from jaxinterp.networks import convolves
from jaxinterp.questions import subject
from jaxinterp.studies.inputs import Inputs
from jaxinterp.train import SPLITS, kept_accuracy

IMAGES = 1000  # training images that facts are measured on
SCORED = 2000  # test images that labels are scored on
ANSWERS = "explanation/answers"  # in a run's folder
_SHOWN = ("train", "test")
_CONVOLVES = "a convolutional network (a unit of a convolution is a channel; its activation: the mean over its map)"
_KEY = 13  # number of this question's random draws, of a run


class Described(NamedTuple):
    """Networks of a run, the facts of their units, and what prompts say of them."""

    inputs: Inputs
    facts: EnsembleFacts
    subjects: tuple[Subject, ...]

    @property
    def seeds(self) -> list[int]:
        """The networks, in the order of the facts."""
        return [subject.seed for subject in self.subjects]


class Score(NamedTuple):
    """Correlation of a unit with what its label predicts, and with the best of `baselines.BASELINES`.

    NaN where the label cannot be compiled or predicts the same for all images, and of a dead unit. best: None of a unit
    for which no baseline is defined, such as a dead one.
    """

    pearson: float
    baseline: float
    best: str | None


class Explained(NamedTuple):
    """Labels by one explainer. scores: of those of units, in their order."""

    explainer: str
    labels: Labels
    scores: tuple[Score, ...]


def describe(inputs: Inputs, *, seeds: Sequence[int] = ()) -> Described:
    """The networks of these seeds with all that prompts say of them; by default the first that did not diverge.

    Raises InputError for a seed that does not exist or diverged, and for networks without hidden layers.
    """
    subject.check_seeds(inputs, seeds)
    chosen = list(dict.fromkeys(seeds)) or subject.known_seeds(inputs.run)[:1]
    images = inputs.splits.train.spaced(IMAGES)
    found = facts.read(inputs.networks, images, inputs.key(_KEY), loss=inputs.config.train.loss, seeds=chosen)
    classes = subject.classes_of(inputs)
    outputs = classes if inputs.model.outputs > 1 else classes[-1:]
    subjects = (
        Subject(
            seed,
            background(inputs, seed),
            tuple(
                tuple(found.of_unit(place, number, unit) for unit in range(layer.dead.shape[1]))
                for number, layer in enumerate(found.layers)
            ),
            {name: found.of_output(place, output) for output, name in enumerate(outputs)},
        )
        for place, seed in enumerate(chosen)
    )
    return Described(inputs, found, tuple(subjects))


def by_rules(described: Described) -> dict[str, Labels]:
    """Labels of all units by each rule, without a language model."""
    return {name: labels.by_rule(described.subjects, rule) for name, rule in rules.EXPLAINERS.items()}


def scored(described: Described, found: Mapping[str, Labels]) -> list[Explained]:
    """The labels of every explainer with their scores, on at most SCORED test images."""
    inputs, facts_ = described.inputs, described.facts
    test, networks = inputs.test.spaced(SCORED), ensemble.take(inputs.networks, described.seeds)
    names = tuple(map(facts_.data.name, range(facts_.layers[0].class_mean.shape[-1])))
    scores: dict[tuple[str, int, Site | None, int | None], Score] = {}
    for number, site in enumerate(facts_.sites):
        real = evaluation.activations(networks, test.images, site=site)
        fitted = evaluation.activations(networks, facts_.data.images, site=site)
        others = np.asarray(evaluation.baseline_scores(facts_, number, fitted, real, test).pearson)
        best = np.argmax(np.nan_to_num(others, nan=-np.inf), axis=1)
        for explainer, own in found.items():
            texts = [
                [label.text for label in own.units if (label.seed, label.site) == (seed, site)]
                for seed in described.seeds
            ]
            compiled = evaluation.compiled(tuple(map(tuple, texts)), names, facts_.data.shape)
            reached = np.asarray(evaluation.scores(evaluation.simulated(compiled, test), real).pearson)
            for (place, unit), value in np.ndenumerate(reached):
                winner = best[place, unit]
                baseline = float(others[place, winner, unit])
                name = None if np.isnan(baseline) else baselines.BASELINES[winner]
                scores[explainer, described.seeds[place], site, unit] = Score(float(value), baseline, name)
    return [
        Explained(name, own, tuple(scores[name, label.seed, label.site, label.unit] for label in own.units))
        for name, own in found.items()
    ]


def background(inputs: Inputs, seed: int) -> Background:
    """What all prompts say of one network. Of data in a file, its name alone is said, without the folder."""
    model, history, source = inputs.model, inputs.run.history, inputs.config.data.source
    # The loss at the epoch whose weights were kept is found as the accuracy is.
    kept = (kept_accuracy(history), kept_accuracy(history._replace(accuracy=history.loss)))
    accuracy, loss = (values[seed].tolist() for values in kept)
    known = [Split(name, *values) for name, *values in zip(SPLITS, accuracy, loss, strict=True) if name in _SHOWN]
    return Background(
        kind=_CONVOLVES if convolves(model) else "a multilayer perceptron",
        layers=tuple(layer.units for layer in model.layers),
        outputs=model.outputs,
        activation=model.activation,
        data=source if source.startswith("tfds:") else PurePath(source).name,
        class_names=subject.classes_of(inputs),
        image_shape=inputs.test.shape,
        splits=tuple(split for split in known if np.isfinite(split.accuracy)),
    )


def statement(url: str, prompts: Sequence[Prompt], *, sees: bool, parameters: Parameters) -> str:
    """What will be sent, and where, in words: how much, and what it holds."""
    tokens, most = sum(prompt.tokens for prompt in prompts), len(prompts) * parameters.tokens
    images = f"as PNGs ({sum(prompt.images for prompt in prompts)} of them)" if sees else "drawn in characters"
    how = "stays on this machine" if is_local(url) else "leaves this machine"
    open_ = "" if is_local(url) or url.startswith("https:") else ", unencrypted"
    return (
        f"What {how}{open_}, to {url}: {len(prompts)} questions of about {tokens:,} tokens, without those that are "
        f"answered already; their answers take {most:,} more at most. They hold the networks' architecture, accuracy "
        "and loss, the data set's and the classes' names, the units' activations by class and strongest weights, and "
        f"images, some of them from the training data, {images}."
    )


def account(asker: Asker, found: Labels) -> list[str]:
    """What asking took, and what went wrong on the way, in lines."""
    lines = [f"{asker.requests:,} requests, {asker.tokens:,} tokens; answers: {asker.folder}"]
    lines += [f"{number} × {reason}" for reason, number in asker.faults.items()]
    if others := [model for model in found.models if model != asker.server.model]:
        lines.append(f"answered as {', '.join(others)}, not as {asker.server.model}")
    return lines
