"""How is a matrix decomposed in a program over many networks? One matrix after the other, on a CPU.

There, JAX divides a batch of matrices among its threads and waits for them, on one of the same threads. Two such waits
at a time, of two layers or on two devices, can take every thread, and then neither ever ends. A loop over the matrices
waits for nobody. Other devices decompose a batch at once.
"""

from collections.abc import Callable
from functools import partial, wraps

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxinterp.networks import EXACT

Matrix = Float[Array, "rows columns"]


def _one_by_one(decompose: Callable) -> Callable:
    """decompose(matrix) under `jax.vmap`, any number of times: a loop on a CPU, a batch elsewhere."""
    several = jax.custom_batching.custom_vmap(decompose)

    @several.def_vmap
    def _(_size, _is_batched, matrices):
        loop = partial(jax.lax.map, several)
        found = jax.lax.platform_dependent(matrices, cpu=loop, default=jax.vmap(decompose))
        return found, jax.tree.map(lambda _: True, found)

    return wraps(decompose)(several)


@_one_by_one
def svd(
    matrix: Matrix,
) -> tuple[Float[Array, "rows values"], Float[Array, " values"], Float[Array, "values columns"]]:
    """Left singular vectors, singular values from the largest, and right singular vectors in rows: as many of each."""
    return tuple(jnp.linalg.svd(matrix, full_matrices=False))


@_one_by_one
def singular_values(matrix: Matrix) -> Float[Array, " values"]:
    """The singular values, from the largest."""
    return jnp.linalg.svd(matrix, compute_uv=False)


@_one_by_one
def qr(matrix: Matrix) -> tuple[Float[Array, "rows directions"], Float[Array, "directions columns"]]:
    """Orthonormal columns and a triangle, whose product is the matrix."""
    columns, triangle = jnp.linalg.qr(matrix)
    return columns, triangle


@_one_by_one
def triangle(matrix: Matrix) -> Float[Array, "directions columns"]:
    """The triangle of `qr` alone."""
    return jnp.linalg.qr(matrix, mode="r")


def least_squares(matrix: Matrix, target: Float[Array, " rows"], *, smallest: float) -> Float[Array, " columns"]:
    """The x with the least |matrix·x − target|, and of several the shortest.

    smallest: singular values up to this share of the largest count as 0.
    """
    left, sizes, right = svd(matrix)
    is_zero = sizes <= smallest * sizes[0]
    along = jnp.matmul(target, left, precision=EXACT) / jnp.where(is_zero, 1.0, sizes)
    return jnp.matmul(jnp.where(is_zero, 0.0, along), right, precision=EXACT)


@_one_by_one
def eigh(matrix: Float[Array, "rows rows"]) -> tuple[Float[Array, " rows"], Float[Array, "rows rows"]]:
    """Eigenvalues of a symmetric matrix, from the smallest, and its eigenvectors in columns."""
    return tuple(jnp.linalg.eigh(matrix))
