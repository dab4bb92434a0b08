"""Records of study `instance-variation`: random numbers under its own names of axes, for tests that plant the rest."""

import numpy as np
from random_records import random_record

from jaxinterp.analysis.fragments import SHAPES, Encoding
from jaxinterp.analysis.locality import Locality
from jaxinterp.studies.instance_variation import InstanceVariation, attention, features, maps, scatter, strokes

SITES = ("hidden0/post", "hidden1/post", "logits")
LAYERS = ("hidden0", "hidden1", "logits")
NAMES = {
    "conditions": features.CONDITIONS,
    "sites": SITES,
    "orders": (features.RAW, features.SORTED),
    "arms": maps.ARMS,
    "layers": LAYERS,
    "views": maps.VIEWS,
    "statistics": Locality._fields,
    "quantiles": np.array(scatter.QUANTILES),
    "pairings": attention.PAIRINGS,
    "showings": strokes.SHOWINGS,
    "links": strokes.LINKS,
    "stages": strokes.STAGES,
    "sources": strokes.SOURCES,
    "shapes": SHAPES,
    "causes": Encoding._fields,
}
SIZES = {"digits": 3, "outputs": 3, "parts": 3, "places": 4, "shown": 3, "quantiles": 5}


def record(seeds=5, left_out=(), seed=0, pixels=16, **fields) -> InstanceVariation:
    """A record of `seeds` networks of every arm, those left out NaN everywhere."""
    sizes = SIZES | {"seeds": seeds, "networks": seeds, "pixels": pixels}
    made = random_record(InstanceVariation, sizes, seed=seed, **NAMES | fields)
    mask = np.isin(np.arange(seeds), left_out)
    changed = {
        "left_out": mask,
        "arm_networks": np.full(len(made.arms), seeds),
        "arm_diverged": np.full(len(made.arms), mask.sum()),
        "gallery_seeds": np.resize(np.append(np.flatnonzero(~mask)[:3], [-1] * 3), 3),
        "locality_quantiles": np.sort(made.locality_quantiles, axis=-1),
    }
    for name, annotation in InstanceVariation.__annotations__.items():
        if name in changed or isinstance(getattr(made, name), tuple):
            continue
        array = np.array(getattr(made, name))
        for place, axis in enumerate(annotation.dim_str.split()):
            if axis in ("seeds", "networks"):
                np.moveaxis(array, place, 0)[mask] = np.nan
        changed[name] = array
    return made._replace(**changed)


def over_pairs(seeds, *means, noise=0.01, seed=0):
    """Matrices over pairs of networks around each mean, symmetric."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(len(means), seeds, seeds)) * noise
    return np.array(means)[:, None, None] + (values + np.swapaxes(values, 1, 2)) / 2


def near(seeds, mean, noise=0.01, seed=0):
    """One number a network around a mean."""
    return mean + noise * np.random.default_rng(seed).normal(size=seeds)
