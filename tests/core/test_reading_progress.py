"""Reading an image tells its progress and can be cancelled; watching changes no pixel."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_studio.core import decoding
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image, read_info

PIXELS = np.random.default_rng(0).integers(0, 256, (700, 900, 3), dtype=np.uint8)


def tiff(path: Path, **options: Any) -> None:
    tifffile.imwrite(path, PIXELS, photometric="rgb", **options)


KINDS: dict[str, Any] = {
    "a.png": lambda path: Image.fromarray(PIXELS).save(path),
    "a.jpg": lambda path: Image.fromarray(PIXELS).save(path, quality=95),
    "progressive.jpg": lambda path: Image.fromarray(PIXELS).save(path, progressive=True),
    "a.bmp": lambda path: Image.fromarray(PIXELS).save(path),
    "a.gif": lambda path: Image.fromarray(PIXELS).save(path),
    "a.webp": lambda path: Image.fromarray(PIXELS).save(path, lossless=True),
    "a.ppm": lambda path: Image.fromarray(PIXELS).save(path),
    "a.jp2": lambda path: Image.fromarray(PIXELS).save(path),
    "plain.tif": tiff,
    "tiled.tif": lambda path: tiff(path, tile=(128, 128), compression="zlib"),
    "strips.tif": lambda path: tiff(path, rowsperstrip=16),
    "lzw.tif": lambda path: Image.fromarray(PIXELS).save(path, compression="tiff_lzw"),
    "jpeg.tif": lambda path: Image.fromarray(PIXELS).save(path, compression="jpeg"),
}


@pytest.mark.parametrize("name", KINDS)
def test_watching_changes_no_pixel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(decoding, "_PORTION", 1 << 16)
    path = tmp_path / name
    KINDS[name](path)
    seen: list[float] = []
    np.testing.assert_array_equal(read_image(path, progress=seen.append), read_image(path))
    assert seen
    assert seen == sorted(seen)
    assert 0 <= seen[0] <= seen[-1] <= 1


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "plain.tif", "tiled.tif", "strips.tif"])
def test_reading_is_cancelled_in_the_middle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(decoding, "_PORTION", 1 << 16)
    monkeypatch.setattr("unet_studio.core.tiff._BUFFER", 1 << 16)
    path = tmp_path / name
    KINDS[name](path)
    seen: list[float] = []

    def stop(fraction: float) -> None:
        seen.append(fraction)
        if fraction > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        read_image(path, progress=stop)
    assert seen[-1] < 0.75


def test_a_cut_file_is_refused_while_it_is_watched(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg", "plain.tif", "tiled.tif"):
        path = tmp_path / name
        KINDS[name](path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        with pytest.raises(StudioError, match=name.replace(".", r"\.")):
            read_image(path, progress=lambda _: None)


@pytest.mark.parametrize("name", ["a.png", "plain.tif", "tiled.tif"])
def test_the_memory_of_an_image_is_known_before_it_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    KINDS[name](path)
    info = read_info(path)
    assert info.nbytes == PIXELS.nbytes
    assert info.working == (4 if name == "a.png" else 0)


def test_hashing_tells_its_progress_and_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = pixel_hash(PIXELS)
    monkeypatch.setattr("unet_studio.core.pixels._BLOCK", 1 << 16)
    seen: list[float] = []
    assert pixel_hash(PIXELS, seen.append) == expected
    assert len(seen) > 20
    assert seen == sorted(seen)
