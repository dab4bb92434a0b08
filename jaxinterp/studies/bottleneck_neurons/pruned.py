"""What is left of every network after pruning by each criterion, at each level? Measured for `pruning`.

Criteria, refitting and retraining see training images alone, so networks are pruned once, and measured on any test
images. At the level 0 nothing is pruned, and retraining is training on.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import data, ensemble, metrics
from jaxinterp.analysis import matching, pruning, responses, spectrum
from jaxinterp.analysis.pruning import CRITERIA
from jaxinterp.config import TrainConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, incoming_weights, masked, output_layer, with_output_layer
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.study import EnsembleMeasurement

UNITS, WEIGHTS = "pruned-units", "pruned-weights"
SHARES = {UNITS: (0.0, 0.25, 0.5, 0.75, 0.875), WEIGHTS: (0.0, 0.5, 0.75, 0.9, 0.95)}
AS_IS, REFITTED, RETRAINED = STAGES = ("as it is", "refitted", "retrained")
SCORED, TRAINED_ON, EPOCHS = 1000, 12_000, 1  # training images for criteria and refitting, and for retraining


class Pruned(NamedTuple):
    """Each network after each pruning: masks, output layers refitted, and variables retrained; "seeds prunings …"."""

    masks: Any
    output_layers: Any
    retrained: Any


class Left(NamedTuple):
    """What is left of a network after each pruning; NaN for units that are pruned.

    accuracy: on all test images; the rest is on a sample of them. selectivity: of each unit of the last hidden layer,
    its AUC for the class that it separates best. itself: the correlation of its activation with what it was before
    pruning; matched: with that of the unit before pruning that it is matched with, one-to-one. reach: the number of
    pixels that a unit of the first layer effectively uses, the participation of its weights times the pixels' spread.
    """

    accuracy: Float[Array, "seeds stages criteria levels"]
    selectivity: Float[Array, "seeds stages criteria levels units"]
    itself: Float[Array, "seeds stages criteria levels units"]
    matched: Float[Array, "seeds stages criteria levels units"]
    reach: Float[Array, "seeds stages criteria levels first_units"]


def prune(network: Network, key, scored: Dataset, trained_on: Dataset, *, what: str, config: TrainConfig) -> Pruned:
    """One network by every criterion at every level, one after the other. trained_on: packed."""
    drawn, order = jax.random.split(key)
    scores, masks_of = _BY_KIND[what]
    options = {"config": config, "epochs": EPOCHS, "chunk": len(CRITERIA)}
    masks: Any = masks_of(network, scores(network, scored, drawn, loss=config.loss), np.array(SHARES[what]))
    masks = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), masks)
    retrained = pruning.retrained(network, masks, order, trained_on, **options).variables
    layers = jax.lax.map(lambda mask: output_layer(pruning.refitted(network, mask, scored.images)), masks)
    return Pruned(jax.tree.map(lambda leaf: leaf > 0, masks), layers, retrained)


_BY_KIND = {
    UNITS: (pruning.unit_scores, pruning.unit_masks),
    WEIGHTS: (pruning.weight_scores, pruning.weight_masks),
}


def _pruned(inputs: Inputs, what: str) -> Pruned:
    """All networks, on training images alone."""
    train = inputs.splits.train
    scored, trained_on = (train.spaced(number) for number in (SCORED, TRAINED_ON))
    trained_on = trained_on.replace(images=data.pack(trained_on.images))

    def of_share(seeded, scored, trained_on):
        own = partial(prune, scored=scored, trained_on=trained_on, what=what, config=inputs.config.train)
        return jax.lax.map(lambda pair: own(*pair), seeded)

    seeded = inputs.networks, inputs.network_keys(_KEY)
    return jax.device_get(jax.jit(ensemble.over_devices(of_share))(seeded, scored, trained_on))


_KEY = 3  # of the study's keys


def pruned_units(inputs: Inputs) -> Pruned:
    """The networks without units; computed once for all parts of the test images."""
    return _pruned(inputs, UNITS)


def pruned_weights(inputs: Inputs) -> Pruned:
    """The networks without weights, likewise."""
    return _pruned(inputs, WEIGHTS)


def left(
    network: Network, pruned: Pruned, test: Dataset, sample: Dataset, spread: Float[Array, " pixels"]
) -> tuple[Array, ...]:
    """What is left of one network after each of its prunings, "prunings stages …", in the order of `Left`'s fields.

    In place of `itself` and `matched`: correlations of all units with all of them before pruning. test: for the
    accuracy; sample: for the rest. spread: that of each pixel.
    """
    site, classes, layers = neurons.site(network.model), network.model.outputs, len(network.model.layers)
    before = network(sample.images)[1][site]

    def measure(own: Network, kept) -> tuple[Array, ...]:
        logits, activations = own(test.images)[0], own(sample.images)[1]
        auc = responses.selectivity(activations[site], sample.labels, classes=classes, bins=1).auc
        alike = matching.correlations(activations[site][None], before[None])
        reach = spectrum.participation_ratio((incoming_weights(own, 0) * spread) ** 2)
        return (
            jnp.mean(metrics.correct("cross_entropy", logits, test.labels).astype(logits.dtype)),
            jnp.where(kept[-1], jnp.max(auc, axis=0), jnp.nan),
            jnp.where(kept[-1][:, None], alike[0, 0], jnp.nan),
            jnp.where(kept[0], reach, jnp.nan),
        )

    def of_pruning(pruned: Pruned) -> tuple[Array, ...]:
        mask = jax.tree.map(lambda leaf: 1.0 * leaf, pruned.masks)
        weights = network.replace(variables={"params": mask})
        kept = [jnp.any(incoming_weights(weights, number) > 0, axis=1) for number in range(layers)]
        as_is = masked(network, mask)
        refitted, retrained = (
            with_output_layer(as_is, *pruned.output_layers),
            network.replace(variables=pruned.retrained),
        )
        return ensemble.stack(measure(own, kept) for own in (as_is, refitted, retrained))

    return jax.lax.map(of_pruning, pruned)


def _measured(prune_all: Callable[[Inputs], Pruned], inputs: Mapping[str, Inputs]) -> Left:
    (own,) = inputs.values()
    spread = own.once(_spread)

    def of_share(seeded, *shared):
        return jax.lax.map(lambda pair: left(pair[0], pair[1], *shared), seeded)

    measured = jax.jit(ensemble.over_devices(of_share))
    values = jax.device_get(measured((own.networks, own.once(prune_all)), own.test, own.sample, spread))
    accuracy, selectivity, alike, reach = map(_by_criterion, values)
    matched = matching.match(alike.reshape(-1, 1, *alike.shape[-2:])).value.reshape(alike.shape[:-1])
    return Left(accuracy, selectivity, jnp.diagonal(alike, axis1=-2, axis2=-1), matched, reach)


def _by_criterion(values: np.ndarray) -> Array:
    """From "seeds prunings stages …" to "seeds stages criteria levels …"."""
    seeds, _, stages, *rest = values.shape
    return jnp.moveaxis(values, 2, 1).reshape(seeds, stages, len(CRITERIA), -1, *rest)


def _spread(inputs: Inputs) -> Array:
    """Of each pixel over the training images that score."""
    return jnp.std(inputs.splits.train.spaced(SCORED).images, axis=0)


def left_without_units(inputs: Mapping[str, Inputs]) -> Left:
    """What is left without shares of the units."""
    return _measured(pruned_units, inputs)


def left_without_weights(inputs: Mapping[str, Inputs]) -> Left:
    """What is left without shares of the weights."""
    return _measured(pruned_weights, inputs)


def _coords(what: str) -> Callable[[Mapping[str, Inputs]], Mapping[str, Sequence[Any]]]:
    return lambda inputs: {"stages": STAGES, "criteria": CRITERIA, "levels": SHARES[what]}


MEASUREMENTS = (
    EnsembleMeasurement(UNITS, left_without_units, _coords(UNITS), slow=True),
    EnsembleMeasurement(WEIGHTS, left_without_weights, _coords(WEIGHTS), slow=True),
)
