"""How alike are all pairs of an ensemble's networks, layer by layer, and how alike are they where they should not be?

Every measure is taken of trained networks, of the same networks untrained, and, as null hypotheses (`controls.orders`),
of trained activations whose images are shuffled, at all or within each class, or shuffled for every unit independently.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import controls, ensemble, metrics
from jaxinterp.analysis import matching, similarity
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.controls import Orders
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, num_classes

SHUFFLED = ("rows shuffled", "shuffled within class", "independent columns")
CONDITIONS = ("untrained", "trained", *SHUFFLED)
ORDERS = ("raw", "sorted")
MEASURES = ("cosine", "Pearson")

_TRAINED = CONDITIONS.index("trained")

Activations = Float[Array, "seeds examples units"]
Pair = tuple[Activations, Activations]


class Similarity(NamedTuple):
    """The similarity of all pairs of networks; NaN for a pair if either has activations that are not finite.

    Under the conditions that shuffle, entry [i, j] compares network i with a shuffled network j. similarity: of
    activation vectors, mean over images; spread: its standard deviation over images, of trained networks. cka: debiased
    and linear. matched: mean correlation of matched units. agreement: share of images with the same prediction;
    chance_agreement: what accuracy alone forces. accuracy: on the same images.
    """

    similarity: Float[np.ndarray, "conditions layers orders measures seeds seeds"]
    spread: Float[np.ndarray, "layers orders measures seeds seeds"]
    cka: Float[np.ndarray, "conditions layers seeds seeds"]
    matched: Float[np.ndarray, "conditions layers seeds seeds"]
    agreement: Float[np.ndarray, "conditions seeds seeds"]
    chance_agreement: Float[np.ndarray, "seeds seeds"]
    accuracy: Float[np.ndarray, " seeds"]


def compare(
    networks: Network, untrained: Network, data: Dataset, sites: Sequence[Site], *, key, loss: str = "cross_entropy"
) -> Similarity:
    """The similarity of all pairs of an ensemble at these sites, the last of which are the logits.

    untrained: the same seeds before training. key: for the shuffles. loss: that of training, which decides how outputs
    become predictions. A unit and its mirror image match where the activation function is odd.
    """
    model, labels = networks.model, jnp.asarray(data.labels)
    widest = max([model.outputs, *(layer.units for layer in model.layers)])
    orders = controls.orders(key, labels, seeds=ensemble.size(networks), units=widest)

    trained, initial = (_read(own, data.images, tuple(sites)) for own in (networks, untrained))
    finite = np.all(np.stack([np.isfinite(layer).all(axis=(1, 2)) for layer in trained]), axis=0)
    compared = [_under_conditions(*layers, orders) for layers in zip(trained, initial, strict=True)]
    predicted = [[metrics.predictions(loss, logits) for logits in pair] for pair in compared[-1]]
    accuracy = np.where(finite, jnp.mean(predicted[_TRAINED][0] == labels, axis=-1), np.nan)

    def masked(values: Sequence) -> np.ndarray:
        return np.where(finite & finite[:, None], np.array(values, np.float64), np.nan)

    def table(fn: Callable) -> np.ndarray:
        """fn(activations, others), under every condition at every layer."""
        return masked([[fn(*pair) for pair in by_layer] for by_layer in zip(*compared, strict=True)])

    of_images = table(lambda *pair: [_of_images(*pair, sort=order == "sorted") for order in ORDERS])
    odd = ACTIVATIONS[model.activation].odd
    agreement = jax.jit(similarity.agreement)
    return Similarity(
        similarity=of_images[:, :, :, 0],
        spread=of_images[_TRAINED, :, :, 1],
        cka=table(jax.jit(similarity.linear_cka)),
        matched=table(partial(_matched, key, absolute=odd)),
        agreement=masked([agreement(*pair) for pair in predicted]),
        chance_agreement=similarity.chance_agreement(accuracy, classes=num_classes(model)),
        accuracy=accuracy,
    )


@partial(jax.jit, static_argnames="sites")
def _read(networks: Network, images: Array | np.ndarray, sites: tuple[Site, ...]) -> list[Activations]:
    def of_network(network: Network) -> list[Array]:
        activations = network.units(images)
        return [activations[site] for site in sites]

    return over_seeds(of_network)(networks)


@partial(jax.jit, static_argnames="absolute")
def _matched(key, first: Activations, second: Activations, *, absolute: bool) -> Float[Array, "seeds seeds"]:
    return matching.matched_correlation(first, second, key=key, absolute=absolute)


@jax.jit
def _under_conditions(trained: Activations, initial: Activations, orders: Orders) -> list[Pair]:
    """What is compared with what under each of CONDITIONS."""
    first, second = (controls.reordered(trained, order) for order in orders.columns)
    rows, within_class = (controls.reordered(trained, order) for order in (orders.rows, orders.within_class))
    return [(initial, initial), (trained, trained), (trained, rows), (trained, within_class), (first, second)]


@partial(jax.jit, static_argnames="sort")
def _of_images(first: Activations, second: Activations, *, sort: bool) -> Float[Array, "2 measures seeds seeds"]:
    """Mean and standard deviation over examples, of each of MEASURES."""
    values = similarity.per_example(first, second, sort=sort)
    return jnp.array([[values.cosine_mean, values.pearson_mean], [values.cosine_sd, values.pearson_sd]])
