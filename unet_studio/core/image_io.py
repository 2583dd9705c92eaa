"""Images: read as they are seen, in all bits, or refused with a sentence; and their thumbnails.

JPEG, PNG, TIFF, BMP, WebP, GIF and more, told by content, not by name. Every reader applies the EXIF
orientation and hands out uint8, uint16 or float32, (H, W) where grey, else (H, W, C):

- 1-bit becomes 0 and 255; fewer than 8 bit (PNG) fill 0..255; 9 to 16 bit stay as they are, in uint16.
- Signed 8 and 16 bit are shifted up to uint8 and uint16; wider integers and all floats become float32.
- A palette, CMYK, YCbCr and Lab become RGB. Colour profiles and gamma are not applied.
- Alpha is kept as channel 2 of grey or 4 of RGB where the file has such a channel or its palette has
  transparent colours, whatever its values; one transparent colour (tRNS beside grey or RGB) is not.
- Of an animation the first frame is read; of a TIFF, any page. More than 4 channels are kept as they are.

All functions may be called from several threads at once.
"""

import hashlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from unet_studio.core import tiff
from unet_studio.core.decoding import ensure_fits, ensure_plausible, explained, open_pillow, open_regular
from unet_studio.core.display import Display
from unet_studio.core.errors import StudioError
from unet_studio.core.pillow_pixels import layout, pixels_of
from unet_studio.core.pixels import Pixels, oriented, pixel_hash, working_type
from unet_studio.core.progress import Progress, part, unwatched

__all__ = [
    "IMAGE_SUFFIXES",
    "ImageInfo",
    "file_hash",
    "pixel_hash",
    "read_image",
    "read_info",
    "read_thumbnail",
]

IMAGE_SUFFIXES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".tif", ".tiff", ".bmp", ".dib", ".webp", ".gif",
        ".jp2", ".ppm", ".pgm", ".pbm", ".pnm",
    }
)  # fmt: skip

_ORIENTATION = 274
_BLOCK = 1 << 20  # bytes hashed at a time
_READ = 0.85  # of the time of reading an image that its file takes; the rest is handing over
# What Pillow raises on broken EXIF, which must not cost the picture.
_EXIF_ERRORS = (OSError, ValueError, TypeError, LookupError, SyntaxError, ArithmeticError, struct.error)
_PNG = b"\x89PNG\r\n\x1a\n"
# Channels of 16-bit PNGs that Pillow would cut to 8 bit, by its name for how they are stored.
_DEEP_PNG = {"RGB;16B": 3, "RGBA;16B": 4, "LA;16B": 2}
# Modes that Pillow shrinks well as they are; the others are first converted to RGB.
_SHRINKABLE = ("L", "RGB", "CMYK")


@dataclass(frozen=True)
class ImageInfo:
    """What read_image would give. width, height: orientation applied. channels: 1 means (H, W).

    dtype: "uint8", "uint16" or "float32". orientation: the EXIF value, 1..8. pages: 1 but in TIFFs.
    working: bytes a pixel that decoding takes beside the result, at most.
    """

    width: int
    height: int
    channels: int
    dtype: str
    orientation: int = 1
    pages: int = 1
    working: int = field(default=0, compare=False)

    @property
    def nbytes(self) -> int:
        """The memory of the pixels that read_image would give, in bytes."""
        return self.width * self.height * self.channels * np.dtype(self.dtype).itemsize


def read_info(path: Path) -> ImageInfo:
    """What a file holds, from its header. Raises StudioError where it is no image or broken."""
    with explained(path), open_regular(path) as stream:
        if _is_tiff(stream):
            facts = tiff.read_facts(path, stream)
            return ImageInfo(**asdict(facts))
        with open_pillow(stream) as image:
            orientation = _orientation(image, stream)
            width, height = image.size[::-1] if orientation >= 5 else image.size
            deep = _deep_png(image)
            form = layout(image)
            channels = deep or form.channels
            dtype = "uint16" if deep else working_type(_true_dtype(image) or form.dtype)
            working = 4 * deep if deep else form.held + _working_memory(image)
            return ImageInfo(width, height, channels, dtype, orientation, working=working)


def read_image(path: Path, page: int = 0, progress: Progress = unwatched) -> Pixels:
    """The pixels as they are seen: uint8, uint16 or float32, (H, W) or (H, W, C), C-contiguous.

    page: of a TIFF, from 0. progress(fraction) is called while the file is read, as often as its decoder
    allows, and may raise Cancelled. Raises StudioError where the file is missing, broken, cut off, of an
    unknown kind, or would not fit into free memory (before decoding it).
    """
    reading = progress if progress is unwatched else part(progress, 0.0, _READ)
    with explained(path), open_regular(path, reading) as stream:
        if _is_tiff(stream):
            return tiff.read_page(path, stream, page)
        if page != 0:
            raise StudioError(f"{path} has no page {page}.", "Only TIFF files have several; ask for page 0.")
        with open_pillow(stream) as image:
            ensure_plausible(path, image)
            orientation = _orientation(image, stream)
            channels = _deep_png(image)
            form = layout(image)
            result = form.channels * np.dtype(form.dtype).itemsize
            each = 4 * channels * 2 if channels else result + form.held + _working_memory(image)
            ensure_fits(path, *image.size, image.width * image.height * each)
            if channels:
                return np.ascontiguousarray(oriented(_read_deep_png(image, stream, channels), orientation))
            return pixels_of(image, orientation, _true_dtype(image), part(progress, _READ, 1.0))


