"""What is known of each unit of a run? Responses, selectivity, damage, locality and universality, with their nulls.

`measure` makes the arrays, which the report's explorer shows too; `answer` makes a table of them, one row per unit and
network.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import scipy  # its parts load when they are first used
from jaxtyping import Bool, Int

from jaxinterp import ensemble, metrics, networks
from jaxinterp.analysis import counterparts, facets, units
from jaxinterp.analysis.counterparts import Counterparts
from jaxinterp.analysis.units import KINDS, SELECTIVITY, Responses, Selective
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, Layer, Network
from jaxinterp.questions import subject
from jaxinterp.store import Run
from jaxinterp.studies.inputs import Inputs
from jaxinterp.text import suggestion

# Enough that a class's mean has two digits; and for measures of many images at once, or with many draws of a null.
TEST_IMAGES, FEW_IMAGES = 10_000, 2_000
LABEL_DRAWS, PAIR_DRAWS = 50, 5
EXEMPLARS = 9
# The quantile that untrained networks' units reach; low participation is remarkable.
LEVELS = {"outgoing": 0.95, "participation": 0.05, "largest": 0.95}
# The share of networks that hold a counterpart by chance: one of them has one closer than 95 % of chance's.
_CHANCE, _LEVEL = 0.05, 0.95
_LEAST_IMAGES = 4

# What a row says of a unit; the null of a column is its 95th percentile by chance, of participation the 5th.
COLUMNS = (
    *("seed", "layer", "unit", "mean", "active", "dead", "class"),
    *(name + end for name in SELECTIVITY for end in ("", "_null")),
    *(f"damage_{kind}{end}" for kind in KINDS for end in ("", "_class", "_total")),
    *(name + end for name in ("participation", "largest", "universality") for end in ("", "_null")),
)
FACETS = "facets"
_NO_FACETS = "a channel has a value at each position of its map, and facets are of one value"
_FACET_SOURCES = 2**26  # contributions that the search for facets may hold on the images
_RISING = ("seed", "layer", "unit", "class", "participation")

Progress = Callable[[str, int, int], None]


class LayerUnits(NamedTuple):
    """What is known of one layer's units, each array with a leading axis of networks.

    structure: by measure, that of trained networks; untrained: the quantile in LEVELS that untrained ones reach.
    """

    responses: Responses
    selective: Selective
    structure: dict[str, np.ndarray]
    untrained: dict[str, float]
    dead: Bool[np.ndarray, "seeds units"]
    pairs: Counterparts


class Units(NamedTuple):
    """One row per unit, with COLUMNS, and facets if these were counted; of how many rows; and what else to know.

    classes: the names of the classes, whose numbers the frame has. Facets are NaN of channels.
    """

    frame: pd.DataFrame
    total: int
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def measure(run: Run, test: Dataset, seeds: Sequence[int], *, progress: Progress | None = None) -> list[LayerUnits]:
    """What is known of every layer's units in the networks of these seeds.

    test: at most TEST_IMAGES images, of which FEW_IMAGES serve selectivity, maps and universality. One network at a
    time is in memory, besides all activations on the few images. progress: see `studies.runner.measure`.
    """
    model, config = run.networks.model, run.config.train
    few = test.take(sample(len(test.labels), FEW_IMAGES))
    kept = ensemble.take(run.networks, list(seeds))
    classes, exemplars = networks.num_classes(model), min(EXEMPLARS, len(test.labels))
    read_key, label_key, _, pair_key = jax.random.split(jax.random.key(0), 4)  # the third is the page's, for maximisers

    def lifted(function: Callable) -> Callable:
        # One network at a time stays in cache: half the time of eight at once. Images are arguments, since XLA would
        # compute the patches of constant images when it compiles.
        return jax.jit(ensemble.over_seeds(function, chunk=1))

    def post(network: Network, few: Dataset):
        activations = network.units(few.images)
        return [activations[site] for site in units.sites(network)]

    def read(network: Network, test: Dataset):
        return units.read(network, test, read_key, loss=config.loss, classes=classes, exemplars=exemplars)

    def selective(network: Network, few: Dataset):
        values = jnp.concatenate(post(network, few), axis=-1)
        return units.selectivity(values, few.labels, label_key, classes=classes, draws=LABEL_DRAWS)

    def structure():
        program = lifted(units.structure)
        return program(kept, few), program(untrained(run, seeds, few.images.shape[1]), few)

    # Most of the time is compiling, which takes one core each: so these go side by side.
    tasks = {
        "responses and damage": lambda: lifted(read)(kept, test),
        "selectivity": lambda: lifted(selective)(kept, few),
        "maps": structure,
        "dead units": lambda: lifted(units.dead)(kept, test.images),
        "activations": lambda: lifted(post)(kept, few),
        "shuffles": lambda: jax.jit(partial(counterparts.orders, draws=PAIR_DRAWS))(pair_key, few.labels),
    }
    with ThreadPoolExecutor(ensemble.cores()) as pool:
        done = pool.map(lambda task: jax.device_get(task()), tasks.values())
        found = dict(zip(tasks, _each(tasks, done, progress, len(model.layers)), strict=True))
    pair = jax.jit(partial(counterparts.counterparts, absolute=mirrored(model)))
    by_layer = _split(found["selectivity"], [layer.units for layer in model.layers])
    trained, initial = found["maps"]
    layers = []
    for number, name in enumerate(networks.names(model)):
        if progress is not None:
            progress(f"universality of {name}", len(tasks) + number, len(tasks) + len(model.layers))
        layers.append(
            LayerUnits(
                found["responses and damage"][number],
                by_layer[number],
                trained[number],
                untrained_levels(initial[number]),
                found["dead units"][number],
                jax.device_get(pair(found["activations"][number], found["shuffles"])),
            )
        )
    return layers


def untrained(run: Run, seeds: Sequence[int], pixels: int) -> Network:
    """The networks of these seeds before training."""
    keys = ensemble.keys(run.config.train.base_seed, run.config.train.seeds)[np.array(seeds)]
    # The same as controls.untrained, one by one: half as long to compile.
    return jax.jit(partial(jax.lax.map, lambda key: networks.init(key, run.networks.model, pixels)))(keys)


def answer(
    inputs: Inputs,
    *,
    label: int | None = None,
    count_facets: bool = False,
    sort: str | None = None,
    top: int | None = None,
    layer: str | None = None,
    seeds: Sequence[int] = (),
    progress: Progress | None = None,
) -> Units:
    """A row for each unit of each network that did not diverge.

    label: selectivity for this class and damage to it, instead of those of the class where each is largest; selectivity
    is then compared with the same class's in each permutation. count_facets: also the number of facets of neurons,
    which takes longest. layer, seeds: these alone; universality is still a share of all other networks. sort, top: the
    first rows by a column, the most remarkable first: participation and names (seed, layer, unit, class) rise, all
    other columns fall, and what is not known is last. Raises InputError, before anything is measured, for networks
    without hidden layers, fewer than four test images, a class, column, layer or seed that does not exist, and facets
    where only channels are described or a layer norm leaves neurons without fixed weights.
    """
    run, model = inputs.run, inputs.model
    known = check(run, inputs.test)
    columns = (*COLUMNS, FACETS) if count_facets else COLUMNS
    _check_selection(inputs, columns, sort, top, layer, seeds)
    if count_facets:
        _check_facets(model, inputs.test.images.shape[1], layer)
    if label is not None:
        metrics.check_class(label, networks.num_classes(model))
    test = inputs.test.take(sample(len(inputs.test.labels), TEST_IMAGES))
    layers = measure(run, test, known, progress=progress)
    weights = np.bincount(np.asarray(test.labels), minlength=networks.num_classes(model)) / len(test.labels)
    values = [_columns(own, weights, label, by_chance(len(known))) for own in layers]
    if count_facets:
        for own, each in zip(values, model.layers, strict=True):
            counted = each.feature_map is None and layer in (None, each.name)
            own[FACETS] = _facets(inputs, known, each) if counted else np.full(own["mean"].shape, np.nan)
    frames = [_frame(known, name, own) for name, own in zip(networks.names(model), values, strict=True)]
    frame = pd.concat(frames, ignore_index=True).sort_values("seed", kind="stable", ignore_index=True)
    chosen = frame.loc[(frame.layer == (layer or frame.layer)) & frame.seed.isin(seeds or known)]
    if sort is not None:
        chosen = chosen.sort_values(sort, ascending=sort in _RISING, kind="stable", na_position="last")
    chosen = chosen.head(top or len(chosen)).reset_index(drop=True)
    notes = _notes(inputs, frame, len(known))
    if count_facets and chosen[FACETS].notna().all():
        chosen = chosen.astype({FACETS: int})
    elif count_facets:
        notes = (*notes, f"no facets of channels: {_NO_FACETS}")
    return Units(chosen, len(frame), subject.classes_of(inputs), notes)


def _check_selection(inputs: Inputs, columns: Sequence[str], sort, top, layer, seeds: Sequence[int]) -> None:
    subject.check_seeds(inputs, seeds)
    if sort is not None and sort not in columns:
        raise InputError(f"no column {sort!r}{suggestion(sort, columns)}; there are {', '.join(columns)}")
    if top is not None and top < 1:
        raise InputError(f"top is {top}: use 1 or more rows")
    if layer is not None:
        networks.layer_named(inputs.model, layer)


def _check_facets(model: MLP, pixels: int, layer: str | None) -> None:
    """Raise InputError where no layer has facets to count, or one has units without fixed weights."""
    described = [own for own in model.layers if layer in (None, own.name)]
    neurons = [own for own in described if own.feature_map is None]
    if not neurons:
        others = ", ".join(own.name for own in model.layers if own.feature_map is None)
        use = f"; use --layer with one of {others}" if others else "; leave out --facets"
        raise InputError(f"no facets of {', '.join(own.name for own in described)}: {_NO_FACETS}{use}")
    network = jax.eval_shape(partial(networks.init, model=model, pixels=pixels), jax.random.key(0))
    for own in neurons:
        try:
            jax.eval_shape(partial(networks.weights_on_input, site=own.pre), network)
        except InputError as error:
            why = str(error).partition(":")[0]
            raise InputError(f"no facets of {own.name}: {why}; leave out --facets") from None


def check(run: Run, test: Dataset) -> list[int]:
    """The seeds whose networks can be described.

    Raises InputError without hidden layers, with fewer than four test images, or where all networks diverged.
    """
    if not run.networks.model.layers:
        raise InputError("there are no hidden units to describe: the networks have no hidden layer")
    if len(test.labels) < _LEAST_IMAGES:
        raise InputError(f"describing units needs {_LEAST_IMAGES} or more test images, got {len(test.labels)}")
    return subject.known_seeds(run)


def sample(examples: int, most: int) -> Int[np.ndarray, " sampled"]:
    """So many of the examples, drawn at random: a data set may be sorted."""
    if examples <= most:
        return np.arange(examples)
    return np.sort(np.random.default_rng(0).choice(examples, most, replace=False))


def mirrored(model: MLP) -> bool:
    """Behind an odd function a unit's mirror image does the same for the network."""
    return ACTIVATIONS[model.activation].odd


