#!/usr/bin/env bash
# umap-learn 0.5.12, numba 0.68.1, scikit-learn 1.9.1: where does UMAP draw rows that are equal?
#
# Guess: at equal places; rows that are all alike, such as a dead layer's activations, give an error, or at least a
# warning.
# Seen: 300 rows of zeros become 300 different points, spread like a cloud, without a word. Among other rows, 50 equal
# ones become 50 different points, too. With unique=True equal rows are one point.
#
# Output:
#   300 rows of zeros: 300 different points, spread over 1.5 units or more: True, warnings: 0
#   50 equal rows among 300: 50 different points, warnings: 0
#   the same with unique=True: 1 different points
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet umap-learn==0.5.12 numba==0.68.1 scikit-learn==1.9.1 numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np
import umap


def drawn(rows, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        points = umap.UMAP(random_state=0, n_jobs=1, **options).fit_transform(rows)
    return points, len(caught)


def different(points):
    return len(np.unique(points, axis=0))


zeros, said = drawn(np.zeros((300, 8), np.float32))
wide = bool((np.ptp(zeros, axis=0) > 1.5).all())
print(f"300 rows of zeros: {different(zeros)} different points, spread over 1.5 units or more: {wide}, warnings: {said}")
rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
rows[:50] = rows[0]
equal, said_too = drawn(rows)
print(f"50 equal rows among 300: {different(equal[:50])} different points, warnings: {said_too}")
unique, _ = drawn(rows, unique=True)
print(f"the same with unique=True: {different(unique[:50])} different points")
assert (different(zeros), wide, said) == (300, True, 0)
assert (different(equal[:50]), said_too, different(unique[:50])) == (50, 0, 1)
PYTHON
