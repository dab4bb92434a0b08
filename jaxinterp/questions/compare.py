"""How alike are the networks of one run, and those of several? Similarity of every layer, calibrated by two nulls.

The nulls are the same networks before training, and the trained ones whose images are shuffled within their class: what
two networks share beyond their architecture, and beyond the classes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import controls, data, ensemble, stats
from jaxinterp.analysis import matching, similarity
from jaxinterp.errors import InputError
from jaxinterp.jobs import IMPORTED
from jaxinterp.networks import LOGITS, Network
from jaxinterp.questions import subject
from jaxinterp.questions.units import mirrored
from jaxinterp.stats import SIGNED, Bounds, Estimate
from jaxinterp.studies.inputs import Inputs

OUTPUTS = "logits"
MEASURES = ("debiased CKA", "matched correlation")
WITHIN, SAME_SEED = "different seeds", "same seed"
_KEY = 13  # number of this question's random draws, of a run
_MEMORY = 2**26  # numbers of one table of correlations
_LEAST_IMAGES = 4

Tables = Float[np.ndarray, "conditions seeds seeds_other"]  # trained, untrained, shuffled within class
Progress = Callable[[str, int, int], None]


class Likeness(NamedTuple):
    """How alike one layer is in pairs of networks of two runs, or of one.

    pairs: whether of networks with different seeds or with the same one. observed, untrained and shuffled: means over
    pairs. score: of observed above the larger null, (observed − null)/(1 − null); 0 is chance, 1 identity.
    """

    first: str
    second: str
    layer: str
    measure: str
    pairs: str
    observed: Estimate
    untrained: Estimate
    shuffled: Estimate
    score: Estimate


class Accuracy(NamedTuple):
    """Test accuracy of a run's networks, and its difference from that of the first run, seed by seed.

    difference: None where seeds do not pair.
    """

    run: str
    accuracy: Estimate
    difference: Estimate | None


class Comparison(NamedTuple):
    """The similarity of every layer within and between runs, the accuracy of each, and what cannot be said."""

    images: int
    likeness: tuple[Likeness, ...]
    accuracies: tuple[Accuracy, ...]
    notes: tuple[str, ...]


def answer(runs: Sequence[Inputs], *, progress: Progress | None = None) -> Comparison:
    """Compare every layer of all networks of these runs, by debiased CKA and by the correlation of matched units.

    Layers of the same name are compared, on at most 1,000 test images. Units are matched on one half of these and
    scored on the other; a mirror image matches where both activation functions are odd. Seeds of two runs pair where
    both were trained from the same base seed; pairs with the same seed are then separate, since they may share initial
    weights and the order of the images. Networks that diverged are left out. Raises InputError for runs with different
    test images, or with fewer than four.
    """
    _check(runs)
    names = _names([own.path for own in runs])
    read = [_layers(own) for own in runs]
    pairs = list(_pairs(len(runs)))
    work = [(a, b, layer) for a, b in pairs for layer in read[a] if layer in read[b]]
    likeness = []
    for done, (a, b, layer) in enumerate(work):
        if progress is not None:
            progress(f"{layer} of {names[a]} and {names[b]}", done, len(work))
        tables = _tables(runs[a], runs[b], read[a][layer], read[b][layer], same=a == b)
        for measure, table in zip(MEASURES, tables, strict=True):
            parts = [WITHIN] if a == b or not _paired(runs[a], runs[b]) else [WITHIN, SAME_SEED]
            for part in parts:
                row = _likeness(table, runs[a], runs[b], a == b, part)
                if row is not None:
                    likeness.append(Likeness(names[a], names[b], layer, measure, part, *row))
    if progress is not None:
        progress("", len(work), len(work))
    accuracies = tuple(_accuracy(runs[0], own, name) for own, name in zip(runs, names, strict=True))
    return Comparison(len(runs[0].sample.labels), tuple(likeness), accuracies, _notes(runs, names, read))


def _check(runs: Sequence[Inputs]) -> None:
    if not runs:
        raise InputError("name one run or more to compare")
    first = runs[0]
    for own in runs:
        subject.known_seeds(own.run)
        if _images(own) != _images(first):
            raise InputError(f"{first.path} and {own.path} cannot be compared: {_difference(first, own)}")
    if len(first.test.labels) < _LEAST_IMAGES:
        raise InputError(f"comparing needs {_LEAST_IMAGES} or more test images, got {len(first.test.labels)}")


def _images(own: Inputs) -> str:
    return data.hash_arrays((own.test.images, own.test.labels, np.array(own.test.shape)))


def _difference(first: Inputs, second: Inputs) -> str:
    """In which setting of their data two runs differ first."""
    mine, theirs = (vars(own.config.data) for own in (first, second))
    settings = [name for name in mine if mine[name] != theirs[name]]
    settings = [name for name in settings if name not in ("train_size", "validation_share", "shuffle_labels")]
    known = f" (data.{settings[0]} is {mine[settings[0]]} and {theirs[settings[0]]})" if settings else ""
    return f"their test images or labels differ{known}; use runs on the same data"


def _names(paths: Sequence[Path]) -> list[str]:
    """Short names of runs; their whole paths where the short ones are not different."""
    short = [path.resolve().name for path in paths]
    return short if len(set(short)) == len(short) else list(map(str, paths))


def _pairs(count: int) -> Iterator[tuple[int, int]]:
    """Each run with itself, then every two runs."""
    yield from ((number, number) for number in range(count))
    yield from combinations(range(count), 2)


def _paired(first: Inputs, second: Inputs) -> bool:
    """Whether seed i of one run belongs to seed i of the other."""
    trained = IMPORTED not in (first.config.recipe, second.config.recipe)
    return trained and first.config.train.base_seed == second.config.train.base_seed


class _Layer(NamedTuple):
    """One layer's activations on the sample, of all seeds, those that diverged included."""

    trained: Float[Array, "seeds examples units"]
    untrained: Float[Array, "seeds examples units"]


