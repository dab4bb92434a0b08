"""How accurate is a network without groups of units of its last hidden layer? Thousands of groups at once.

The logits are linear in that layer, so ablating a group subtracts Σ a W from them, summed over its units.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp import controls, metrics
from jaxinterp.data import Dataset
from jaxinterp.networks import Network, output_weights, sites

KINDS = ("zero", "mean", "resample")


def group_accuracies(
    network: Network, data: Dataset, masks: Bool[Array | np.ndarray, "groups units"], key, *, chunk: int = 64
) -> Float[Array, "groups kinds classes"]:
    """Accuracy on each class without each group of units of the last hidden layer, by KINDS of ablation.

    As `ablation.groups` gives it with this key, but one matrix product serves all kinds: mean-ablation gives back what
    a group adds on average, resample-ablation what it adds on another image. NaN for a class without examples.
    chunk: groups at once; memory grows as chunk × examples × outputs. Raises InputError where the outputs read feature
    maps.
    """
    logits, activations = network(data.images)
    activations, labels = activations[sites(network.model)[-2]], jnp.asarray(data.labels)
    kernel = output_weights(network)
    examples, outputs = logits.shape
    terms = (activations.T[:, :, None] * kernel[:, None]).reshape(-1, examples * outputs)
    average = jnp.mean(activations, axis=0)[:, None] * kernel
    other = controls.shuffled_rows(key, jnp.arange(examples))

    def one(mask):
        lost = (mask @ terms).reshape(examples, outputs)
        zero = logits - lost
        right = [jnp.argmax(x, axis=-1) == labels for x in (zero, zero + mask @ average, zero + lost[other])]
        return metrics.by_class(jnp.stack(right), labels, classes=outputs)

    return jax.lax.map(one, jnp.asarray(masks, logits.dtype), batch_size=chunk)