def read_thumbnail(path: Path, size: int = 160) -> NDArray[np.uint8]:
    """A small picture, uint8 (h, w, 3), its longer side at most size px; never enlarged."""
    with explained(path), open_regular(path) as stream:
        if not _is_tiff(stream):
            with open_pillow(stream) as image:
                if layout(image).dtype == "uint8" and not _deep_png(image):
                    return _shrunk_on_loading(path, image, stream, size)
    pixels = read_image(path)
    step = max(1, max(pixels.shape[:2]) // (4 * size))
    coarse = pixels[::step, ::step]
    display = Image.fromarray(Display.of(coarse).apply(coarse))
    display.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.array(display)


def file_hash(path: Path) -> str:
    """BLAKE2b of a file's bytes, 32 hexadecimal digits."""
    with explained(path, "a file"), open_regular(path) as stream:
        digest = hashlib.blake2b(digest_size=16)
        while block := stream.read(_BLOCK):
            digest.update(block)
        return digest.hexdigest()


def _is_tiff(stream: BinaryIO) -> bool:
    signature = stream.read(4)
    stream.seek(0)
    return signature in tiff.SIGNATURES


def _shrunk_on_loading(path: Path, image: Image.Image, stream: BinaryIO, size: int) -> NDArray[np.uint8]:
    """The thumbnail of an 8-bit picture; a JPEG is decoded at an eighth to a half of its size."""
    ensure_plausible(path, image)
    orientation = _orientation(image, stream)
    if image.mode in _SHRINKABLE:
        image.draft(image.mode, (2 * size, 2 * size))
    each = layout(image).held + 4 + _working_memory(image)
    ensure_fits(path, *image.size, image.width * image.height * each)
    small = image if image.mode in _SHRINKABLE else image.convert("RGB")
    small.thumbnail((size, size), Image.Resampling.BICUBIC, reducing_gap=2.0)
    return np.ascontiguousarray(oriented(np.asarray(small.convert("RGB")), orientation))


def _working_memory(image: Image.Image) -> int:
    """Bytes a pixel that a decoder takes beside the picture: WebP's two canvases, a JPEG's coefficients."""
    return 12 if image.format == "WEBP" else 6 if image.info.get("progressive") else 0


def _true_dtype(image: Image.Image) -> str | None:
    """The type of values that Pillow widens: 16-bit PGM come as 32-bit integers."""
    return "uint16" if image.mode == "I" and image.format == "PPM" else None


def _deep_png(image: Image.Image) -> int:
    """The channels of a PNG of several 16-bit channels, which Pillow would cut to 8 bit; else 0."""
    if not isinstance(image, PngImageFile) or not image.tile:
        return 0
    stored = image.tile[0][3]
    return _DEEP_PNG.get(str(stored), 0)


def _read_deep_png(image: Image.Image, stream: BinaryIO, channels: int) -> Pixels:
    """A 16-bit PNG of several channels, (H, W, channels) uint16 as stored, decoded by OpenCV."""
    image.verify()  # OpenCV fills up a cut-off file silently; this walks the chunks and their sums
    cv2 = tiff.opencv()
    stream.seek(0)
    decoded = cv2.imdecode(np.frombuffer(stream.read(), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if decoded is None or decoded.dtype != np.uint16 or decoded.ndim != 3:
        raise ValueError("its 16-bit pixels can't be decoded")
    # OpenCV hands out blue, green, red (and alpha), also for grey with alpha or one transparent colour.
    order = {2: [2, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[channels]
    return np.asarray(decoded[..., order])


def _orientation(image: Image.Image, stream: BinaryIO) -> int:
    """The EXIF (or XMP) orientation, 1..8; 1 where there is none or it can't be understood.

    Pillow itself would decode a whole PNG to look behind its pixels; here its chunks are walked instead.
    """
    try:
        if image.format == "PNG" and "exif" not in image.info:
            with _undisturbed(stream):
                late = _late_exif(stream)
            if late:
                image.info["exif"] = late
        value = Image.Image.getexif(image).get(_ORIENTATION)
    except _EXIF_ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


@contextmanager
def _undisturbed(stream: BinaryIO) -> Iterator[None]:
    """Leave the position of a stream as it was."""
    position = stream.tell()
    try:
        yield
    finally:
        stream.seek(position)


def _late_exif(stream: BinaryIO) -> bytes | None:
    """The eXIf chunk of a PNG, wherever it is; None where there is none."""
    stream.seek(len(_PNG))
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            return stream.read(length)
        stream.seek(length + 4, 1)
    return None
