import dataclasses

import numpy as np
import pytest
import xarray as xr
from support import toy_inputs

from jaxinterp import networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import STUDY, neurons


def test_each_network_and_class_reads_its_own_unit():
    rng = np.random.default_rng(0)
    values = xr.DataArray(rng.uniform(size=(3, 5, 4)), dims=("seeds", "units", "classes"))
    own = xr.DataArray(rng.integers(0, 5, (3, 4)).astype(float), dims=("seeds", "classes"))
    found = neurons.of_chosen(values, units=own)
    for seed, label in np.ndindex(3, 4):
        assert found[seed, label] == values[seed, int(own[seed, label]), label]
    owners = neurons.of_chosen(values, units=own.rename(classes="owners"))
    assert owners.sel(seeds=1, owners=2, classes=3) == values[1, int(own[1, 2]), 3]


@pytest.mark.parametrize("model", [ModelConfig(()), ModelConfig((3,), outputs=1)])
def test_wrong_networks_are_refused(model):
    own = toy_inputs.unread(STUDY.name)
    other = dataclasses.replace(own, run=own.run._replace(networks=Network(networks.build(model), None)))
    STUDY.check({STUDY.name: own})
    with pytest.raises(InputError, match="needs a hidden layer and two outputs"):
        STUDY.check({STUDY.name: other})
