"""What is known of a unit before it is put into words? Class means, connections, images and damage, of every unit.

Facts are measured on one set of images, such as training images; labels are then scored on others. A channel of a
convolution is a unit, and its activation is the mean over its map.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp import ensemble
from jaxinterp.analysis import attribution, units
from jaxinterp.analysis.maximization import every_layer
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site, steer
from jaxinterp.networks import LOGITS, Network, num_classes, unit_count, unit_values

EXEMPLARS, LISTED = 9, 10  # images of each unit, and connections in either direction
DAMAGE = "mean"  # the kind of ablation: a unit at its mean stays within what the next layer is used to

Values = Float[np.ndarray, " listed"]


class Connections(NamedTuple):
    """The units that one unit is connected with by the largest contributions, largest first.

    weights: change of the reading unit's pre-activation per unit of the read one, averaged over images; of a channel,
    when its whole map changes. contributions: weight × standard deviation of the unit that is read.
    """

    units: Int[np.ndarray, " listed"]
    weights: Values
    contributions: Values


class Facts(NamedTuple):
    """What is known of one unit. Images are "pixels" in [0, 1], of image_shape: rows, columns and channels.

    - site: where its activation is measured, after the activation function; unit: its number, from 0;
    - layer: the number of its layer, from 0;
    - dead: it has one activation on all images; class_mean, class_sd: of its activation on each class's images, NaN for
      a class without any;
    - incoming: from units of the layer before, without dead ones; none in the first layer, which reads the pixels;
    - outgoing: to units of the next layer, or to the outputs; none of a dead unit;
    - weight_map: each pixel's contribution: the gradient of the pre-activation, averaged over images (in the first
      layer, the weight), × the pixel's standard deviation, so that a pixel without ink counts for nothing;
    - exemplars: the images with the highest pre-activation, highest first, with their labels and pre-activations;
    - maximiser: the image in [0, 1] that activates the unit most, as far as gradient ascent finds it;
    - damage: drop of the accuracy on each class when the unit keeps its mean activation.
    """

    site: Site
    unit: int
    layer: int
    dead: bool
    class_mean: Float[np.ndarray, " classes"]
    class_sd: Float[np.ndarray, " classes"]
    class_names: tuple[str, ...]
    image_shape: tuple[int, int, int]
    incoming: Connections
    outgoing: Connections
    weight_map: Float[np.ndarray, " pixels"]
    exemplars: Float[np.ndarray, "exemplars pixels"]
    exemplar_labels: Int[np.ndarray, " exemplars"]
    exemplar_values: Float[np.ndarray, " exemplars"]
    maximiser: Float[np.ndarray, " pixels"]
    damage: Float[np.ndarray, " classes"]


class LayerFacts(NamedTuple):
    """Facts of all units of one layer in every network. weights: of the next layer's units, or outputs, on these.

    exemplars: rows of the data. Other fields: as in `Facts`.
    """

    dead: Bool[np.ndarray, "seeds units"]
    mean: Float[np.ndarray, "seeds units"]
    sd: Float[np.ndarray, "seeds units"]
    class_mean: Float[np.ndarray, "seeds units classes"]
    class_sd: Float[np.ndarray, "seeds units classes"]
    weights: Float[np.ndarray, "seeds targets units"]
    weight_map: Float[np.ndarray, "seeds units pixels"]
    exemplars: Int[np.ndarray, "seeds units exemplars"]
    exemplar_values: Float[np.ndarray, "seeds units exemplars"]
    maximiser: Float[np.ndarray, "seeds units pixels"]
    damage: Float[np.ndarray, "seeds units classes"]


class EnsembleFacts(NamedTuple):
    """Facts of every unit of every network, and the images that they were measured on."""

    sites: tuple[Site, ...]
    layers: tuple[LayerFacts, ...]
    data: Dataset

    def of_unit(self, seed: int, layer: int, unit: int) -> Facts:
        """The facts of one unit; layers and units are counted from 0."""
        own = self.layers[layer]
        classes = own.class_mean.shape[-1]
        rows = own.exemplars[seed, unit]
        nothing = Connections(np.zeros(0, int), np.zeros(0), np.zeros(0))
        return Facts(
            site=self.sites[layer],
            unit=unit,
            layer=layer,
            dead=bool(own.dead[seed, unit]),
            class_mean=own.class_mean[seed, unit],
            class_sd=own.class_sd[seed, unit],
            class_names=tuple(map(self.data.name, range(classes))),
            image_shape=self.data.shape,
            incoming=self._incoming(seed, layer - 1, unit) if layer else nothing,
            outgoing=_strongest(own.weights[seed, :, unit], 0 if own.dead[seed, unit] else own.sd[seed, unit]),
            weight_map=own.weight_map[seed, unit],
            exemplars=np.asarray(self.data.images)[rows],
            exemplar_labels=np.asarray(self.data.labels)[rows],
            exemplar_values=own.exemplar_values[seed, unit],
            maximiser=own.maximiser[seed, unit],
            damage=own.damage[seed, unit],
        )

    def of_network(self, seed: int) -> Iterator[Facts]:
        """The facts of every unit of one network, layer by layer."""
        for number, layer in enumerate(self.layers):
            for unit in range(layer.dead.shape[1]):
                yield self.of_unit(seed, number, unit)

    def of_output(self, seed: int, output: int) -> Connections:
        """What an output reads: the units of the last layer with the largest contributions to it."""
        return self._incoming(seed, len(self.layers) - 1, output)

    def _incoming(self, seed: int, before: int, target: int) -> Connections:
        read = self.layers[before]
        return _strongest(read.weights[seed, target], np.where(read.dead[seed], 0, read.sd[seed]))


def read(
    networks: Network, data: Dataset, key, *, loss: str, exemplars: int = EXEMPLARS, seeds: list[int] | None = None
) -> EnsembleFacts:
    """Measure the facts of every hidden unit of an ensemble.

    data: a few thousand images are enough. key: for the starts of gradient ascent. loss: says what the outputs mean.
    exemplars: at most as many as there are images. seeds: these networks alone, in this order. One network at a time is
    in memory.
    Raises InputError for networks without hidden layers.
    """
    model, kept = networks.model, _described(networks, seeds)
    few = data.spaced(units.GRADIENT_IMAGES)
    sizes = {"classes": num_classes(model), "exemplars": min(exemplars, len(data.labels))}
    # Compiling takes most of the time, and one core each: so these go side by side.
    tasks = (
        lambda: _responses(kept, data, key, loss=loss, **sizes),
        lambda: _dead(kept, data.images),
        lambda: _wirings(kept, few.images),
        lambda: _maximisers(kept, few.images, key),
    )
    with ThreadPoolExecutor(ensemble.cores()) as pool:
        found = list(pool.map(lambda task: jax.device_get(task()), tasks))
    spread = np.std(np.asarray(data.images), axis=0)
    layers = tuple(_of_layer(spread, *own) for own in zip(*found, strict=True))
    return EnsembleFacts(units.sites(networks), layers, data)


def brief(
    networks: Network, data: Dataset, *, loss: str, exemplars: int = EXEMPLARS, seeds: list[int] | None = None
) -> EnsembleFacts:
    """The facts that `rules` read, in a fraction of the time; weights, the maximiser and damage are NaN.

    Arguments and errors as for `read`.
    """
    kept = _described(networks, seeds)
    options = {"classes": num_classes(networks.model), "exemplars": min(exemplars, len(data.labels)), "loss": loss}
    found = jax.device_get(_brief(kept, data, data.spaced(units.GRADIENT_IMAGES).images, **options))
    spread = np.std(np.asarray(data.images), axis=0)
    return EnsembleFacts(units.sites(networks), tuple(_of_layer(spread, *own) for own in found), data)


def _described(networks: Network, seeds: list[int] | None) -> Network:
    """The networks whose units are described: all, or those of some seeds."""
    if not networks.model.layers:
        raise InputError("there are no hidden units to describe: the networks have no hidden layer")
    return networks if seeds is None else ensemble.take(networks, seeds)


def wiring(
    network: Network, images: Float[Array | np.ndarray, "examples pixels"]
) -> tuple[tuple[Float[Array, "targets units"], Float[Array, "units pixels"]], ...]:
    """Of each layer, the weights of what reads it on its units, and its units' map on the pixels: mean gradients."""
    model = network.model
    targets = (*(layer.pre for layer in model.layers[1:]), LOGITS)

    def weights(source: Site, target: Site) -> Float[Array, "targets units"]:
        def read(shift):
            values = network(images, {source: steer(shift)})[1][target]
            return jnp.mean(unit_values(model, target, values), axis=0)

        return jax.jacrev(read)(jnp.zeros(unit_count(model, source, network.pixels)))

    return tuple(
        (weights(layer.post, target), attribution.gradients(network, images, site=layer.pre))
        for layer, target in zip(model.layers, targets, strict=True)
    )


