"""The fast permutation is jax.random's, the same one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.data import permutation, shuffling


@pytest.mark.parametrize("n", [0, 1, 2, 50, 1700, 60_000])
def test_it_is_the_permutation_of_jax(n, key):
    np.testing.assert_array_equal(permutation(key, n), jax.random.permutation(key, n))


def test_it_is_so_for_many_keys_at_once_in_a_compiled_program(key):
    keys = jax.random.split(key, 6)
    found = jax.jit(lambda keys: jax.lax.map(lambda key: permutation(key, 3000), keys, batch_size=3))(keys)
    np.testing.assert_array_equal(found, jnp.stack([jax.random.permutation(key, 3000) for key in keys]))
    assert found.dtype == jnp.int32


def test_equal_keys_keep_their_order():
    keys = np.random.default_rng(0).integers(0, 5, 1000).astype(np.uint32) * np.uint32(2**32 // 5)
    np.testing.assert_array_equal(shuffling._argsort(keys), np.argsort(keys, kind="stable"))
