"""Arrays of pixels: working types, orientation, what the screen shows of them, and their hash.

An image is (H, W) where it is grey and (H, W, C) else: 2 channels are grey and alpha, 4 are red, green, blue
and alpha, any other number are measurements of which the first three are shown.
"""

import hashlib
import sys
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[Any]

_BAND = 1 << 22  # pixels converted at a time, so that temporary arrays stay small
_SAMPLE = 1 << 20  # pixels that the display window is measured on
_PERCENTILES = (0.1, 99.9)
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


def shown_channels(image: Pixels) -> Pixels:
    """The channels that the screen shows: (H, W) where grey, else (H, W, 3). Alpha is not shown."""
    if image.ndim == 2:
        return image
    return image[..., :3] if image.shape[2] >= 3 else image[..., 0]


def display_window(image: Pixels) -> tuple[float, float]:
    """The values to show as black and white: (0, 255) for uint8, else robust percentiles of what is shown.

    NaN and infinities are ignored; measured on a regular sample of at most about a million pixels.
    """
    if image.dtype == np.uint8:
        return 0.0, 255.0
    step = max(1, int(np.ceil(np.sqrt(image.shape[0] * image.shape[1] / _SAMPLE))))
    sample = shown_channels(image[::step, ::step])
    values = sample[np.isfinite(sample)]
    if values.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    if low == high:
        low, high = float(values.min()), float(values.max())
    return (low, high) if low < high else (low, low + 1.0)


def to_display(image: Pixels, window: tuple[float, float]) -> NDArray[np.uint8]:
    """The image for the screen: uint8 (H, W, 3), C-contiguous, window[0] black and window[1] white.

    NaN is black. An image that already looks like this is returned itself, so treat it as read-only.
    """
    shown = shown_channels(image)
    table = _display_table(image.dtype, window)
    plain = image.dtype == np.uint8 and window == (0.0, 255.0)
    if plain and shown.ndim == 3 and shown.flags.c_contiguous:
        return shown
    height, width = shown.shape[:2]
    out = np.empty((height, width, 3), dtype=np.uint8)
    rows = max(1, _BAND // max(1, width))
    for top in range(0, height, rows):
        band = shown[top : top + rows]
        levels = band if plain else table[band] if table is not None else _levels(band, window)
        out[top : top + rows] = levels if levels.ndim == 3 else levels[..., None]
    return out


@lru_cache(maxsize=8)  # the canvas asks for the same one for every tile
def _display_table(dtype: np.dtype[Any], window: tuple[float, float]) -> NDArray[np.uint8] | None:
    """The grey level of every value of an unsigned type of at most 16 bit, else None."""
    if dtype not in (np.uint8, np.uint16):
        return None
    return _levels(np.arange(np.iinfo(dtype).max + 1), window)


def _levels(values: Pixels, window: tuple[float, float]) -> NDArray[np.uint8]:
    """Values as grey levels 0..255 of the window."""
    low, high = window
    span = high - low if high > low else 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values.astype(np.float64) - low) * (255.0 / span)
    scaled = np.nan_to_num(scaled, copy=False, nan=0.0, posinf=255.0, neginf=0.0)
    return np.clip(np.rint(scaled, out=scaled), 0, 255, out=scaled).astype(np.uint8)


def pixel_hash(image: Pixels) -> str:
    """BLAKE2b of shape, type and pixels, 32 hexadecimal digits; the same on every machine."""
    little = image.dtype.newbyteorder("<")
    digest = hashlib.blake2b(f"{image.shape} {little.str}".encode(), digest_size=16)
    foreign = sys.byteorder == "big" or image.dtype.byteorder == ">"
    plain = np.ascontiguousarray(image.astype(little) if foreign else image)
    digest.update(plain.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
