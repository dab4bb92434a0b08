#!/usr/bin/env bash
# xarray 2026.9.0, scipy 1.17.1: can a dataset that was written to NetCDF-3 without an error be read again?
#
# Guess: yes; what NetCDF-3 cannot hold is refused when it is written, as float16 and large integers are.
# Seen: not if an axis is empty ("units that failed": none). NetCDF-3 marks its growing dimension by the length 0, so an
# empty axis turns into that. As a variable's first axis it happens to survive; as any later one the file is written
# without a word and cannot be read. Drop empty variables before writing, or read back what was written.
#
# Output:
#   sizes (0, 3): read back as (0, 3)
#   sizes (3, 0): written without an error; reading: TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6 pandas==3.1.1 scipy==1.17.1 xarray==2026.9.0
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import numpy as np
import xarray as xr


def outcome(shape):
    path = Path(sys.argv[1]) / "dataset.nc"
    xr.Dataset({"values": (("a", "b"), np.zeros(shape))}).to_netcdf(path, engine="scipy")
    try:
        return f"read back as {xr.load_dataset(path, engine='scipy')['values'].shape}"
    except TypeError:
        return "written without an error; reading: TypeError"


outcomes = [outcome((0, 3)), outcome((3, 0))]
print("sizes (0, 3):", outcomes[0])
print("sizes (3, 0):", outcomes[1])
assert outcomes == ["read back as (0, 3)", "written without an error; reading: TypeError"]
PYTHON
