"""What would chance alone give? Untrained networks, and activations with their examples or units shuffled.

A null has the same type as what it is compared with, so the same analysis runs on both. Every function that draws takes
a random key and can be jitted and vmapped: over keys for many draws, or over networks for one draw each.
"""

from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, Shaped

from jaxinterp import networks
from jaxinterp.networks import MLP, Network

__all__ = [
    "Orders", "Tree", "independent_columns", "orders", "reordered", "shuffled_rows", "shuffled_within_class",
    "untrained",
]  # fmt: skip

Tree = TypeVar("Tree")


class Orders(NamedTuple):
    """For every network of an ensemble, its own order of the examples under each null that shuffles.

    rows, within_class: of `shuffled_rows` and `shuffled_within_class`. columns: of `independent_columns`, twice, for
    the two networks of a pair.
    """

    rows: Int[Array, "seeds examples"]
    within_class: Int[Array, "seeds examples"]
    columns: Int[Array, "2 seeds examples units"]


def untrained(keys: Key[Array, " seeds"], model: MLP, pixels: int) -> Network:
    """The ensemble before training. With the keys of a trained ensemble, these are its exact initial weights."""
    return jax.vmap(lambda key: networks.init(key, model, pixels))(keys)


def shuffled_rows(key, tree: Tree) -> Tree:
    """Rows in random order: what examples share across networks is lost; the joint values of units are kept.

    tree: an array whose first axis is examples, or a pytree of such arrays, all shuffled in the same order.
    """
    order = jax.random.permutation(key, jax.tree.leaves(tree)[0].shape[0])
    return jax.tree.map(lambda leaf: leaf[order], tree)


def shuffled_within_class(key, tree: Tree, labels: Int[Array, " examples"]) -> Tree:
    """Rows shuffled within each class: what depends on the class is kept; what depends on the single image is lost.

    tree: as for `shuffled_rows`.
    """
    rows = jnp.argsort(labels, stable=True)
    # Both are sorted by class, the second at random within a class: each row gets a random row of its class.
    replacements = jnp.lexsort((jax.random.uniform(key, labels.shape), labels))
    order = jnp.zeros_like(rows).at[rows].set(replacements)
    return jax.tree.map(lambda leaf: leaf[order], tree)


def independent_columns(key, activations: Shaped[Array, "examples units"]) -> Shaped[Array, "examples units"]:
    """Shuffle each unit's values over examples independently: units keep their distributions and lose all relations."""
    return jax.random.permutation(key, activations, axis=0, independent=True)


@partial(jax.jit, static_argnames=("seeds", "units"))
def orders(key, labels: Int[Array, " examples"], *, seeds: int, units: int) -> Orders:
    """Orders for an ensemble; units: of its widest layer. Draw them once, since drawing takes long to compile."""
    rows, within_class, *columns = jax.random.split(key, (4, seeds))
    examples = jnp.arange(len(labels))
    table = jnp.broadcast_to(examples[:, None], (len(labels), units))

    def of_every_network(keys):
        # A loop over networks: drawing for all of them at once takes many times as long to compile.
        return jax.lax.map(lambda key: independent_columns(key, table), keys)

    return Orders(
        rows=jax.vmap(shuffled_rows, in_axes=(0, None))(rows, examples),
        within_class=jax.vmap(shuffled_within_class, in_axes=(0, None, None))(within_class, examples, labels),
        columns=jax.vmap(of_every_network)(jnp.stack(columns)),
    )


def reordered(
    activations: Shaped[Array, "seeds examples units"], order: Int[Array, "seeds examples *units"]
) -> Shaped[Array, "seeds examples units"]:
    """Every network's activations in its own order of examples, or each unit's in its own."""
    order = order if order.ndim == 3 else order[..., None]
    return jnp.take_along_axis(activations, order[..., : activations.shape[-1]], axis=1)
