#!/usr/bin/env bash
# orbax-checkpoint 0.12.8 (tensorstore 0.1.86), numpy 2.4.6: is a damaged byte in stored weights noticed?
#
# Guess: a checkpoint format with manifests, metadata and a commit marker has a checksum of its data: loading fails.
# Seen: of 20 single flipped bits, spread evenly over the data file, all load without an error, as other weights.
# numpy's npz, a far simpler format, notices every one. Checkpoints that have to last need checksums of their own.
#
# Output:
#   Orbax: {'other weights without an error': 20}
#   npz: {'error': 20}
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 jaxlib==0.10.2 numpy==2.4.6 \
  orbax-checkpoint==0.12.8 tensorstore==0.1.86
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import logging
import sys
import warnings
from collections import Counter
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from orbax.checkpoint import v1 as ocp

logging.disable()
warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
weights = np.random.default_rng(0).normal(size=(256, 256)).astype(np.float32)
target = {"weights": jax.ShapeDtypeStruct(weights.shape, jnp.float32)}
ocp.save(folder / "orbax", {"weights": jnp.asarray(weights)})
np.savez(folder / "weights.npz", weights=weights)


def outcome(load):
    try:
        return "no change" if np.array_equal(load(), weights) else "other weights without an error"
    except Exception:
        return "error"


def outcomes(path, load):
    """Flips one bit in the middle of each of 20 equal parts of the file, one at a time."""
    data = path.read_bytes()
    seen = Counter()
    for part in range(20):
        damaged = bytearray(data)
        damaged[(2 * part + 1) * len(data) // 40] ^= 16
        path.write_bytes(damaged)
        seen[outcome(load)] += 1
    path.write_bytes(data)
    assert outcome(load) == "no change"
    return dict(seen)


largest = max((p for p in (folder / "orbax").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
orbax = outcomes(largest, lambda: ocp.load(folder / "orbax", target)["weights"])
npz = outcomes(folder / "weights.npz", lambda: np.load(folder / "weights.npz")["weights"])
print("Orbax:", orbax)
print("npz:", npz)
assert orbax.get("other weights without an error", 0) > 10 and npz == {"error": 20}
PYTHON
