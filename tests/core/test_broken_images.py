"""Broken, cut and hostile files are refused with a sentence: no crash, no hang, no memory filled up."""

import csv
import json
import os
import struct
import subprocess
import sys
import textwrap
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_studio.core import decoding
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image, read_info, read_thumbnail
from unet_studio.core.storage import read_index_png

# Files of the torture set that its list calls readable by Pillow and that are refused all the same. Pillow
# refuses them too when first asked; only a second load() of the same object goes through.
REFUSED_BY_PILLOW_AT_FIRST = {
    "pillow/broken_data_stream.png",  # the stream of pixels is corrupt
    "pillow/truncated_end_chunk.png",  # cut off in its last chunk
    "synthetic_made_here/bitflip.png",  # pixels behind the flipped bit are wrong
}
# Too large to decode in every run; see the tests of bombs below.
HUGE = {"synthetic_made_here/huge_30000x30000_1bit.png", "synthetic_made_here/huge_16000x12000_gray8.png"}
# A type per mode of Pillow, and the number of channels; modes that our readers keep deeper are left out.
CHANNELS = {"1": {1}, "L": {1, 2}, "P": {3, 4}, "I;16": {1}, "I;16B": {1}, "F": {1}, "LA": {2}, "CMYK": {3}}


def attempt(path: Path) -> tuple[np.ndarray | None, StudioError | None]:
    try:
        return read_image(path), None
    except StudioError as error:
        return None, error


@pytest.mark.data
def test_the_torture_set_is_read_or_refused_with_a_sentence(data: Path) -> None:
    folder = data / "torture"
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) > 400
    read, refused = 0, set()
    for row in rows:
        path = folder / row["path"]
        if row["path"] in HUGE:
            continue
        image, error = attempt(path)
        if image is None:
            assert error is not None
            assert path.name in str(error), row
            assert error.remedy, row
            if row["pillow_13.0.0"] == "ok":
                refused.add(row["path"])
            with pytest.raises(StudioError):
                read_thumbnail(path)
            continue
        read += 1
        info = read_info(path)
        assert image.shape == (info.height, info.width) + ((info.channels,) if info.channels > 1 else ()), row
        assert image.dtype.name == info.dtype, row
        small = read_thumbnail(path, 64)
        assert small.dtype == np.uint8, row
        assert max(small.shape[:2]) == min(64, max(image.shape[:2])), row
        if row["width"]:
            size = (int(row["height"]), int(row["width"]))
            stored_turned = (
                info.orientation >= 5 and row["format"] != "TIFF"
            )  # Pillow swaps those of TIFF itself
            assert image.shape[:2] == (size[::-1] if stored_turned else size), row
        if row["exif_orientation"] in tuple("12345678"):
            assert info.orientation == int(row["exif_orientation"]), row
        if row["mode"] in CHANNELS:
            assert info.channels in CHANNELS[row["mode"]], row
    assert refused == REFUSED_BY_PILLOW_AT_FIRST
    assert read > 370


@pytest.mark.data
def test_the_eight_landscapes_look_alike(data: Path) -> None:
    folder = data / "torture" / "exif_orientation"
    first = read_thumbnail(folder / "Landscape_1.jpg", 60).astype(int)
    for number in range(2, 9):
        other = read_thumbnail(folder / f"Landscape_{number}.jpg", 60)
        assert other.shape == first.shape
        assert np.abs(other - first).mean() < 8, number


def save(path: Path, **options: object) -> bytes:
    Image.fromarray(np.arange(120 * 160 * 3, dtype=np.uint32).reshape(120, 160, 3).astype(np.uint8)).save(
        path,
        **options,  # type: ignore[arg-type]
    )
    return path.read_bytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp", ".webp", ".gif"])
