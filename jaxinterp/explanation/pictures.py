"""How is an image put into a prompt? As a PNG for a model that takes images, as lines of text for one that does not."""

import base64
import struct
import zlib

import numpy as np
from jaxtyping import Float

from jaxinterp.data import Shape

ROWS = 16  # of a text rendering at most: a larger image is shrunk, since every character costs
_SIDE = 224  # pixels: models shrink larger images, and see little in much smaller ones
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_GREY, _COLOUR = 0, 2  # colour types of the format

Pixels = Float[np.ndarray, " pixels"]


def data_uri(image: Pixels, shape: Shape) -> str:
    """An image in [0, 1] as a PNG in a data URI, each pixel enlarged to a square of whole pixels.

    shape: rows, columns and channels; of any number of channels but three, their mean is shown.
    """
    return f"data:image/png;base64,{base64.b64encode(png(image, shape)).decode()}"


def png(image: Pixels, shape: Shape) -> bytes:
    """The same as a file's content."""
    values = _as_bytes(image, shape)
    scale = max(_SIDE // max(values.shape[:2]), 1)
    values = values.repeat(scale, axis=0).repeat(scale, axis=1)
    rows, columns, channels = values.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, _COLOUR if channels == 3 else _GREY, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in values)  # 0: no filter
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")


def text(image: Pixels, shape: Shape) -> str:
    """An image in [0, 1] as lines of characters: "." for 0 to 0.05, then 1 to 9 for the intensity in tenths, 9 at most.

    Large images are shrunk to at most ROWS rows, each character the mean of a square. Channels: see `data_uri`; colours
    are averaged, too.
    """
    grey = np.clip(np.asarray(image, np.float64), 0, 1).reshape(shape).mean(axis=-1)
    step = -(-max(shape[:2]) // ROWS)
    rows, columns = (-(-size // step) for size in grey.shape)
    padded = np.full((rows * step, columns * step), np.nan)
    padded[: grey.shape[0], : grey.shape[1]] = grey
    small = np.nanmean(padded.reshape(rows, step, columns, step), axis=(1, 3))
    tenths = np.minimum(np.floor(small * 10 + 0.5).astype(int), 9)
    return "\n".join("".join("." if value == 0 else str(value) for value in row) for row in tenths)


def _as_bytes(image: Pixels, shape: Shape) -> np.ndarray:
    values = np.clip(np.asarray(image, np.float64), 0, 1).reshape(shape)
    if shape[2] != 3:
        values = values.mean(axis=-1, keepdims=True)
    return np.round(values * 255).astype(np.uint8)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
