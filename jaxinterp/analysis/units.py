"""What is known of each unit of one network? Responses, damage, its map, its exemplars, and what chance would give."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import controls, metrics
from jaxinterp.analysis import ablation, attribution, locality, responses
from jaxinterp.analysis.image_chunks import joined, over_chunks
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import EXACT, Layer, Network, convolves, norm_over_units, outgoing_weights, unit_activations

KINDS = ("zero", "mean", "resample")
SELECTIVITY = {"selectivity": "index", "d_prime": "d_prime", "auc": "auc", "mutual_information": "mutual_information"}
# Gradients through convolutions take long, and their mean needs few images.
GRADIENT_IMAGES = 128
_NULL = 0.95
# Units at once: their scores stay in cache.
_ABLATED, _EXPLAINED, _DRAWN = 4, 8, 10


class Responses(NamedTuple):
    """A unit's activation on the test images, by class and over all; damage: drop in a class's accuracy without it.

    exemplars: the test images of the highest pre-activation, exemplar_values, the highest first; the activation of a
    unit that saturates is the same on many images. exemplar_positions: where in its map a channel's pre-activation is
    highest, counted row by row; 0 for neurons.
    """

    class_mean: Float[Array, "units classes"]
    class_sd: Float[Array, "units classes"]
    mean: Float[Array, " units"]
    sd: Float[Array, " units"]
    firing: Float[Array, " units"]
    exemplars: Int[Array, "units exemplars"]
    exemplar_values: Float[Array, "units exemplars"]
    exemplar_positions: Int[Array, "units exemplars"]
    damage: Float[Array, "kinds units classes"]


class Selective(NamedTuple):
    """How selective each unit is by each of the measures in SELECTIVITY, and the 95th percentile for permuted labels.

    best: for the class where it is largest, so that its level is that of the largest in every permutation.
    """

    by_class: Float[Array, "measures classes units"]
    by_class_level: Float[Array, "measures classes units"]
    best: Float[Array, "measures units"]
    best_level: Float[Array, "measures units"]


def sites(network: Network) -> tuple[Site, ...]:
    """The sites whose units are described: the output of each activation function."""
    return tuple(layer.post for layer in network.model.layers)


def read(
    network: Network,
    data: Dataset,
    key,
    *,
    loss: str,
    classes: int,
    exemplars: int,
) -> tuple[Responses, ...]:
    """The responses of every layer. key: draws the images of resample-ablation. loss: says what the outputs mean.

    Maps of some images are in memory at a time, see `over_chunks`.
    """
    images, labels = jnp.asarray(data.images), jnp.asarray(data.labels)
    model, examples = network.model, len(images)
    over_images = partial(over_chunks, model=model, examples=examples)
    order = controls.shuffled_rows(key, jnp.arange(examples))

    def accuracy(correct):
        return metrics.by_class(correct, labels, classes=classes)

    def plain(rows, new):
        """Of some images: correctness, units' activations, where their maps are highest, and sums over images."""
        logits, activations = network(images[rows])
        highest = {layer.pre: _highest(activations[layer.pre], layer) for layer in model.layers}
        sums = {site: jnp.tensordot(1.0 * new, activations[site], axes=1, precision=EXACT) for site in sites(network)}
        return metrics.correct(loss, logits, labels[rows]), unit_activations(model, activations), highest, sums

    def damaged(rows, _):
        """Whether each of some images is classified correctly without each unit, by kind of ablation."""
        own, others = (network(images[which])[1] for which in (rows, order[rows]))

        def of_layer(layer: Layer):
            site = layer.post
            fills = jnp.zeros_like(own[site]), jnp.broadcast_to(means[site], own[site].shape), others[site]
            without = ablation.unit_mover(
                network, images[rows], site=site, measure=lambda logits: metrics.correct(loss, logits, labels[rows])
            )
            return _over_kinds(without, jnp.stack(fills) - own[site])

        return tuple(map(of_layer, model.layers))

    *of_images, sums = over_images(plain)
    correct, units, highest = jax.tree.map(partial(joined, examples=examples), tuple(of_images))
    means = jax.tree.map(lambda sum_: jnp.sum(sum_, axis=0) / examples, sums)
    answers = jax.tree.map(partial(joined, examples=examples, axis=2), over_images(damaged))

    def of_layer(layer: Layer, after):
        values = units[layer.post]
        by_class = responses.by_class(values, labels, classes=classes)
        best = responses.exemplars(units[layer.pre], k=exemplars)
        return Responses(
            class_mean=by_class.mean.T,
            class_sd=by_class.sd.T,
            mean=jnp.mean(values, axis=0),
            sd=jnp.std(values, axis=0),
            firing=responses.liveness(values).firing_rate,
            exemplars=best.index,
            exemplar_values=best.value,
            exemplar_positions=jnp.take_along_axis(highest[layer.pre].T, best.index, axis=1),
            damage=accuracy(correct) - accuracy(after),
        )

    return tuple(map(of_layer, model.layers, answers))


