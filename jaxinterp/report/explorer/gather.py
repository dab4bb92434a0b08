"""What does the explorer show of a run? The results for each unit's card, for as many networks as fit into a page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.stats
from flax.traverse_util import flatten_dict

from jaxinterp import ensemble, networks
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.config import DataConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.networks import MLP, Network
from jaxinterp.networks.steps import Operation
from jaxinterp.report.explorer import budget, units
from jaxinterp.report.explorer.budget import EXEMPLARS, LIMIT, TO_TRY, as_bytes, classes_of
from jaxinterp.report.explorer.counterparts import counterparts, orders
from jaxinterp.report.explorer.maximisers import RESTARTS, STEPS, maximisers
from jaxinterp.report.explorer.measures import MEASURES, NAMES
from jaxinterp.report.explorer.payload import Payload
from jaxinterp.store import Run
from jaxinterp.train import SPLITS, History, kept_accuracy

# Enough that a class's mean has two digits; and for measures of many images at once, or with many draws of a null.
TEST_IMAGES, FEW_IMAGES = 10_000, 2_000
LABEL_DRAWS, PAIR_DRAWS = 50, 5
# The share of networks that hold a counterpart by chance: one of them has one closer than 95 % of chance's.
_CHANCE = 0.05
_LEVELS = {"95th percentile": 0.95, "5th percentile": 0.05}


def gather(run: Run, splits: Splits, *, limit: int = LIMIT) -> Payload:
    """All that the explorer shows of a run, for as many seeds, from the first on, as fit into `limit` bytes.

    Raises InputError where there is nothing to explore: no network that did not diverge, not even one that fits, no
    hidden layer, or fewer than four test images.
    """
    rows = _rows(len(splits.test.labels), TEST_IMAGES)
    test = splits.test.take(rows)
    held, left_out = budget.held(run, test, limit)
    layers, dead = _analyses(run, test, held)
    pool = _pool(layers, test.labels)
    variables = ensemble.take(run.networks, held).variables
    arrays: dict[str, Any] = dict(flatten_dict(variables, sep="/"))
    arrays |= {"pool/images": as_bytes(test.images[pool]), "pool/labels": test.labels[pool], "pool/index": rows[pool]}
    for number, layer in enumerate(layers):
        layer["exemplars"] = np.searchsorted(pool, layer["exemplars"])
        arrays |= {f"layer{number}/{name}": values for name, values in layer.items()}
    arrays |= _history(run.history, dead)
    return Payload(_meta(run, test, held, left_out), {name: _plain(np.asarray(v)) for name, v in arrays.items()})


def dead_units(run: Run, splits: Splits) -> np.ndarray:
    """How many units of each layer have the same activation on all test images, at most TEST_IMAGES: "seeds layers".

    NaN for networks that diverged.
    """
    if not run.networks.model.layers:
        return np.zeros((run.config.train.seeds, 0))
    test = splits.test.take(_rows(len(splits.test.labels), TEST_IMAGES))
    share = jax.jit(ensemble.over_seeds(lambda network: units.dead_share(network, test.images), chunk=1))(run.networks)
    return np.round(_of_trained(run.history, share) * np.array([layer.units for layer in run.networks.model.layers]))


def _analyses(run: Run, test: Dataset, held: list[int]) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The arrays of every layer of the held networks, by name, and the share of dead units in every layer of all.

    Exemplars are places among the test images.
    """
    model, train = run.networks.model, run.config.train
    few = test.take(_rows(len(test.labels), FEW_IMAGES))
    kept = ensemble.take(run.networks, held)
    classes, exemplars = classes_of(model), min(EXEMPLARS, len(test.labels))
    keys = jax.random.split(jax.random.key(0), 4)

    def lifted(function: Callable) -> Callable:
        # One network at a time stays in cache: half the time of eight at once.
        return jax.jit(ensemble.over_seeds(function, chunk=1))

    def post(network: Network):
        activations = network.units(few.images)
        return [activations[site] for site in units.sites(network)]

    def read(network: Network):
        return units.read(network, test, keys[0], loss=train.loss, classes=classes, exemplars=exemplars)

    def selective(network: Network):
        values = jnp.concatenate(post(network), axis=-1)
        return units.selectivity(values, few.labels, keys[1], classes=classes, draws=LABEL_DRAWS)

    def structure():
        program = lifted(lambda network: units.structure(network, few))
        seeds = ensemble.keys(train.base_seed, train.seeds)[np.array(held)]
        # The same as controls.untrained, one by one: half as long to compile.
        initial = jax.jit(partial(jax.lax.map, lambda key: networks.init(key, model, few.images.shape[1])))(seeds)
        return program(kept), program(initial)

    # Most of the time is compiling, which takes one core each: so these go side by side.
    tasks = (
        lambda: lifted(read)(kept),
        lambda: lifted(selective)(kept),
        lambda: lifted(lambda network: maximisers(network, few.images, keys[2]))(kept),
        structure,
        lambda: lifted(lambda network: units.dead_share(network, test.images))(run.networks),
        lambda: lifted(post)(kept),
        lambda: jax.jit(partial(orders, draws=PAIR_DRAWS))(keys[3], few.labels),
    )
    with ThreadPoolExecutor(ensemble.cores()) as pool:
        found = pool.map(lambda task: jax.device_get(task()), tasks)
        responses, selectivities, highest, (trained, initial), dead, activations, shuffled = found
    best, by_chance = (_split(values, [layer.units for layer in model.layers]) for values in selectivities)
    pair = jax.jit(partial(counterparts, absolute=_matching(model) == "absolute"))
    layers = []
    for number, own in enumerate(responses):
        pairs = jax.device_get(pair(activations[number], shuffled))
        values = {
            **best[number],
            **trained[number],
            **units.largest_damage(own.damage),
            "firing": own.firing,
            "mean": own.mean,
            "universality": pairs.universality,
            "fraction": highest[number].fraction,
        }
        nulls = {**by_chance[number], **_untrained_nulls(initial[number]), "universality": _by_chance(len(held))}
        layers.append(
            {
                **own._asdict(),
                "maximiser": as_bytes(highest[number].images),
                "maximiser_value": highest[number].values,
                "maximiser_bound": highest[number].bound,
                "maximiser_fraction": highest[number].fraction,
                "measures": np.stack([values[name] for name in NAMES]),
                "nulls": np.stack([np.broadcast_to(nulls.get(name, np.nan), own.mean.shape) for name in NAMES]),
                "counterpart": pairs.unit,
                "counterpart_r": pairs.r,
                "cka": pairs.cka,
                **{name: values for name, values in trained[number].items() if name == "map"},
            }
        )
    return layers, dead