def by_chance(networks: int) -> float:
    """The share of the other networks that chance exceeds in one unit of twenty, were they independent."""
    others = networks - 1
    return float(scipy.stats.binom.ppf(_LEVEL, others, _CHANCE)) / others if others else np.nan


def untrained_levels(initial: dict[str, np.ndarray]) -> dict[str, float]:
    """What the untrained networks' units reach, over all of them: the quantile in LEVELS."""

    def level(values: np.ndarray, quantile: float) -> float:
        known = values[np.isfinite(values)]
        return float(np.quantile(known, quantile)) if known.size else np.nan

    return {name: level(initial[name], quantile) for name, quantile in LEVELS.items()}


def _each(tasks: Iterable[str], done: Iterable[Any], progress: Progress | None, layers: int):
    """What was done, telling which task is waited for."""
    names = list(tasks)
    results = iter(done)
    for number, name in enumerate(names):
        if progress is not None:
            progress(name, number, len(names) + layers)
        yield next(results)


def _split(selective: Selective, counts: list[int]) -> list[Selective]:
    """Of the units of all layers, each layer's."""
    ends = np.cumsum(counts)[:-1]
    parts: list[list[Any]] = [np.split(np.asarray(values), ends, axis=-1) for values in selective]
    return [Selective(*(part[layer] for part in parts)) for layer in range(len(counts))]


