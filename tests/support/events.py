"""The scalars of an event file, read without TensorBoard: records of a length, a checksum, a message and another."""

import struct
from collections.abc import Iterator
from pathlib import Path


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """By tag, the values by step, in a folder with one event file."""
    [file] = folder.iterdir()
    content, place, found = file.read_bytes(), 0, {}
    while place < len(content):
        (length,) = struct.unpack_from("<Q", content, place)
        event = content[place + 12 : place + 12 + length]
        place += 12 + length + 4
        fields = dict(_fields(event))
        for number, value in _fields(fields.get(5, b"")):  # a summary, of values
            assert number == 1
            own = dict(_fields(value))
            if 2 in own:  # a simple value, not a text
                found.setdefault(own[1].decode(), {})[fields.get(2, 0)] = own[2]
    return found


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """The numbers and values of a message in the wire format of protocol buffers."""
    place = 0
    while place < len(message):
        key, place = _varint(message, place)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, place = _varint(message, place)
        elif kind == 1:
            (value,), place = struct.unpack_from("<d", message, place), place + 8
        elif kind == 5:
            (value,), place = struct.unpack_from("<f", message, place), place + 4
        else:
            assert kind == 2
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        yield number, value


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
