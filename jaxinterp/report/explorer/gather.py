"""What does the explorer show of a run? The results for each unit's card, for as many networks as fit into a page."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict

from jaxinterp import ensemble
from jaxinterp.analysis import units
from jaxinterp.analysis.maximization.every_layer import RESTARTS, STEPS, Maximisers, maximisers, patch_maximisers
from jaxinterp.data import Dataset, Splits
from jaxinterp.explanation import kept
from jaxinterp.networks import convolves, num_classes
from jaxinterp.questions import units as questions
from jaxinterp.questions.subject import class_names
from jaxinterp.questions.units import FEW_IMAGES, LABEL_DRAWS, PAIR_DRAWS, TEST_IMAGES
from jaxinterp.report.explorer import budget
from jaxinterp.report.explorer.budget import LIMIT, POINTS, TO_TRY, as_bytes
from jaxinterp.report.explorer.described import layers_of, steps_of
from jaxinterp.report.explorer.embedding import EMBEDDED, embeddings
from jaxinterp.report.explorer.labels import named
from jaxinterp.report.explorer.measures import MEASURES, NAMES
from jaxinterp.report.explorer.payload import DTYPES, Payload
from jaxinterp.report.explorer.roles import roles_of
from jaxinterp.store import Run
from jaxinterp.train import SPLITS, History, kept_accuracy


def gather(run: Run, splits: Splits, *, folder: Path | None = None, limit: int = LIMIT) -> Payload:
    """All that the explorer shows of a run, for as many seeds, from the first on, as fit into `limit` bytes.

    folder: the run's, for the labels that language models gave. Raises InputError where there is nothing to explore: no
    network that did not diverge, not even one that fits, no hidden layer, or fewer than four test images; and where a
    stored label is damaged.
    """
    rows = questions.sample(len(splits.test.labels), TEST_IMAGES)
    test = splits.test.take(rows)
    held, left_out = budget.held(run, test, limit)
    points = questions.sample(len(test.labels), POINTS)
    asked = () if folder is None else kept.read(folder, run.networks)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(roles_of, run, test, held)
        layers, dead = _analyses(run, test, held, points)
        roles = waiting.result()
    labels = named(run, splits, held, asked)
    shown = _pool(layers, test.labels, points)
    variables = ensemble.take(run.networks, held).variables
    arrays: dict[str, Any] = dict(flatten_dict(variables, sep="/"))
    arrays |= {
        "pool/images": as_bytes(test.images[shown]),
        "pool/labels": test.labels[shown],
        "pool/index": rows[shown],
    }
    for number, layer in enumerate(layers):
        layer["exemplars"] = np.searchsorted(shown, layer["exemplars"])
        layer |= labels.arrays[number]
        arrays |= {f"layer{number}/{name}": values for name, values in layer.items()}
    arrays |= {f"roles/{name}": values for name, values in roles.arrays.items()}
    arrays |= {"embedded/images": np.searchsorted(shown, points), **_history(run.history, dead)}
    meta = _meta(run, test, held, left_out) | {"labels": labels.meta, "roles": roles.meta}
    return Payload(meta, {name: _plain(np.asarray(v)) for name, v in arrays.items()})


def dead_units(run: Run, splits: Splits) -> np.ndarray:
    """How many units of each layer have the same activation on all test images, at most TEST_IMAGES: "seeds layers".

    NaN for networks that diverged.
    """
    if not run.networks.model.layers:
        return np.zeros((run.config.train.seeds, 0))
    test = splits.test.take(questions.sample(len(splits.test.labels), TEST_IMAGES))
    share = jax.jit(ensemble.over_seeds(units.dead_share, chunk=1))(run.networks, test.images)
    return np.round(_of_trained(run.history, share) * np.array([layer.units for layer in run.networks.model.layers]))


def _analyses(run: Run, test: Dataset, held: list[int], points: np.ndarray) -> tuple[list[dict[str, Any]], np.ndarray]:
    """The arrays of every layer of the held networks, by name, and the share of dead units in every layer of all.

    Exemplars are places among the test images. points: the test images that are embedded.
    """
    few = test.take(questions.sample(len(test.labels), FEW_IMAGES))
    kept = ensemble.take(run.networks, held)
    key = jax.random.split(jax.random.key(0), 4)[2]  # the others are those of `questions.units.measure`

    def lifted(function: Callable) -> Callable:
        return jax.jit(ensemble.over_seeds(function, chunk=1))

    none = [None] * len(kept.model.layers)
    # Most of the time is compiling, which takes one core each: so these go side by side.
    tasks = (
        lambda: lifted(lambda network: maximisers(network, few.images, key))(kept),
        lambda: lifted(lambda network: patch_maximisers(network, key))(kept) if convolves(kept.model) else none,
        lambda: lifted(units.dead_share)(run.networks, test.images),
        lambda: embeddings(run, test.take(points), held),
    )
    with ThreadPoolExecutor(len(tasks)) as pool:
        found = pool.map(lambda task: jax.device_get(task()), tasks)
        measured = questions.measure(run, test, held)
        highest, patches, dead, embedded = found
    by_chance = questions.by_chance(len(held))
    mapped = [layer.feature_map is not None for layer in run.networks.model.layers]
    own = zip(measured, highest, patches, mapped, embedded, strict=True)
    return [
        _arrays(layer, best, by_chance, mapped=maps) | _patches(patch) | picture
        for layer, best, patch, maps, picture in own
    ], dead


def _arrays(layer: questions.LayerUnits, highest: Maximisers, by_chance: float, *, mapped: bool) -> dict[str, Any]:
    """What the page holds of one layer's units; mapped: whether these are channels."""
    own, pairs = layer.responses, layer.pairs
    best, level = (
        {name: values[:, place] for place, name in enumerate(units.SELECTIVITY)}
        for values in (layer.selective.best, layer.selective.best_level)
    )
    values = {
        **best,
        **layer.structure,
        **units.largest_damage(np.asarray(own.damage)),
        "firing": own.firing,
        "mean": own.mean,
        "universality": pairs.universality,
        "fraction": highest.fraction,
    }
    nulls = {**level, **layer.untrained, "universality": by_chance}
    return {
        **{name: values for name, values in own._asdict().items() if mapped or name != "exemplar_positions"},
        "maximiser": as_bytes(highest.images),
        "maximiser_value": highest.values,
        "maximiser_bound": highest.bound,
        "maximiser_fraction": highest.fraction,
        "measures": np.stack([values[name] for name in NAMES]),
        "nulls": np.stack([np.broadcast_to(nulls.get(name, np.nan), own.mean.shape) for name in NAMES]),
        "counterpart": pairs.unit,
        "counterpart_r": pairs.r,
        "cka": pairs.cka,
        **_maps(layer.structure),
    }


