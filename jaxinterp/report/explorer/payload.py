"""How do arrays travel inside a page? As base64 text of gzip of a JSON header and the arrays, byte after byte."""

import base64
import gzip
import json
from typing import Any, NamedTuple

import numpy as np

from jaxinterp.errors import InputError

DTYPES = ("float32", "uint8", "int8", "uint16", "int16", "uint32", "int32")
_ALIGNMENT = 8
# Weights hardly shrink, and images hardly shrink further: more would take long and save little.
_LEVEL = 6


class Payload(NamedTuple):
    """What the page's script reads: meta is plain JSON, arrays are of the types in DTYPES."""

    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]


def encode(payload: Payload) -> str:
    """The payload as base64 text; the same payload gives the same text.

    Decoded and unzipped: the header's length (4 bytes), the header {"meta": …, "arrays": {name: {dtype, shape, offset,
    length}}} as JSON, zeros up to a multiple of 8, then the arrays, each at a multiple of 8, row by row. Offsets and
    lengths are in bytes, offsets from the very beginning less what comes before the first array. All is little-endian.
    Raises InputError for an array of another type.
    """
    directory, parts, offset = {}, [], 0
    for name, array in payload.arrays.items():
        if array.dtype.name not in DTYPES:
            raise InputError(f"the array {name} is {array.dtype}: use one of {', '.join(DTYPES)}")
        data = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        directory[name] = {"dtype": array.dtype.name, "shape": array.shape, "offset": offset, "length": len(data)}
        parts.append(_padded(data))
        offset += len(parts[-1])
    header = json.dumps({"meta": payload.meta, "arrays": directory}, allow_nan=False).encode()
    head = _padded(len(header).to_bytes(4, "little") + header)
    return base64.b64encode(gzip.compress(b"".join([head, *parts]), _LEVEL, mtime=0)).decode()


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
