"""The run lengths of Label Studio's brush: the bytes of thi.ng's rle-pack, over the RGBA of a mask.

Specification: label-studio-sdk's converter/brush.py (encode_rle, decode_rle) and thi.ng/umbrella's rle-pack.
32 bits of length, 5 of the size of a value, four times 4 of the sizes that a block's length may take; then
blocks: a bit that says whether one value is repeated, 2 that choose the size, the length less one, values.
"""

import numpy as np
from numpy.typing import NDArray

from unet_studio.formats.regions import Stencil
from unet_studio.formats.sample import Shape

SIZES = (3, 4, 8, 16)  # bits that a block's length may take
CHANNELS = 4  # the brush stores RGBA; the mask is the alpha channel
WORD = 8  # bits of a value
HEADER = 32 + 5 + 4 * len(SIZES)  # bits
WINDOW = 8  # bytes looked at together: they hold the longest block, wherever in a byte it begins
PORTION = 1 << 20  # blocks whose bits are held at a time


def encode(stencil: Stencil) -> list[int]:
    """The bytes, as whole numbers, of a stencil, bool (H, W)."""
    flat = stencil.ravel()
    starts = np.concatenate(([0], np.flatnonzero(flat[1:] != flat[:-1]) + 1))
    lengths = np.diff(np.append(starts, flat.size)) * CHANNELS
    values = np.where(flat[starts], 255, 0)
    # A run that is longer than a block can be goes on in the next one.
    most = 1 << SIZES[-1]
    counts = -(-lengths // most)
    blocks = np.full(int(counts.sum()), most, dtype=np.int64)
    blocks[np.cumsum(counts) - 1] = lengths - (counts - 1) * most
    head = f"{flat.size * CHANNELS:032b}{WORD - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)
    bits = [np.array(list(head), dtype=np.uint8)]
    values = np.repeat(values, counts)
    for first in range(0, len(blocks), PORTION):
        part = slice(first, first + PORTION)
        bits.append(_block_bits(blocks[part], values[part]))
    return np.packbits(np.concatenate(bits)).tolist()


def _block_bits(lengths: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.uint8]:
    """The bits, one after the other, of blocks that repeat a value each."""
    choice = np.searchsorted(1 << np.array(SIZES), lengths)
    sizes = np.array(SIZES)[choice]
    codes = (4 | choice) << (sizes + WORD) | (lengths - 1) << WORD | values
    whole = np.unpackbits(codes.astype(">u4").view(np.uint8).reshape(-1, 4), axis=1)
    return whole[np.arange(32) >= 32 - (3 + WORD + sizes)[:, None]]


def decode(data: bytes, shape: Shape) -> Stencil:
    """The stencil, bool (H, W): where the alpha channel is not 0. Raises ValueError where it is malformed."""
    count = shape[0] * shape[1] * CHANNELS
    head = int.from_bytes(data[: -(-HEADER // 8)].ljust(-(-HEADER // 8), b"\0"), "big") >> (-HEADER % 8)
    if len(data) * 8 < HEADER:
        raise ValueError("its run lengths end early")
    if head >> (HEADER - 32) != count:
        raise ValueError(f"its run lengths are not of {shape[1]} x {shape[0]} px")
    word = (head >> (HEADER - 37) & 31) + 1
    if word != WORD:
        raise ValueError(f"its values have {word} bit instead of {WORD}")
    sizes = [(head >> (4 * place) & 15) + 1 for place in range(len(SIZES) - 1, -1, -1)]
    values, lengths = _blocks(data, sizes, count)
    flat = np.repeat(np.frombuffer(bytes(values), dtype=np.uint8), lengths)
    return np.asarray(flat.reshape(*shape, CHANNELS)[..., CHANNELS - 1] != 0)


def _blocks(data: bytes, sizes: list[int], count: int) -> tuple[bytearray, list[int]]:
    """The values of all blocks, and how often each stands, together count times."""
    values, lengths = bytearray(), list[int]()
    end = 8 * len(data)
    data += bytes(WINDOW)
    place, done = HEADER, 0
    while done < count:
        byte = place >> 3
        window = int.from_bytes(data[byte : byte + WINDOW], "big")
        rest = 8 * WINDOW - (place & 7) - 3  # bits of the window behind the block's first three
        size = sizes[window >> rest & 3]
        length = (window >> (rest - size) & ((1 << size) - 1)) + 1
        place += 3 + size
        done += length
        if window >> rest & 4:
            values.append(window >> (rest - size - WORD) & 255)
            lengths.append(length)
            place += WORD
        else:
            values += _literal(data, place, length)
            lengths += [1] * length
            place += WORD * length
        if place > end:
            raise ValueError("its run lengths end early")
        if done > count:
            raise ValueError("its run lengths reach beyond the image")
    return values, lengths


def _literal(data: bytes, place: int, length: int) -> bytes:
    """Values that stand there one after the other, from a bit on."""
    window = data[place >> 3 : (place + WORD * length + 7) >> 3]
    bits = np.unpackbits(np.frombuffer(window, dtype=np.uint8))[place & 7 :][: WORD * length]
    return np.packbits(bits).tobytes()
