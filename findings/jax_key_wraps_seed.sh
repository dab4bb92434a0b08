#!/usr/bin/env bash
# jax 0.10.2, in its default 32-bit mode: do different seeds give different keys?
#
# Guess: a seed that does not fit is refused, as jnp.asarray refuses the integer 2**32; if accepted, it is a new key.
# Seen: from -2**63 to 2**63 - 1 every integer is accepted and only its lower 32 bits count, without a word. Seeds made
# as `base + 2**32 * i`, from a hash or from a clock in nanoseconds collide; -1 and 2**32 - 1 are one seed. With
# JAX_ENABLE_X64 the same seeds give other keys, so that switch also changes which network a seed stands for.
#
# Output:
#   key(2**32) == key(0): True
#   key(-1) == key(2**32 - 1): True
#   key(2**63 - 1) == key(-1): True
#   jnp.asarray(2**32): OverflowError
#   with 64 bits, key(2**32) == key(0): False; key(-1) as in 32 bits: False
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np


def data(seed):
    return np.asarray(jax.random.key_data(jax.random.key(seed)))


pairs = {"key(2**32) == key(0)": (2**32, 0), "key(-1) == key(2**32 - 1)": (-1, 2**32 - 1)}
pairs["key(2**63 - 1) == key(-1)"] = (2**63 - 1, -1)
equal = {name: np.array_equal(data(a), data(b)) for name, (a, b) in pairs.items()}
for name, value in equal.items():
    print(f"{name}: {value}")
try:
    jnp.asarray(2**32)
    refused = False
except OverflowError:
    refused = True
    print("jnp.asarray(2**32): OverflowError")
minus_one = data(-1)
with jax.enable_x64(True):
    wide, same = np.array_equal(data(2**32), data(0)), np.array_equal(data(-1), minus_one)
print(f"with 64 bits, key(2**32) == key(0): {wide}; key(-1) as in 32 bits: {same}")
assert all(equal.values()) and refused and not wide and not same
PYTHON
