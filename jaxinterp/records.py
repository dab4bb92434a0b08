"""What do an array's axes mean? Any record (a NamedTuple annotated with jaxtyping shapes) becomes an xarray.Dataset."""

import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from jaxinterp.errors import InputError

Record = TypeVar("Record")

# Labels that older results store under another name.
_RENAMED = {"weights pushed back × input": "effective weights × input"}


def to_xarray(
    record: Any, *, coords: Mapping[str, Any] | None = None, attrs: Mapping[str, Any] | None = None
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
    return xr.Dataset(variables, coords={**names, **(coords or {})}, attrs=dict(attrs or {}))


def from_xarray(kind: type[Record], dataset: xr.Dataset) -> Record:
    """The record that `to_xarray` turned into a Dataset, with NumPy arrays. `kind` must not contain nested records.

    Raises InputError where the Dataset lacks a field.
    """
    values = {}
    for field, annotation in typing.get_type_hints(kind).items():
        if field not in dataset:
            raise InputError(f"the stored results have no {field!r}, which {kind.__name__} needs: run the study again")
        array = dataset[field].to_numpy()
        is_names = typing.get_origin(annotation) is tuple
        values[field] = tuple(_RENAMED.get(str(name), str(name)) for name in array) if is_names else array
    return kind(**values)


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
            variables[name] = (_dims(annotations[field], array, f"{kind.__name__}.{field}"), array)
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