def _columns(layer: LayerUnits, weights: np.ndarray, label: int | None, chance: float) -> dict[str, Any]:
    """By name, a column's values "seeds units"; weights: share of the test images of each class."""
    own, selective = layer.responses, layer.selective
    every = np.asarray(own.damage)
    auc = np.nan_to_num(selective.by_class[:, list(SELECTIVITY).index("auc")], nan=-np.inf)
    columns = {"mean": own.mean, "active": own.firing, "dead": layer.dead}
    columns["class"] = np.argmax(auc, axis=1) if label is None else np.full(own.mean.shape, label)
    for place, name in enumerate(SELECTIVITY):
        if label is None:
            columns |= {name: selective.best[:, place], f"{name}_null": selective.best_level[:, place]}
        else:
            levels = selective.by_class_level[:, place, label]
            columns |= {name: selective.by_class[:, place, label], f"{name}_null": levels}
    for place, kind in enumerate(KINDS):
        damage = every[:, place]
        worst = np.argmax(np.nan_to_num(damage, nan=-np.inf), axis=-1) if label is None else np.array(label)
        worst = np.broadcast_to(worst, own.mean.shape)
        columns[f"damage_{kind}"] = np.take_along_axis(damage, worst[..., None], axis=-1)[..., 0]
        columns[f"damage_{kind}_class"] = worst
        columns[f"damage_{kind}_total"] = np.nan_to_num(damage) @ weights
    for name in ("participation", "largest"):
        columns |= {name: layer.structure[name], f"{name}_null": np.full(own.mean.shape, layer.untrained[name])}
    return columns | {
        "universality": layer.pairs.universality,
        "universality_null": np.full(own.mean.shape, chance),
    }


