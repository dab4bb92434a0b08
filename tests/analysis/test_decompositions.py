"""Matrices decomposed in programs over many networks: NumPy's answers, and no two that wait for each other."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.analysis import decompositions

MATRICES = np.random.default_rng(0).normal(size=(2, 3, 7, 4)).astype(np.float32)
SQUARES = MATRICES.mT @ MATRICES
TARGETS = np.random.default_rng(1).normal(size=(3, 7)).astype(np.float32)


def fitted(matrix, target):
    return decompositions.least_squares(matrix, target, smallest=1e-5)


EACH = {
    "svd": (decompositions.svd, MATRICES),
    "singular values": (decompositions.singular_values, MATRICES),
    "qr": (decompositions.qr, MATRICES),
    "triangle": (decompositions.triangle, MATRICES),
    "eigh": (decompositions.eigh, SQUARES),
}
BY_NUMPY = {
    "svd": partial(np.linalg.svd, full_matrices=False),
    "singular values": lambda matrix: [np.linalg.svd(matrix, compute_uv=False)],
    "qr": np.linalg.qr,
    "triangle": lambda matrix: [np.linalg.qr(matrix, mode="r")],
    "eigh": np.linalg.eigh,
}


@pytest.mark.parametrize("name", EACH)
def test_every_matrix_of_a_batch_is_decomposed_as_by_numpy(name):
    decompose, matrices = EACH[name]
    found = jax.tree.leaves(jax.vmap(jax.vmap(decompose))(matrices))
    for place in np.ndindex(matrices.shape[:2]):
        expected = jax.tree.leaves(tuple(BY_NUMPY[name](matrices[place])))
        for ours, theirs in zip(found, expected, strict=True):  # directions may have either sign
            np.testing.assert_allclose(np.abs(ours[place]), np.abs(theirs), rtol=1e-4, atol=1e-4)


def test_the_parts_of_a_matrix_give_it_back():
    left, sizes, right = jax.vmap(jax.vmap(decompositions.svd))(MATRICES)
    np.testing.assert_allclose(left * sizes[..., None, :] @ right, MATRICES, atol=1e-5)
    columns, triangles = jax.vmap(jax.vmap(decompositions.qr))(MATRICES)
    np.testing.assert_allclose(columns @ triangles, MATRICES, atol=1e-5)
    values, vectors = jax.vmap(jax.vmap(decompositions.eigh))(SQUARES)
    np.testing.assert_allclose(vectors * values[..., None, :] @ vectors.mT, SQUARES, atol=1e-4)


@pytest.mark.parametrize("name", EACH)
def test_on_a_cpu_no_batch_is_left_that_could_wait_for_another_and_elsewhere_it_is_whole(name):
    decompose, matrices = EACH[name]
    traced = jax.jit(jax.vmap(jax.vmap(decompose))).trace(matrices)
    on_cpu = traced.lower(lowering_platforms=("cpu",)).as_text()
    calls = re.findall(r"custom_call @lapack\w+\(.*\) -> ", on_cpu)
    assert calls and all("tensor<7x4x" in call or "tensor<4x" in call for call in calls)
    elsewhere = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "lapack" not in elsewhere and "stablehlo.while" not in elsewhere


def test_the_shortest_of_the_best_fits():
    matrices = MATRICES.copy()
    matrices[..., 3] = matrices[..., 0]  # any share of the two columns fits as well
    found = jax.vmap(jax.vmap(fitted), in_axes=(0, None))(matrices, TARGETS)
    for first, second in np.ndindex(matrices.shape[:2]):
        expected = np.linalg.lstsq(matrices[first, second], TARGETS[second], rcond=1e-5)[0]
        np.testing.assert_allclose(found[first, second], expected, atol=1e-5)
    assert not np.asarray(fitted(jnp.zeros((7, 4)), jnp.ones(7))).any()
