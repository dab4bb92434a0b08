#!/usr/bin/env bash
# flax 0.12.8: does applying a module that has its parameters run their initialisers?
#
# Guess: no. An initialiser runs at init; apply reads what is there.
# Seen: every apply runs the initialiser of every parameter again, traced for its shape alone, to compare it with that of
# the stored parameter. Without jit that is at every call, and takes longer than the layer itself; with jit, at every
# trace. What an initialiser computes from plain numbers (jax.numpy.sqrt of a size) is computed in earnest.
#
# Output:
#   initialiser runs: 1 at init, 100 in 100 calls of apply, 1 in 100 calls under jit
#   reading the parameter by get_variable instead: 0 in 100 calls of apply, in less than 0.7 of the time: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import time

import jax
import jax.numpy as jnp
from flax import linen as nn

runs = 0


def initialiser(key, shape):
    global runs
    runs += 1
    return jax.random.truncated_normal(key, -2, 2, shape) / jnp.sqrt(shape[0])


class Layer(nn.Module):
    by_param: bool

    @nn.compact
    def __call__(self, x):
        if self.by_param or self.is_initializing():
            return x @ self.param("kernel", initialiser, (x.shape[-1], 4))
        return x @ self.get_variable("params", "kernel")


def counted(call):
    """How often the initialiser runs in 100 calls, and how many seconds they take."""
    global runs
    runs, began = 0, time.perf_counter()
    for _ in range(100):
        jax.block_until_ready(call())
    return runs, time.perf_counter() - began


x, layer, other = jnp.ones((2, 3)), Layer(True), Layer(False)
variables = layer.init(jax.random.key(0), x)
at_init = runs
layer.apply(variables, x), other.apply(variables, x)  # compiled
(at_apply, long), (at_other, short) = (counted(lambda own=own: own.apply(variables, x)) for own in (layer, other))
jitted = jax.jit(layer.apply)
under_jit, _ = counted(lambda: jitted(variables, x))
print(f"initialiser runs: {at_init} at init, {at_apply} in 100 calls of apply, {under_jit} in 100 calls under jit")
print(f"reading the parameter by get_variable instead: {at_other} in 100 calls of apply, in less than 0.7 of the time:", short < 0.7 * long)
assert (at_init, at_apply, under_jit, at_other) == (1, 100, 1, 0) and short < 0.7 * long
PYTHON