@pytest.mark.parametrize("part", [0.0, 0.01, 0.3, 0.6, 0.95])
def test_a_cut_file_is_refused_by_name(tmp_path: Path, suffix: str, part: float) -> None:
    path = tmp_path / f"cut{suffix}"
    whole = save(path)
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(StudioError, match=f"cut{suffix}") as caught:
        read_image(path)
    assert caught.value.remedy


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_a_cut_tiff_is_refused_and_not_filled_up(tmp_path: Path, compression: str | None, dtype: str) -> None:
    path = tmp_path / "cut.tif"
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3)).astype(dtype)
    tifffile.imwrite(path, pixels, photometric="rgb", compression=compression)
    whole = path.read_bytes()
    for part in (0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(StudioError, match=r"cut\.tif"):
            read_image(path)


def test_a_tiff_that_claims_more_rows_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tall.tif"
    tifffile.imwrite(path, np.ones((16, 16, 3), dtype=np.uint16), photometric="rgb", compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[257].overwrite(60000)
    with pytest.raises(StudioError, match=r"tall\.tif claims 16 x 60000 pixels, but holds fewer"):
        read_image(path)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("a list of things")
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "script.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\nshowpage\n")
    for name in ("text.jpg", "folder.png", "pipe.png", "script.png", "absent.png"):
        for reader in (read_image, read_info, read_thumbnail, read_index_png):
            with pytest.raises(StudioError, match=name.replace(".", r"\.")):
                reader(tmp_path / name)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    save(tmp_path / "a.png")
    (tmp_path / "a.png").chmod(0)
    with pytest.raises(StudioError, match="may not be read"):
        read_image(tmp_path / "a.png")


class Memory:
    """Stands for psutil.virtual_memory() of a machine with little free."""

    available = 60 * 10**6


def test_an_image_larger_than_free_memory_is_refused_with_both_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psutil

    pixels = np.zeros((9000, 9000), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png", compress_level=1)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib")
    assert read_image(tmp_path / "a.png").shape == (9000, 9000)
    assert read_index_png(tmp_path / "a.png")[0].shape == (9000, 9000)
    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((6000, 6000), dtype=np.uint16), compression="zlib")
    for name in ("a.tif", "b.tif"):
        with pytest.raises(StudioError, match=r"000 pixels and would need \d+ MB of memory; 60 MB are free"):
            read_image(tmp_path / name)
    for reader in (read_image, read_index_png, read_thumbnail):
        with pytest.raises(
            StudioError, match=r"9000 x 9000 pixels and would need \d+ MB of memory; 60 MB are"
        ):
            reader(tmp_path / "a.png")


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb_png(width: int, height: int, bits: int, color: int, data: bytes) -> bytes:
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, color, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


BOMBS = {
    "grey.png": bomb_png(60000, 60000, 8, 0, b""),
    "rgb.png": bomb_png(40000, 40000, 8, 2, b"\0" * 10000),
    "deep.png": bomb_png(40000, 40000, 16, 6, b"\0" * 10000),
    "bilevel.png": bomb_png(200000, 200000, 1, 0, b"\0" * 10000),
    "huge.gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0;",
}


def bombs(folder: Path) -> list[Path]:
    """Small files that claim, or unpack to, gigabytes."""
    for name, content in BOMBS.items():
        (folder / name).write_bytes(content)
    claims = folder / "claims.tif"
    tifffile.imwrite(claims, np.zeros((16, 16), dtype=np.uint16))
    with tifffile.TiffFile(claims, mode="r+b") as tif:
        tif.pages[0].tags[256].overwrite(200000)
        tif.pages[0].tags[257].overwrite(200000)
    unpacks = folder / "unpacks.tif"
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(1 << 24)) for _ in range(40)) + packer.flush()  # 640 MB
    tifffile.imwrite(
        unpacks,
        iter([packed]),
        shape=(16, 16, 3),
        dtype="uint16",
        photometric="rgb",
        compression="zlib",
        rowsperstrip=16,
    )
    return [*(folder / name for name in BOMBS), claims, unpacks]


READ_ALL = """
    import json, resource, sys
    from pathlib import Path
    import cv2, tifffile, PIL.ImageCms
    from unet_studio.core.errors import StudioError
    from unet_studio.core.image_io import read_image, read_info, read_thumbnail
    from unet_studio.core.storage import read_index_png

    resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = {}
    for path in json.loads(sys.argv[1]):
        for reader in (read_info, read_image, read_thumbnail, read_index_png):
            try:
                outcomes[path + " " + reader.__name__] = str(getattr(reader(Path(path)), "shape", "read"))
            except StudioError as error:
                outcomes[path + " " + reader.__name__] = "refused: " + str(error)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"outcomes": outcomes, "kilobytes": after - before}))
"""


def in_a_process_of_little_memory(script: str, *arguments: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *arguments],
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by getrusage in kilobytes")
def test_bombs_are_refused_in_little_memory(tmp_path: Path) -> None:
    paths = [str(path) for path in bombs(tmp_path)]
    result = in_a_process_of_little_memory(READ_ALL, json.dumps(paths))
    outcomes = result["outcomes"]
    assert isinstance(outcomes, dict)
    for name, outcome in outcomes.items():
        assert outcome.startswith("refused: ") or name.endswith("read_info"), (name, outcome)
    assert isinstance(result["kilobytes"], int)
    assert result["kilobytes"] < 150_000


