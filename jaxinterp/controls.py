"""What would chance alone give? Nulls of the same type as what they control, so that the same analysis runs on both.

Every function takes a key and can be jitted and vmapped: over keys for many draws, over networks for one draw each.
"""

from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, Shaped

from jaxinterp import networks
from jaxinterp.networks import MLP, Network

Tree = TypeVar("Tree")


def untrained(keys: Key[Array, " seeds"], model: MLP, pixels: int) -> Network:
    """The ensemble before training: with the keys that an ensemble was trained from, its very initial weights."""
    return jax.vmap(lambda key: networks.init(key, model, pixels))(keys)


def shuffled_rows(key, tree: Tree) -> Tree:
    """Every row moved to another example's place, at random: what images share is lost, units keep their joint values.

    tree: an array whose first axis is examples, or a pytree of them, all shuffled alike.
    """
    order = jax.random.permutation(key, jax.tree.leaves(tree)[0].shape[0])
    return jax.tree.map(lambda leaf: leaf[order], tree)


def shuffled_within_class(key, tree: Tree, labels: Int[Array, " examples"]) -> Tree:
    """Rows shuffled among the examples of one class: what the class explains stays, what the image adds is lost.

    tree: as for `shuffled_rows`.
    """
    places = jnp.argsort(labels, stable=True)
    # Sorted by class and at random within each: the k-th place of a class is given to a random member of that class.
    members = jnp.lexsort((jax.random.uniform(key, labels.shape), labels))
    order = jnp.zeros_like(places).at[places].set(members)
    return jax.tree.map(lambda leaf: leaf[order], tree)


def independent_columns(key, activations: Shaped[Array, "examples units"]) -> Shaped[Array, "examples units"]:
    """Shuffle each unit's values over examples on their own: units keep their distributions, and nothing else."""
    return jax.random.permutation(key, activations, axis=0, independent=True)
