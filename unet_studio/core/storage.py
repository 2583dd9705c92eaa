"""Files that are never half-written: atomic writes, JSON, and palette PNGs of class indices."""

import json
import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from PIL.PngImagePlugin import PngImageFile

from unet_studio.core.decoding import ensure_fits, ensure_plausible, explained, open_pillow, open_regular
from unet_studio.core.errors import StudioError

HALF_WRITTEN = ".*.tmp"  # the names of files that atomic_write is at, or that a kill has left
_PNG, _PNG_END = b"\x89PNG\r\n\x1a\n", b"\0\0\0\0IEND\xaeB`\x82"
_LONGEST_HEAD = 1 << 20  # bytes of a chunk before the pixels; a longer one is none of ours
_GREY_STEP = {"L;2": 85, "L;4": 17}  # Pillow spreads grey of 2 and 4 bit over 0..255; an index is a count


@contextmanager
def atomic_write(path: Path, sync: bool = True) -> Iterator[IO[bytes]]:
    """Open a temporary file beside path; on success it replaces path, on any error path stays as it was.

    sync: wait for the disk, so that a loss of power leaves the one or the other as well.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not tempfile.mkstemp: it makes files private, and threads can't ask for the umask that would mend it.
    temporary = path.parent / HALF_WRITTEN.replace("*", uuid4().hex)
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            if sync:
                os.fsync(stream.fileno())
        os.replace(temporary, path)  # noqa: PTH105 - the one call documented as atomic on every platform
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            error.filename = str(path)  # people know no other name of it
            del error.filename2
        raise


def write_json(path: Path, value: Any) -> None:
    """Write value as readable JSON, atomically."""
    with atomic_write(path) as stream:
        stream.write(json_bytes(value))


def json_bytes(value: Any) -> bytes:
    """value as readable JSON."""
    # A file name may be no valid Unicode; what replaces its bytes here is JSON's own escape for them.
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode(errors="backslashreplace")


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises StudioError that names the file where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StudioError(
            f"There is no file {path}.", "Check its name, or restore it from a backup."
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise StudioError(
            f"{path} can't be read as JSON: {error}.", "Restore the file from a backup, or remove it."
        ) from error


def encodable(text: str) -> str:
    """text with backslash escapes for what is no valid Unicode, such as the odd bytes of a file name."""
    return text.encode(errors="backslashreplace").decode()


def write_index_png(
    path: Path,
    labels: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    texts: Mapping[str, str] | None = None,
    level: int = 1,
) -> None:
    """Write class indices, uint8 (H, W), as an 8-bit palette PNG whose pixel value is the class index.

    palette: uint8 (256, 3). texts go into iTXt chunks (UTF-8), what is no valid Unicode escaped (see
    encodable). level: zlib's, 1 fast to 9 small.
    """
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8))
    image.putpalette(np.ascontiguousarray(palette, dtype=np.uint8).tobytes(), "RGB")
    chunks = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        chunks.add_itxt(key, encodable(text))
    with atomic_write(path) as stream:
        # bits=8: Pillow packs small palettes into 1, 2 or 4 bits, which other tools misread.
        image.save(stream, format="PNG", pnginfo=chunks, compress_level=level, bits=8)


def read_index_png(path: Path) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Read class indices, uint8 (H, W), and the text chunks of a palette or grey PNG of at most 8 bit.

    Raises StudioError where the file is missing, broken, not an index image, or too large for the memory.
    """
    mend = "Restore it from a backup, or delete it to start anew."
    with explained(path, "a mask", mend), open_regular(path) as stream:
        # Pillow decodes without looking at check sums, and may take a damaged mask for a slightly other one.
        open_pillow(stream, ("PNG",)).verify()
        stream.seek(0)
        with open_pillow(stream, ("PNG",)) as image:
            return _labels_of(path, image), dict(getattr(image, "text", {}))


def read_index_texts(path: Path) -> tuple[dict[str, str], bool]:
    """The texts that write_index_png put before the pixels, without decoding these; and whether all is there.

    Reads the file's two ends, of any number of masks in little time. PNG, third edition (W3C, 2025): section
    5.3 for chunks, 11.3.3.4 for iTXt. No texts where it is no such file. Raises OSError.
    """
    with path.open("rb") as stream:
        texts: dict[str, str] = {}
        if stream.read(len(_PNG)) != _PNG:
            return texts, False
        while len(head := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT" or length > _LONGEST_HEAD:
                break
            content = stream.read(length)
            stream.seek(4, os.SEEK_CUR)  # the check sum
            if kind == b"iTXt":
                key, _, rest = content.partition(b"\0")
                texts[key.decode("latin-1")] = rest[2:].split(b"\0", 2)[-1].decode(errors="replace")
        stream.seek(-min(len(_PNG_END), stream.seek(0, os.SEEK_END)), os.SEEK_END)
        return texts, stream.read() == _PNG_END


def _labels_of(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    """The class indices of an opened PNG."""
    if image.mode not in ("P", "L", "1"):
        raise StudioError(
            f"{path} is not a mask of class indices (its pixels are {image.mode}).",
            "Save the mask as an 8-bit palette or grey PNG, or import it as a colour mask.",
        )
    ensure_plausible(path, image)
    ensure_fits(path, *image.size, 3 * image.width * image.height)
    stored = image.tile[0][3] if isinstance(image, PngImageFile) and image.tile else None
    labels = np.array(image, dtype=np.uint8)
    step = _GREY_STEP.get(str(stored))
    return labels // np.uint8(step) if step else labels