# One network at a time stays in cache.
_one_by_one = partial(ensemble.over_seeds, chunk=1)


@partial(jax.jit, static_argnames=("loss", "classes", "exemplars"))
def _responses(networks: Network, data: Dataset, key, **options) -> tuple[units.Responses, ...]:
    return _one_by_one(partial(units.read, **options))(networks, data, key)


_dead = jax.jit(_one_by_one(units.dead))
_maximisers = jax.jit(_one_by_one(every_layer.maximisers))


@jax.jit
def _wirings(networks: Network, images: Float[Array | np.ndarray, "examples pixels"]) -> tuple:
    return _one_by_one(wiring)(networks, images)


@partial(jax.jit, static_argnames=("loss", "classes", "exemplars"))
def _brief(networks: Network, data: Dataset, few: Float[Array | np.ndarray, "examples pixels"], **options) -> list:
    def of_network(network: Network, data: Dataset, few: Array) -> list:
        def of_layer(responses: units.Responses, dead: Array, wiring: tuple[Array, Array]) -> tuple:
            weights, weight_map = wiring
            best = every_layer.Maximisers(unknown(weight_map), *(unknown(responses.mean),) * 3)
            own = responses._replace(damage=unknown(responses.damage))
            return own, dead, (unknown(weights), weight_map), best

        def unknown(values: Array) -> Array:
            return jnp.full_like(values, jnp.nan)  # so that the compiler leaves out what makes the values

        read = units.read(network, data, jax.random.key(0), **options)
        return list(map(of_layer, read, units.dead(network, data.images), wiring(network, few)))

    return _one_by_one(of_network)(networks, data, few)


def _of_layer(
    spread: np.ndarray, responses: Any, dead: np.ndarray, wiring: tuple[np.ndarray, np.ndarray], best: Any
) -> LayerFacts:
    """responses, best: `units.Responses` and `every_layer.Maximisers` of NumPy arrays."""
    weights, weight_map = wiring
    return LayerFacts(
        dead=dead,
        mean=responses.mean,
        sd=responses.sd,
        class_mean=responses.class_mean,
        class_sd=responses.class_sd,
        weights=weights,
        weight_map=weight_map * spread,
        exemplars=responses.exemplars,
        exemplar_values=responses.exemplar_values,
        maximiser=best.images,
        damage=responses.damage[:, units.KINDS.index(DAMAGE)],
    )


def _strongest(weights: Float[np.ndarray, " units"], spread) -> Connections:
    """The connections with the largest contributions, without those that contribute nothing."""
    contributions = weights * spread
    order = np.argsort(-np.abs(contributions), kind="stable")[:LISTED]
    order = order[contributions[order] != 0]
    return Connections(order, weights[order], contributions[order])
