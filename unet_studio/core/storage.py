"""Files that are never half-written: atomic writes, JSON, and palette PNGs of class indices."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from unet_studio.core.errors import StudioError


@contextmanager
def atomic_write(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file beside path; on success it replaces path, on any error path stays as it was."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o666 & ~_umask())
        os.replace(name, path)  # noqa: PTH105 - the one call documented as atomic on every platform
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    """The permissions that new files lack here; mkstemp itself makes files private."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: Path, value: Any) -> None:
    """Write value as readable JSON, atomically."""
    with atomic_write(path) as stream:
        stream.write((json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def read_json(path: Path) -> Any:
    """Read a JSON file. Raises StudioError that names the file where it is missing or broken."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudioError(
            f"{path} can't be read as JSON: {error}.", "Restore the file from a backup, or remove it."
        ) from error


def write_index_png(
    path: Path,
    labels: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    texts: Mapping[str, str] | None = None,
    level: int = 1,
) -> None:
    """Write class indices, uint8 (H, W), as an 8-bit palette PNG whose pixel value is the class index.

    palette: uint8 (256, 3). texts go into iTXt chunks (UTF-8). level: zlib's, 1 fast to 9 small.
    """
    image = Image.fromarray(np.ascontiguousarray(labels, dtype=np.uint8), mode="L")
    image.putpalette(np.ascontiguousarray(palette, dtype=np.uint8).tobytes(), "RGB")
    chunks = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        chunks.add_itxt(key, text)
    with atomic_write(path) as stream:
        # bits=8: Pillow packs small palettes into 1, 2 or 4 bits, which other tools misread.
        image.save(stream, format="PNG", pnginfo=chunks, compress_level=level, bits=8)


def read_index_png(path: Path) -> tuple[NDArray[np.uint8], dict[str, str]]:
    """Read class indices, uint8 (H, W), and the text chunks of an 8-bit palette or grey PNG.

    Raises StudioError where the file is missing, broken, or not an index image.
    """
    try:
        with Image.open(path) as image:
            if image.mode not in ("P", "L", "1"):
                raise StudioError(
                    f"{path} is not a mask of class indices (its pixels are {image.mode}).",
                    "Save the mask as an 8-bit palette or grey PNG, or import it as a colour mask.",
                )
            image.load()
            labels = np.array(image, dtype=np.uint8)
            texts = {str(key): str(text) for key, text in getattr(image, "text", {}).items()}
    except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
        raise StudioError(
            f"{path} can't be read as a mask: {error}.",
            "Restore it from a backup, or delete it to start anew.",
        ) from error
    return labels, texts