def selectivity(
    activations: Float[Array | np.ndarray, "examples units"],
    labels: Int[Array | np.ndarray, " examples"],
    key,
    *,
    classes: int,
    draws: int,
) -> Selective:
    """Each unit's selectivity for every class and for its best one, and what permuted labels give."""
    observed = responses.selectivity(activations, labels, classes=classes)
    null = responses.selectivity_null(key, activations, labels, classes=classes, draws=draws, chunk=_DRAWN)
    by_class = jnp.stack([getattr(observed, field) for field in SELECTIVITY.values()])
    drawn = jnp.stack([getattr(null, field) for field in SELECTIVITY.values()])
    return Selective(
        by_class=by_class,
        by_class_level=jnp.nanquantile(drawn, _NULL, axis=1),
        best=jnp.nanmax(by_class, axis=1),
        best_level=jnp.nanquantile(jnp.nanmax(drawn, axis=2), _NULL, axis=1),
    )


def structure(network: Network, data: Dataset) -> tuple[dict[str, Array], ...]:
    """What the weights alone say of each unit of every layer: how strong they are, and how local its map is.

    The map is the weights pushed back to the pixels; behind a layer norm, the mean gradient over the images; of
    networks with convolutions, that over about GRADIENT_IMAGES of them, evenly spread. Locality is NaN for images of
    one row: nobody knows where in an image their pixels are.
    """
    return tuple(
        {
            "outgoing": jnp.linalg.norm(outgoing_weights(network, number), axis=1),
            **_locality(network, data, layer.pre),
        }
        for number, layer in enumerate(network.model.layers)
    )


def dead(network: Network, images: Float[Array | np.ndarray, "examples pixels"]) -> tuple[Bool[Array, "_"], ...]:
    """Which units of every layer have one activation on all images: of ReLU units, those that fire on none."""
    images = jnp.asarray(images)

    def extremes(rows, _):
        activations = network.units(images[rows])
        return [(jnp.max(activations[site], axis=0), jnp.min(activations[site], axis=0)) for site in sites(network)]

    found = over_chunks(extremes, network.model, examples=len(images))
    return tuple(jnp.max(high, axis=0) == jnp.min(low, axis=0) for high, low in found)


def dead_share(network: Network, images: Float[Array | np.ndarray, "examples pixels"]) -> Float[Array, " layers"]:
    """Share of each layer's units that are `dead`."""
    return jnp.stack([jnp.mean(layer.astype(jnp.float32)) for layer in dead(network, images)])


def largest_damage(damage: Float[np.ndarray, "*seeds kinds units classes"]) -> dict[str, np.ndarray]:
    """The most that any class loses, by the name of the measure; NaN where no class has examples."""
    worst = np.fmax.reduce(damage, axis=-1)
    return {f"damage_{kind}": worst[..., place, :] for place, kind in enumerate(KINDS)}


def _highest(values: Float[Array, "examples *map units"], layer: Layer) -> Int[Array, "examples units"]:
    """The position of each unit's highest value, row by row; 0 for a neuron."""
    return jnp.argmax(values.reshape(len(values), -1, layer.units), axis=1)


def _over_kinds(without: Callable, away: Float[Array, "kinds examples *map units"]) -> Bool[Array, "kinds units _"]:
    """Every unit in turn, by every kind: one loop, since compiling takes longer than running."""
    kinds, *_, count = away.shape
    which = jnp.tile(jnp.arange(count), kinds), jnp.repeat(jnp.arange(kinds), count)
    found = jax.lax.map(lambda at: without(at[0], away[at[1], ..., at[0]]), which, batch_size=_ABLATED)
    return found.reshape(kinds, count, -1)


def _locality(network: Network, data: Dataset, site: Site) -> dict[str, Array]:
    if convolves(network.model):
        images = data.images[:: -(-len(data.images) // GRADIENT_IMAGES)]
        maps = attribution.gradients(network, images, site=site, chunk=1)
    elif norm_over_units(network.model):
        maps = attribution.gradients(network, data.images, site=site, chunk=_EXPLAINED)
    else:
        maps = attribution.weights(network, site=site)
    shown = {"map": maps} if convolves(network.model) else {}  # the page computes all others from the weights
    if data.shape[0] == 1:
        unknown = jnp.full(len(maps), jnp.nan)
        return {"participation": unknown, "largest": unknown, **shown}
    found = locality.locality(locality.over_channels(maps, data.shape), data.shape[:2])
    return {"participation": found.participation, "largest": found.largest, **shown}
