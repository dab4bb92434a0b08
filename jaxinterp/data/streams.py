"""How much of a compressed file is read? As many bytes as its header announces, up to a limit, and piece by piece.

A header that announces more than the file contains therefore costs no memory.
"""

from collections.abc import Callable

MAX_BYTES = 2**30  # of one unpacked file or archive, which may claim any size
LIMIT = f"the limit of {MAX_BYTES >> 20} MiB for one data set"
_PIECE = 2**20  # bytes that are read at once: the most that a compressed piece can unfold to


def read_at_most(read: Callable[[int], bytes], size: int) -> bytes:
    """The next bytes of a stream, by its method `read`; fewer than `size` only at its end."""
    pieces = []
    while size > 0 and (piece := read(min(size, _PIECE))):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
