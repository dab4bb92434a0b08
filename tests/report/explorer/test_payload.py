import base64
import gzip
import json

import numpy as np
import pytest

from jaxinterp.errors import InputError
from jaxinterp.report import explorer

ARRAYS = {
    "odd": np.arange(3, dtype=np.uint8),
    "a/table": np.array([[1.5, -np.inf, np.nan], [0, -0.0, 1e-30]], np.float32),
    "none": np.zeros((0, 4), np.int32),
    "transposed": np.arange(6, dtype=np.int32).reshape(2, 3).T,
    "big endian": np.array([1, -2, 300], ">i2"),
    "number": np.array(7, np.uint32),
}
HOSTILE = "</script><script>alert('\u2028')</script>"


def decode(text):
    """What the page's script does."""
    data = gzip.decompress(base64.b64decode(text))
    length = int.from_bytes(data[:4], "little")
    header = json.loads(data[4 : 4 + length])
    base = -(-(4 + length) // 8) * 8
    assert not any(data[4 + length : base])
    arrays = {}
    for name, entry in header["arrays"].items():
        begin = base + entry["offset"]
        assert begin % 8 == 0
        values = np.frombuffer(data[begin : begin + entry["length"]], np.dtype(entry["dtype"]).newbyteorder("<"))
        arrays[name] = values.reshape(entry["shape"])
    return header["meta"], arrays


def test_what_is_encoded_is_decoded():
    meta = {"title": HOSTILE, "widths": (32, 16), "nothing": None}
    found, arrays = decode(explorer.encode(explorer.Payload(meta, ARRAYS)))
    assert found == {**meta, "widths": [32, 16]}
    assert list(arrays) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype.name == array.dtype.name


def test_no_text_can_close_the_element_that_holds_it():
    text = explorer.encode(explorer.Payload({"title": HOSTILE}, ARRAYS))
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool"])
def test_types_that_a_page_does_not_read_are_refused(dtype):
    with pytest.raises(InputError, match=f"the array x is {dtype}"):
        explorer.encode(explorer.Payload({}, {"x": np.zeros(2, dtype)}))


def test_meta_is_json_alone():
    with pytest.raises(ValueError):
        explorer.encode(explorer.Payload({"x": float("nan")}, {}))