def _patches(highest: Maximisers | None) -> dict[str, Any]:
    if highest is None:
        return {}
    return {"patch": as_bytes(highest.images), "patch_value": highest.values, "patch_bound": highest.bound}


def _maps(structure: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Maps that the page cannot compute from the weights, in 127ths of the largest value of each."""
    if "map" not in structure:
        return {}
    maps = np.nan_to_num(structure["map"])
    largest = np.max(np.abs(maps), axis=-1)
    steps = np.round(127 * maps / np.where(largest > 0, largest, 1)[..., None])
    return {"map": steps.astype(np.int8), "map_largest": largest}


def _pool(layers: list[dict[str, Any]], labels, points: np.ndarray) -> np.ndarray:
    """The test images that are exemplars or points of an embedding, and the first ones of each class."""
    labels = np.asarray(labels)
    first = [np.flatnonzero(labels == label)[:TO_TRY] for label in np.unique(labels)]
    return np.unique(np.concatenate([points, *first, *(np.ravel(layer["exemplars"]) for layer in layers)]))


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
        "steps": steps_of(model),
        "outputs": model.outputs,
        "loss": run.config.train.loss,
        "rows": rows,
        "columns": columns,
        "channels": channels,
        "classes": list(class_names(run.config.data, test, num_classes(model))),
        "seeds": held,
        "all_seeds": run.config.train.seeds,
        "diverged": np.flatnonzero(run.history.diverged).tolist(),
        "left_out": left_out,
        "test_images": len(test.labels),
        "kinds": list(units.KINDS),
        "layers": layers_of(model),
        "measures": [measure._asdict() for measure in MEASURES],
        "embedded": [measure._asdict() for measure in EMBEDDED],
        "matching": "absolute" if questions.mirrored(model) else "signed",
        "used": {
            "gradient_images": min(units.GRADIENT_IMAGES, FEW_IMAGES, len(test.labels)) if convolves(model) else 0,
            "selectivity_images": min(FEW_IMAGES, len(test.labels)),
            "counterpart_images": min(FEW_IMAGES, len(test.labels)),
            "label_draws": LABEL_DRAWS,
            "pair_draws": PAIR_DRAWS,
            "restarts": RESTARTS,
            "steps": STEPS,
        },
    }


def _plain(values: np.ndarray) -> np.ndarray:
    """As one of the payload's types."""
    return values if values.dtype.name in DTYPES else values.astype({"f": np.float32, "i": np.int32}[values.dtype.kind])
