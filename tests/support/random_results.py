"""A study's results filled with random numbers, by the schema that its measurements declare.

For tests that plant the values they ask about, and need the rest to exist.
"""

import typing

import numpy as np
import xarray as xr
from support.toy_inputs import unread

from jaxinterp import train
from jaxinterp.studies.runner import Networks
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Measurement, Study


def random_results(study: Study, sizes=None, *, seeds=32, seed=0, optional=True):
    """Results of random floats between 0 and 1, float64, with the dimensions and labels that the study declares.

    sizes: lengths of axes that have no labels; 3 by default, but 16 pixels. optional: with the recipes that the study
    can do without.
    """
    rng = np.random.default_rng(seed)
    recipes = list(study.all_recipes if optional else study.recipes)
    inputs = {recipe: unread(recipe, seeds=seeds) for recipe in recipes}
    sizes = {"seeds": seeds, "pixels": 16} | (sizes or {})
    measurements = [own for own in study.measurements if not own.recipes or set(own.recipes) & set(recipes)]
    results = {measurement.name: _dataset(rng, study, measurement, inputs, sizes) for measurement in measurements}
    coords = {"recipes": recipes, "splits": list(train.SPLITS)}
    networks = _variables(rng, Networks, (), coords, sizes)
    networks["diverged"] = networks["diverged"] * 0
    return {NETWORKS: networks, **results}


def _dataset(rng, study, measurement, inputs, sizes) -> xr.Dataset:
    chosen = {recipe: inputs[recipe] for recipe in measurement.recipes or (study.own,) if recipe in inputs}
    if isinstance(measurement, EnsembleMeasurement):
        return _variables(rng, measurement.record, (), measurement.coords(chosen), sizes)
    assert isinstance(measurement, Measurement)
    leading = ("recipes",) * bool(measurement.recipes) + ("conditions",) * bool(measurement.conditions)
    leading += ("seeds",) * (not measurement.example)
    coords = {}
    for own in chosen.values():
        for dim, labels in measurement.coords(own).items():
            coords[dim] = max(coords.get(dim, []), list(labels), key=len)
    conditions = max((own.conditions(measurement.conditions) for own in chosen.values()), key=len)
    coords |= {"recipes": list(chosen), "conditions": list(conditions)}
    return _variables(rng, measurement.record, leading, coords, sizes)


def _variables(rng, record, leading, coords, sizes) -> xr.Dataset:
    coords = {dim: list(labels) for dim, labels in coords.items()}
    variables = {}
    for name, annotation in typing.get_type_hints(record).items():
        axes = [*leading, *annotation.dim_str.split()]
        dims = [f"{axis}_other" if axis in axes[:position] else axis for position, axis in enumerate(axes)]
        shape = [len(coords[axis]) if axis in coords else sizes.get(axis, 3) for axis in axes]
        variables[name] = (dims, rng.uniform(size=shape))
    used = {dim for dims, _ in variables.values() for dim in dims}
    return xr.Dataset(variables, {dim: labels for dim, labels in coords.items() if dim in used})
