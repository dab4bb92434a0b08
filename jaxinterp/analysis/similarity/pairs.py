"""How similar are all pairs of networks, and how similar would they be by chance? One way for every measure."""

from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, Real

from jaxinterp.analysis.similarity import distances, examples, prediction, spectral
from jaxinterp.analysis.similarity.features import floats
from jaxinterp.analysis.similarity.measure import Measure, Prepared
from jaxinterp.errors import InputError

Activations = Real[Array | np.ndarray, "seeds examples units"]
Others = Real[Array | np.ndarray, "seeds_other examples_other units_other"]
Orders = Int[Array | np.ndarray, "draws examples_ordered"]
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        measure.name: measure
        for measure in (*examples.MEASURES, *spectral.MEASURES, *distances.MEASURES, *prediction.MEASURES)
    }
)


def all_pairs(
    measure: Measure, activations: Activations, others: Others | None = None, *, chunk: int = 16
) -> Float[Array, "seeds seeds_other"]:
    """The measure for all pairs: entry [i, j] compares network i of `activations` with network j of `others`.

    others: the same networks by default; or another site, epoch or ensemble on the same examples, with any width and
    any number of networks. A pair for which the measure is undefined is NaN, and so is one with a network whose
    activations are not finite; no other pair is affected.

    chunk: networks of either side compared at once: chunk² pairs. Memory also includes a copy of the activations in
    double precision, and for `rank_rsa` a matrix of examples² numbers per network. Raises InputError where the two have
    different examples or fewer than the measure needs, and for different numbers of units if they are compared unit by
    unit.
    """
    _check(measure, activations, others, activations.shape[1])
    return _in_double(_all_pairs, (measure, chunk), activations, others)


def permuted(
    measure: Measure, activations: Activations, orders: Orders, others: Others | None = None, *, chunk: int = 16
) -> Float[Array, "draws seeds seeds_other"]:
    """The null of the measure for all pairs: one draw per order, with the examples of `others` in that order.

    All networks share an order, so that pairs stay as dependent as they are and their maximum has a null too. What a
    measure needs of each network is prepared once for all draws, each of which then costs one `compare`. For the same
    networks and a symmetric measure, [j, i] equals [i, j], where network j is reordered, for i ≤ j.

    orders: permutations of the examples, such as `jax.vmap(controls.shuffled_rows, (0, None))(keys, jnp.arange(n))`, or
    the same with `controls.shuffled_within_class`. Raises InputError as `all_pairs` does, and for orders of another
    number of examples.
    """
    if orders.shape[1] != activations.shape[1]:
        raise InputError(f"orders must permute all {activations.shape[1]} examples, got {orders.shape[1]}")
    _check(measure, activations, others, activations.shape[1])
    return _in_double(_permuted, (measure, chunk), orders, activations, others)


def half_samples(
    measure: Measure,
    activations: Activations,
    keys: Key[Array, " draws"],
    others: Others | None = None,
    *,
    chunk: int = 16,
) -> Float[Array, "draws halves seeds seeds_other"]:
    """The measure for all pairs on a random half of the examples and on the other half, for each key.

    `stats.noise_ceiling` needs it. A half drawn without replacement is as uncertain as a bootstrap sample of all
    examples, but contains no example twice: a copy would be the nearest neighbour of its original. An odd example is
    left out. Raises InputError as `all_pairs` does, for the halves.
    """
    second = None if others is None else jnp.asarray(others)
    first, count = jnp.asarray(activations), activations.shape[1] // 2

    def on(half):
        return all_pairs(measure, first[:, half], None if second is None else second[:, half], chunk=chunk)

    def draw(key):
        order = jax.random.permutation(key, activations.shape[1])
        return jax.lax.map(on, order[: 2 * count].reshape(2, count))

    _check(measure, activations, others, count)
    return jax.lax.map(draw, keys)


