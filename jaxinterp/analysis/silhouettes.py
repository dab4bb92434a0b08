"""Do the examples of a class lie closer to each other than to those of any other class? Silhouettes.

The silhouette of an example is (b − a)/max(a, b), where a is its mean distance to the others of its class, and b the
lowest mean distance to the examples of another class (Rousseeuw 1987, Silhouettes: a graphical aid to the
interpretation and validation of cluster analysis). It lies between −1 and 1. It is 0 for an example that is alone in
its class, where a and b are 0, and where there is one class only; NaN where points are. Labels that have nothing to do
with the points give about 0, or less.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxinterp.networks import EXACT

Points = Float[Array | np.ndarray, "examples units"]
Labels = Int[Array | np.ndarray, " examples"]


def distances(points: Points) -> Float[Array, "examples examples"]:
    """Euclidean distances between all examples; exactly 0 between equal ones."""
    return jnp.sqrt(_squares(jnp.asarray(points)))


def silhouettes(points: Points, labels: Labels, *, classes: int) -> Float[Array, " examples"]:
    """The silhouette of every example. Memory: examples² numbers."""
    return of_distances(distances(points), labels, classes=classes)


def of_distances(
    distances: Float[Array, "examples examples"],
    labels: Labels,
    *,
    classes: int,
    kept: Bool[Array, " examples"] | None = None,
) -> Float[Array, " examples"]:
    """The silhouettes that a matrix of distances gives. kept: examples that count; 0 for the others."""
    members = jax.nn.one_hot(labels, classes)
    members = members if kept is None else jnp.where(kept[:, None], members, 0.0)
    sizes = jnp.sum(members, axis=0)
    total = jnp.matmul(distances, members, precision=EXACT)
    same = jnp.asarray(labels)[:, None] == jnp.arange(classes)
    inner = jnp.sum(jnp.where(same, total, 0.0), axis=-1) / jnp.maximum(sizes[labels] - 1, 1)
    outer = jnp.min(jnp.where(same | (sizes == 0), jnp.inf, total / jnp.maximum(sizes, 1)), axis=-1)
    larger = jnp.maximum(inner, outer)
    known = (sizes[labels] > 1) & (larger > 0) & jnp.isfinite(outer)
    found = jnp.where(known, (outer - inner) / jnp.where(known, larger, 1.0), 0.0 * inner)
    return found if kept is None else jnp.where(kept, found, 0.0)


def of_subspaces(
    points: Points, labels: Labels, units: Bool[Array | np.ndarray, "subspaces units"], *, classes: int
) -> Float[Array, "subspaces examples"]:
    """The silhouettes in each subspace, of the points' coordinates along some units; one subspace at a time."""
    points = jnp.asarray(points)
    return jax.lax.map(lambda own: silhouettes(jnp.where(own, points, 0.0), labels, classes=classes), units)


def picked(points: Points, labels: Labels, *, classes: int) -> Int[Array, " units"]:
    """All units in the order in which a search would rather keep them: the first k are its subspace of k units.

    It starts from all units, and each time drops the one without which the mean silhouette is highest. (Picking one
    after the other finds worse subspaces: the first few units are too few to tell the classes apart.) What is picked
    from many is to be measured on other examples.
    """
    columns = jnp.asarray(points).T

    def step(state, _):
        squares, left = state

        def without(unit):
            return jnp.maximum(squares - _along(columns[unit]), 0.0)

        def mean(unit):
            return jnp.mean(of_distances(jnp.sqrt(without(unit)), labels, classes=classes))

        worst = jnp.argmax(jnp.where(left, jax.lax.map(mean, jnp.arange(len(columns))), -jnp.inf))
        return (without(worst), left.at[worst].set(False)), worst

    start = _squares(columns.T), jnp.ones(len(columns), bool)
    return jax.lax.scan(step, start, length=len(columns))[1][::-1]


def _squares(points: Float[Array, "examples units"]) -> Float[Array, "examples examples"]:
    """Squared distances. Centring keeps the digits of small distances between points that are far from 0."""
    centred = points - jnp.mean(points, axis=0)
    products = jnp.matmul(centred, centred.T, precision=EXACT)
    sizes = jnp.diagonal(products)
    return jnp.maximum(sizes[:, None] + sizes - 2 * products, 0.0)


def _along(column: Float[Array, " examples"]) -> Float[Array, "examples examples"]:
    return (column[:, None] - column) ** 2
