"""Do single channels hold single digits, and do two CNNs, or a CNN and the MLP, find the same features? Row 4.11.

A channel is a unit: it is ablated at every position of its map, and its activation is the mean over the map. Each
digit's unit is chosen on one half of the images and scored on the other, and compared with random directions of the
layer that are searched alike, as for neurons. Means over maps are alike even in untrained networks, so similarity is
compared with those, and with images shuffled within their class.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import controls, metrics
from jaxinterp.analysis import ablation, directions
from jaxinterp.analysis.similarity import linear_cka
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network, names, unit_values
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons.damage import GONE, is_correct, lost, searched
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, CHOSEN, CNN, DIRECTION, MOST, NAME
from jaxinterp.studies.bottleneck_neurons.selectivity import chosen_auc
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_percent

EXAMPLES = 2000  # test images at most, both halves together
BASES = 2  # random ones of each layer
KINDS = ("zero", "mean")
WITHIN_CLASS = "shuffled within class"
CONDITIONS = (UNTRAINED, TRAINED, WITHIN_CLASS)
ITSELF = "another CNN"

_KEY, _SHUFFLE_KEY = 8, 9  # of the study's keys


class Channels(NamedTuple):
    """Of each layer: how selective each class's most selective unit is, and what the class loses without its own.

    All on the scoring half; units are chosen on the choosing half. auc: of the unit's activation; auc_directions: of
    the direction of a random basis that is chosen likewise, mean over bases. intact: accuracy by class; without: that
    without the class's most damaging unit; without_directions: likewise; without_any: without a unit, mean over units.
    """

    auc: Float[Array, "layers classes"]
    auc_directions: Float[Array, "layers classes"]
    intact: Float[Array, " classes"]
    without: Float[Array, "kinds layers classes"]
    without_directions: Float[Array, "bases kinds layers classes"]
    without_any: Float[Array, "kinds layers classes"]


class Alike(NamedTuple):
    """Debiased linear CKA of each layer of CNN i with the same layer of CNN j, and with each layer of MLP j.

    NaN where no CNN was trained, or where one of the two diverged.
    """

    cka: Float[np.ndarray, "conditions layers others seeds seeds"]


def channels(network: Network, key, choosing: Dataset, scoring: Dataset) -> Channels:
    """How selective and how damaging are the units of every layer, channels and neurons?"""
    model = network.model
    before, after = (network(half.images)[1] for half in (choosing, scoring))

    def of_layer(number: int, layer) -> tuple[Array, ...]:
        bases = directions.random_bases(jax.random.fold_in(key, number), layer.units, draws=BASES)
        first, second = (unit_values(model, layer.post, half[layer.post]) for half in (before, after))
        search = partial(searched, network, choosing, scoring, key, layer.post, kinds=KINDS)
        auc = partial(chosen_auc, choosing=choosing, scoring=scoring, classes=model.outputs)

        def along(basis):
            aucs = auc(directions.coordinates(first, basis), directions.coordinates(second, basis))
            return aucs, search(basis).accuracy

        auc_along, without_along = jax.lax.map(along, bases)
        own = search()
        any_unit = jnp.mean(metrics.by_class(own.correct, scoring.labels, classes=model.outputs), axis=1)
        return auc(first, second), jnp.mean(auc_along, axis=0), own.accuracy, without_along, any_unit

    auc, auc_along, without, without_along, without_any = (
        jnp.stack(values, axis=-2)
        for values in zip(*(of_layer(*pair) for pair in enumerate(model.layers)), strict=True)
    )
    correct = ablation.baseline(network, scoring, measure=is_correct)
    intact = metrics.by_class(correct, scoring.labels, classes=model.outputs)
    return Channels(auc, auc_along, intact, without, without_along, without_any)


def alike(inputs: Mapping[str, Inputs]) -> Alike:
    """How alike are all pairs of CNNs, and of a CNN and an MLP, layer by layer?"""
    cnn, mlp = inputs.get(CNN, inputs[NAME]), inputs[NAME]
    count, layers = min(cnn.seeds, mlp.seeds), (names(cnn.model), names(mlp.model))
    if CNN not in inputs:
        return Alike(np.full((len(CONDITIONS), len(layers[0]), len(layers[1]) + 1, count, count), np.nan))
    data = cnn.sample
    keys, examples = cnn.network_keys(_SHUFFLE_KEY)[:count], jnp.arange(len(data.labels))
    orders = jax.vmap(controls.shuffled_within_class, (0, None, None))(keys, examples, jnp.asarray(data.labels))
    widest = max(layer.units for own in (cnn, mlp) for layer in own.model.layers)

    def read(own: Inputs, condition: str) -> list[Array]:
        activations = _read(own.untrained if condition == UNTRAINED else own.networks, data.images, widest)
        diverged = jnp.asarray(own.diverged)[:, None, None]
        return [jnp.where(diverged, jnp.nan, layer)[:count] for layer in activations]

    def table(condition: str) -> list:
        first, second = read(cnn, condition), read(mlp, condition)
        others = [[layer, *second] for layer in first]
        if condition == WITHIN_CLASS:
            others = [[controls.reordered(layer, orders) for layer in row] for row in others]
        return [[linear_cka(layer, other) for other in row] for layer, row in zip(first, others, strict=True)]

    return Alike(np.array([table(condition) for condition in CONDITIONS], np.float64))


@partial(jax.jit, static_argnames="widest")
def _read(networks: Network, images, widest: int) -> list[Float[Array, "seeds examples units"]]:
    """The activations of every layer, with as many units: further ones are 0, change no CKA, and save programs."""

    def of_network(network: Network) -> list[Array]:
        activations = network.units(images)
        found = [activations[layer.post] for layer in network.model.layers]
        return [jnp.pad(layer, ((0, 0), (0, widest - layer.shape[1]))) for layer in found]

    return over_seeds(of_network, chunk=8)(networks)


def _halves(inputs: Inputs) -> tuple[Dataset, Dataset]:
    kept = np.s_[: inputs.at_most(EXAMPLES) // 2]
    return inputs.choosing.take(kept), inputs.scoring.take(kept)


def _alike_coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    own = names(inputs.get(CNN, inputs[NAME]).model)
    others = [ITSELF, *(f"{layer} of an MLP" for layer in names(inputs[NAME].model))]
    return {"conditions": CONDITIONS, "layers": own, "others": others}


MEASUREMENTS = (
    Measurement(
        "channels",
        channels,
        _halves,
        lambda inputs: {"classes": inputs.classes, "layers": names(inputs.model), "kinds": KINDS},
        recipes=(CNN,),
        key=_KEY,
        chunk=1,
    ),
    EnsembleMeasurement("cnn-similarity", alike, _alike_coords, (CNN, NAME)),
)


def claims(results: Results) -> list[Claim]:
    """Row 4.11: channels are selective and needed, and networks are alike; nothing where no CNN was trained."""
    if CNN not in results[NETWORKS].recipes:
        return []
    found = results["channels"].sel(recipes=CNN)
    layers = found.layers.to_numpy().tolist()
    last = results["cnn-similarity"].others.to_numpy()[-1]
    return [
        *(_selective(found, layer) for layer in layers),
        *(_needed(results, found, layer) for layer in layers),
        *(_alike(results, layer, ITSELF) for layer in layers),
        _alike(results, layers[-1], last),
    ]


def _selective(found: xr.Dataset, layer: str) -> Claim:
    own = found.sel(layers=layer)
    return Claim(
        row="4.11",
        name=f"selective {layer}",
        text=f"{layer} of the CNN: single units are what is selective: a digit's most selective unit is more so than "
        "the most selective of as many random directions: AUC",
        bounds=SHARE,
        quantity="AUC, mean over digits",
        measured=own.auc,
        controls={"the most selective random direction": own.auc_directions},
        score=Difference(),
        rule=above(0.0),
        note=f"{CHOSEN.capitalize()}, units and directions alike; of a channel, the mean over its map.",
        recipes=(CNN,),
    )


def _needed(results: Results, found: xr.Dataset, layer: str) -> Claim:
    own = found.sel(layers=layer)
    zero, mean = (own.sel(kinds=kind) for kind in KINDS)
    mlp = results["damage"].sel(kinds="zero").isel(layers=-1)
    return Claim(
        row="4.11",
        name=f"most digits {layer}",
        text=f"{layer} of the CNN: most digits have a unit without which they fall to about 0 %, beyond what as many "
        "random directions do: share of digits under zero-ablation",
        published="“about 0 %”, of an MLP",
        bounds=SHARE,
        quantity=f"share of digits that fall below {format_percent(GONE)}",
        measured=lost(zero.without, own.intact),
        controls={DIRECTION: lost(zero.without_directions, own.intact)},
        score=Difference(),
        rule=above(MOST),
        shown={
            "accuracy without it": zero.without,
            f"accuracy without {DIRECTION}": zero.without_directions,
            "accuracy without a random unit": zero.without_any,
            "accuracy with all units": own.intact,
            "mean-ablation: share of digits": lost(mean.without, own.intact),
            "last hidden layer of the MLP: share of digits": lost(mlp.worst_accuracy, mlp.intact),
        },
        note=f"Each digit without its most damaging unit, {CHOSEN}, on at most {EXAMPLES} test images; mean over "
        f"{BASES} random bases.",
        recipes=(CNN,),
    )


def similarity(results: Results, layer: str, other: str) -> dict[str, xr.DataArray]:
    """CKA of a layer of CNNs with another layer, by condition, that of trained networks first."""
    found = results["cnn-similarity"].cka.sel(layers=layer, others=other)
    return {name: found.sel(conditions=name) for name in (TRAINED, UNTRAINED, WITHIN_CLASS)}


def _alike(results: Results, layer: str, other: str) -> Claim:
    own = similarity(results, layer, other)
    itself = other == ITSELF
    name, pair = ("alike", "two CNNs") if itself else ("alike MLP", f"a CNN and {other}")
    found = results["cnn-similarity"].cka.sel(conditions=TRAINED, layers=layer)
    others = [str(label) for label in found.others.to_numpy() if label not in (ITSELF, other)]
    return Claim(
        row="4.11",
        name=f"{name} {layer}",
        text=f"{layer} of the CNN: {pair} share features that an image's class does not explain: debiased linear CKA",
        bounds=SIGNED,
        quantity="the debiased linear CKA of two networks",
        measured=own.pop(TRAINED),
        controls=own,
        score=Calibrated(),
        rule=above(ALIKE),
        shown={} if itself else {label: found.sel(others=label) for label in others},
        note="Of a channel, the mean over its map.",
        recipes=(CNN,) if itself else (CNN, NAME),
    )
