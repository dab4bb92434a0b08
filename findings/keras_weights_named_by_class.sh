#!/usr/bin/env bash
# keras 3.15.1, h5py 3.16.0: which layer is layers/dense in a .weights.h5 file?
#
# Guess: the one with the name "dense", as in the files of Keras 2, and as `variable.path` says.
# Seen: the first Dense layer of the model, whatever its name. Groups are named by class and counted in the order of the
# model; a layer's own name is only an attribute of its group "vars". Where some layers were named and others were not,
# the layer "dense" is the group dense_2, and the group dense is another layer, perhaps of the same shape.
# Around it: read groups by their number, or the attribute "name"; never take a group's name for a layer's.
#
# Output:
#   layers/dense holds the layer first
#   layers/dense_1 holds the layer second
#   layers/dense_2 holds the layer dense
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet jax==0.10.2 numpy==2.4.6 h5py==3.16.0 keras==3.15.1
KERAS_BACKEND=jax "$folder/venv/bin/python" - "$folder/model.weights.h5" <<'PYTHON'
import sys

import h5py
import keras
import numpy as np

dense = keras.layers.Dense
model = keras.Sequential([keras.Input((4,)), dense(4, name="first"), dense(4, name="second"), dense(4)])
model.save_weights(sys.argv[1])
held = {}
with h5py.File(sys.argv[1]) as file:
    for group in file["layers"]:
        stored = file[f"layers/{group}/vars/0"][()]
        held[group] = next(layer.name for layer in model.layers if np.array_equal(stored, layer.get_weights()[0]))
        print(f"layers/{group} holds the layer {held[group]}")
assert held == {"dense": "first", "dense_1": "second", "dense_2": "dense"}, held
PYTHON
