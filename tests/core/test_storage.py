"""Files that are never half-written, JSON with its errors, and palette PNGs of class indices."""

import errno
import json
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from unet_studio.core.errors import StudioError
from unet_studio.core.storage import (
    atomic_write,
    read_index_png,
    read_index_texts,
    read_json,
    write_index_png,
    write_json,
)

PALETTE = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
REUSED = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            write(path, b"half", error)
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == ["a.bin"]


def test_an_error_while_replacing_leaves_the_old_file_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")

    def refuse(*_: object) -> None:
        raise OSError("disk full")

    for call in ("replace", "fsync"):
        monkeypatch.setattr(os, call, refuse)
        with pytest.raises(OSError, match="disk full"), atomic_write(path) as stream:
            stream.write(b"new")
        assert path.read_bytes() == b"old"
        assert names(tmp_path) == ["a.bin"]
        monkeypatch.undo()


def test_folders_are_made_and_rights_are_those_of_any_new_file(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "er" / ("n" * 250)
    with atomic_write(path) as stream:
        stream.write(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_of_many_writers_one_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    before = os.umask(0o027)
    try:
        threads = [
            threading.Thread(
                target=lambda value=value: [write(path, bytes([value]) * 100_000) for _ in range(10)]
            )
            for value in range(6)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        assert os.umask(before) == 0o027
    content = path.read_bytes()
    assert len(content) == 100_000
    assert len(set(content)) == 1
    assert names(tmp_path) == ["a.bin"]


def write(path: Path, content: bytes, error: type[BaseException] | None = None) -> None:
    with atomic_write(path) as stream:
        stream.write(content)
        if error:
            raise error


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@REUSED
@given(JSON)
def test_json_round_trip(tmp_path: Path, value: object) -> None:
    write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json") == value


def test_json_is_readable_by_people(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"größe": "日本"})
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '{\n  "größe": "日本"\n}\n'


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe\x00", b"{'a': 1}", b"[" * 100_000, b'{"a": 1} trailing'],
    ids=["empty", "cut", "no text", "no json", "deep", "trailing"],
)
def test_broken_json_names_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.json"
    path.write_bytes(content)
    with pytest.raises(StudioError, match=r"broken\.json can't be read as JSON") as caught:
        read_json(path)
    assert caught.value.remedy
    for absent in (tmp_path / "absent.json", tmp_path):
        with pytest.raises(StudioError, match=absent.name):
            read_json(absent)
    with pytest.raises(StudioError, match=r"^There is no file .*absent\.json\. Check its name"):
        read_json(tmp_path / "absent.json")


# Keys as the PNG specification allows them: Latin-1, 1 to 79 bytes; texts are any Unicode without NUL.
KEYS = st.text("abcXYZ-0", min_size=1, max_size=20)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=50)


@REUSED
@given(
    arrays.arrays(np.uint8, arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)),
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.integers(0, 9),
)
def test_index_png_round_trip(tmp_path: Path, labels: np.ndarray, texts: dict[str, str], level: int) -> None:
    path = tmp_path / "mask.png"
    write_index_png(path, labels, PALETTE, texts, level)
    read, found = read_index_png(path)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, labels)
    assert found == texts
    assert read_index_texts(path) == (texts, True)
    assert path.read_bytes()[24:26] == b"\x08\x03"  # 8 bit, palette: what other tools expect


def test_the_texts_of_a_mask_are_told_apart_from_those_of_one_that_was_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_index_png(path, np.zeros((50, 60), np.uint8), PALETTE, {"image": "\u00e4.png"})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        texts, complete = read_index_texts(path)
        assert not complete
        assert texts in ({}, {"image": "\u00e4.png"}) or length < whole.index(b"IDAT")
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffiTXt" + whole[-12:])  # a length that is a lie
    assert read_index_texts(path) == ({}, True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4000), (4000, 1), (256, 256)])
def test_index_png_of_odd_shapes_and_all_values(tmp_path: Path, shape: tuple[int, int]) -> None:
    labels = np.resize(np.arange(256, dtype=np.uint8), shape)
    write_index_png(tmp_path / "a.png", np.asfortranarray(labels), PALETTE)
    np.testing.assert_array_equal(read_index_png(tmp_path / "a.png")[0], labels)
    with Image.open(tmp_path / "a.png") as image:
        assert image.getpalette() == PALETTE.ravel().tolist()


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("color", [0, 3], ids=["grey", "palette"])
def test_masks_of_fewer_bits_keep_their_indices(tmp_path: Path, bits: int, color: int) -> None:
    """A pixel of 3 in a 2-bit PNG is class 3, whatever grey a viewer shows for it."""
    labels = np.arange(64, dtype=np.uint8).reshape(4, 16) & np.uint8((1 << bits) - 1)
    planes = np.unpackbits(labels[..., None], axis=2)[..., 8 - bits :].reshape(4, -1)
    rows = b"".join(b"\0" + np.packbits(row).tobytes() for row in planes)
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 16, 4, bits, color, 0, 0, 0))]
    chunks += [(b"PLTE", PALETTE[: 1 << bits].tobytes())] if color == 3 else []
    chunks += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    data = b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    np.testing.assert_array_equal(read_index_png(tmp_path / "a.png")[0], labels)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "I;16"])
def test_what_is_no_index_image_is_refused_with_a_remedy(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / "colors.png")
    with pytest.raises(StudioError, match=r"colors\.png is not a mask of class indices") as caught:
        read_index_png(tmp_path / "colors.png")
    assert "palette" in caught.value.remedy


def test_broken_masks_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mask.png"
    write_index_png(path, np.random.default_rng(0).integers(0, 9, (60, 60), dtype=np.uint8), PALETTE)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[-40:-30] = bytes(10)
    for content in (b"", whole[:100], whole[:-50], whole[:-13], bytes(damaged), b"GIF89a", b"text"):
        path.write_bytes(content)
        with pytest.raises(StudioError, match=r"mask\.png") as caught:
            read_index_png(path)
        assert caught.value.remedy
    with pytest.raises(StudioError, match="does not exist"):
        read_index_png(tmp_path / "absent.png")


def test_a_mask_beyond_pillow_s_limit_is_read_without_a_warning(tmp_path: Path) -> None:
    labels = np.zeros((9500, 9500), dtype=np.uint8)  # Pillow warns from 89 million pixels on
    labels[-1, -1] = 254
    write_index_png(tmp_path / "a.png", labels, PALETTE)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read, _ = read_index_png(tmp_path / "a.png")
    assert read.shape == labels.shape
    assert read[-1, -1] == 254


def test_numbers_that_json_lacks_are_still_read(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"iou": float("nan")})
    assert json.dumps(read_json(tmp_path / "a.json")) == '{"iou": NaN}'


def test_what_cannot_be_written_is_named_and_not_its_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    (tmp_path / "folder.json").mkdir()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"folder\.json'$"):
        write_json(tmp_path / "folder.json", 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.json'$") as caught:
        write_json(path, 1)
    assert caught.value.errno == errno.ENOSPC
    assert [found.name for found in tmp_path.iterdir()] == ["folder.json"]
