"""Does a picture of a layer keep its neighbours, and would the same method draw it so again?"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.analysis.silhouettes import distances
from jaxinterp.errors import InputError

NEIGHBOURS = 10
Points = Float[Array | np.ndarray, "examples _"]


def trustworthiness(original: Points, picture: Points, *, neighbours: int = NEIGHBOURS) -> Float[Array, ""]:
    """How close in the original are the points that the picture shows as neighbours? At most 1, about ½ by chance.

    1 − 2/(nk(2n − 3k − 1)) Σᵢ Σⱼ (r(i, j) − k), over all i and all j that are among the k nearest of i in the picture
    but not in the original, where r(i, j) is the rank of j by its distance from i in the original (Venna and Kaski
    2001, Neighborhood preservation in nonlinear projection methods). Of equal distances, that to the first example
    counts as smaller. With few examples, at most (n − 1)/2 neighbours are compared. NaN where a point is not finite.
    Raises InputError for fewer than 3 examples.
    """
    examples = len(original)
    kept = _kept(examples, neighbours)
    apart = _between(original)
    place = jnp.arange(examples)

    def excess(other):
        """By how much the rank of each example's neighbour exceeds k; other: that neighbour."""
        distance = apart[place, other][:, None]
        before = (apart < distance) | ((apart == distance) & (place < other[:, None]))
        return jnp.sum(jnp.maximum(jnp.sum(before, axis=1) + 1 - kept, 0))

    total = jnp.sum(jax.lax.map(excess, _nearest(picture, kept).T).astype(float))
    return jnp.where(
        _finite(original, picture), 1 - 2 * total / (examples * kept * (2 * examples - 3 * kept - 1)), jnp.nan
    )


def continuity(original: Points, picture: Points, *, neighbours: int = NEIGHBOURS) -> Float[Array, ""]:
    """How close in the picture are the points that are neighbours in the original? `trustworthiness`, swapped."""
    return trustworthiness(picture, original, neighbours=neighbours)


def neighbour_overlap(first: Points, second: Points, *, neighbours: int = NEIGHBOURS) -> Float[Array, ""]:
    """Share of an example's nearest neighbours in one picture that are so in the other; by chance k/(n − 1).

    Few examples, points that are not finite and errors: as for `trustworthiness`.
    """
    kept = _kept(len(first), neighbours)
    one, other = _nearest(first, kept), _nearest(second, kept)
    shared = jnp.mean(jnp.any(one[:, :, None] == other[:, None, :], axis=-1).astype(float))
    return jnp.where(_finite(first, second), shared, jnp.nan)


def _kept(examples: int, neighbours: int) -> int:
    if neighbours < 1 or examples < 3:
        raise InputError(f"{neighbours} neighbours of {examples} examples: use 1 or more neighbours, of 3 or more")
    return min(neighbours, (examples - 1) // 2)


def _finite(first: Points, second: Points) -> Bool[Array, ""]:
    return jnp.isfinite(jnp.sum(first)) & jnp.isfinite(jnp.sum(second))


def _between(points: Points) -> Float[Array, "examples examples"]:
    """Distances between different examples; an example is no neighbour of itself."""
    return jnp.where(jnp.eye(len(points), dtype=bool), jnp.inf, distances(points))


def _nearest(points: Points, count: int) -> Int[Array, "examples neighbours"]:
    return jax.lax.top_k(-_between(points), count)[1]
