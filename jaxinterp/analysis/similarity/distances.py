"""Are the same images close to each other in two layers? Measures on the matrix of distances between all examples.

A matrix has examples² entries. Those of RSA on Euclidean distances, distance correlation and neighbours are computed
row by row when needed and never stored: 2 · examples² · units multiplications per network, and examples² per pair.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxinterp.analysis.similarity.features import EXACT, centred, centred_columns, finite, rounding, scaled
from jaxinterp.analysis.similarity.measure import RELABELLED, ROTATED, Measure, Prepared

# Neighbours of each example, as in the mutual k-nearest-neighbour score of Huh et al. 2024, arXiv 2405.07987.
_NEIGHBOURS = 10
# At most this many entries of a matrix are held at once, but at least one row per network.
_BLOCK = 2**24


def _prepare_euclidean_rsa(x) -> Prepared:
    """Columns, and the mean and the size of the distances between different examples."""
    columns, known = centred_columns(x)
    mean = jnp.sum(_over_rows(lambda row: jnp.sum(_distances(columns, row)), columns)) / (len(x) * (len(x) - 1))
    return _sized(columns, mean, known, _euclidean_rsa)


def _prepare_distance_correlation(x) -> Prepared:
    """Columns and each example's mean distance; the mean of those, and the size of the doubly centred distances."""
    columns, known = centred_columns(x)
    means = _over_rows(lambda row: jnp.mean(_distances(columns, row)), columns)
    return _sized((columns, means), jnp.mean(means), known, _doubly_centred)


def _compare_euclidean_rsa(x: Prepared, y: Prepared):
    """Pearson correlation of two matrices of Euclidean distances, without the diagonal."""
    return _inner(x, y, _euclidean_rsa)


def _compare_distance_correlation(x: Prepared, y: Prepared):
    """√(dCov²(X, Y)/√(dVar²(X) dVar²(Y))) with Székely's V-statistics."""
    return jnp.sqrt(jnp.maximum(_inner(x, y, _doubly_centred), 0.0))


def _prepare_neighbours(x) -> Prepared:
    """Each example's nearest neighbours; the first ones among those that are equally near but for rounding."""
    columns, known = centred_columns(x)

    def nearest(row):
        # In as many digits as the activations have: `top_k` of doubles is 20 times slower.
        distances = _distances(columns, row).at[row].set(jnp.inf).astype(x.dtype)
        return jax.lax.top_k(-distances, _NEIGHBOURS)[1]

    return Prepared(_over_rows(nearest, columns), None, known & jnp.any(columns != 0))


def _compare_neighbours(x: Prepared, y: Prepared):
    """Share of an example's nearest neighbours that are so in both networks, averaged over examples."""
    same = x.rows[:, None, :, :, None] == y.rows[:, :, None, :]
    return jnp.mean(jnp.sum(same, (-1, -2)), -1, dtype=jnp.result_type(float)) / _NEIGHBOURS


def _reorder_neighbours(rows, order):
    """The indices of the neighbours change with the order of the examples too."""
    return jnp.argsort(order).astype(rows.dtype)[rows[:, order]]


def _prepare_rank_rsa(x) -> Prepared:
    """The matrix of ranks of correlation distances, as deviations from the mean rank at size 1."""
    x, known = finite(x)
    examples = len(x)
    vectors = scaled(centred(x, axis=-1), axis=-1)
    alike = jnp.matmul(vectors, vectors.T, precision=EXACT)
    # Ties must stay ties: values that differ only by rounding, of the activations or of sums, become equal.
    step = max(rounding(x.dtype), 2.0**-39)
    distances = jnp.round((2 - alike - alike.T) / 2 / step)
    distances = jnp.where(jnp.eye(examples, dtype=bool), -1.0, jnp.maximum(distances, 0.0)).ravel().astype(x.dtype)
    number = jnp.arange(distances.size, dtype=jnp.int32)
    ordered, order = jax.lax.sort((distances, number), num_keys=1)
    steps = ordered[1:] != ordered[:-1]
    below = jax.lax.cummax(jnp.where(jnp.pad(steps, (1, 0), constant_values=True), number, 0))
    up_to = jax.lax.cummin(
        jnp.where(jnp.pad(steps, (0, 1), constant_values=True), number + 1, distances.size), reverse=True
    )
    # Twice the deviation of the mid-rank. The diagonal has the lowest ranks and the mean rank is known, so it is exact.
    ranks = jnp.zeros_like(number).at[order].set(below + up_to - examples - examples**2, unique_indices=True)
    ranks = ranks.reshape(examples, examples)
    # Sums of examples² numbers are in double precision, since some CPUs add them one after the other.
    ranks = ranks.astype(jnp.result_type(float))
    table = scaled(jnp.where(jnp.eye(examples, dtype=bool), 0.0, ranks)).astype(x.dtype)
    return Prepared(table, None, known & jnp.any(table != 0))


