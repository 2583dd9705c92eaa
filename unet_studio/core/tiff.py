"""TIFF pages: read by whichever of tifffile, Pillow and OpenCV keeps all bits of that kind of page.

tifffile without its imagecodecs knows few compressions but every type and number of channels; Pillow knows
nearly all compressions but only 8 bit where there are several channels; OpenCV fills the gap (16-bit or
floating RGB with LZW). What none of them keeps whole (16-bit planes or CMYK with LZW) comes at 8 bit. Values
are not scaled: 12-bit pixels stay 0..4095. Tags as in TIFF 6.0 (Adobe, 1992).
"""

import logging
import lzma
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image, UnidentifiedImageError

from unet_studio.core.decoding import ensure_fits, open_pillow
from unet_studio.core.errors import StudioError
from unet_studio.core.pillow_pixels import layout, pixels_of
from unet_studio.core.pixels import Pixels, oriented, working, working_type

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _CMYK = 0, 1, 2, 5
_PLAIN = (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
_PLANAR = 2  # one channel after the other, which OpenCV mixes up
_ASSOCIATED_ALPHA = 1
_FAST_CODECS = (1, 8, 32946, 34925)  # none, deflate (two numbers), LZMA: tifffile's own, quick
_SLOW_CODECS = (32773,)  # PackBits, in Python
_UNPACKERS: Mapping[int, Callable[[], Any]] = {
    8: zlib.decompressobj,
    32946: zlib.decompressobj,
    34925: lzma.LZMADecompressor,
}
_DENSEST = 8000  # nothing unpacks to more times its size: LZMA some 7000
_DENSEST_OF = {8: 1032, 32946: 1032}  # deflate, two numbers of it
_HARMLESS = 1 << 26  # bytes that are unpacked unasked
_AFFORDABLE = 1 << 29  # and of one part, which is unpacked for a moment
_BUFFER = 1 << 24  # bytes of packed parts that are read ahead: what is read tells the progress
_SLACK = 1 << 16  # bytes that a part may be too long
_FLOATING_PREDICTOR = 3  # also one of imagecodecs
_ORIENTATION = 274

Route = Literal["tifffile", "pillow", "opencv"]


@dataclass(frozen=True)
class TiffFacts:
    """What a page becomes. width, height: as seen, orientation applied. dtype: as read_page gives it.

    working: bytes a pixel that decoding takes beside the result, at most.
    """

    width: int
    height: int
    channels: int
    dtype: str
    orientation: int
    pages: int
    working: int


def read_facts(path: Path, stream: BinaryIO) -> TiffFacts:
    """The facts of the first page, without decoding it."""
    with open_tiff(stream) as tif:
        page = _page(path, tif, 0)
        orientation = _orientation(page)
        size = (page.imagewidth, page.imagelength)
        width, height = size[::-1] if orientation >= 5 else size
        channels, dtype = _channels(page), working_type(page.dtype)
        if _route(page) == "pillow":
            opened = _by_pillow(stream, 0)
            if opened is not None:
                channels = layout(opened).channels
                dtype = working_type(_pillow_dtype(page) or layout(opened).dtype)
        each = page.samplesperpixel * page.dtype.itemsize
        working = 0 if _handed_over(page) else max(4, each)
        return TiffFacts(width, height, channels, dtype, orientation, len(tif.pages), working)


def read_page(path: Path, stream: BinaryIO, number: int = 0) -> Pixels:
    """One page: uint8, uint16 or float32, (H, W) or (H, W, C), C-contiguous, as seen."""
    with open_tiff(stream) as tif:
        page = _page(path, tif, number)
        route = _route(page)
        _ensure_whole(path, stream, page)
        result = page.samplesperpixel * page.dtype.itemsize
        each = result if _handed_over(page) else 2 * max(4, result)
        area = page.imagewidth * page.imagelength
        ensure_fits(path, page.imagewidth, page.imagelength, each * area)
        if route == "tifffile":
            _ensure_no_bomb(path, stream, page)
            stored = page.asarray(buffersize=_BUFFER)
            image = _seen(page, np.moveaxis(stored, 0, -1) if page.axes == "SYX" else stored)
        elif route == "pillow" and (opened := _by_pillow(stream, number)) is not None:
            image = pixels_of(opened, dtype=_pillow_dtype(page))  # Pillow applies the orientation itself
            if page.photometric == _WHITE_IS_ZERO and image.dtype == np.uint16:
                image = _inverted(image, page.bitspersample)
        else:
            image = _seen(page, _by_opencv(path, page, stream, number))
    return np.ascontiguousarray(image)


@cache
def _tifffile() -> Any:
    """The library, imported late (a tenth of a second) and told to keep its remarks to itself."""
    import tifffile

    logger = logging.getLogger("tifffile")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    return tifffile


@cache
def opencv() -> Any:
    """OpenCV, imported late and told not to write on the terminal."""
    import cv2

    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2


def open_tiff(stream: BinaryIO) -> Any:
    """The file as tifffile sees it."""
    stream.seek(0)
    return _tifffile().TiffFile(stream)


def _page(path: Path, tif: Any, number: int) -> Any:
    """The page, if its tags describe a flat picture."""
    count = len(tif.pages)
    if not 0 <= number < count:
        raise StudioError(f"{path} has no page {number}.", f"It has {count}, counted from 0.")
    page = tif.pages[number].aspage()
    sizes = (page.imagewidth, page.imagelength, page.samplesperpixel)
    if (
        page.dtype is None
        or page.imagedepth != 1
        or min(sizes) < 1
        or not isinstance(page.bitspersample, int)
    ):
        raise _unsupported(path, page)
    return page


def _unsupported(path: Path, page: Any) -> StudioError:
    photometric, compression = (getattr(tag, "name", tag) for tag in (page.photometric, page.compression))
    return StudioError(
        f"{path} is a kind of TIFF that can't be read: {page.samplesperpixel} channels of "
        f"{page.bitspersample} bit, {photometric}, compression {compression}.",
        "Save it as TIFF of 8, 16 or 32 bit without compression, or as PNG.",
    )


def _ensure_whole(path: Path, stream: BinaryIO, page: Any) -> None:
    """Refuse a page of which parts are missing: some decoders would fill up with black."""
    size = stream.seek(0, 2)
    raw = page.imagewidth * page.imagelength * page.samplesperpixel * page.dtype.itemsize
    held = sum(page.databytecounts)
    packed = page.compression in _UNPACKERS
    few = packed and len(page.dataoffsets) < math.prod(page.chunked)
    most = {1: 8, **dict.fromkeys(_UNPACKERS, _DENSEST)}.get(page.compression)  # 8: bilevel, one byte each
    if few or (most is not None and raw > _HARMLESS and raw > held * most):
        raise StudioError(
            f"{path} claims {page.imagewidth} x {page.imagelength} pixels, but holds fewer.",
            "The file is broken: copy it again from its source.",
        )
    parts = zip(page.dataoffsets, page.databytecounts, strict=False)
    if max((offset + count for offset, count in parts), default=size + 1) > size:
        raise StudioError(
            f"{path} is cut off: it ends before its pixels do.", "Copy it again from its source."
        )


def _ensure_no_bomb(path: Path, stream: BinaryIO, page: Any) -> None:
    """Refuse parts that unpack to more than their share of the page, for tifffile would unpack them whole."""
    if page.compression not in _UNPACKERS:
        return
    share = math.prod(page.chunks) * page.dtype.itemsize
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        if count * _DENSEST_OF.get(page.compression, _DENSEST) <= _AFFORDABLE:
            continue
        stream.seek(offset)
        unpacked = _UNPACKERS[page.compression]().decompress(stream.read(count), share + _SLACK)
        if len(unpacked) == share + _SLACK:
            raise StudioError(
                f"{path} unpacks to more than the {page.imagewidth} x {page.imagelength} pixels it claims.",
                "The file is broken or made to do harm: remove it, or copy it again from its source.",
            )


def _orientation(page: Any) -> int:
    tag = page.tags.get(_ORIENTATION)
    value = tag.value if tag is not None else 1
    return int(value) if isinstance(value, int) and 1 <= value <= 8 else 1


def _channels(page: Any) -> int:
    return 3 if page.photometric == _CMYK else int(page.samplesperpixel)


def _route(page: Any) -> Route:
    """Who reads the page without losing anything; Pillow, at 8 bit, where nobody can."""
    plain = page.photometric in _PLAIN
    deep = page.dtype.itemsize > 1
    several = page.samplesperpixel > 1
    planar = page.planarconfig == _PLANAR
    beyond_pillow = several and (deep or page.samplesperpixel > 4 or page.dtype == np.int8)
    exact = page.bitspersample in (8, 16, 32, 64) and (plain or (deep and page.photometric == _CMYK))
    decodes = page.compression in _FAST_CODECS or (page.compression in _SLOW_CODECS and beyond_pillow)
    if exact and decodes and page.predictor != _FLOATING_PREDICTOR:
        return "tifffile"
    return "opencv" if plain and beyond_pillow and not planar else "pillow"


def _handed_over(page: Any) -> bool:
    """Whether what tifffile decodes is the result itself, without a second array."""
    plain = page.photometric in (_BLACK_IS_ZERO, _RGB) and page.dtype.name in ("uint8", "uint16", "float32")
    turned = _orientation(page) != 1 or page.axes == "SYX"
    small = 8 * math.prod(page.chunks) < page.imagewidth * page.imagelength * page.samplesperpixel
    whole = page.is_contiguous or small  # a part is unpacked before it is put in its place
    return bool(plain and not turned and whole and not page.extrasamples and _route(page) == "tifffile")


def _pillow_dtype(page: Any) -> str | None:
    """What Pillow's values are in truth: it takes signed bytes for unsigned ones, and widens the others."""
    retyped = page.samplesperpixel == 1 and page.dtype.name in ("int8", "int16", "uint32")
    return str(page.dtype.name) if retyped else None


def _by_pillow(stream: BinaryIO, number: int) -> Image.Image | None:
    """The page opened by Pillow; None where it doesn't know its kind."""
    stream.seek(0)
    try:
        image = open_pillow(stream, ("TIFF",))
    except UnidentifiedImageError:
        return None
    image.seek(number)
    return image


def _by_opencv(path: Path, page: Any, stream: BinaryIO, number: int) -> Pixels:
    """The page as stored, decoded by OpenCV; 10, 12 and 14 bit, which it scales up, scaled back."""
    if page.planarconfig == _PLANAR and page.samplesperpixel > 1:
        raise _unsupported(path, page)
    cv2 = opencv()
    stream.seek(0)
    data = np.fromfile(stream, dtype=np.uint8)
    tag = page.tags.get(_ORIENTATION)
    if tag is not None:  # some versions of OpenCV turn the page by themselves: none shall
        data[tag.valueoffset : tag.valueoffset + 2] = np.frombuffer(
            struct.pack(page.parent.byteorder + "H", 1), dtype=np.uint8
        )
    ok, images = cv2.imdecodemulti(data, cv2.IMREAD_UNCHANGED, range=(number, number + 1))
    shape = (page.imagelength, page.imagewidth)
    samples = page.samplesperpixel
    if not ok or images[0].shape != (shape if samples == 1 else (*shape, samples)):
        raise _unsupported(path, page)
    image: Pixels = images[0]
    if image.dtype != page.dtype:
        raise _unsupported(path, page)
    if samples in (3, 4):
        image = image[..., [2, 1, 0, 3][:samples]]
    spare = 8 * page.dtype.itemsize - page.bitspersample
    return image >> spare if spare else image


def _seen(page: Any, stored: Pixels) -> Pixels:
    """Stored samples, (H, W) or (H, W, C), as they look: zero black, RGB, alpha not multiplied in, turned."""
    inverted = page.photometric == _WHITE_IS_ZERO and stored.dtype.kind == "u"
    image = working(_inverted(stored, page.bitspersample) if inverted else stored)
    if page.photometric == _CMYK:
        image = _cmyk_to_rgb(image)
    elif image.ndim == 3 and page.extrasamples[:1] == (_ASSOCIATED_ALPHA,):
        image = _straight_alpha(image)
    return oriented(image, _orientation(page))


def _inverted(image: Pixels, bits: int) -> Pixels:
    """White is zero turned to black is zero."""
    return np.subtract((1 << bits) - 1, image, dtype=image.dtype)


def _full(image: Pixels) -> float:
    """The value of full ink, light or opacity."""
    return 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)


def _cmyk_to_rgb(image: Pixels) -> Pixels:
    """Ink to light without a colour profile, as Pillow does it: (1 - ink) * (1 - black)."""
    full = _full(image)
    light = full - image[..., :4].astype(np.float32)
    return _as_type(light[..., :3] * light[..., 3:] / full, image)


def _straight_alpha(image: Pixels) -> Pixels:
    """The colours with the opacity that was multiplied into them (channel 1 or 3) divided out."""
    colors = 1 if image.shape[2] == 2 else 3
    alpha = image[..., colors : colors + 1].astype(np.float32)
    scaled = image[..., :colors] * np.float32(_full(image))
    with np.errstate(over="ignore"):
        divided = np.divide(scaled, alpha, out=np.zeros_like(scaled), where=alpha > 0)
    out = image.copy()
    out[..., :colors] = _as_type(np.minimum(divided, _full(image)), image)
    return out


def _as_type(values: Pixels, like: Pixels) -> Pixels:
    return values.astype(like.dtype) if like.dtype.kind == "f" else np.rint(values).astype(like.dtype)
