"""The XOR of a tile before and after, packed small and fast; the same bytes undo and redo.

One byte for the kind, the top row, the left column, the height less one and the width less one of the box
that changed, and a byte for the value; then a zlib stream. Strokes of one class over pixels of one class give
a XOR of one value (ONE): where it lies is one bit a pixel. Others (MANY) are a byte a pixel.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

ONE, MANY = 1, 0
_HEAD = 6  # bytes before the zlib stream


def pack(difference: NDArray[np.uint8]) -> tuple[bytes, int] | None:
    """Pack a XOR, uint8 (h, w), h and w at most 256, and count its pixels; None where all of it is zero."""
    changed = difference != 0
    rows = np.flatnonzero(changed.any(axis=1))
    if not rows.size:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(changed[top:bottom].any(axis=0))
    left, right = int(columns[0]), int(columns[-1]) + 1
    box, changed = difference[top:bottom, left:right], changed[top:bottom, left:right]
    value, count = int(box.max()), int(np.count_nonzero(changed))
    one = int(np.count_nonzero(box == value)) == count
    head = bytes((ONE if one else MANY, top, left, bottom - top - 1, right - left - 1, value))
    return head + zlib.compress(np.packbits(changed).tobytes() if one else box.tobytes(), 1), count


def exchange(packed: bytes, tile: NDArray[np.uint8]) -> None:
    """XOR what was packed into a tile, uint8 (h, w), in place: undo and redo."""
    kind, top, left, height, width, value = packed[:_HEAD]
    box = tile[top : top + height + 1, left : left + width + 1]
    found = np.frombuffer(zlib.decompress(memoryview(packed)[_HEAD:]), dtype=np.uint8)
    if kind == ONE:
        found = np.unpackbits(found, count=box.size) * np.uint8(value)
    np.bitwise_xor(box, found.reshape(box.shape), out=box)
