"""Index masks in TIFF: the numbers as they are stored, not what they look like.

Signed numbers are not shifted, white-is-zero is not turned round (ImageJ's masks with an inverted look-up
table hold 255 where the object is), palettes give indices, and floats that are whole numbers become integers.
Tags as in TIFF 6.0 (Adobe, 1992): 258 BitsPerSample, 262 PhotometricInterpretation.
"""

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from unet_studio.core import tiff
from unet_studio.core.decoding import ensure_fits, open_pillow
from unet_studio.core.errors import StudioError

_WHITE_IS_ZERO, _PALETTE = 0, 3
_SPREAD = {1: 255, 2: 85, 4: 17}  # what the reader of photographs multiplies numbers of few bits by
LARGEST = 65535


Palette = NDArray[np.uint8]  # (n, 3)


def read_numbers(path: Path, stream: BinaryIO) -> tuple[NDArray[Any], Palette | None]:
    """The first page: uint8 or uint16, (H, W) where a pixel is a number, else (H, W, C); and its palette.

    Raises StudioError where there are several pages or numbers that no class can have.
    """
    facts = tiff.read_facts(path, stream)
    if facts.pages > 1:
        raise StudioError(
            f"{path} has {facts.pages} pages, and a mask has one.", "Save each page as a file of its own."
        )
    page = _first_page(stream)
    if page["photometric"] == _PALETTE:
        return _palette_page(path, stream)
    shown = tiff.read_page(path, stream)
    if shown.ndim == 3:
        return _whole(path, shown), None
    bits = page["bits"]
    stored = shown // shown.dtype.type(_SPREAD[bits]) if bits in _SPREAD else shown
    if page["photometric"] == _WHITE_IS_ZERO and page["kind"] == "u":
        stored = stored.dtype.type((1 << bits) - 1) - stored
    if page["kind"] == "i" and stored.dtype != np.float32:
        half = 1 << (8 * stored.dtype.itemsize - 1)
        stored = stored.astype(np.int32) - half
    return _whole(path, stored), None


def _first_page(stream: BinaryIO) -> dict[str, Any]:
    """What its tags say: photometric, bits a sample, and the kind of numbers as numpy calls it."""
    import tifffile

    stream.seek(0)
    with tifffile.TiffFile(stream) as tif:
        page = tif.pages[0].aspage()
        return {
            "photometric": int(page.photometric),
            "bits": page.bitspersample,
            "kind": "" if page.dtype is None else page.dtype.kind,
        }


def _palette_page(path: Path, stream: BinaryIO) -> tuple[NDArray[np.uint8], Palette]:
    """Indices and palette, by Pillow, which knows nearly all compressions."""
    stream.seek(0)
    with open_pillow(stream, ("TIFF",)) as image:
        ensure_fits(path, *image.size, 3 * image.width * image.height)
        if image.mode != "P":
            raise ValueError(f"its palette is of a kind that can't be read ({image.mode})")
        palette = np.array(image.getpalette("RGB") or [], dtype=np.uint8).reshape(-1, 3)
        return np.array(image, dtype=np.uint8), palette


def _whole(path: Path, stored: NDArray[Any]) -> NDArray[Any]:
    """Numbers as uint8 or uint16. Raises StudioError where they are broken, negative or too large."""
    if stored.dtype in (np.uint8, np.uint16) or not stored.size:
        return stored
    with np.errstate(invalid="ignore"):
        fits = bool(np.isfinite(stored).all() and stored.min() >= 0 and stored.max() <= LARGEST)
        whole = fits and bool((stored == np.floor(stored)).all())
    if not whole:
        raise StudioError(
            f"{path} holds pixel values that are no whole numbers from 0 to {LARGEST}.",
            "Save the mask as TIFF of 8 or 16 bit, or as a PNG.",
        )
    return stored.astype(np.uint8 if stored.max() < 256 else np.uint16)
