"""How is a file damaged? Bit flips and other changes of bytes; edits of JSON, of arrays, and of what is packed.

Every function takes what a file holds and a random generator, and returns what it holds then.
"""

import gzip
import io
import json
import random
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

_NAMES = ("", "../outside", "/outside", "a\nb", "\x1b[2J", "\0", "label", "x" * 5000)
_NUMBERS = (-1, 0, 1, 2**31, 2**63, 10**30, 10**400, 0.5, 1e308, float("nan"), float("inf"), -float("inf"))
_VALUES = (None, True, [], {}, [[]], [1, "a"], "1", *_NUMBERS, *_NAMES)
_TYPES = ("?", "i1", "u1", "i2", "i8", "u8", "f2", ">f4", "f8", "g", "c8", "U3", "S3", "M8[s]", "O", [("a", "f4")])
_DEEP = 100_000  # brackets, more than any parser follows


def damaged(name: str, content: bytes, rng: random.Random) -> bytes:
    """Other content for a file: half of the time an edit of what its format holds, where its name tells the format."""
    edits = [edit for suffix, edit in EDITS.items() if name.endswith(suffix)]
    try:
        return rng.choice(edits if edits and rng.random() < 0.5 else _BYTES)(content, rng)
    except Exception:  # the format cannot hold what was chosen, such as a name or a type
        return flipped(content, rng)


def flipped(content: bytes, rng: random.Random) -> bytes:
    """One to eight bits are flipped."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8) if content else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _inserted(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + rng.randbytes(rng.choice((1, 4, 100))) + content[start:]


def _removed(content: bytes, rng: random.Random) -> bytes:
    start = rng.randrange(len(content) + 1)
    return content[:start] + content[start + rng.choice((1, 4, 100)) :]


def _swapped(content: bytes, rng: random.Random) -> bytes:
    first, second, third = sorted(rng.randrange(len(content) + 1) for _ in range(3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def _filled(content: bytes, rng: random.Random) -> bytes:
    start, size = rng.randrange(len(content) + 1), rng.choice((1, 2, 4, 8, 64, len(content)))
    size = min(size, len(content) - start)
    return content[:start] + rng.choice((b"\0", b"\xff", b"\x7f")) * size + content[start + size :]


def _other(content: bytes, rng: random.Random) -> bytes:
    return rng.choice((b"", b"\0", rng.randbytes(len(content)), content * 2, b"[" * _DEEP, b"\xef\xbb\xbf" + content))


_BYTES = (flipped, flipped, _cut, _inserted, _removed, _swapped, _filled, _other)


def _json(content: bytes, rng: random.Random) -> bytes:
    """One value is removed, renamed, doubled, nested, or replaced by another, of another type or out of its range."""
    tree = json.loads(content)
    places = list(_places(tree))
    if not places or rng.random() < 0.05:
        return json.dumps(rng.choice(_VALUES)).encode()
    parent, key = rng.choice(places)
    value = parent.pop(key)
    kind = rng.choice(("removed", "renamed", "doubled", "nested", "replaced", "replaced", "replaced", "replaced"))
    changed = rng.choice(_VALUES) if kind == "replaced" else [value, value] if kind == "doubled" else value
    if kind == "nested":
        changed = {"a": [value]}
    if kind != "removed":
        if isinstance(parent, list):
            parent.insert(key, changed)
        else:
            parent[rng.choice(_NAMES) if kind == "renamed" else key] = changed
    return json.dumps(tree).encode()


def _places(tree: Any):
    """All pairs (list or object, index or key) of a tree."""
    for key in list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        yield tree, key
        yield from _places(tree[key])


def _array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Another type, another shape, or other values."""
    kind = rng.choice(("type", "shape", "values"))
    if kind == "type":
        other = np.dtype(rng.choice(_TYPES))
        with np.errstate(all="ignore"):
            return array.astype(other) if other.names is None else np.zeros(array.shape, other)
    if kind == "shape":
        flat = array.reshape(-1)
        shapes = (array[None], array[..., None], flat, array.T, array[1:], array[..., 1:], array[:0], flat[0])
        return np.asarray(rng.choice([*shapes, np.concatenate([array, array])]))
    floats = array.astype(rng.choice((np.float32, np.float64)) if array.dtype.kind != "f" else array.dtype)
    with np.errstate(all="ignore"):
        floats.flat[rng.randrange(max(floats.size, 1)) :] = rng.choice((np.nan, np.inf, -1, 2, 1.5, 300, 1e30, 2**63))
        return floats.astype(array.dtype) if rng.random() < 0.3 else floats