def _frame(seeds: Sequence[int], name: str, columns: dict[str, Any]) -> pd.DataFrame:
    count, width = len(seeds), np.shape(columns["mean"])[1]
    places = {"seed": np.repeat(seeds, width), "layer": name, "unit": np.tile(np.arange(width), count)}
    return pd.DataFrame(places | {column: np.ravel(values) for column, values in columns.items()})


def _facets(inputs: Inputs, seeds: Sequence[int], layer: Layer) -> Int[np.ndarray, "seeds units"]:
    few = inputs.test.take(sample(len(inputs.test.labels), FEW_IMAGES))

    def number(network: Network, few: Dataset):
        # A layer behind convolutions reads every position of every channel.
        contributions = len(few.labels) * networks.weights_on_input(network, site=layer.pre).shape[1]
        chunk = int(np.clip(_FACET_SOURCES // contributions, 1, 32))
        return facets.by_maximisers(jax.random.key(0), network, few.images, site=layer.pre, chunk=chunk).number

    return np.asarray(jax.jit(ensemble.over_seeds(number, chunk=1))(ensemble.take(inputs.networks, list(seeds)), few))


def _notes(inputs: Inputs, frame: pd.DataFrame, networks: int) -> tuple[str, ...]:
    notes = [note for note in subject.notes_on(inputs) if note != subject.ONE_NETWORK]
    notes += subject.notes_on_channels(inputs.model.layers, ablated=True)
    if networks == 1:
        notes.append("no universality: one network")
    if frame.participation.isna().all() and not frame.dead.all():
        notes.append("no participation and no largest cluster: the images have one row")
    return tuple(notes)
