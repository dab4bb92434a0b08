#!/usr/bin/env bash
# safetensors 0.8.0 with numpy 2.4.6: are the values of a transposed array kept?
#
# Guess: save_file writes any array as numpy shows it, or refuses one that is not in C order.
# Seen: it writes the memory as it lies, with the shape of the view. No error, no warning: the file holds another matrix
# of the same shape. A Flax kernel is the transpose of a PyTorch weight, so `weight.T` is what an import writes.
# Around it: numpy.ascontiguousarray before saving. safetensors.flax, given a JAX array, keeps the order.
#
# Output:
#   transposed: saved [[0, 2, 4], [1, 3, 5]], loaded [[0, 1, 2], [3, 4, 5]]
#   every second column: saved [[0, 2], [3, 5]], loaded [[0, 1], [2, 3]]
#   made contiguous first: saved [[0, 2, 4], [1, 3, 5]], loaded [[0, 2, 4], [1, 3, 5]]
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 safetensors==0.8.0
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from safetensors.numpy import load, save

stored = np.arange(6)
transposed, columns = stored.reshape(3, 2).T, stored.reshape(2, 3)[:, ::2]
cases = {
    "transposed": transposed,
    "every second column": columns,
    "made contiguous first": np.ascontiguousarray(transposed),
}
kept = {}
for name, array in cases.items():
    loaded = load(save({"array": array}))["array"]
    kept[name] = np.array_equal(array, loaded)
    print(f"{name}: saved {array.tolist()}, loaded {loaded.tolist()}")
assert kept == {"transposed": False, "every second column": False, "made contiguous first": True}, kept
PYTHON
