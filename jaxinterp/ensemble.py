"""How is a function of one network applied to hundreds? By vmap over the seeds axis, in chunks and over devices."""

import os
import queue
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from jaxtyping import Array, Key

from jaxinterp.errors import InputError
from jaxinterp.networks import Network

__all__ = [
    "Tree", "cores", "keys", "mesh", "over_devices", "over_seeds", "over_some", "shard", "side_by_side", "size",
    "stack", "take", "use_every_core",
]  # fmt: skip

Tree = TypeVar("Tree")


def keys(base_seed: int, num_seeds: int) -> Key[Array, " seeds"]:
    """One random key per seed. Seed i has the same key however many seeds there are."""
    return jax.vmap(lambda i: jax.random.fold_in(jax.random.key(base_seed), i))(jnp.arange(num_seeds))


def size(networks: Network) -> int:
    """Number of seeds in an ensemble."""
    return jax.tree.leaves(networks.variables)[0].shape[0]


def take(networks: Network, index) -> Network:
    """The networks at an index: one network for an integer; an ensemble for a slice, a list or a boolean mask.

    Raises InputError where there is no such network. (JAX would take the last one.)
    """
    if isinstance(index, int | list | np.integer | np.ndarray):
        try:
            if isinstance(index, list):
                index = np.asarray(index, bool if index and isinstance(index[0], bool) else int)
            np.empty((size(networks), 0))[index]
        except (IndexError, OverflowError) as error:
            raise InputError(f"no such networks, of {size(networks)}: {error}") from None
    return jax.tree.map(lambda leaf: leaf[index], networks)


def stack(trees: Iterable[Tree], axis: int = 0) -> Tree:
    """One tree, such as a record or a network, of many: their arrays stacked, leaf by leaf, along a new axis."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves, axis), *trees)


def over_seeds(fn: Callable, *, chunk: int | None = None, keyed: bool = False) -> Callable:
    """Lift fn(network, *shared) to an ensemble: every array that it returns gets a leading seeds axis.

    chunk: number of seeds computed at once. Memory grows with the chunk, never with the number of seeds. None computes
    all seeds at once. keyed: fn(network, key, *shared) instead; the lifted function then takes one key per seed after
    the networks.
    """

    def lifted(networks: Network, *shared):
        mapped, rest = ((networks, shared[0]), shared[1:]) if keyed else ((networks,), shared)

        def one(own):
            return fn(*own, *rest)

        return jax.vmap(one)(mapped) if chunk is None else jax.lax.map(one, mapped, batch_size=chunk)

    return lifted


def over_some(fn: Callable, some, args, others: Tree, *, chunk: int) -> Tree:
    """fn(*args) of some of the seeds, in as few chunks as hold them; what it would return of the others is given.

    some: boolean, of every seed. args, others: trees whose arrays have a leading seeds axis, a multiple of the chunk.
    A last chunk that is not full computes some of the others too, so fn must return of them what is given.
    """
    order = jnp.argsort(~some, stable=True)

    def step(number, found):
        index = jax.lax.dynamic_slice(order, [number * chunk], [chunk])
        own = jax.vmap(lambda arg: fn(*arg))(jax.tree.map(lambda leaf: leaf[index], args))
        return jax.tree.map(lambda all_, new: all_.at[index].set(new, unique_indices=True), found, own)

    return jax.lax.fori_loop(0, -(-some.sum() // chunk), step, others)


def cores() -> int:
    """Number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def use_every_core() -> None:
    """Make JAX treat each CPU core as a device, so that seeds spread over cores. Call it before any other use of JAX.

    It does nothing once JAX has started, or where an accelerator is in use.
    """
    try:
        jax.config.update("jax_num_cpu_devices", cores())
    except RuntimeError:
        pass  # JAX has started already and keeps its devices


def mesh(devices=None) -> jax.sharding.Mesh:
    """A one-dimensional mesh named "seeds" over the given devices, all of them by default."""
    devices = jax.devices() if devices is None else devices
    return jax.make_mesh((len(devices),), ("seeds",), axis_types=(AxisType.Auto,), devices=devices)


def shard(networks: Network, devices=None) -> Network:
    """Spread the seeds axis over devices. The number of seeds must be a multiple of the number of devices."""
    return jax.device_put(networks, NamedSharding(mesh(devices), PartitionSpec("seeds")))


def side_by_side(fn: Callable, items: Sequence) -> list:
    """[fn(item) for item in items], as many at a time as there are devices, each on a device of its own.

    For programs that differ, and leave other devices idle: their compilation and their work overlap.
    """
    devices: queue.SimpleQueue = queue.SimpleQueue()
    for device in jax.devices():
        devices.put(device)

    def on_a_device(item):
        device = devices.get()
        try:
            with jax.default_device(device):
                return fn(item)
        finally:
            devices.put(device)

    with ThreadPoolExecutor(len(jax.devices())) as pool:
        return list(pool.map(on_a_device, items))


def over_devices(fn: Callable) -> Callable:
    """Spread fn(seeded, *shared) over all devices, each with a share of the seeds.

    seeded: a tree whose arrays all have a leading seeds axis, as what fn returns must have. The axis is padded with
    copies of its last entry where devices do not divide it. fn must do without calls to the host
    and decompose matrices by `analysis.decompositions`: on the devices of one CPU others can wait for ever.
    """

    def spread(seeded, *shared):
        devices, count = mesh(), jax.tree.leaves(seeded)[0].shape[0]
        index = jnp.minimum(jnp.arange(-(-count // devices.size) * devices.size), count - 1)
        axis, copied = PartitionSpec("seeds"), PartitionSpec()
        lifted = jax.shard_map(
            fn, mesh=devices, in_specs=(axis, *[copied] * len(shared)), out_specs=axis, check_vma=False
        )
        found = lifted(jax.tree.map(lambda leaf: leaf[index], seeded), *shared)
        return jax.tree.map(lambda leaf: leaf[:count], found)

    return spread