@pytest.mark.data
@pytest.mark.skipif(sys.platform != "linux", reason="measures memory by getrusage in kilobytes")
def test_the_bombs_of_the_torture_set_are_refused_in_little_memory(data: Path) -> None:
    folder = data / "torture"
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as stream:
        paths = [
            str(folder / row["path"]) for row in csv.DictReader(stream) if "bomb" in row["pillow_13.0.0"]
        ]
    honest = [path for path in paths if "huge_" in path]
    assert len(paths) - len(honest) >= 2
    result = in_a_process_of_little_memory(
        READ_ALL, json.dumps([path for path in paths if path not in honest])
    )
    outcomes = result["outcomes"]
    assert isinstance(outcomes, dict)
    assert all(value.startswith("refused: ") for name, value in outcomes.items() if "read_info" not in name)
    assert isinstance(result["kilobytes"], int)
    assert result["kilobytes"] < 150_000


@pytest.mark.slow
@pytest.mark.data
def test_an_honest_image_beyond_pillow_s_limit_is_read(data: Path) -> None:
    image = read_image(data / "torture" / "synthetic_made_here" / "huge_16000x12000_gray8.png")
    assert image.shape == (12000, 16000)
    assert image.std() > 1


def test_honest_images_of_16_k_pass_the_checks(tmp_path: Path) -> None:
    """The checks before decoding, on headers alone: 16384 x 16384 takes gigabytes to decode in a test."""
    path = tmp_path / "a.png"
    for color, bits, size in ((0, 8, 300_000), (2, 8, 900_000), (0, 1, 40_000)):
        path.write_bytes(bomb_png(16384, 16384, bits, color, b"") + b"\0" * size)  # zeros deflate 1032 : 1
        with path.open("rb") as stream, decoding.open_pillow(stream) as image:
            assert image.size == (16384, 16384)
            decoding.ensure_plausible(path, image)
        assert read_info(path).width == 16384


FUZZ = """
    import json, random, resource, sys
    from pathlib import Path
    from unet_studio.core.errors import StudioError
    from unet_studio.core.image_io import read_image, read_info, read_thumbnail

    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    folder, seed, rounds = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    chance = random.Random(seed)
    sources = {path: path.read_bytes() for path in sorted(folder.iterdir())}
    target = folder / "fuzzed"
    read = refused = 0
    for _ in range(rounds):
        source = chance.choice(list(sources))
        data = bytearray(sources[source])
        for _ in range(chance.choice((1, 3, 10, 40))):
            end = chance.choice((64, 400, len(data)))  # headers are where it hurts
            value = chance.choice((0, 1, 127, 255, chance.randrange(256)))
            data[chance.randrange(min(end, len(data)))] = value
        target.write_bytes(data)
        for reader in (read_info, read_image, read_thumbnail):
            try:
                reader(target)
                read += 1
            except StudioError as error:
                assert "fuzzed" in str(error), str(error)
                refused += 1
            except BaseException as error:
                target.rename(folder.parent / "culprit")
                raise
    print(json.dumps({"read": read, "refused": refused}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits memory by RLIMIT_AS")
def test_flipped_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    folder = tmp_path / "sources"
    folder.mkdir()
    rng = np.random.default_rng(4)
    small = Image.fromarray(rng.integers(0, 255, (24, 31, 3), dtype=np.uint8))
    for suffix in ("jpg", "png", "bmp", "webp", "gif", "ppm"):
        exif = small.getexif()
        exif[274] = 6
        small.save(folder / f"a.{suffix}", **({"exif": exif} if suffix in ("jpg", "png", "webp") else {}))
    small.convert("P").save(folder / "p.png")
    small.convert("CMYK").save(folder / "c.jpg")
    small.save(folder / "lzw.tif", compression="tiff_lzw")
    for dtype in ("uint8", "uint16", "float32"):
        pixels = rng.integers(0, 255, (24, 31, 3)).astype(dtype)
        tifffile.imwrite(folder / f"{dtype}.tif", pixels, photometric="rgb")
        tifffile.imwrite(folder / f"{dtype}_z.tif", pixels, photometric="rgb", compression="zlib")
    rounds = int(os.environ.get("UNET_STUDIO_FUZZ", "400"))
    seed = int(os.environ.get("UNET_STUDIO_FUZZ_SEED", "1"))
    result = in_a_process_of_little_memory(FUZZ, str(folder), str(seed), str(rounds))
    assert isinstance(result["read"], int)
    assert isinstance(result["refused"], int)
    assert result["read"] > rounds / 10
    assert result["refused"] > rounds / 10
