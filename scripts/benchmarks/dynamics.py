"""How fast are the dynamics of a whole training, compared with a loop over epochs and networks?

The networks are those of recipe bottleneck-neurons with random weights, since time does not depend on them, at as many
epochs as the recipe has, on 2,000 test images. Ours and the loop compute the same: activity of the layers, drift by
debiased CKA and matched correlation of every network to all networks at four times, correlations of units with ends,
and selectivity for every digit. The loop is of NumPy, SciPy's assignment and scikit-learn's AUC. It has the activations
of all other times and networks for nothing, and takes one network at one epoch per turn.
"""

import itertools
from functools import partial
from typing import Any

import jax
import numpy as np
import scipy.optimize
from sklearn.metrics import roc_auc_score

from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, rows
from benchmarks.similarity import compare, prepare
from jaxinterp import controls, data, ensemble, networks, recipes
from jaxinterp.analysis import dynamics
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

IMAGES = 2_000
LOOP = "numpy, scipy and scikit-learn"
TARGETS = {LOOP: "≥ 20"}
ROUNDS = 2  # a turn of ours takes many seconds
KEY = jax.random.key(0)


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    test = splits.test.take(slice(IMAGES))
    config = recipes.config("bottleneck-neurons", seeds=options.seeds)
    course = made(config.train.epochs, options.seeds, networks.build(config.model), test.images.shape[-1])
    epochs, seeds = course.variables["params"]["output"]["bias"].shape[:2]
    full = Contestant(epochs * seeds, calls(jax.jit(everything), course, jax.device_put(test), KEY))
    timings: dict[str, Timing] = race({"ours": full, LOOP: Contestant(1, loop(course, test))}, ROUNDS)
    return timings, list(rows("a training", "networks × epochs/s", timings, TARGETS, missing=""))


def made(epochs: int, seeds: int, model, pixels: int) -> Network:
    """Networks with random weights, "epochs seeds"."""
    keys = ensemble.keys(0, epochs * seeds)
    drawn = controls.untrained(keys, model, pixels)
    return jax.tree.map(lambda leaf: leaf.reshape(epochs, seeds, *leaf.shape[1:]), drawn)


def everything(course: Network, test: Dataset, key):
    """All dynamics of a course but barriers, which no other library computes."""

    def activity(network, images):
        activations = network(images)[1]
        return ensemble.stack([dynamics.activity(activations[layer.post]) for layer in network.model.layers])

    choosing, scoring = test.take(np.s_[0::2]), test.take(np.s_[1::2])
    site, classes = course.model.layers[-1].post, course.model.outputs
    return (
        dynamics.over_course(activity, chunk=8)(course, test.images),
        dynamics.drift(course, test.images, key),
        dynamics.becoming(course, test.images),
        dynamics.selective(course, choosing, scoring, site=site, classes=classes),
    )


def loop(course: Network, test: Dataset):
    """The same of one network at one epoch after another."""
    params = jax.tree.map(np.asarray, course.variables["params"])
    epochs, seeds = params["output"]["bias"].shape[:2]
    order = np.asarray(jax.random.permutation(KEY, len(test.labels)))
    halves = order[: len(order) // 2], order[len(order) // 2 :]
    read = {at: forward(params, test.images, *at) for at in itertools.product(range(epochs), range(seeds))}
    aucs = partial(_aucs, test.labels, course.model.outputs)
    ends = [read[epochs - 1, seed] for seed in range(seeds)]
    matches = [
        [_match(one[::2], other[::2]) for one, other in zip(end, ends[(seed + 1) % seeds], strict=True)]
        for seed, end in enumerate(ends)
    ]
    picks = [aucs(end[-1], 0).argmax(axis=1) for end in ends]
    for epoch, seed in itertools.cycle(read):
        now = forward(params, test.images, epoch, seed)
        times = (0, max(epoch - 1, 0), epoch, epochs - 1)
        then = [[read[time, other] for other in range(seeds)] for time in times]
        scores = aucs(now[-1], 1)
        classes = np.arange(len(scores))
        yield (
            [activity(layer) for layer in now],
            [
                [
                    (_cka(layer, other[number]), _matched(layer, other[number], halves))
                    for others in then
                    for other in others
                ]
                for number, layer in enumerate(now)
            ],
            [
                (_units(layer[1::2], end[1::2]), _units(layer[1::2], other[1::2][:, match]))
                for layer, end, other, match in zip(
                    now, ends[seed], ends[(seed + 1) % seeds], matches[seed], strict=True
                )
            ],
            (scores[classes, aucs(now[-1], 0).argmax(axis=1)], scores[classes, picks[seed]]),
        )


def forward(params, images, epoch: int, seed: int) -> list[np.ndarray]:
    """Activations of every hidden layer of a ReLU network."""
    found, at = [], np.asarray(images)
    for name in sorted(name for name in params if name != "output"):
        at = np.maximum(at @ params[name]["kernel"][epoch, seed] + params[name]["bias"][epoch, seed], 0)
        found.append(at)
    return found


def activity(layer: np.ndarray) -> tuple:
    """The fields of `dynamics.Activity`."""
    fires = layer > 0
    sizes = np.linalg.svd(layer - layer.mean(axis=0), compute_uv=False)
    shares = sizes[sizes > 0] / sizes.sum()
    participation = (sizes**2).sum() ** 2 / (sizes**4).sum()
    rank = np.exp(-(shares * np.log(shares)).sum())
    return layer.mean(), layer.std(), (~fires.any(axis=0)).mean(), 1 - fires.mean(), participation, rank


def _cka(x, y):
    return compare(prepare(x), prepare(y))


def _correlations(x, y):
    x, y = (z - z.mean(axis=0) for z in (x, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (x.T @ y) / np.outer(np.linalg.norm(x, axis=0), np.linalg.norm(y, axis=0))


def _assign(table):
    return scipy.optimize.linear_sum_assignment(np.nan_to_num(table, nan=-100), maximize=True)


def _match(x, y):
    return _assign(_correlations(x, y))[1]


def _matched(x, y, halves):
    fitted, scored = (_correlations(x[half], y[half]) for half in halves)
    pairs = _assign(fitted)
    return np.nanmean(np.where(np.isnan(fitted[pairs]), np.nan, scored[pairs]))


def _units(x, y):
    x, y = (z - z.mean(axis=0) for z in (x, y))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (x * y).sum(axis=0) / (np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0))


def _aucs(labels, classes: int, layer: np.ndarray, first: int):
    of_class = [labels[first::2] == c for c in range(classes)]
    return np.array(
        [[roc_auc_score(own, unit) if own.any() else np.nan for unit in layer[first::2].T] for own in of_class]
    )
