"""Do two networks respond to an image with the same activations, unit by unit, and with the same prediction?"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real

from jaxinterp.analysis.similarity.features import EXACT, centred, finite, floats
from jaxinterp.analysis.similarity.measure import RELABELLED, SCALED, Measure, Prepared
from jaxinterp.errors import InputError


class ExampleSimilarity(NamedTuple):
    """Mean and standard deviation, over examples, of the similarity between two networks' activation vectors."""

    cosine_mean: Float[Array, "seeds seeds"]
    cosine_sd: Float[Array, "seeds seeds"]
    pearson_mean: Float[Array, "seeds seeds"]
    pearson_sd: Float[Array, "seeds seeds"]


def per_example(
    activations: Real[Array | np.ndarray, "seeds examples units"],
    others: Real[Array | np.ndarray, "seeds examples_other units_other"] | None = None,
    *,
    sort: bool = False,
    chunk: int = 64,
) -> ExampleSimilarity:
    """Cosine and Pearson similarity across units, example by example, for all pairs of networks.

    Unsorted, unit k is compared with unit k, which is meaningful only if the order of units is. Sorted, each vector's
    values are first put in ascending order: invariant to permutations of units, never lower than unsorted
    (rearrangement inequality), and high for any two samples of similar distributions. Both are invariant to positive
    scaling, Pearson also to translation. An example on which one of the two vectors is zero (cosine) or constant
    (Pearson) has no direction and is excluded from that pair; a pair without any remaining example is NaN.

    chunk: examples in memory at once, as chunk × seeds × seeds numbers. Raises InputError where the two have different
    examples or different numbers of units.
    """
    activations, others = floats(activations), floats(activations if others is None else others)
    if activations.shape[1:] != others.shape[1:]:
        raise InputError(f"both need the same examples and units, got shapes {activations.shape} and {others.shape}")
    if sort:
        activations, others = jnp.sort(activations, axis=-1), jnp.sort(others, axis=-1)

    def compare(moments, block):
        first, second = block
        values = [_cosine(f(first), f(second)) for f in (_directions, _centred_directions)]
        return [_merge(old, *new) for old, new in zip(moments, values, strict=True)], None

    zero = jnp.zeros((activations.shape[0], others.shape[0]), activations.dtype)
    moments, _ = jax.lax.scan(
        compare, [(zero, zero, zero)] * 2, (_chunked(activations, chunk), _chunked(others, chunk))
    )
    cosine, pearson = (_mean_sd(*moment) for moment in moments)
    return ExampleSimilarity(*cosine, *pearson)


def agreement(
    predictions: Int[Array, "seeds examples"], others: Int[Array, "seeds examples"] | None = None
) -> Float[Array, "seeds seeds"]:
    """Share of examples for which two networks have the same prediction."""
    others = predictions if others is None else others
    return jax.lax.map(lambda one: jnp.mean(one == others, axis=-1), predictions)


def chance_agreement(accuracy: Float[np.ndarray, " seeds"], *, classes: int) -> Float[np.ndarray, "seeds seeds"]:
    """How often two networks would agree if all that they shared were being right this often.

    aᵢaⱼ + (1 − aᵢ)(1 − aⱼ)/(classes − 1): errors independent and spread evenly over the wrong classes.
    """
    wrong = 1 - accuracy
    return np.outer(accuracy, accuracy) + np.outer(wrong, wrong) / (classes - 1)


def _prepare_examples(x, *, directions, ordered: bool) -> Prepared:
    """Each example's vector at length 1, and whether it has a direction."""
    x, known = finite(x)
    vectors, valid = directions(jnp.sort(x, axis=-1) if ordered else x)
    return Prepared((vectors, valid.astype(vectors.dtype)), None, known)


def _compare_examples(x: Prepared, y: Prepared):
    """Mean cosine between two networks' vectors, over the examples on which both have a direction."""
    (x_vectors, x_valid), (y_vectors, y_valid) = x.rows, y.rows
    total = jnp.einsum("seu,teu->st", x_vectors, y_vectors, precision=EXACT)
    count = jnp.matmul(x_valid, y_valid.T, precision=EXACT)
    return total / jnp.where(count > 0, count, jnp.nan)


def _chunked(activations, chunk: int):
    """Blocks "blocks seeds chunk units". The last is padded with zeros, which have no direction and never count."""
    seeds, examples, units = activations.shape
    padded = jnp.pad(activations, ((0, 0), (0, -examples % chunk), (0, 0)))
    return jnp.moveaxis(padded.reshape(seeds, -1, chunk, units), 1, 0)


def _directions(vectors):
    """Vectors at length 1, and whether they have a direction."""
    vectors = vectors.astype(jnp.result_type(float))
    largest = jnp.max(jnp.abs(vectors), axis=-1, keepdims=True)
    scaled = vectors / jnp.where(largest > 0, largest, 1.0)  # so that squares neither vanish nor overflow
    length = jnp.linalg.norm(scaled, axis=-1, keepdims=True)
    valid = (length > 0) & jnp.isfinite(length)
    return jnp.where(valid, scaled / jnp.where(valid, length, 1.0), 0.0), valid[..., 0]


def _centred_directions(vectors):
    return _directions(centred(vectors, axis=-1))


def _cosine(first, second):
    """Cosines "chunk seeds seeds", and which of them are defined."""
    (x, x_valid), (y, y_valid) = first, second
    values = jnp.einsum("seu,teu->est", x, y, precision=EXACT)
    return values, x_valid.T[:, :, None] & y_valid.T[:, None, :]


def _merge(moments, values, valid):
    """Add a chunk to (count, mean, sum of squared deviations) by Chan's update, where E[x²] − E[x]² would cancel."""
    count, mean, squares = moments
    more = jnp.sum(valid, axis=0).astype(values.dtype)
    new = jnp.sum(jnp.where(valid, values, 0.0), axis=0) / jnp.maximum(more, 1)
    new_squares = jnp.sum(jnp.where(valid, (values - new) ** 2, 0.0), axis=0)
    total = count + more
    share = more / jnp.maximum(total, 1)
    step = new - mean
    return total, mean + step * share, squares + new_squares + step**2 * count * share


def _mean_sd(count, mean, squares):
    return jnp.where(count > 0, mean, jnp.nan), jnp.sqrt(squares / jnp.where(count > 1, count - 1, jnp.nan))


MEASURES = tuple(
    Measure(
        f"sorted_{name}" if ordered else name,
        partial(_prepare_examples, directions=directions, ordered=ordered),
        _compare_examples,
        "higher",
        (-1.0, 1.0),
        True,
        RELABELLED if ordered else SCALED,
        1,
        unit_by_unit=True,
    )
    for name, directions in (("cosine", _directions), ("pearson", _centred_directions))
    for ordered in (False, True)
)
