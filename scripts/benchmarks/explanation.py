"""How fast are facts of all units, and the scores of all labels against all baselines, compared with a loop over units?

The networks are those of recipe bottleneck-neurons with random weights, since time does not depend on them. Facts are
of 1,000 training images, scores of all test images. Ours and the loop compute the same: what the labels of a rule and
each baseline predict, and the five scores of both. The loop is of NumPy and scikit-learn, has the activations and the
decomposition of the images for nothing, and takes one unit per turn.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from sklearn import metrics

from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, rows, spread
from jaxinterp import controls, data, ensemble, networks, recipes
from jaxinterp.data import Dataset
from jaxinterp.explanation import baselines, evaluation, facts, rules
from jaxinterp.explanation.facts import EnsembleFacts
from jaxinterp.explanation.score import Scores
from jaxinterp.networks import Network

FACT_IMAGES = 1_000
LOOP = "numpy and scikit-learn"
TARGETS = {LOOP: "≥ 20"}
ROUNDS = 3


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    config = recipes.config("bottleneck-neurons", seeds=options.seeds)
    pixels = splits.test.images.shape[-1]
    many = controls.untrained(ensemble.keys(0, options.seeds), networks.build(config.model), pixels)
    known, test = splits.train.spaced(FACT_IMAGES), splits.test
    reading = Contestant(1, calls(lambda: facts.read(many, known, jax.random.key(0), loss=config.train.loss)))
    timing: Timing = race({"ours": reading}, 1)["ours"]
    found = facts.read(many, known, jax.random.key(0), loss=config.train.loss)
    layers = [Layer(many, found, number, test) for number in range(len(found.sites))]
    labels = sum(layer.real.shape[0] * layer.real.shape[1] for layer in layers)
    ours = Contestant(labels, calls(lambda: [layer.everything() for layer in layers]))
    timings = race({"ours": ours, LOOP: Contestant(1, itertools.cycle(_chained(layers)))}, ROUNDS)
    first = f"facts of {labels} units"
    return {"facts": timing, "scores": timings}, [
        Result(f"{first}, nothing compiled", "s", spread([timing.first]), target="< 20"),
        Result(f"{first}, compiled", "s", spread(timing.seconds)),
        *rows("scores", "labels/s", timings, TARGETS, missing=""),
    ]


class Layer:
    """What both contestants are given of one layer, and what they make of it."""

    def __init__(self, many: Network, known: EnsembleFacts, number: int, test: Dataset):
        site = known.sites[number]
        self.known, self.number, self.test = known, number, test
        self.real = evaluation.activations(many, test.images, site=site)
        self.fitted = evaluation.activations(many, known.data.images, site=site)
        self.labelled = evaluation.label(known, number, rules.class_means)

    def everything(self) -> tuple[Scores, Scores]:
        """The scores of all labels, and of all baselines."""
        simulations = evaluation.simulated(self.labelled, self.test)
        found = evaluation.baseline_scores(self.known, self.number, self.fitted, self.real, self.test)
        return evaluation.scores(simulations, self.real), found

    def loop(self) -> Iterator[np.ndarray]:
        """The same of one unit after another: "predictions scores", the label's first. NaN where undefined."""
        own, images = self.known.layers[self.number], np.asarray(self.test.images)
        known, labels = np.asarray(self.known.data.images), np.asarray(self.test.labels)
        decomposed = Decomposed(known)
        unit_length = _unit_length(images)
        for seed, unit in np.ndindex(self.real.shape[:2]):
            label, mean = self.labelled.compiled[seed][unit], own.class_mean[seed, unit]
            predictions = (
                label.classes[labels],
                1.0 * (labels == np.nanargmax(mean)),
                np.nan_to_num(mean)[labels],
                decomposed.predictions(self.fitted[seed, unit], images),
                (_unit_length(known[own.exemplars[seed, unit]]) @ unit_length.T).max(axis=0),
            )
            yield np.array([_scores(own_predictions, self.real[seed, unit]) for own_predictions in predictions])


def _chained(layers: list[Layer]) -> Iterator[np.ndarray]:
    return itertools.chain.from_iterable(layer.loop() for layer in layers)


def _unit_length(values: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(values, axis=-1, keepdims=True)
    return values / np.where(length > 0, length, 1)


class Decomposed:
    """Images for ridge regression: mean m, and U, S, V of the images less the mean."""

    def __init__(self, images: np.ndarray):
        self.mean = images.mean(axis=0)
        self.left, self.sizes, self.right = np.linalg.svd(images - self.mean, full_matrices=False)
        self.penalties = baselines.PENALTIES * self.sizes.max() ** 2

    def predictions(self, activations: np.ndarray, images: np.ndarray) -> np.ndarray:
        """Of ridge regression with the penalty of the least generalised cross-validation error."""
        centred = activations - activations.mean()
        along, squares = self.left.T @ centred, self.sizes**2
        errors = []
        for penalty in self.penalties:
            kept = squares / (squares + penalty)
            residual = centred @ centred - (along**2 * (2 * kept - kept**2)).sum()
            errors.append(residual / (len(activations) - 1 - kept.sum()) ** 2)
        penalty = self.penalties[int(np.argmin(errors))]
        weights = (self.sizes / (squares + penalty) * along) @ self.right
        return (images - self.mean) @ weights + activations.mean()


def _scores(predictions: np.ndarray, real: np.ndarray) -> list[Any]:
    if np.ptp(predictions) == 0 or np.ptp(real) == 0:
        return [np.nan] * len(Scores._fields)
    active, flagged = real > real.mean(), predictions > predictions.mean()
    return [
        np.corrcoef(predictions, real)[0, 1],
        predictions @ real / (np.linalg.norm(predictions) * np.linalg.norm(real)),
        metrics.average_precision_score(active, predictions),
        metrics.f1_score(active, flagged),
        metrics.jaccard_score(active, flagged),
    ]
