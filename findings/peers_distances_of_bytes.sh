#!/usr/bin/env bash
# dcor 0.7, rsatoolbox 0.3.2, scipy 1.17.1: what are the distances between images kept as bytes?
#
# Guess: those of the same numbers as floats, as scipy's are.
# Seen: dcor and rsatoolbox subtract, square and add in uint8, which wraps at 256, without a warning. The distance
# correlation of images with the same images as floats is 0.77, the energy distance of two groups is a tenth of what it
# is, and squared Euclidean distances are about 1/60. dcor converts integers in one column, but not in several;
# rsatoolbox's correlation distances are right.
#
# Output, of bytes and of floats:
#   scipy, bytes and floats: 416.8, 416.8
#   dcor, distance of two images: 40.7, 416.8
#   dcor, distance correlation with the same images as floats: 0.77, 1.00
#   dcor, energy distance of two groups: 2.7, 30.4
#   rsatoolbox, squared euclidean: 199.6, 10855.6
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet dcor==0.7 numpy==2.4.6 rsatoolbox==0.3.2 scipy==1.17.1
"$folder/venv/bin/python" -W error - <<'PYTHON'
import dcor
import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import pdist

images = np.random.default_rng(0).integers(0, 256, size=(60, 16), dtype=np.uint8)
same = images.astype(float)
cases = {
    "scipy, bytes and floats": lambda own: pdist(own)[0],
    "dcor, distance of two images": lambda own: dcor.distances.pairwise_distances(own)[0, 1],
    "dcor, distance correlation with the same images as floats": lambda own: dcor.distance_correlation(own, same),
    "dcor, energy distance of two groups": lambda own: dcor.energy_distance(own[:30], own[30:]),
    "rsatoolbox, squared euclidean": lambda own: calc_rdm(Dataset(own), method="euclidean").dissimilarities[0, 0],
}
found = {}
for name, fn in cases.items():
    found[name] = fn(images), fn(same)
    digits = 2 if "correlation" in name else 1
    print(f"{name}: {found[name][0]:.{digits}f}, {found[name][1]:.{digits}f}")
right, *wrong = found.values()
assert right[0] == right[1] and all(as_bytes < 0.8 * as_floats for as_bytes, as_floats in wrong)
PYTHON
