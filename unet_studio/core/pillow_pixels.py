"""From a picture that Pillow has opened to an array: which modes are converted to what, in bands."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from unet_studio.core.pixels import Pixels, as_stored, oriented, working, working_type
from unet_studio.core.progress import Progress, unwatched

_BAND = 1 << 22  # pixels handed over at a time: Pillow's own hand-over holds two more copies of the whole


@dataclass(frozen=True)
class Layout:
    """How pixels of one mode are handed over. mode: what Pillow converts them to first.

    channels: 1 means (H, W). dtype: before working(). held: bytes that Pillow keeps a pixel.
    """

    mode: str
    channels: int
    dtype: str
    held: int = 4


_RGB, _RGBA = Layout("RGB", 3, "uint8"), Layout("RGBA", 4, "uint8")
_GREY16 = Layout("I;16", 1, "uint16", 2)

# Colour models that screens don't have become RGB; alpha stays where the file has a channel of it. A single
# transparent colour (tRNS beside grey or RGB) is no channel and is left out.
_LAYOUTS = {
    "1": Layout("L", 1, "uint8", 1),
    "L": Layout("L", 1, "uint8", 1),
    "LA": Layout("LA", 2, "uint8"),
    "La": Layout("LA", 2, "uint8"),
    "PA": _RGBA,
    "RGB": _RGB,
    "RGBX": _RGB,
    "RGBA": _RGBA,
    "RGBa": _RGBA,
    "CMYK": _RGB,
    "YCbCr": _RGB,
    "HSV": _RGB,
    "LAB": _RGB,
    "I;16": _GREY16,
    "I;16L": _GREY16,
    "I;16B": _GREY16,
    "I;16N": _GREY16,
    "I": Layout("I", 1, "int32"),
    "F": Layout("F", 1, "float32"),
}


def layout(image: Image.Image) -> Layout:
    """The layout of an opened picture; a palette becomes RGB, or RGBA where some of it is transparent."""
    if image.mode == "P":
        return _RGBA if image.has_transparency_data else _RGB
    return _LAYOUTS[image.mode]


def pixels_of(
    image: Image.Image, orientation: int = 1, dtype: str | None = None, progress: Progress = unwatched
) -> Pixels:
    """Decode the picture: uint8, uint16 or float32, (H, W) or (H, W, C), as orientation says it is seen.

    dtype: what the values are, where that is known to differ from what Pillow takes them for: a signed
    type, or the 16-bit values that Pillow widens to 32. progress(fraction): of handing over what is decoded.
    """
    image.load()
    form = layout(image)
    width, height = image.size
    shape = (height, width) if form.channels == 1 else (height, width, form.channels)
    seen = oriented(np.broadcast_to(np.uint8(0), shape), orientation).shape
    out = np.empty(seen, dtype=working_type(dtype or form.dtype))
    stored = as_stored(out, orientation)
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(top + rows, height))) if rows < height else image
        stored[top : top + rows] = working(_retyped(np.asarray(_converted(band, form.mode)), dtype))
        progress(min(top + rows, height) / height)
    return out


def _converted(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "LAB":
        from PIL import ImageCms

        return ImageCms.applyTransform(image, _lab_to_srgb()) or image
    deep = image.mode.startswith("I;16")  # every byte order is handed over as it is
    return image if image.mode == mode or deep else image.convert(mode)


@cache
def _lab_to_srgb() -> Any:
    """CIE L*a*b* (D50) to sRGB, by LittleCMS."""
    from PIL import ImageCms

    return ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )


def _retyped(band: Pixels, dtype: str | None) -> Pixels:
    """The band with its values taken for another type: of the same size by its bits, else by value."""
    if dtype is None or band.dtype == np.dtype(dtype):
        return band
    wanted = np.dtype(dtype)
    return band.view(wanted) if wanted.itemsize == band.dtype.itemsize else band.astype(wanted)