def _layers(own: Inputs) -> dict[str, _Layer]:
    """Activations of every hidden layer, and the logits."""

    def read(network: Network, images):
        activations = network.units(images)
        return {layer.name: activations[layer.post] for layer in network.model.layers} | {OUTPUTS: activations[LOGITS]}

    program = jax.jit(ensemble.over_seeds(read, chunk=8))
    trained, untrained = (program(some, own.sample.images) for some in (own.networks, own.untrained))
    return {layer: _Layer(trained[layer], untrained[layer]) for layer in trained}


def _tables(first: Inputs, second: Inputs, own: _Layer, other: _Layer, *, same: bool) -> tuple[Tables, Tables]:
    """Every measure of all pairs of networks: trained, untrained, and shuffled within class."""
    labels = jnp.asarray(first.sample.labels)
    shuffle_key, match_key = jax.random.split(first.key(_KEY))
    keys = jax.random.split(shuffle_key, other.trained.shape[0])
    shuffled = _shuffled(keys, other.trained, labels)
    absolute = mirrored(first.model) and mirrored(second.model)
    sizes = own.trained.shape[-1] * other.trained.shape[-1] * other.trained.shape[0]
    chunk = int(np.clip(_MEMORY // sizes, 1, 16))
    match = partial(_matched, match_key, absolute=absolute, chunk=chunk)
    conditions = ((own.trained, other.trained), (own.untrained, other.untrained), (own.trained, shuffled))
    tables = ([fn(x, y) for x, y in conditions] for fn in (_cka, match))
    lost = first.diverged[:, None] | second.diverged
    if same:
        lost = lost | np.eye(len(lost), dtype=bool)
    cka, matched = (np.where(lost, np.nan, np.array(table, np.float64)) for table in tables)
    return cka, matched


_cka = jax.jit(similarity.linear_cka)


@partial(jax.jit, static_argnames=("absolute", "chunk"))
def _matched(key, first: Array, second: Array, *, absolute: bool, chunk: int) -> Float[Array, "seeds seeds_other"]:
    return matching.matched_correlation(first, second, key=key, absolute=absolute, chunk=chunk)


@jax.jit
def _shuffled(keys, activations: Array, labels: Array) -> Float[Array, "seeds examples units"]:
    """Each network's activations in an order of its own within every class."""
    return jax.vmap(controls.shuffled_within_class, in_axes=(0, 0, None))(keys, activations, labels)


def _likeness(
    table: Tables, first: Inputs, second: Inputs, same: bool, part: str
) -> tuple[Estimate, Estimate, Estimate, Estimate] | None:
    """Estimates of the conditions and of the score; None where there is no such pair."""
    if not same and _paired(first, second):
        equal = np.arange(table.shape[1])[:, None] == np.arange(table.shape[2])
        table = np.where(equal == (part == SAME_SEED), table, np.nan)
    values = table[:, np.isfinite(table[0])]
    if not values.shape[1]:
        return None
    means = [float(stats.known_mean(condition, None)) for condition in values]
    hardest = 1 + int(np.nanargmax(means[1:])) if np.isfinite(means[1:]).any() else 1
    score = stats.calibrated_parts(table[0], table[hardest], means[0], means[hardest])

    def estimate(pairs: Float[np.ndarray, "seeds seeds_other"], bounds: Bounds | None = SIGNED) -> Estimate:
        if part == SAME_SEED:
            return stats.over_seeds_estimate(np.diagonal(pairs), bounds=bounds)
        return stats.over_pairs_estimate(pairs, bounds=bounds) if same else _between(pairs, bounds)

    return estimate(table[0]), estimate(table[1]), estimate(table[2]), estimate(score, None)


def _between(pairs: Float[np.ndarray, "seeds seeds_other"], bounds: Bounds | None) -> Estimate:
    """Mean over pairs of one network each of two runs; no interval if one of the runs has a single network.

    The pairs within each run are unknown in a table of all networks, so that its estimate is that between runs.
    """
    count, count_other = pairs.shape
    table = np.full((count + count_other,) * 2, np.nan)
    table[:count, count:], table[count:, :count] = pairs, pairs.T
    estimate = stats.over_pairs_estimate(table, bounds=bounds)
    known = np.isfinite(pairs)
    alone = min(known.any(axis=1).sum(), known.any(axis=0).sum()) < 2
    return estimate._replace(low=np.nan, high=np.nan) if alone else estimate


def _accuracy(first: Inputs, own: Inputs, name: str) -> Accuracy:
    accuracy = own.test_accuracy
    difference = None
    if own is not first and _paired(first, own):
        count = min(len(accuracy), first.seeds)
        difference = stats.paired_estimate(accuracy[:count], first.test_accuracy[:count], bounds=SIGNED)
    return Accuracy(name, stats.over_seeds_estimate(accuracy, bounds=stats.SHARE), difference)


def _notes(runs: Sequence[Inputs], names: Sequence[str], read: Sequence[Iterable[str]]) -> tuple[str, ...]:
    notes = []
    for own, name, layers in zip(runs, names, read, strict=True):
        for note in subject.notes_on(own):
            single = note == subject.ONE_NETWORK
            notes.append(f"{name}: no pairs within it and no interval: one network" if single else f"{name}: {note}")
        if alone := [
            layer
            for layer in layers
            if len(runs) > 1 and not any(layer in other for other in read if other is not layers)
        ]:
            notes.append(f"{name}: {', '.join(alone)} is in no other run")
        if own is not runs[0] and not _paired(runs[0], own):
            notes.append(f"{name}: its seeds do not pair with those of {names[0]}, so that no difference is paired")
    return (*notes, *subject.notes_on_channels(layer for own in runs for layer in own.model.layers))
