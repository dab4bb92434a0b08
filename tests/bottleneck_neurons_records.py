"""A record of study `bottleneck-neurons` in which nothing is planted but the fields given."""

import numpy as np
from random_records import random_record

from jaxinterp.studies.bottleneck_neurons import BottleneckNeurons

KINDS = ("zero", "mean", "class mean", "resample")
SEEDS, UNITS = 6, 16


def record(
    seeds=SEEDS,
    classes=tuple("0123456789"),
    layers=("hidden0", "hidden1"),
    pixels=16,
    units=UNITS,
    diverged=(),
    **fields,
) -> BottleneckNeurons:
    """Random numbers, NaN for the networks that diverged."""
    names = {
        "classes": classes,
        "layers": layers,
        "epochs": ("untrained", "epoch 2", "trained"),
        "statistics": ("mean", "sd", "share at 0"),
        "parts": ("pre", "post"),
        "rankings": ("mean activation", "loss gradient", "logit gradient"),
        "measures": ("index", "d_prime", "auc", "mutual_information"),
        "conditions": ("untrained", "trained"),
        "kinds": KINDS,
        "doses": np.arange(0, 3.01, 0.25),
        "edits": ("before", "without", "tripled"),
        "predictors": ("selectivity", "activation", "weight", "activation_weight", "centred_activation_weight"),
        "gradient_sites": ("hidden0/post", "hidden1/post"),
        "edges": np.tile(np.arange(6.0), (len(layers), 1)),
        "held_out": np.full(len(classes), 500),
        "diverged": np.isin(np.arange(seeds), diverged),
        "example_seed": np.array(next((seed for seed in range(seeds) if seed not in diverged), 0)),
    }
    sizes = {"seeds": seeds, "units": units, "doses": 13, "pixels": pixels, "bins": 5, "answers": len(classes)}
    return random_record(BottleneckNeurons, sizes | {"failures": 4}, **names | fields)
