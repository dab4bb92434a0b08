"""Do two networks answer the same images with the same activations? Every pair of networks is compared at once.

`activations` are one site's, of all seeds. Entry [i, j] compares network i of `activations` with network j of `others`,
which defaults to the same networks; with shuffled others the same code computes the null. A network with activations
that are not finite has NaN pairs, and leaves the other pairs alone.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxinterp.errors import InputError

Activations = Float[Array, "seeds examples units"]
Others = Float[Array, "seeds examples_other units_other"]

# Centred in float32, a constant vector leaves rounding errors of this size, relative to its values.
_ROUNDING = 1e-6
# Accelerators would otherwise multiply with fewer bits, and similarities near 1 need them all.
_EXACT = jax.lax.Precision.HIGHEST


class ExampleSimilarity(NamedTuple):
    """Mean and standard deviation, over examples, of the similarity of two networks' activation vectors."""

    cosine_mean: Float[Array, "seeds seeds"]
    cosine_sd: Float[Array, "seeds seeds"]
    pearson_mean: Float[Array, "seeds seeds"]
    pearson_sd: Float[Array, "seeds seeds"]


def per_example(
    activations: Activations, others: Others | None = None, *, sort: bool = False, chunk: int = 64
) -> ExampleSimilarity:
    """Cosine and Pearson similarity across units, example by example, for all pairs of networks.

    Not sorted, unit k is compared with unit k, which means something only if the order of units does. Sorted, each
    vector's values are put in ascending order first: invariant to permutations of units, never lower than unsorted (the
    rearrangement inequality), and high for any two samples of similar distributions. Both are invariant to positive
    scaling, Pearson to translation as well. An example on which one of the two vectors is zero (cosine) or constant
    (Pearson) has no direction and is left out of that pair; a pair with no example left is NaN.

    chunk: examples held in memory at once, as chunk × seeds × seeds numbers.
    Raises InputError where the two have different examples or different numbers of units.
    """
    others = activations if others is None else others
    if activations.shape[1:] != others.shape[1:]:
        raise InputError(f"examples and units must match, got shapes {activations.shape} and {others.shape}")
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


def linear_cka(
    activations: Activations, others: Others | None = None, *, chunk: int = 16
) -> Float[Array, "seeds seeds"]:
    """Debiased linear CKA of all pairs: are the same features there, whichever way they are spread over units?

    f(X, Y)/√(f(X, X) f(Y, Y)) with, for centred X and Y of n examples, f(X, Y) = ‖XᵀY‖²_F − n/(n−2) Σᵢ|xᵢ|²|yᵢ|²
    + |X|²|Y|²/((n−1)(n−2)), the unbiased HSIC of Song et al. 2012 (JMLR 13) in feature space. 1 for equal features; 0
    on average for independent ones, so it may be slightly negative. Invariant to rotation, isotropic scaling and
    translation of either network's units, whose numbers may differ. A layer that is constant over the examples has no
    CKA: NaN.

    chunk: networks of `activations` compared at once, each with all others; chunk × seeds × units² numbers.
    Raises InputError where the two have different examples, or fewer than four.
    """
    others = activations if others is None else others
    examples = activations.shape[1]
    if examples != others.shape[1] or examples < 4:
        raise InputError(f"CKA needs the same 4 or more examples, got {examples} and {others.shape[1]}")

    def products(x, y):
        """f(X, Y) of one network with each of several."""
        spread = jnp.sum(jnp.sum(x**2, -1) * jnp.sum(y**2, -1), -1)
        cross = jnp.sum(jnp.einsum("eu,sev->suv", x, y, precision=_EXACT) ** 2, (-1, -2))
        sizes = jnp.sum(x**2) * jnp.sum(y**2, (-1, -2))
        return cross - examples / (examples - 2) * spread + sizes / ((examples - 1) * (examples - 2))

    x, y = _centred_features(activations), _centred_features(others)
    own_x, own_y = (jax.lax.map(lambda one: products(one, one[None])[0], z, batch_size=chunk) for z in (x, y))
    both = jax.lax.map(lambda one: products(one, y), x, batch_size=chunk)
    scale = own_x[:, None] * own_y[None, :]
    known = (own_x[:, None] > 0) & (own_y[None, :] > 0)
    return jnp.where(known, both / jnp.sqrt(jnp.where(known, scale, 1.0)), jnp.nan)


def agreement(
    answers: Int[Array, "seeds examples"], others: Int[Array, "seeds examples"] | None = None
) -> Float[Array, "seeds seeds"]:
    """Share of examples that two networks answer alike."""
    others = answers if others is None else others
    return jax.lax.map(lambda one: jnp.mean(one == others, axis=-1), answers)


def _chunked(activations, chunk: int):
    """Blocks "blocks seeds chunk units". The last is filled with zeros, which have no direction and so never count."""
    seeds, examples, units = activations.shape
    padded = jnp.pad(activations, ((0, 0), (0, -examples % chunk), (0, 0)))
    return jnp.moveaxis(padded.reshape(seeds, -1, chunk, units), 1, 0)


def _directions(vectors):
    """Vectors at length 1, and whether they have a direction."""
    largest = jnp.max(jnp.abs(vectors), axis=-1, keepdims=True)
    scaled = vectors / jnp.where(largest > 0, largest, 1.0)  # so that squares neither vanish nor overflow
    length = jnp.linalg.norm(scaled, axis=-1, keepdims=True)
    valid = (length > 0) & jnp.isfinite(length)
    return jnp.where(valid, scaled / jnp.where(valid, length, 1.0), 0.0), valid[..., 0]


def _centred_directions(vectors):
    centred = vectors - jnp.mean(vectors, axis=-1, keepdims=True)
    constant = jnp.max(jnp.abs(centred), -1) <= _ROUNDING * jnp.max(jnp.abs(vectors), -1)
    return _directions(jnp.where(constant[..., None], 0.0, centred))


def _cosine(first, second):
    """Cosines "chunk seeds seeds", and which of them are defined."""
    (x, x_valid), (y, y_valid) = first, second
    values = jnp.einsum("seu,teu->est", x, y, precision=_EXACT)
    return values, x_valid.T[:, :, None] & y_valid.T[:, None, :]


def _merge(moments, values, valid):
    """Add a chunk to (count, mean, sum of squared deviations): Chan's update, exact where E[x²] − E[x]² cancels."""
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


def _centred_features(activations):
    """Columns centred, and the whole scaled to size 1; a constant layer is exactly zero."""
    centred = activations - jnp.mean(activations, axis=1, keepdims=True)
    largest = jnp.max(jnp.abs(activations), axis=1, keepdims=True)
    constant = jnp.max(jnp.abs(centred), axis=1, keepdims=True) <= _ROUNDING * largest
    centred = jnp.where(constant, 0.0, centred)
    size = jnp.sqrt(jnp.sum(centred**2, axis=(1, 2), keepdims=True))
    return centred / jnp.where(size > 0, size, 1.0)
