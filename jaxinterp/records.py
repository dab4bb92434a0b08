"""How do arrays get named dimensions? A record, a NamedTuple with jaxtyping annotations, becomes an xarray.Dataset."""

import typing
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from jaxinterp.errors import InputError

__all__ = ["to_xarray"]


def to_xarray(
    record: Any, *, coords: Mapping[str, Iterable[Any]] | None = None, attrs: Mapping[str, Any] | None = None
) -> xr.Dataset:
    """A Dataset with one variable per field; its dimensions come from the field's annotation.

    - An axis that occurs twice ("seeds seeds") becomes the dimensions `seeds` and `seeds_other`.
    - An array with one axis more than its annotation was lifted over seeds: its first dimension is `seeds`.
    - A field of names (`tuple[str, ...]`) becomes the coordinate of the dimension with the field's name.
    - A field that is itself a record is flattened; its fields get its name as a prefix. None is left out.

    coords: labels of further dimensions. attrs: attributes of the whole Dataset, such as units or the name of the null.
    Raises InputError for a value that is not an array, an annotation without axes, and a shape that contradicts it.
    """
    names, variables = _fields(record, "")
    labels = {dim: list(values) for dim, values in (coords or {}).items()}  # a tuple would be read as (dims, values)
    return xr.Dataset(variables, coords={**names, **labels}, attrs=dict(attrs or {}))


def _fields(record: Any, prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    kind = type(record)
    if not _is_record(record):
        raise InputError(f"a record must be a NamedTuple of arrays, got {kind.__name__}")
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
            dims = _dims(annotations[field], array, f"{kind.__name__}.{field}")
            if name in dims:  # xarray would take it for the axis's labels
                raise InputError(f"{kind.__name__}.{field} has the name of one of its axes: rename the field")
            variables[name] = (dims, array)
    return names, variables


def _is_record(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def _dims(annotation: Any, array: np.ndarray, where: str) -> tuple[str, ...]:
    shapes = [part.dim_str for part in (annotation, *typing.get_args(annotation)) if hasattr(part, "dim_str")]
    if not shapes:
        raise InputError(f"{where} has no shape in its annotation: write for example Float[Array, 'seeds units']")
    axes = shapes[0].split()
    if not all(axis.isidentifier() for axis in axes):
        raise InputError(f"{where} is annotated {shapes[0]!r}: each axis of a record must be one plain word")
    if array.ndim == len(axes) + 1:
        axes = ["seeds", *axes]
    if array.ndim != len(axes):
        raise InputError(f"{where} is annotated {shapes[0]!r}, but its value has shape {array.shape}")
    if any(axes.count(axis) > 2 for axis in axes):
        raise InputError(f"{where} is annotated {shapes[0]!r}: an axis may occur at most twice")
    return tuple(f"{axis}_other" if axis in axes[:position] else axis for position, axis in enumerate(axes))
