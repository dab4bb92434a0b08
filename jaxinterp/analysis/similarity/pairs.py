"""How alike are all pairs of networks, and how alike would they be by chance? One program for any measure."""

from collections.abc import Mapping
from types import MappingProxyType

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from jaxinterp.analysis.similarity import distances, examples, prediction, spectral
from jaxinterp.analysis.similarity.measure import Measure, Prepared
from jaxinterp.errors import InputError

Activations = Float[Array | np.ndarray, "seeds examples units"]
Others = Float[Array | np.ndarray, "seeds_other examples_other units_other"]
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

    others: the same networks by default; or another site, epoch or ensemble on the same examples, of any width and any
    number of networks. A pair that the measure does not define is NaN, and so is one with a network whose activations
    are not finite; no other pair is touched.

    chunk: networks of either side compared at once: chunk² pairs. Besides, a copy of the activations is held, and for
    `rank_rsa` a table of examples² numbers a network.
    Raises InputError where the two have different examples, fewer than the measure needs, or different numbers of units
    though they are compared unit by unit.
    """
    return _compare(measure, *_prepared(measure, activations, others), chunk, others is None and measure.symmetric)


def permuted(
    measure: Measure, activations: Activations, orders: Orders, others: Others | None = None, *, chunk: int = 16
) -> Float[Array, "draws seeds seeds_other"]:
    """The measure for all pairs with the examples of `others` in another order: for each order a draw of the null.

    An order is shared by all networks, so that pairs stay as dependent as they are, and their maximum has a null too.
    What a measure needs of each network is prepared once for all draws, which then cost what `compare` costs. Among the
    same networks and by a symmetric measure, [j, i] is [i, j], where network j is reordered, for i ≤ j.

    orders: permutations of the examples, such as `jax.vmap(controls.shuffled_rows, (0, None))(keys, jnp.arange(n))`, or
    the same of `controls.shuffled_within_class`.
    Raises InputError as `all_pairs` does, and where the orders are of another number of examples.
    """
    if orders.shape[1] != activations.shape[1]:
        raise InputError(f"orders must be of all {activations.shape[1]} examples, got {orders.shape[1]}")
    first, second = _prepared(measure, activations, others)

    def draw(order):
        reordered = second._replace(rows=measure.reorder(second.rows, order))
        return _compare(measure, first, reordered, chunk, others is None and measure.symmetric)

    return jax.lax.map(draw, jnp.asarray(orders))


def half_samples(
    measure: Measure,
    activations: Activations,
    keys: Key[Array, " draws"],
    others: Others | None = None,
    *,
    chunk: int = 16,
) -> Float[Array, "draws halves seeds seeds_other"]:
    """The measure for all pairs on one random half of the examples and on the other half, for each key.

    What `stats.two_way_estimate` and `stats.noise_ceiling` need. A half drawn without replacement is as uncertain as a
    bootstrap sample of all examples, yet holds none twice: a copy would be the nearest neighbour of its original.
    An odd example is left out. Raises InputError as `all_pairs` does of the halves.
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
    """Mean of `cka` over all orders of the examples, exactly: √(b_X b_Y)/(n − 1) for n examples.

    b = tr(S)²/tr(S²), S the covariance, counts the directions that variance takes. A constant layer has none: NaN.
    """
    first = jax.lax.map(spectral.participation, jnp.asarray(activations))
    second = first if others is None else jax.lax.map(spectral.participation, jnp.asarray(others))
    return jnp.sqrt(first[:, None] * second) / (activations.shape[1] - 1)


def linear_cka(
    activations: Activations, others: Others | None = None, *, chunk: int = 16
) -> Float[Array, "seeds seeds_other"]:
    """Debiased linear CKA of all pairs: `all_pairs` of that measure."""
    return all_pairs(MEASURES["debiased_cka"], activations, others, chunk=chunk)


def _check(measure: Measure, activations, others, used: int) -> None:
    """used: how many of the examples are compared at once."""
    others = activations if others is None else others
    (here, units), (there, units_other) = activations.shape[1:], others.shape[1:]
    if here != there or used < measure.least_examples:
        on = "" if used == here else " in each half"
        raise InputError(
            f"{measure.name} needs the same {measure.least_examples} or more examples{on}, got {here} and {there}"
        )
    if measure.unit_by_unit and units != units_other:
        raise InputError(f"{measure.name} needs as many units in both, got {units} and {units_other}")


def _prepared(measure: Measure, activations, others) -> tuple[Prepared, Prepared]:
    _check(measure, activations, others, activations.shape[1])
    first = jax.lax.map(measure.prepare, jnp.asarray(activations))
    return first, first if others is None else jax.lax.map(measure.prepare, jnp.asarray(others))


def _compare(measure: Measure, first: Prepared, second: Prepared, chunk: int, mirrored: bool):
    """Block by block of the table; mirrored: its lower half is its upper half, and not computed."""
    shape = first.defined.shape[0], second.defined.shape[0]
    starts = [(i, j) for i in range(0, shape[0], chunk) for j in range(i if mirrored else 0, shape[1], chunk)]

    def block(prepared: Prepared, start, networks: int) -> Prepared:
        size = min(chunk, networks)
        return jax.tree.map(lambda leaf: jax.lax.dynamic_slice_in_dim(leaf, start, size), prepared)

    def fill(table, start):
        # At the edge both slices move inwards alike, and some pairs are computed twice.
        x, y = block(first, start[0], shape[0]), block(second, start[1], shape[1])
        values = jnp.where(x.defined[:, None] & y.defined, measure.compare(x, y), jnp.nan)
        return jax.lax.dynamic_update_slice(table, values.astype(table.dtype), (start[0], start[1])), None

    table, _ = jax.lax.scan(fill, jnp.zeros(shape, jnp.result_type(float)), jnp.array(starts))
    return jnp.where(jnp.tri(*shape, -1, dtype=bool), table.T, table) if mirrored else table
