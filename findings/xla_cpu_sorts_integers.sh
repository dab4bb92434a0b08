#!/usr/bin/env bash
# jax 0.10.2: how long does a CPU take to sort rows of 10,000 float32 numbers, beside as many int32 numbers?
#
# Guess: as long, as in NumPy; a second array that is sorted along takes somewhat longer.
# Seen: plain integers take a fifth to a sixth of the time of floats, and of integers that carry a second array: only a
# single array of integers is sorted by compiled comparisons; all else calls a comparison for each pair. The integers
# with the bits of positive floats have the same order, so scores that need 7,680 such sorts took a fifth of the time.
#
# Output:
#   the same order: True
#   integers take at most half the time of floats: True
#   integers take at most half the time of integers that carry an array: True
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import time

import jax
import jax.numpy as jnp
import numpy as np

floats = jnp.asarray(np.random.default_rng(0).uniform(size=(60, 10_000)).astype(np.float32))
integers = jax.lax.bitcast_convert_type(floats, jnp.int32)


def seconds(sort, *arrays):
    compiled = jax.jit(sort)
    found = jax.block_until_ready(compiled(*arrays))
    times = []
    for _ in range(5):
        start = time.process_time()
        jax.block_until_ready(compiled(*arrays))
        times.append(time.process_time() - start)
    return found, min(times)


of_floats, slow = seconds(jax.lax.sort, floats)
of_integers, fast = seconds(jax.lax.sort, integers)
_, carrying = seconds(lambda keys, values: jax.lax.sort((keys, values), num_keys=1), integers, floats)
same = bool((jax.lax.bitcast_convert_type(of_integers, jnp.float32) == of_floats).all())
print(f"the same order: {same}")
print(f"integers take at most half the time of floats: {fast < slow / 2}")
print(f"integers take at most half the time of integers that carry an array: {fast < carrying / 2}")
assert same and fast < slow / 2 and fast < carrying / 2
PYTHON