def _compare_rank_rsa(x: Prepared, y: Prepared):
    """Spearman correlation of two matrices of correlation distances, without the diagonal."""
    of_examples = jnp.einsum("sef,tef->est", x.rows, y.rows, precision=EXACT)
    return jnp.sum(of_examples, axis=0, dtype=jnp.result_type(float))


def _reorder_table(rows, order):
    """A matrix of examples × examples is reordered along both axes."""
    return rows[:, order][:, :, order]


def _distances(columns, row):
    """Euclidean distances from one example to all, of "examples units" or of several such arrays."""
    squares, one = jnp.sum(columns**2, -1), columns[..., row, :]
    sums = squares + squares[..., row, None]
    differences = sums - 2 * jnp.einsum("...eu,...u->...e", columns, one, precision=EXACT)
    # Equal examples have distance 0, not the root of a rounding error.
    differences = jnp.where(differences <= rounding(columns.dtype) * sums, 0.0, differences)
    return jnp.sqrt(differences.at[..., row].set(0.0))


def _euclidean_rsa(columns, mean, row):
    return (_distances(columns, row) - jnp.expand_dims(mean, -1)).at[..., row].set(0.0)


def _doubly_centred(rows, mean, row):
    columns, means = rows
    return _distances(columns, row) - means - means[..., row, None] + jnp.expand_dims(mean, -1)


def _sized(rows, mean, known, table: Callable) -> Prepared:
    """With the root of the sum of squares of the matrix's entries; undefined where these are only rounding errors."""
    columns = rows[0] if isinstance(rows, tuple) else rows
    size = jnp.sqrt(jnp.sum(_over_rows(lambda row: jnp.sum(table(rows, mean, row) ** 2), columns)))
    known &= size > rounding(columns.dtype) * mean * len(columns)
    return Prepared(rows, (mean, jnp.where(known, size, 1.0)), known)


def _inner(x: Prepared, y: Prepared, table: Callable):
    """Sums of products of the entries of two matrices, relative to their sizes, for all pairs."""

    def products(row):
        several, others = (table(z.rows, z.about[0], row) / z.about[1][:, None] for z in (x, y))
        return jnp.matmul(several, others.T, precision=EXACT)

    columns = (z.rows[0] if isinstance(z.rows, tuple) else z.rows for z in (x, y))
    return jnp.sum(_over_rows(products, max(columns, key=len)), 0)


def _over_rows(fn: Callable, columns):
    """fn(row) for every example, with as many rows at once as fit in a block."""
    examples, units = columns.shape[-2:]
    rows = max(1, _BLOCK // (columns.size // units))
    return jax.lax.map(fn, jnp.arange(examples), batch_size=min(rows, examples))


MEASURES = (
    Measure("euclidean_rsa", _prepare_euclidean_rsa, _compare_euclidean_rsa, "higher", (-1.0, 1.0), True, ROTATED, 3),
    Measure(
        "rank_rsa", _prepare_rank_rsa, _compare_rank_rsa, "higher", (-1.0, 1.0), True, RELABELLED, 3, _reorder_table
    ),
    Measure(
        "distance_correlation",
        _prepare_distance_correlation,
        _compare_distance_correlation,
        "higher",
        (0.0, 1.0),
        True,
        ROTATED,
        3,
    ),
    Measure(
        "neighbours",
        _prepare_neighbours,
        _compare_neighbours,
        "higher",
        (0.0, 1.0),
        True,
        ROTATED,
        _NEIGHBOURS + 2,
        _reorder_neighbours,
    ),
)
