"""What does each unit do, in words? Networks described for prompts, labels by rules, and how well labels predict units.

Facts are measured on training images, and labels are scored on test images: by what rules make of their words, and by
what a language model predicts from them. A model that has only its own summaries may also be tested as a reader.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np

from jaxinterp import data, ensemble
from jaxinterp.data import Dataset
from jaxinterp.explanation import baselines, evaluation, facts, kept, labels, predicting, rules
from jaxinterp.explanation.answers import Parameters
from jaxinterp.explanation.asking import Asker, Asks, Plan, Progress
from jaxinterp.explanation.clients import is_local
from jaxinterp.explanation.facts import EnsembleFacts
from jaxinterp.explanation.labels import Labels, Subject
from jaxinterp.explanation.predicting import Predictions
from jaxinterp.explanation.prompting import Background, Prompt, Split
from jaxinterp.interventions import Site
from jaxinterp.networks import convolves
from jaxinterp.questions import readers, subject
from jaxinterp.questions.readers import Tested
from jaxinterp.stats import SIGNED, Estimate, over_seeds_estimate
from jaxinterp.studies.inputs import Inputs
from jaxinterp.train import SPLITS, kept_accuracy

IMAGES = 1000  # training images that facts are measured on
SCORED = 2000  # test images that labels are scored on
ANSWERS = "explanation/answers"  # in a run's folder
_SHOWN = ("train", "test")
_CONVOLVES = "a convolutional network (a unit of a convolution is a channel; its activation: the mean over its map)"
_KEY = 13  # number of this question's random draws, of a run

Place = tuple[int, Site | None, int | None]  # seed, site and number of a unit


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
    """Labels by one explainer. scores: of those of units, in their order.

    predicted: likewise, by the model's own predictions, on fewer images; none where it was not asked for any.
    """

    explainer: str
    labels: Labels
    scores: tuple[Score, ...]
    predicted: tuple[Score, ...] = ()


class OverUnits(NamedTuple):
    """Means over one network's live units, with intervals over these: of label scores, and of best baselines' scores.

    predicted, predicted_baseline: likewise, by the model's own predictions; of no units where it was asked for none. A
    label without a defined score counts as 0. Units whose label waits are left out.
    """

    seed: int
    score: Estimate
    baseline: Estimate
    predicted: Estimate
    predicted_baseline: Estimate


class Asked(NamedTuple):
    """What a language model said: labels, predictions, answers as a reader.

    predictions, tested: those without a question that waits. counts: of predictions and answers by status, by what was
    asked. stopped: why some questions wait, "" if none does.
    """

    labels: Labels
    predictions: Predictions | None
    tested: tuple[Tested, ...]
    counts: dict[str, dict[str, int]]
    stopped: str


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


def ask(
    described: Described, asker: Asks, *, sees: bool, predict: int = 0, read: int = 0, progress: Progress | None = None
) -> Asked:
    """Label all units, then predict each one's activation on some test images, then test the model as a reader.

    predict: on how many images. read: on how many that each network gets right, and on as many that it gets wrong. What
    follows from answers that wait is left for the next time. Raises InputError as `Asker.ask` does, and where a network
    that is to be read makes no mistake.
    """
    found = labels.explain(described.subjects, asker, sees=sees, progress=progress)
    predictions, tested, counts, stopped = None, [], {}, found.stopped
    if predict and not stopped:
        images = described.inputs.test.spaced(predict)
        values = predicting.activations(found.units, images.images, images.shape, asker, sees=sees, progress=progress)
        counts["predictions"], stopped = values.counts, values.stopped
        predictions = None if stopped else values
    for own in described.subjects if read else ():
        if stopped:
            break
        known = readers.prepare(described.inputs, described.facts.data, seed=own.seed, each=read)
        images = np.asarray(described.inputs.test.images)[known.rows]
        answers = {}
        for reader, way in readers.by_model(own.seed, described.seeds).items():
            said = predicting.classes(own, found, images, asker, **way, sees=sees, progress=progress)
            counts[f"{reader}, seed {own.seed}"], stopped = said.counts, said.stopped
            if stopped:
                break
            answers[reader] = said.classes
        else:
            tested.append(known._replace(answers=answers | known.answers))
    return Asked(found, predictions, tuple(tested), counts, stopped)


def planned(described: Described, *, sees: bool, predict: int = 0, read: int = 0) -> list[Prompt]:
    """All prompts of `ask`, in their order; what is not known is a placeholder."""
    plan = Plan()
    ask(described, plan, sees=sees, predict=predict, read=read)
    return plan.prompts


def keep(described: Described, run: Path, model: str, asked: Asked) -> None:
    """Store in a run's folder what studies score of a model: its labels, predictions, and answers as a reader.

    Nothing is stored where labels wait. Raises InputError where it cannot be written.
    """
    read = {
        own.seed: kept.Read(
            own.right, own.wrong, {name: own.answers[name] for name in readers.by_model(own.seed, described.seeds)}
        )
        for own in asked.tested
    }
    predicted = {}
    if asked.predictions is not None:
        rows = data.spaced_rows(len(described.inputs.test.labels), asked.predictions.values.shape[1])
        by_layer = _by_layer(described, asked.labels, asked.predictions)
        predicted = {
            seed: kept.Predicted(
                rows, {site: own[place] for site, own in zip(described.facts.sites, by_layer, strict=True)}
            )
            for place, seed in enumerate(described.seeds)
        }
    kept.add(run, described.inputs.networks, model, asked.labels, read, predicted)


def scored(
    described: Described, found: Mapping[str, Labels], predictions: Predictions | None = None
) -> list[Explained]:
    """The labels of every explainer with their scores, on at most SCORED test images.

    predictions: from the labels of the only explainer.
    """
    names = tuple(map(described.facts.data.name, range(described.facts.layers[0].class_mean.shape[-1])))
    test = described.inputs.test.spaced(SCORED)
    simulations: dict[str, list[np.ndarray]] = {explainer: [] for explainer in found}
    for site in described.facts.sites:
        for explainer, own in found.items():
            texts = [
                tuple(label.text for label in own.units if (label.seed, label.site) == (seed, site))
                for seed in described.seeds
            ]
            labelled = evaluation.compiled(tuple(texts), names, described.facts.data.shape)
            simulations[explainer].append(evaluation.simulated(labelled, test))
    compiled = _scores(described, test, simulations)
    predicted: dict[str, dict[Place, Score]] = {}
    if predictions is not None:
        [(explainer, own)] = found.items()
        by_layer = _by_layer(described, own, predictions)
        predicted = _scores(described, described.inputs.test.spaced(predictions.values.shape[1]), {explainer: by_layer})
    return [
        Explained(name, own, _in_order(own, compiled[name]), _in_order(own, predicted.get(name)))
        for name, own in found.items()
    ]


def over_units(explained: Explained) -> list[OverUnits]:
    """The means of every network. What varies is the unit, so that they say nothing of other networks."""
    units = explained.labels.units
    seeds = dict.fromkeys(label.seed for label in units)

    def means(seed: int, scores: Sequence[Score]) -> Iterator[Estimate]:
        known = [
            (score.pearson, score.baseline)
            for label, score in zip(units, scores, strict=False)
            if label.seed == seed and label.status != labels.WAITING and score.best is not None
        ]
        for values in np.nan_to_num(np.reshape(np.array(known, float), (-1, 2))).T:
            yield over_seeds_estimate(values, bounds=SIGNED)

    return [OverUnits(seed, *means(seed, explained.scores), *means(seed, explained.predicted)) for seed in seeds]


def _by_layer(described: Described, found: Labels, predictions: Predictions) -> list[np.ndarray]:
    """Predictions of each layer, "seeds units images"."""
    places = [(label.seed, label.site, label.unit) for label in found.units]
    by_place = dict(zip(places, predictions.filled, strict=True))
    return [
        np.stack(
            [[by_place[seed, site, unit] for unit in range(layer.dead.shape[1])] for seed in described.seeds]
        ).astype(np.float32)
        for site, layer in zip(described.facts.sites, described.facts.layers, strict=True)
    ]


def _scores(
    described: Described, test: Dataset, simulations: Mapping[str, Sequence[np.ndarray]]
) -> dict[str, dict[Place, Score]]:
    """Scores on these images, by explainer and unit. simulations: of each layer "seeds units examples"."""
    facts_, networks = described.facts, ensemble.take(described.inputs.networks, described.seeds)
    scores: dict[str, dict[Place, Score]] = {explainer: {} for explainer in simulations}
    for number, site in enumerate(facts_.sites):
        real = evaluation.activations(networks, test.images, site=site)
        fitted = evaluation.activations(networks, facts_.data.images, site=site)
        others = np.asarray(evaluation.baseline_scores(facts_, number, fitted, real, test).pearson)
        best = np.argmax(np.nan_to_num(others, nan=-np.inf), axis=1)
        for explainer, own in simulations.items():
            reached = np.asarray(evaluation.scores(own[number], real).pearson)
            for (place, unit), value in np.ndenumerate(reached):
                winner = best[place, unit]
                baseline = float(others[place, winner, unit])
                name = None if np.isnan(baseline) else baselines.BASELINES[winner]
                scores[explainer][described.seeds[place], site, unit] = Score(float(value), baseline, name)
    return scores


def _in_order(found: Labels, scores: Mapping[Place, Score] | None) -> tuple[Score, ...]:
    return () if scores is None else tuple(scores[label.seed, label.site, label.unit] for label in found.units)


def background(inputs: Inputs, seed: int) -> Background:
    """What all prompts say of one network. Of data in a file, its name alone is said, without the folder."""
    model, history, source = inputs.model, inputs.run.history, inputs.config.data.source
    # The loss at the epoch whose weights were kept is found as the accuracy is.
    both = (kept_accuracy(history), kept_accuracy(history._replace(accuracy=history.loss)))
    accuracy, loss = (values[seed].tolist() for values in both)
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
        f"images, some of them from the data set, {images}."
    )


def account(asker: Asker, asked: Asked) -> list[str]:
    """What asking took, and what went wrong on the way, in lines."""
    found = asked.labels
    lines = [f"{asker.requests:,} requests, {asker.tokens:,} tokens; answers: {asker.folder}"]
    lines += [
        f"{what}: {', '.join(f'{status} {count:,}' for status, count in counts.items())}"
        for what, counts in asked.counts.items()
    ]
    lines += [f"{number} × {reason}" for reason, number in asker.faults.items()]
    if others := [model for model in found.models if model != asker.server.model]:
        lines.append(f"answered as {', '.join(others)}, not as {asker.server.model}")
    return lines
