"""The size of a pixel in the tags of files that other programs, or their specifications, would write."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_studio.core.pixel_size import PixelSize
from unet_studio.core.pixel_size_tags import first_suggestion, suggested_pixel_size

PIXELS = np.zeros((4, 5), np.uint8)


def png(path: Path, x: int, y: int, unit: int = 1) -> Path:
    """A PNG with a pHYs chunk, put together by hand as its specification says."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"pHYs", struct.pack(">IIB", x, y, unit))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + body + chunk(b"IDAT", zlib.compress(b"\0\0")) + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize(
    ("x", "y", "unit", "size"),
    [
        (2_000_000, 2_000_000, 1, PixelSize(0.5, "µm")),
        (100, 100, 1, PixelSize(10, "mm")),
        (2_000_000, 1_000_000, 1, None),  # not square
        (2835, 2835, 1, None),  # 72 dots an inch: what programs write unasked
        (3780, 3780, 1, None),  # 96
        (5, 5, 0, None),  # no unit, an aspect alone
        (0, 0, 1, None),
    ],
)
def test_png(tmp_path: Path, x: int, y: int, unit: int, size: PixelSize | None) -> None:
    found = suggested_pixel_size(png(tmp_path / "a.png", x, y, unit))
    assert (found is None) == (size is None)
    if found is not None and size is not None:
        assert (found.value, found.unit) == (pytest.approx(size.value, rel=1e-4), size.unit)


def test_jpeg(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", dpi=(600, 600))
    assert suggested_pixel_size(tmp_path / "a.jpg") == PixelSize(42.3333, "µm")
    data = (tmp_path / "a.jpg").read_bytes()
    place = data.index(b"JFIF\0") + 7
    (tmp_path / "b.jpg").write_bytes(data[:place] + struct.pack(">BHH", 2, 100, 100) + data[place + 5 :])
    assert suggested_pixel_size(tmp_path / "b.jpg") == PixelSize(100, "µm")
    Image.fromarray(PIXELS).save(tmp_path / "c.jpg")
    assert suggested_pixel_size(tmp_path / "c.jpg") is None


def test_tiff(tmp_path: Path) -> None:
    def written(**options: object) -> PixelSize | None:
        tifffile.imwrite(tmp_path / "a.tif", PIXELS, **options)
        return suggested_pixel_size(tmp_path / "a.tif")

    assert written() is None
    assert written(resolution=(20000, 20000), resolutionunit="CENTIMETER") == PixelSize(0.5, "µm")
    assert written(resolution=(300, 300), resolutionunit="INCH") == PixelSize(84.6667, "µm")
    assert written(resolution=(72, 72), resolutionunit="INCH") is None
    assert written(resolution=(4, 4), imagej=True, metadata={"unit": "um"}) == PixelSize(0.25, "µm")
    assert written(resolution=(4, 4), imagej=True, metadata={"unit": "\\u00B5m"}) == PixelSize(0.25, "µm")
    assert written(resolution=(4, 4), imagej=True, metadata={"unit": "pixel"}) is None
    ome = {"PhysicalSizeX": 325, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.325, "PhysicalSizeYUnit": "µm"}
    assert written(ome=True, metadata=ome) == PixelSize(0.325, "µm")
    assert written(ome=True, metadata={**ome, "PhysicalSizeY": 1.0}) is None


def test_files_that_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"broken")
    (tmp_path / "b.tif").write_bytes(b"II*\0")
    Image.fromarray(PIXELS).save(tmp_path / "c.bmp")
    paths = [tmp_path / name for name in ("a.png", "b.tif", "c.bmp", "nowhere.png")]
    assert [suggested_pixel_size(path) for path in paths] == [None] * 4
    assert first_suggestion(iter(paths)) is None
    told = png(tmp_path / "d.png", 1_000_000, 1_000_000)
    found = first_suggestion(iter([*paths, told]))
    assert found is not None
    assert found.value == pytest.approx(1, rel=1e-4)
