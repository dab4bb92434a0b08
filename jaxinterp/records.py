"""What do an array's axes mean? Any record (a NamedTuple annotated with jaxtyping shapes) becomes an xarray.Dataset."""

import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from jaxinterp.errors import InputError

Record = TypeVar("Record")


def to_xarray(
    record: Any, *, coords: Mapping[str, Any] | None = None, attrs: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """A Dataset with a variable a field, whose dimensions are the axes that the field's annotation names.

    An axis named twice ("seeds seeds") is told apart as `seeds` and `seeds_other`. An array with one axis more than its
    annotation was lifted over seeds, and leads with `seeds`. A field of names (`tuple[str, ...]`) is the coordinate of
    the dimension that it is named after. A field that is itself a record is flattened, prefixed by its name; None is
    left out.

    coords: labels of further dimensions. attrs: about the whole Dataset, such as units and the null's name.
    Raises InputError where a value is no array, an annotation names no axes, or the two disagree.
    """
    names, variables = _fields(record, "")
    return xr.Dataset(variables, coords={**names, **(coords or {})}, attrs=dict(attrs or {}))


def from_xarray(kind: type[Record], dataset: xr.Dataset) -> Record:
    """The record that `to_xarray` made a Dataset of, with NumPy arrays; kind must hold no records itself.

    Raises InputError where the Dataset lacks a field.
    """
    values = {}
    for field, annotation in typing.get_type_hints(kind).items():
        if field not in dataset:
            raise InputError(f"these results hold no {field!r}, which {kind.__name__} needs: run the study again")
        array = dataset[field].to_numpy()
        values[field] = tuple(map(str, array)) if typing.get_origin(annotation) is tuple else array
    return kind(**values)


def _fields(record: Any, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    kind = type(record)
    if not _is_record(record):
        raise InputError(f"a record is a NamedTuple of arrays, got {kind.__name__}")
    annotations = typing.get_type_hints(kind, include_extras=True)
    names: dict[str, Any] = {}
    variables: dict[str, Any] = {}
    for field, value in zip(record._fields, record, strict=True):
        name = prefix + field
        if value is None:
            continue
        if _is_record(value):
            inner_names, inner = _fields(value, f"{name}_")
            names |= inner_names
            variables |= inner
        elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
            names[field] = list(value)
        else:
            array = np.asarray(value)
            variables[name] = (_dims(annotations[field], array, f"{kind.__name__}.{field}"), array)
    return names, variables


def _is_record(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _dims(annotation: Any, array: np.ndarray, where: str) -> tuple[str, ...]:
    shapes = [part.dim_str for part in (annotation, *typing.get_args(annotation)) if hasattr(part, "dim_str")]
    if not shapes:
        raise InputError(f"{where} has no shape in its annotation: write, say, Float[Array, 'seeds units']")
    axes = shapes[0].split()
    if not all(axis.isidentifier() for axis in axes):
        raise InputError(f"{where} is annotated {shapes[0]!r}: a record's axes must each be one plain word")
    if array.ndim == len(axes) + 1:
        axes = ["seeds", *axes]
    if array.ndim != len(axes):
        raise InputError(f"{where} is annotated {shapes[0]!r}, but its value has shape {array.shape}")
    if any(axes.count(axis) > 2 for axis in axes):
        raise InputError(f"{where} is annotated {shapes[0]!r}: an axis can be named twice at most")
    return tuple(f"{axis}_other" if axis in axes[:place] else axis for place, axis in enumerate(axes))
