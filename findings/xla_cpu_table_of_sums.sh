#!/usr/bin/env bash
# jax 0.10.2: which of ten sums is the largest, for every pair of one of 256 columns and one of 256 others, on a CPU?
#
# Guess: one fused expression over the 256 × 256 table is fastest; a loop over its rows, `lax.map`, costs more.
# Seen: the loop takes a fifth of the time or less. The fused table is computed number by number; within the loop the same
# expression, over a row, becomes vector instructions. The results are the same, bit for bit.
#
# Output:
#   the same: True
#   the loop over rows takes at most two thirds of the time: True
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

TABLES, CLASSES, SIDE = 200, 10, 256
rng = np.random.default_rng(0)
low, high = (jnp.asarray(rng.normal(size=(TABLES, CLASSES, SIDE)).astype(np.float32)) for _ in range(2))


def largest(low, high):
    best, *rest = [own + other for own, other in zip(low, high, strict=True)]
    number = jnp.zeros(best.shape, jnp.int32)
    for place, value in enumerate(rest, start=1):
        larger = value > best
        number, best = jnp.where(larger, place, number), jnp.where(larger, value, best)
    return number.astype(jnp.uint8)


def fused(low, high):
    return largest(low[:, None, :], high[:, :, None])


def by_row(low, high):
    return jax.lax.map(lambda row: largest(low, row), high.T)


def seconds(table):
    compiled = jax.jit(lambda low, high: jax.lax.map(lambda own: table(*own), (low, high)))
    found = jax.block_until_ready(compiled(low, high))
    times = []
    for _ in range(3):
        start = time.process_time()
        jax.block_until_ready(compiled(low, high))
        times.append(time.process_time() - start)
    return found, min(times)


whole, slow = seconds(fused)
rows, fast = seconds(by_row)
same = bool((whole == rows).all())
print(f"the same: {same}")
print(f"the loop over rows takes at most two thirds of the time: {fast < slow * 2 / 3}")
assert same and fast < slow * 2 / 3, (fast, slow)
PYTHON
