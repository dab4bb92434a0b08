"""Results of study `llm-labels` with half of all neurons dead, and XOR solved by all networks in one way."""

import jax.numpy as jnp
import numpy as np
import xarray as xr
from support.random_results import random_results

from jaxinterp.analysis import gates
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP, Network
from jaxinterp.studies import runner
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.llm_labels import STUDY
from jaxinterp.studies.llm_labels.neurons import SIX, TWELVE

SEEDS = 96  # few networks that are all alike decide little
UNITS, NARROW = 12, 6
SIZES = {"units": UNITS, "neurons": 4, "inputs": 2, "exemplars": 9, "facets": 4, "draws": 12, "directions": 5}
RNG = np.random.default_rng(0)
CORNERS = Dataset(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0]))


def results(seeds=SEEDS):
    """The first half of the neurons of each width is dead; images have 16 pixels."""
    found = random_results(STUDY, SIZES, seeds=seeds)
    live_in(found, SIX, NARROW // 2)
    live_in(found, TWELVE, UNITS // 2)
    for name, dataset in found.items():
        if "recipes" in dataset.dims and "units" in dataset.dims:
            narrow = xr.DataArray(np.arange(UNITS) < NARROW, dims="units")
            found[name] = dataset.map(
                lambda own, narrow=narrow: own.where((own.recipes == TWELVE) | narrow) if "units" in own.dims else own
            )
        elif "units" in dataset.dims:
            found[name] = dataset.isel(units=slice(NARROW))
    found["cards"]["seed"] = ((), 2.0)
    read = gates.solution(or_but_not_and(), CORNERS)
    for name, values in zip(read._fields, read, strict=True):
        found["xor"][name].loc[{"conditions": TRAINED}] = np.asarray(values)
    found["xor"]["active"].loc[{"conditions": UNTRAINED}] = 0
    found["xor"]["solved"].loc[{"conditions": UNTRAINED}] = 0
    return found


def or_but_not_and():
    """XOR = relu(x + y) − 2 relu(x + y − 1), a third neuron that does nothing, and a fourth that is never active."""
    kernel = np.array([[1.0, 1.0, 0.5, -1.0], [1.0, 1.0, 0.0, -1.0]], np.float32)
    hidden = {"kernel": jnp.asarray(kernel), "bias": jnp.array([0.0, -1.0, 0.2, -0.1])}
    output = {"kernel": jnp.array([[1.0], [-2.0], [0.0], [1.0]]), "bias": jnp.zeros(1)}
    return Network(MLP((4,), 1), {"params": {"hidden0": hidden, "output": output}})


def plant(found, measurement, field, values, **where):
    """Set a field of results, where these labels are; NaN stays NaN."""
    array = found[measurement][field]
    array.loc[where] = (array.loc[where] * 0) + values


def near(value, spread=0.01):
    """Values about one, so that there is an interval: for `plant`."""
    return xr.DataArray(value + RNG.normal(0, spread, SEEDS), dims="seeds")


def when(found, measurement, field, untrained, trained):
    """Set a field to one value in untrained networks, and to another in trained ones."""
    plant(found, measurement, field, untrained, conditions=UNTRAINED)
    plant(found, measurement, field, trained, conditions=TRAINED)


def live_in(found, recipe, counts):
    """As many neurons of each network alive, in all conditions and on both splits."""
    width = NARROW if recipe == SIX else UNITS
    dead = np.arange(UNITS) < width - np.broadcast_to(counts, found["liveness"].sizes["seeds"])[:, None]
    for split in ("test", "train"):
        found["liveness"][split].loc[{"recipes": recipe}] = np.where(np.arange(UNITS) < width, dead, np.nan)


def judged(topic, found):
    """A topic's findings, by id."""
    return {finding.id: finding for finding in runner.findings(STUDY, topic.claims(found), found)}


def verdicts(topic, cases):
    """The verdict on every planted case: {id: (present, absent)}, both functions that plant in results."""
    return {name: tuple(_planted_verdict(topic, name, change) for change in changes) for name, changes in cases.items()}


def _planted_verdict(topic, name, change):
    found = results()
    change(found)
    return judged(topic, found)[name].verdict