def _split(values: dict[str, np.ndarray], counts: list[int]) -> list[dict[str, np.ndarray]]:
    """Of the units of all layers, each layer's."""
    ends = np.cumsum(counts)[:-1]
    parts = {name: np.split(array, ends, axis=-1) for name, array in values.items()}
    return [{name: part[layer] for name, part in parts.items()} for layer in range(len(counts))]


def _by_chance(networks: int) -> float:
    """The share of the other networks that chance exceeds in one unit of twenty, were they independent."""
    others = networks - 1
    return float(scipy.stats.binom.ppf(_LEVELS["95th percentile"], others, _CHANCE)) / others if others else np.nan


def _untrained_nulls(initial: dict[str, np.ndarray]) -> dict[str, float]:
    """What the untrained networks' units reach, over all of them."""
    nulls = {}
    for measure in MEASURES:
        if measure.name in initial:
            known = initial[measure.name][np.isfinite(initial[measure.name])]
            nulls[measure.name] = float(np.quantile(known, _LEVELS[measure.statistic])) if known.size else np.nan
    return nulls


def _pool(layers: list[dict[str, Any]], labels) -> np.ndarray:
    """The test images that are exemplars, and the first ones of each class."""
    labels = np.asarray(labels)
    first = [np.flatnonzero(labels == label)[:TO_TRY] for label in np.unique(labels)]
    return np.unique(np.concatenate([*first, *(np.ravel(layer["exemplars"]) for layer in layers)]))


def _history(history: History, dead: np.ndarray) -> dict[str, Any]:
    return {
        "history/dead": _of_trained(history, dead),
        "history/diverged": history.diverged,
        "history/test_accuracy": kept_accuracy(history)[:, SPLITS.index("test")],
        "history/best": history.best,
    }


def _of_trained(history: History, values) -> np.ndarray:
    """Values "seeds layers", NaN for networks that diverged."""
    return np.where(np.asarray(history.diverged)[:, None] > 0, np.nan, np.asarray(values))


def _meta(run: Run, test: Dataset, held: list[int], left_out: str) -> dict[str, Any]:
    model = run.networks.model
    rows, columns, channels = test.shape
    return {
        "steps": [{"site": step.site, "operations": list(map(_operation, step.operations))} for step in model.steps],
        "outputs": model.outputs,
        "loss": run.config.train.loss,
        "rows": rows,
        "columns": columns,
        "channels": channels,
        "classes": class_names(run.config.data, test, classes_of(model)),
        "seeds": held,
        "all_seeds": run.config.train.seeds,
        "diverged": np.flatnonzero(run.history.diverged).tolist(),
        "left_out": left_out,
        "test_images": len(test.labels),
        "kinds": list(units.KINDS),
        "layers": [{"site": layer.post, "units": layer.units} for layer in model.layers],
        "measures": [measure._asdict() for measure in MEASURES],
        "matching": _matching(model),
        "used": {
            "selectivity_images": min(FEW_IMAGES, len(test.labels)),
            "counterpart_images": min(FEW_IMAGES, len(test.labels)),
            "label_draws": LABEL_DRAWS,
            "pair_draws": PAIR_DRAWS,
            "restarts": RESTARTS,
            "steps": STEPS,
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    return {"operation": type(operation).__name__, **operation._asdict()}


def class_names(config: DataConfig, test: Dataset, classes: int) -> list[str]:
    """What the labels stand for, as text."""
    if config.positive is not None and not test.class_names:
        return [f"not {config.positive}", str(config.positive)]
    return [test.name(label) for label in range(classes)]


def _matching(model: MLP) -> str:
    """Behind an odd function a unit's mirror image does the same for the network."""
    return "absolute" if ACTIVATIONS[model.activation].odd else "signed"


def _rows(examples: int, most: int) -> np.ndarray:
    """So many of the examples, drawn at random: a data set may be sorted."""
    if examples <= most:
        return np.arange(examples)
    return np.sort(np.random.default_rng(0).choice(examples, most, replace=False))


def _plain(values: np.ndarray) -> np.ndarray:
    """As one of the payload's types."""
    return values.astype({"f": np.float32, "i": np.int32, "u": np.uint8}[values.dtype.kind])
