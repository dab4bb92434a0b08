import numpy as np
import xarray as xr

from jaxinterp.studies.bottleneck_neurons import neurons


def test_each_network_and_class_reads_its_own_unit():
    rng = np.random.default_rng(0)
    values = xr.DataArray(rng.uniform(size=(3, 5, 4)), dims=("seeds", "units", "classes"))
    own = xr.DataArray(rng.integers(0, 5, (3, 4)).astype(float), dims=("seeds", "classes"))
    found = neurons.of_chosen(values, units=own)
    for seed, label in np.ndindex(3, 4):
        assert found[seed, label] == values[seed, int(own[seed, label]), label]
    owners = neurons.of_chosen(values, units=own.rename(classes="owners"))
    assert owners.sel(seeds=1, owners=2, classes=3) == values[1, int(own[1, 2]), 3]
