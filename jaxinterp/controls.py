"""What would chance alone give? Nulls of the same type as what they control, so that the same analysis runs on both.

Every function takes a key and can be jitted and vmapped: over keys for many draws, over networks for one draw each.
"""

from functools import partial
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, Shaped

from jaxinterp import networks
from jaxinterp.networks import MLP, Network

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
