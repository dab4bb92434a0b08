from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxinterp.errors import InputError
from jaxinterp.records import to_xarray


class Inner(NamedTuple):
    drop: Float[Array, "units classes"]


class Record(NamedTuple):
    conditions: tuple[str, ...]
    loss: Float[Array, "conditions seeds"]
    pairs: Float[Array | np.ndarray, "seeds seeds"]
    best: Int[Array, " seeds"] | None
    total: Float[Array, ""]
    inner: Inner


def record(**changes):
    values = {
        "conditions": ("trained", "untrained"),
        "loss": jnp.arange(6.0).reshape(2, 3),
        "pairs": np.eye(3),
        "best": jnp.arange(3),
        "total": jnp.array(2.0),
        "inner": Inner(jnp.zeros((4, 5))),
    }
    return Record(**(values | changes))


def test_annotations_become_dimensions():
    dataset = to_xarray(record(), coords={"seeds": (7, 8, 9)}, attrs={"null": "untrained"})
    dims = {name: variable.dims for name, variable in dataset.data_vars.items()}
    assert dims == {
        "loss": ("conditions", "seeds"),
        "pairs": ("seeds", "seeds_other"),
        "best": ("seeds",),
        "total": (),
        "inner_drop": ("units", "classes"),
    }
    assert float(dataset.loss.sel(conditions="untrained", seeds=8)) == 4
    assert dataset.attrs == {"null": "untrained"}


def test_a_record_lifted_over_seeds_leads_with_seeds():
    assert to_xarray(Inner(jnp.zeros((2, 4, 5)))).drop_vars([]).data_vars["drop"].dims == ("seeds", "units", "classes")


def test_what_is_none_is_left_out():
    assert "best" not in to_xarray(record(best=None))


def test_dataset_survives_a_file(tmp_path):
    dataset = to_xarray(record())
    dataset.to_netcdf(tmp_path / "record.nc", engine="scipy")
    with xr.open_dataset(tmp_path / "record.nc", engine="scipy") as loaded:
        xr.testing.assert_equal(loaded.load(), dataset)


class Bare(NamedTuple):
    loss: float


class Batched(NamedTuple):
    loss: Float[Array, "*batch units"]


class Namesake(NamedTuple):
    units: Float[Array, " units"]


class Thrice(NamedTuple):
    loss: Float[Array, "seeds seeds seeds"]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"loss": 1}, "NamedTuple of arrays"),
        (Bare(1.0), r"Bare\.loss has no shape"),
        (Batched(np.zeros((2, 3))), "one plain word"),
        (Namesake(np.zeros(3)), r"Namesake\.units has the name of one of its axes"),
        (Thrice(np.zeros((2, 2, 2))), "an axis may occur at most twice"),
        (Inner(np.zeros(3)), r"Inner\.drop .* but its value has shape \(3,\)"),
    ],
)
def test_what_cannot_be_named_is_refused(value, message):
    with pytest.raises(InputError, match=message):
        to_xarray(value)