def cka_null_mean(activations: Activations, others: Others | None = None) -> Float[Array, "seeds seeds_other"]:
    """The exact mean of `cka` over all orders of the examples: √(b_X b_Y)/(n − 1) for n examples.

    b = tr(S)²/tr(S²), with S the covariance, is the effective number of directions of the variance. NaN for a constant
    layer.
    """
    participation = _in_double(_participation, (), activations)
    other = participation if others is None else _in_double(_participation, (), others)
    return jnp.sqrt(participation[:, None] * other) / (activations.shape[1] - 1)


def linear_cka(
    activations: Activations, others: Others | None = None, *, chunk: int = 16
) -> Float[Array, "seeds seeds_other"]:
    """Debiased linear CKA of all pairs: `all_pairs` with that measure."""
    return all_pairs(MEASURES["debiased_cka"], activations, others, chunk=chunk)


def _check(measure: Measure, activations, others, used: int) -> None:
    """used: number of examples in one comparison."""
    others = activations if others is None else others
    (count, units), (count_other, units_other) = activations.shape[1:], others.shape[1:]
    if count != count_other or used < measure.least_examples:
        where = "" if used == count else " in each half"
        raise InputError(
            f"{measure.name} needs the same {measure.least_examples} or more examples{where}, "
            f"got {count} and {count_other}"
        )
    if measure.unit_by_unit and units != units_other:
        raise InputError(f"{measure.name} needs the same number of units in both, got {units} and {units_other}")


def _in_double(fn: Callable, static: tuple, *arrays):
    """fn(*static, *arrays) in double precision, returned in the caller's. Arrays that are None are left out."""
    return _program(fn, static, jnp.result_type(float))(*(array for array in arrays if array is not None))


@cache
def _program(fn: Callable, static: tuple, dtype):
    # Under `jax.vmap` one after another: where the caller has single precision alone, so would batched operations.
    @jax.jit
    @jax.custom_batching.sequential_vmap
    def run(*arrays):
        with jax.enable_x64(True):
            return fn(*static, *arrays).astype(dtype)

    return run


def _all_pairs(measure: Measure, chunk: int, activations, others=None):
    mirrored = others is None and measure.symmetric
    return _compare(measure, *_prepared(measure, activations, others), chunk, mirrored)


def _permuted(measure: Measure, chunk: int, orders, activations, others=None):
    first, second = _prepared(measure, activations, others)
    mirrored = others is None and measure.symmetric

    def draw(order):
        return _compare(measure, first, second._replace(rows=measure.reorder(second.rows, order)), chunk, mirrored)

    return jax.lax.map(draw, orders)


def _participation(activations):
    return jax.lax.map(spectral.participation, floats(activations))


def _prepared(measure: Measure, activations, others) -> tuple[Prepared, Prepared]:
    first = jax.lax.map(measure.prepare, floats(activations))
    return first, first if others is None else jax.lax.map(measure.prepare, floats(others))


def _compare(measure: Measure, first: Prepared, second: Prepared, chunk: int, mirrored: bool):
    """Block by block of the table. mirrored: the lower triangle is a copy of the upper one and is not computed."""
    shape = first.defined.shape[0], second.defined.shape[0]
    starts = [(i, j) for i in range(0, shape[0], chunk) for j in range(i if mirrored else 0, shape[1], chunk)]

    def block(prepared: Prepared, start, networks: int) -> Prepared:
        size = min(chunk, networks)
        return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, start, size), prepared)

    def fill(table, start):
        # At the edge, both slices move inwards by the same amount, and some pairs are computed twice.
        x, y = block(first, start[0], shape[0]), block(second, start[1], shape[1])
        values = jnp.where(x.defined[:, None] & y.defined, measure.compare(x, y), jnp.nan)
        return jax.lax.dynamic_update_slice(table, values.astype(table.dtype), (start[0], start[1])), None

    table, _ = jax.lax.scan(fill, jnp.zeros(shape, jnp.result_type(float)), jnp.array(starts))
    return jnp.where(jnp.tri(*shape, -1, dtype=bool), table.T, table) if mirrored else table
