"""What all readers of picture files share: a quiet Pillow, a memory limit, progress, and errors in words."""

import os
import re
import stat
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from PIL import Image, UnidentifiedImageError

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.memory import amount, free_memory
from unet_studio.core.progress import Progress, unwatched

# Honest pictures are larger than what Pillow takes for a bomb; ensure_fits measures memory instead.
Image.MAX_IMAGE_PIXELS = None

# The formats that are tried, and the plug-in of each (JPEG stands for MPO too). Pillow knows more; some of
# them start other programs.
_PLUGINS = {
    "JPEG": "JpegImagePlugin",
    "PNG": "PngImagePlugin",
    "TIFF": "TiffImagePlugin",
    "BMP": "BmpImagePlugin",
    "DIB": "BmpImagePlugin",
    "WEBP": "WebPImagePlugin",
    "GIF": "GifImagePlugin",
    "PPM": "PpmImagePlugin",
    "JPEG2000": "Jpeg2KImagePlugin",
    "ICO": "IcoImagePlugin",
    "PSD": "PsdImagePlugin",
}

# Bytes that any machine has free. Asking how many there are takes longer than decoding a small picture.
_TRIFLE = 1 << 24

# The most bytes of pixels that a byte of file can hold: deflate's limit is 1032; a GIF's code of 12 bits
# stands for at most 4096 - 256 pixels, so 2560 a byte; a run of 255 pixels in a BMP takes two.
_DENSEST = {"PNG": 1032, "GIF": 2560, "BMP": 128, "DIB": 128, "PPM": 1}
_PORTION = 1 << 24  # bytes read between two reports of progress
_SUSPICIOUS = 1 << 26  # pixels; smaller claims do no harm

# Pillow warns of broken metadata that don't touch the pixels. Set once and never taken back, because
# warnings.catch_warnings is not safe in threads.
_QUIET = ("ignore", None, UserWarning, re.compile(r"PIL\."), 0)


@cache
def _formats() -> tuple[str, ...]:
    """The names of the formats, their plug-ins loaded (Pillow's own way loads some fifty)."""
    for plugin in set(_PLUGINS.values()):
        import_module(f"PIL.{plugin}")
    return tuple(_PLUGINS)


def open_pillow(stream: IO[bytes], formats: tuple[str, ...] | None = None) -> Image.Image:
    """Open a picture with Pillow, header only. A stream, because Pillow maps named files into memory.

    (A file that shrinks while it is mapped ends the program with a bus error.)
    """
    if _QUIET not in warnings.filters:
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    if formats is None or not Image.OPEN.keys() >= set(formats):
        known = _formats()  # Pillow's answer to the name of a format that is not loaded is a KeyError
        formats = formats or known
    return Image.open(stream, formats=formats)


class Watched:
    """A file that tells how much of it has been read, and stops a decoder: progress may raise Cancelled.

    It has what Pillow and tifffile ask of a file. Large reads into memory that exists are done in portions.
    """

    def __init__(self, stream: BinaryIO, progress: Progress) -> None:
        self._stream = stream
        self._progress = progress
        self._size = max(os.fstat(stream.fileno()).st_size, 1)
        self._done = 0
        self.seek, self.tell, self.fileno = stream.seek, stream.tell, stream.fileno
        self.close, self.name = stream.close, stream.name

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return self._stream.closed

    def read(self, size: int = -1) -> bytes:
        """Read as from the file itself."""
        data = self._stream.read(size)
        self._report(len(data))
        return data

    def readinto(self, buffer: Any) -> int:
        """Fill what buffer there is, as far as the file goes."""
        view = memoryview(buffer).cast("B")
        count = 0
        while count < len(view):
            got = self._stream.readinto(view[count : count + _PORTION])  # type: ignore[attr-defined]
            if not got:
                break
            count += got
            self._report(got)
        return count

    def _report(self, count: int) -> None:
        self._done = min(self._done + count, self._size)
        self._progress(self._done / self._size)


@contextmanager
def open_regular(path: Path, progress: Progress = unwatched) -> Iterator[BinaryIO]:
    """Open a file for reading; a pipe or a device, on which reading could wait for ever, is refused.

    progress is told how much of it has been read, 0..1, and may raise Cancelled.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise StudioError(f"{path} is not a file.", "Choose a picture file.")
    with path.open("rb") as stream:
        yield stream if progress is unwatched else cast("BinaryIO", Watched(stream, progress))


@contextmanager
def explained(
    path: Path,
    what: str = "an image",
    mend: str = "Copy it again from its source, or remove it from the folder.",
) -> Iterator[None]:
    """Turn whatever a decoder raises on this file into a StudioError that names it."""
    try:
        yield
    except (StudioError, Cancelled):
        raise
    except FileNotFoundError as error:
        raise StudioError(f"{path} does not exist.", "Check the name, or reload the folder.") from error
    except PermissionError as error:
        raise StudioError(f"{path} may not be read.", "Give yourself the right to read it.") from error
    except UnidentifiedImageError as error:
        raise StudioError(f"{path} is broken, or not {what} of a known format.", mend) from error
    except MemoryError as error:
        raise StudioError(
            f"{path} does not fit into memory.", "Close other programs, or cut it into smaller images."
        ) from error
    except Exception as error:  # decoders raise nearly anything on broken bytes; this is the file's border
        reason = str(error).strip().rstrip(".") or type(error).__name__
        raise StudioError(f"{path} can't be read as {what}: {reason}.", mend) from error


class NoRoomError(StudioError):
    """A picture does not fit into the memory that is free now; nothing is wrong with it."""


def ensure_fits(path: Path, width: int, height: int, need: int) -> None:
    """Raise NoRoomError where need, in bytes, is more than there is free. Called before decoding."""
    if need <= _TRIFLE:
        return
    free = free_memory()
    if need > free:
        raise NoRoomError(
            f"{path} claims {width} x {height} pixels and would need {amount(need)} of memory; "
            f"{amount(free)} are free.",
            "Close other programs, or cut it into smaller images; if it should be small, it is broken.",
        )


def ensure_plausible(path: Path, image: Image.Image) -> None:
    """Raise StudioError where a file is too short to hold what it claims, however well compressed."""
    width, height = image.size
    bits = 8 * len(image.getbands()) if image.mode not in ("1", "L", "P") else 1  # at least
    limit = 8 * path.stat().st_size * _DENSEST.get(image.format or "", 1 << 40)
    if width * height > _SUSPICIOUS and width * height * bits > limit:
        raise StudioError(
            f"{path} claims {width} x {height} pixels, but {path.stat().st_size} bytes can't hold them.",
            "The file is broken or made to do harm: remove it, or copy it again from its source.",
        )
