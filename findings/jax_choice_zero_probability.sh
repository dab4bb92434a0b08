#!/usr/bin/env bash
# jax 0.10.2, numpy 2.4.6: can jax.random.choice return an item whose probability is 0?
#
# Guess: never; where fewer items than asked for are possible, an error as in numpy, or a result that shows it.
# Seen: without replacement, the missing places are filled with items of probability 0, without a word. A
# mask that is passed as p ("only correctly classified images", "only live units") is then not obeyed.
#
# Output:
#   numpy: ValueError: Fewer non-zero entries in p than size
#   jax, possible items 2 and 3, drawn: [0, 1, 2, 3]
#   jax, share of 200 keys whose draw holds impossible items: 1.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import jax
import jax.numpy as jnp
import numpy as np

p = [0.0, 0.0, 0.5, 0.5, 0.0]
try:
    np.random.default_rng(0).choice(5, 4, replace=False, p=p)
    refused = False
except ValueError as error:
    refused = True
    print(f"numpy: ValueError: {error}")


def draw(seed):
    return jax.random.choice(jax.random.key(seed), 5, (4,), replace=False, p=jnp.array(p))


draws = np.array([draw(seed) for seed in range(200)])
share = float(np.isin(draws, [0, 1, 4]).any(1).mean())
print("jax, possible items 2 and 3, drawn:", sorted(draws[0].tolist()))
print("jax, share of 200 keys whose draw holds impossible items:", share)
assert refused and share == 1 and sorted(draws[0].tolist()) == [0, 1, 2, 3]
PYTHON
