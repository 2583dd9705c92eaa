"""The run lengths of Label Studio's brush: the bytes of thi.ng's rle-pack, over the RGBA of a mask.

Specification: label-studio-sdk's converter/brush.py (encode_rle, decode_rle) and thi.ng/umbrella's rle-pack.
32 bits of length, 5 of the size of a value, four times 4 of the sizes that a block's length may take; then
blocks: a bit that says whether one value is repeated, 2 that choose the size, the length less one, values.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from unet_studio.formats.regions import Stencil
from unet_studio.formats.sample import Shape

SIZES = (3, 4, 8, 16)  # bits that a block's length may take
CHANNELS = 4  # the brush stores RGBA; the mask is the alpha channel


def encode(stencil: NDArray[np.bool_]) -> list[int]:
    """The bytes, as whole numbers, of a stencil, bool (H, W)."""
    values = np.where(stencil.ravel(), 255, 0)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(values)) + 1))
    lengths = np.diff(np.concatenate((starts, [values.size]))) * CHANNELS
    bits = [f"{values.size * CHANNELS:032b}{7:05b}", *(f"{size - 1:04b}" for size in SIZES)]
    for value, length in zip(values[starts].tolist(), lengths.tolist(), strict=True):
        for block in _blocks(length):
            number = next(place for place, size in enumerate(SIZES) if block <= 1 << size)
            bits.append(f"1{number:02b}{block - 1:0{SIZES[number]}b}{value:08b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return list(int(text, 2).to_bytes(len(text) // 8, "big"))


def _blocks(length: int) -> Iterator[int]:
    most = 1 << SIZES[-1]
    while length > 0:
        yield min(length, most)
        length -= most


def decode(data: bytes, shape: Shape) -> Stencil:
    """The stencil, bool (H, W): where the alpha channel is not 0. Raises ValueError where it is malformed."""
    bits = _Bits(data)
    count = shape[0] * shape[1] * CHANNELS
    if bits.take(32) != count:
        raise ValueError(f"its run lengths are not of {shape[1]} x {shape[0]} px")
    word = bits.take(5) + 1
    sizes = [bits.take(4) + 1 for _ in SIZES]
    if word != 8:
        raise ValueError(f"its values have {word} bit instead of 8")
    values: list[NDArray[np.uint8]] = []
    lengths: list[int] = []
    place = 0
    while place < count:
        run = bits.take(1)
        length = bits.take(sizes[bits.take(2)]) + 1
        place += length
        if place > count:
            raise ValueError("its run lengths reach beyond the image")
        if run:
            values.append(np.array([bits.take(8)], dtype=np.uint8))
            lengths.append(length)
        else:
            literal = bits.bytes(length)
            values.append(literal)
            lengths.extend([1] * length)
    flat = np.repeat(np.concatenate(values) if values else np.empty(0, np.uint8), lengths)
    return np.asarray(flat.reshape(*shape, CHANNELS)[..., CHANNELS - 1] != 0)


class _Bits:
    """Reads whole numbers of a few bits, the most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def take(self, count: int) -> int:
        first, self._place = self._place, self._place + count
        self._check()
        window = self._data[first >> 3 : (self._place + 7) >> 3]
        return int.from_bytes(window, "big") >> (-self._place & 7) & ((1 << count) - 1)

    def bytes(self, count: int) -> NDArray[np.uint8]:
        first, self._place = self._place, self._place + 8 * count
        self._check()
        window = np.frombuffer(self._data[first >> 3 : (self._place + 7) >> 3], dtype=np.uint8)
        return np.packbits(np.unpackbits(window)[first & 7 :][: 8 * count])

    def _check(self) -> None:
        if self._place > 8 * len(self._data):
            raise ValueError("its run lengths end early")
