#!/usr/bin/env bash
# jax 0.10.2: do jax.random.split and jax.random.fold_in give different keys?
#
# Guess: two functions, two streams: split(key, n)[i] has nothing to do with fold_in(key, i).
# Seen: they are the same key, for every i and n, with the default generator. A program that splits a key for its parts
# and also folds a step or a seed number into it draws the same numbers twice: here the initial weights of a layer are
# the noise of an epoch. (With jax_threefry_partitionable off, the default of older versions, they differ.)
#
# Output:
#   split(key, 2) == fold_in(key, 0), fold_in(key, 1): True
#   split(key, 1000)[i] == fold_in(key, i) for all i: True
#   correlation of weights drawn from split(key)[1] and noise from fold_in(key, 1): 1.0
#   the same with the older generator: split(key, 2) == fold_in: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import numpy as np


def same(n):
    key = jax.random.key(0)
    folded = jax.vmap(lambda i: jax.random.fold_in(key, i))(np.arange(n))
    return np.array_equal(jax.random.key_data(jax.random.split(key, n)), jax.random.key_data(folded))


key = jax.random.key(0)
weights = jax.random.normal(jax.random.split(key)[1], (100,))
noise = jax.random.normal(jax.random.fold_in(key, 1), (100,))
correlation = round(float(np.corrcoef(weights, noise)[0, 1]), 6)
pair, thousand = same(2), same(1000)
with jax.threefry_partitionable(False):
    older = same(2)
print("split(key, 2) == fold_in(key, 0), fold_in(key, 1):", pair)
print("split(key, 1000)[i] == fold_in(key, i) for all i:", thousand)
print("correlation of weights drawn from split(key)[1] and noise from fold_in(key, 1):", correlation)
print("the same with the older generator: split(key, 2) == fold_in:", older)
assert (pair, thousand, correlation, older) == (True, True, 1.0, False)
PYTHON
