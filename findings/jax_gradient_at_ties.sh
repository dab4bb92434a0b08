#!/usr/bin/env bash
# jax 0.10.2, flax 0.12.8: do two ways to write one function have one gradient?
#
# Guess: max-pooling by flax.linen.max_pool and by a maximum over reshaped windows have the same gradient, and so have
# jax.nn.relu(x) and jnp.maximum(x, 0).
# Seen: not at ties, and ties are common: each window of a blank background is one, and so is a dead unit at exactly 0.
# max_pool gives the whole gradient to the first pixel of a tied window, jnp.max shares it evenly; relu gives 0 at 0,
# jnp.maximum gives 0.5. Saliency maps of equal networks (equal outputs on all inputs) therefore differ, and with
# max_pool they carry a grid of upper left pixels that the network does not prefer.
#
# Output:
#   max_pool, blank 4x4 image: [[1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 0.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]
#   maximum of windows: 0.25 everywhere
#   without ties the two agree: True
#   at 0: relu 0.0, maximum 0.5
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet flax==0.12.8 jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np


def pooled(image):
    return nn.max_pool(image[None, :, :, None], (2, 2), (2, 2)).sum()


def windows(image):
    return image.reshape(2, 2, 2, 2).max((1, 3)).sum()


blank = jnp.zeros((4, 4))
noisy = jax.random.normal(jax.random.key(0), (4, 4))
first, shared = jax.grad(pooled)(blank), jax.grad(windows)(blank)
agree = np.array_equal(jax.grad(pooled)(noisy), jax.grad(windows)(noisy))
relu, maximum = float(jax.grad(jax.nn.relu)(0.0)), float(jax.grad(lambda x: jnp.maximum(x, 0.0))(0.0))
print("max_pool, blank 4x4 image:", first.tolist())
print("maximum of windows:", "0.25 everywhere" if (shared == 0.25).all() else shared.tolist())
print("without ties the two agree:", agree)
print(f"at 0: relu {relu}, maximum {maximum}")
assert first.tolist() == [[1, 0, 1, 0], [0] * 4] * 2 and (shared == 0.25).all() and agree
assert (relu, maximum) == (0, 0.5)
PYTHON
