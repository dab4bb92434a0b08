"""What can be measured of any run without a study? Measurements that are run, stored and shown on the run's page alone.

`ANALYSES` has those that come with the package. A Python file that defines a MEASUREMENT is one more.
"""

import importlib.util
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import files, metrics, store
from jaxinterp.analysis import ablation, responses, similarity
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import Layer, Network, names
from jaxinterp.studies import inputs, runner
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.study import AnyMeasurement, EnsembleMeasurement, Measurement
from jaxinterp.text import suggestion

FOLDER = "analyses"
KINDS = ("zero", "mean", "resample")


class Activity(NamedTuple):
    """Share of the test images on which a layer's units are active, and shares of its units that are dead or rare."""

    firing_rate: Float[Array, " layers"]
    dead: Float[Array, " layers"]
    rarely_active: Float[Array, " layers"]


class Damage(NamedTuple):
    """Accuracy lost without the most and without the average unit of a layer, on the images that did not choose it."""

    worst: Float[Array, "kinds layers"]
    average: Float[Array, "kinds layers"]


class Similarity(NamedTuple):
    """Debiased CKA of a layer's activations for all pairs of networks, after training and before."""

    cka: Float[np.ndarray, "conditions layers seeds seeds"]


def layers(of: Inputs) -> tuple[str, ...]:
    """The layers whose units are analysed: all hidden ones."""
    return names(of.model)


def activity(network: Network, data: Dataset) -> Activity:
    """How often units are active."""
    activations = network.units(data.images)
    found = [responses.liveness(activations[layer.post]) for layer in network.model.layers]
    shares = [[jnp.mean(getattr(layer, name)) for layer in found] for name in ("firing_rate", "dead", "rare")]
    return Activity(*map(jnp.stack, shares))


def damage(network: Network, key, choosing: Dataset, scoring: Dataset, *, loss: str) -> Damage:
    """What single units cost: the most damaging one is chosen on one half of the test images, scored on the other."""

    def right(logits, labels):
        return metrics.correct(loss, logits, labels).astype(jnp.float32)

    def lost(data: Dataset, kind: str, site: str) -> Float[Array, " units"]:
        without = ablation.units(network, data, kind=kind, site=site, measure=right, key=key)
        return jnp.mean(ablation.baseline(network, data, measure=right)) - jnp.mean(without, axis=1)

    def of_layer(kind: str, site: str):
        scored = lost(scoring, kind, site)
        return scored[jnp.argmax(lost(choosing, kind, site))], jnp.mean(scored)

    found = [[of_layer(kind, layer.post) for layer in network.model.layers] for kind in KINDS]
    return Damage(*jnp.moveaxis(jnp.asarray(found), -1, 0))


def compare(of: Mapping[str, Inputs]) -> Similarity:
    """How alike the same layer is in different networks."""
    (own,) = of.values()

    def table(networks: Network, layer: Layer) -> Array:
        def read(network: Network, images):
            return network.units(images)[layer.post]

        activations = over_seeds(read, chunk=8)(networks, own.sample.images)
        return similarity.all_pairs(similarity.MEASURES["debiased_cka"], activations, activations)

    conditions = (own.untrained, own.networks)
    return Similarity(np.array([[table(networks, layer) for layer in own.model.layers] for networks in conditions]))


def _damage(of: Inputs) -> Measurement:
    return Measurement(
        "damage",
        partial(damage, loss=of.config.train.loss),
        lambda own: (own.choosing, own.scoring),
        lambda own: {"kinds": KINDS, "layers": layers(own)},
        key=1,
    )


def _activity(of: Inputs) -> Measurement:
    return Measurement(
        "activity", activity, lambda own: (own.test,), lambda own: {"layers": layers(own)}, (UNTRAINED, TRAINED)
    )


def _similarity(of: Inputs) -> EnsembleMeasurement:
    return EnsembleMeasurement(
        "similarity",
        compare,
        lambda own: {"conditions": (UNTRAINED, TRAINED), "layers": layers(next(iter(own.values())))},
    )


ANALYSES = {"activity": _activity, "damage": _damage, "similarity": _similarity}


def run(path: Path, name: str, *, again: bool = False, progress: runner.Progress | None = None) -> xr.Dataset:
    """Run an analysis, by name or from a Python file, on a complete run; its result is stored with the run.

    What is stored and current is not measured again, unless again is set. Raises InputError for an unknown name, a file
    without a MEASUREMENT, or a model that has no hidden layer.
    """
    own = inputs.load("", path)
    if not layers(own):
        raise InputError(f"analyses need a hidden layer, and the networks in {path} have none")
    measurement = ANALYSES[name](own) if name in ANALYSES else _from_file(name)
    if progress is not None:
        progress(measurement.name, 0, 1)
    with files.only_writer(path):
        found = runner.stored_or_measured(FOLDER, measurement, path, {"": own}, again)
    if progress is not None:
        progress("", 1, 1)
    return found


def stored(path: Path | str) -> dict[str, xr.Dataset]:
    """Every analysis that is stored with a run, by name."""
    names = [name.removeprefix(f"{FOLDER}/") for name in store.results(path) if name.startswith(f"{FOLDER}/")]
    return {name: store.load_result(path, f"{FOLDER}/{name}") for name in names}


def _from_file(name: str) -> AnyMeasurement:
    file = Path(name)
    if file.suffix != ".py" or not file.is_file():
        raise InputError(
            f"no analysis {name!r}{suggestion(name, ANALYSES)}; there are {', '.join(ANALYSES)}, or name a Python file"
        )
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"{file} does not run: {type(error).__name__}: {error}") from error
    measurement = getattr(module, "MEASUREMENT", None)
    if not isinstance(measurement, AnyMeasurement):
        raise InputError(f"{file} defines no MEASUREMENT: set it to a jaxinterp.studies.Measurement")
    return measurement
