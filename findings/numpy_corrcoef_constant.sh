#!/usr/bin/env bash
# numpy 2.4.6: what is the correlation of two units that never change?
#
# Guess: NaN with a warning, as it is for rows of 0 and 1.
# Seen: for about half of all pairs it is 1 or -1, without a warning. The mean of equal numbers is rounded, so each row
# keeps a tiny constant remainder, and two constant remainders correlate perfectly: units stuck at 0.1 and 0.7 are
# "perfect opposites". Dropping NaN does not drop such units; test for a constant row (numpy.ptp == 0) instead.
#
# Output:
#   rows of 0 and 1: nan, warned: True
#   rows of 0.1 and 0.7: -1.0, warned: False
#   all pairs of 0.01, 0.02, ... 0.99: nan 2505, 1 or -1 without a warning 2346
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings
from itertools import combinations

import numpy as np


def correlation(a, b):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        value = np.corrcoef(np.full(1000, a), np.full(1000, b))[0, 1]
    return round(float(value), 6), bool(caught)


exact, rounded = correlation(0, 1), correlation(0.1, 0.7)
values = [correlation(a / 100, b / 100) for a, b in combinations(range(1, 100), 2)]
undefined = sum(np.isnan(value) for value, _ in values)
perfect = sum(abs(value) == 1 and not warned for value, warned in values)
print(f"rows of 0 and 1: {exact[0]}, warned: {exact[1]}")
print(f"rows of 0.1 and 0.7: {rounded[0]}, warned: {rounded[1]}")
print(f"all pairs of 0.01, 0.02, ... 0.99: nan {undefined}, 1 or -1 without a warning {perfect}")
assert np.isnan(exact[0]) and exact[1] and perfect > 1000
PYTHON
