#!/usr/bin/env bash
# rsatoolbox 0.3.2, scipy 1.17.1: what does calc_rdm(..., method="euclidean") compute?
#
# Guess: Euclidean distances.
# Seen: their squares, divided by the number of channels: a mean squared difference. The result is labelled "squared
# euclidean"; the division shows nowhere. Rank correlations between such matrices are not affected, but Pearson and
# cosine are, and so is every comparison with distances from elsewhere: equal patterns do not correlate at 1.
#
# Output:
#   scipy: [3.0, 4.0, 5.0]
#   rsatoolbox: [2.25, 4.0, 6.25] (label: squared euclidean)
#   squares divided by 4 channels: [2.25, 4.0, 6.25]
#   Pearson correlation of both for 20 random patterns: 0.97
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 rsatoolbox==0.3.2 scipy==1.17.1
"$folder/venv/bin/python" - <<'PYTHON'
import numpy as np
from rsatoolbox.data import Dataset
from rsatoolbox.rdm import calc_rdm
from scipy.spatial.distance import pdist


def dissimilarities(patterns):
    return calc_rdm(Dataset(patterns), method="euclidean")


patterns = np.array([[0.0, 0, 0, 0], [3, 0, 0, 0], [0, 4, 0, 0]])
distances, rdm = pdist(patterns), dissimilarities(patterns)
values = rdm.dissimilarities[0]
print("scipy:", distances.tolist())
print(f"rsatoolbox: {values.tolist()} (label: {rdm.dissimilarity_measure})")
print("squares divided by 4 channels:", (distances**2 / 4).tolist())
spread = np.random.default_rng(0).lognormal(size=(20, 4))
pearson = np.corrcoef(pdist(spread), dissimilarities(spread).dissimilarities[0])[0, 1]
print(f"Pearson correlation of both for 20 random patterns: {pearson:.2f}")
assert np.allclose(values, distances**2 / 4) and rdm.dissimilarity_measure == "squared euclidean" and pearson < 0.99
PYTHON
