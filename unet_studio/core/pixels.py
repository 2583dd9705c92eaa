"""Arrays of pixels: working types, orientation, which channels make the picture, and their hash.

An image is (H, W) where it is grey and (H, W, C) else: 2 channels are grey and alpha, 4 are red, green, blue
and alpha, any other number are measurements of which the first three are shown.
"""

import hashlib
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.progress import Progress, unwatched

Pixels = NDArray[Any]

_BLOCK = 1 << 24  # bytes hashed between two reports of progress
_INVERSE = {6: 8, 8: 6}  # the other orientations undo themselves

# What an array of each type becomes. Signed 8 and 16 bit are shifted, which loses nothing and gives every
# image of a folder one type; wider integers become float32 whatever their values, for the same reason.
_WORKING = {
    "bool": "uint8",
    "int8": "uint8",
    "uint8": "uint8",
    "int16": "uint16",
    "uint16": "uint16",
}


def working_type(dtype: Any) -> str:
    """The name of the type that working() gives: uint8, uint16 or float32."""
    return _WORKING.get(np.dtype(dtype).name, "float32")


def working(image: Pixels) -> Pixels:
    """The image as uint8, uint16 or float32 in the machine's byte order.

    bool becomes 0 and 255; int8 and int16 are shifted up by 128 and 32768; wider integers, float16 and
    float64 become float32 of the same values (integers above 2**24 are rounded).
    """
    name = image.dtype.name
    if name == "bool":
        return image.astype(np.uint8) * np.uint8(255)
    if name in ("int8", "int16"):
        unsigned = np.dtype(f"u{name}")
        native = image.astype(name, copy=False).view(unsigned)
        shifted: Pixels = native ^ unsigned.type(1 << (8 * unsigned.itemsize - 1))
        return shifted
    with np.errstate(over="ignore"):
        return image.astype(working_type(image.dtype), copy=False)


def oriented(stored: Pixels, orientation: int) -> Pixels:
    """A view of the image as EXIF orientation 1..8 (TIFF 6.0, tag 274) says it is seen."""
    swapped = stored.swapaxes(0, 1) if orientation >= 5 else stored
    if orientation in (3, 4, 7, 8):
        swapped = swapped[::-1]
    if orientation in (2, 3, 6, 7):
        swapped = swapped[:, ::-1]
    return swapped


def as_stored(seen: Pixels, orientation: int) -> Pixels:
    """The view that undoes oriented(): what is written through it lands where it is seen."""
    return oriented(seen, _INVERSE.get(orientation, orientation))


def color_channels(image: Pixels) -> tuple[int, ...]:
    """The channels that make the picture: one where it is grey, else three. Alpha is not shown."""
    return (0, 1, 2) if image.ndim == 3 and image.shape[2] >= 3 else (0,)


def pixel_hash(image: Pixels, progress: Progress = unwatched) -> str:
    """BLAKE2b of shape, type and pixels, 32 hexadecimal digits; the same on every machine.

    progress(fraction) is called now and then and may raise Cancelled.
    """
    little = image.dtype.newbyteorder("<")
    digest = hashlib.blake2b(f"{image.shape} {little.str}".encode(), digest_size=16)
    foreign = sys.byteorder == "big" or image.dtype.byteorder == ">"
    plain = np.ascontiguousarray(image.astype(little) if foreign else image)
    flat = plain.reshape(-1).view(np.uint8)
    for start in range(0, flat.size, _BLOCK):
        digest.update(flat[start : start + _BLOCK].data)
        progress(start / flat.size)
    return digest.hexdigest()