def _arrays(arrays: dict[str, np.ndarray], rng: random.Random) -> dict[str, np.ndarray]:
    """One array of several is changed, removed, renamed or added."""
    name = rng.choice(list(arrays))
    rest = {other: array for other, array in arrays.items() if other != name}
    kind = rng.choice(("changed", "changed", "changed", "removed", "renamed", "added"))
    if kind == "changed":
        return arrays | {name: _array(arrays[name], rng)}
    if kind == "removed":
        return rest
    other = rng.choice((*_NAMES, name + "2", name.upper()))
    return (arrays if kind == "added" else rest) | {other: arrays[name]}


def _npz(content: bytes, rng: random.Random) -> bytes:
    """Arrays are edited, or how they are packed: a member that is no array, a method, a flag of encryption."""
    with np.load(io.BytesIO(content)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    kind = rng.choice(("arrays", "arrays", "arrays", "packing"))
    if kind == "arrays":
        arrays = _arrays(arrays, rng)
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    method, stream = rng.choice(methods if kind == "packing" else methods[:2]), io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array)
            archive.writestr(f"{name}.npy", member.getvalue())
        if kind == "packing":
            archive.writestr(rng.choice(("note.txt", "folder/", "pickle.npy", f"{next(iter(arrays))}.txt")), "no array")
    packed = bytearray(stream.getvalue())
    if kind == "packing" and rng.random() < 0.3:
        for start in (6, packed.rfind(b"PK\1\2") + 8):  # the flags of the first member, and of the last in the list
            packed[start] |= 1
    return bytes(packed)


def _safetensors(content: bytes, rng: random.Random) -> bytes:
    """Tensors are edited, or the header, a JSON object that says where each tensor lies."""
    from safetensors.numpy import load, save

    size = struct.unpack("<Q", content[:8])[0]
    header, tensors = content[8 : 8 + size], content[8 + size :]
    if rng.random() < 0.5:
        return save({name: np.ascontiguousarray(array) for name, array in _arrays(load(content), rng).items()})
    header = _json(header, rng)
    return struct.pack("<Q", len(header)) + header + tensors


def _unpacked(content: bytes, rng: random.Random) -> bytes:
    """What a gzip file holds is changed, and packed again."""
    return gzip.compress(rng.choice(_BYTES)(gzip.decompress(content), rng), mtime=0)


def _netcdf(content: bytes, rng: random.Random) -> bytes:
    """A variable is changed, removed, renamed or added."""
    import xarray as xr

    dataset = xr.load_dataset(io.BytesIO(content), engine="scipy")
    arrays = {str(name): values.to_numpy() for name, values in dataset.data_vars.items()}
    known = {name: dataset[name].dims for name in arrays}
    variables = {}
    for name, array in _arrays(arrays, rng).items():
        same = name in known and dataset[name].shape == array.shape
        variables[name] = (known[name] if same else [f"{name}{axis}" for axis in range(array.ndim)], array)
    return bytes(xr.Dataset(variables, attrs=dataset.attrs).to_netcdf(engine="scipy"))


EDITS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": _json,
    "METADATA": _json,  # of checkpoints
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".gz": _unpacked,
    ".nc": _netcdf,
}
