"""Archives as sources: the masks in them, where they lie, and archives that would do harm."""

import gc
import io
import json
import stat
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats import archives
from unet_studio.formats.archives import is_archive, unpack
from unet_studio.formats.sample import Labels, Outgoing, Sample
from unet_studio.formats.table import FORMATS, WRITTEN

TABLE = ClassTable.binary("cell")


def labels(seed: int = 0) -> Labels:
    return np.random.default_rng(seed).integers(0, 2, (6, 8)).astype(np.uint8)


def exported(name: str, folder: Path) -> Path:
    """A folder that holds a set of two masks."""
    samples = [Sample(f"{stem}.png", labels(seed)) for seed, stem in enumerate("ab")]
    FORMATS[name].write(folder, Outgoing("set", TABLE, [one.name for one in samples], lambda: samples))
    return folder


def zipped(folder: Path, archive: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, prefix + path.relative_to(folder).as_posix())
    return archive


def left_behind(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.glob("temporary/*")]


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives are unpacked to."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("prefix", ["", "my export/"])
def test_every_format_is_read_from_a_zip_file(name: str, prefix: str, tmp_path: Path) -> None:
    archive = zipped(exported(name, tmp_path / "out"), tmp_path / "Export.ZIP", prefix)
    incoming = FORMATS[name].read(archive)
    found = {Path(key).name.removesuffix(".png"): incoming.read(key, (6, 8)) for key in incoming.keys}
    assert incoming.classes is not None or name.startswith("index")
    assert np.array_equal(found["a"] != 0, labels(0) != 0)
    assert np.array_equal(found["b"] != 0, labels(1) != 0)
    assert len(left_behind(tmp_path)) == 1
    del incoming
    gc.collect()
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize(("suffix", "mode"), [(".tar", "w"), (".tar.gz", "w:gz"), (".tgz", "w:gz")])
def test_tar_files_are_read_too(suffix: str, mode: str, tmp_path: Path) -> None:
    exported("voc", tmp_path / "out")
    archive = tmp_path / f"set{suffix}"
    with tarfile.open(archive, mode) as packed:  # type: ignore[call-overload]
        packed.add(tmp_path / "out", "out")
    incoming = FORMATS["voc"].read(archive)
    assert np.array_equal(incoming.read(incoming.keys[1], (6, 8)), labels(1))


def test_a_set_below_the_top_is_found_and_several_are_named(tmp_path: Path) -> None:
    exported("voc", tmp_path / "out" / "masks")
    (tmp_path / "out" / "pictures").mkdir()
    (tmp_path / "out" / "pictures" / "a.txt").write_text("a picture")
    incoming = FORMATS["voc"].read(zipped(tmp_path / "out", tmp_path / "set.zip"))
    assert len(incoming.keys) == 2
    assert "those in masks of set.zip" in incoming.notes[-1]
    exported("voc", tmp_path / "out" / "more")
    with pytest.raises(StudioError, match=r"several sets of masks: masks, more\. Unpack it"):
        FORMATS["voc"].read(zipped(tmp_path / "out", tmp_path / "sets.zip"))
    del incoming
    gc.collect()
    assert left_behind(tmp_path) == []


def test_an_archive_without_masks_says_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "readme.txt").write_text("nothing")
    with pytest.raises(StudioError, match=r"set\.zip holds no labelme file"):
        FORMATS["labelme"].read(zipped(tmp_path / "out", tmp_path / "set.zip"))
    assert left_behind(tmp_path) == []


def test_only_files_of_such_names_are_archives(tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    (tmp_path / "a.json").write_text("{}")
    assert not is_archive(tmp_path / "folder.zip")
    assert not is_archive(tmp_path / "a.json")
    assert not is_archive(tmp_path / "missing.zip")


def test_what_systems_leave_behind_and_archives_inside_stay_packed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        for name in ("__MACOSX/._a.json", "sub/.DS_Store", "._a.json", "sub\\a.json", "inner.zip"):
            packed.writestr(name, "x")
    unpacked = unpack(tmp_path / "set.zip")
    files = {path.relative_to(unpacked.folder).as_posix() for path in unpacked.folder.rglob("*.*")}
    assert files == {"sub/a.json", "inner.zip"}


@pytest.mark.parametrize(
    "name",
    ["../x.json", "a/../../x.json", "/x.json", "\\\\server\\x.json", "..\\x.json", "C:\\x.json", "c:x"],
)
def test_names_that_lead_outside_are_refused(name: str, tmp_path: Path) -> None:
    before = sorted(tmp_path.parent.rglob("*"))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        packed.writestr("good.json", "{}")
        packed.writestr(name, "{}")
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("good.json"))
        tar.addfile(tarfile.TarInfo(name))
    for archive in ("bad.zip", "bad.tar"):
        with pytest.raises(StudioError, match=r"is not safe to unpack: .* in it leads out"):
            unpack(tmp_path / archive)
    assert sorted(tmp_path.parent.rglob("*")) == sorted([*before, *tmp_path.glob("bad.*")])


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_file_are_refused(kind: bytes, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        entry = tarfile.TarInfo("a.json")
        entry.type, entry.linkname = kind, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(StudioError, match=r"'a\.json' in it is a link, a device"):
        unpack(tmp_path / "bad.tar")
    assert left_behind(tmp_path) == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices_in_a_zip_file_are_refused(kind: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        entry = zipfile.ZipInfo("a.json")
        entry.external_attr = (kind | 0o777) << 16
        packed.writestr(entry, "/etc/passwd")
    with pytest.raises(StudioError, match=r"'a\.json' in it is a link or a device"):
        unpack(tmp_path / "bad.zip")


def test_encrypted_members_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as packed:
        packed.writestr("a.json", "{}")
    data = (tmp_path / "bad.zip").read_bytes()
    place = data.index(b"PK\x01\x02") + 8  # the flags in the list at the end
    (tmp_path / "bad.zip").write_bytes(data[:place] + b"\x01" + data[place + 1 :])
    with pytest.raises(StudioError, match=r"'a\.json' in it is encrypted"):
        unpack(tmp_path / "bad.zip")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a set were large from 1 MB on."""
    monkeypatch.setattr(archives, "LARGE", 1 << 20)
    monkeypatch.setattr(archives, "LONGEST_READ", 1 << 20)


@pytest.mark.usefixtures("small")
def test_bombs_are_refused(tmp_path: Path) -> None:
    zeros = bytes(8 << 20)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.json", zeros)
    with tarfile.open(tmp_path / "bomb.tgz", "w:gz") as tar:
        entry = tarfile.TarInfo("a.json")
        entry.size = len(zeros)
        tar.addfile(entry, io.BytesIO(zeros))
    for name in ("bomb.zip", "bomb.tgz"):
        with pytest.raises(StudioError, match="holds far more than its"):
            unpack(tmp_path / name)
    assert left_behind(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_a_zip_file_that_lies_about_sizes_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "liar.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.json", bytes(8 << 20))
    data = bytearray((tmp_path / "liar.zip").read_bytes())
    place = data.index(b"PK\x01\x02")
    data[place + 24 : place + 28] = (100).to_bytes(4, "little")
    (tmp_path / "liar.zip").write_bytes(data)
    with pytest.raises(StudioError, match="can't be unpacked"):
        unpack(tmp_path / "liar.zip")
    assert left_behind(tmp_path) == []


@pytest.mark.usefixtures("small")
def test_a_tar_header_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    entry = tarfile.TarInfo("pax")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 32
    (tmp_path / "bad.tar").write_bytes(entry.tobuf(tarfile.GNU_FORMAT) + bytes(4096))
    with pytest.raises(StudioError, match="header in it is far too large"):
        unpack(tmp_path / "bad.tar")


def test_too_many_files_and_two_of_one_name_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tarfile.open(tmp_path / "twice.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("a.json"))
        tar.addfile(tarfile.TarInfo("a.json"))
    with pytest.raises(StudioError, match=r"two of its files are called a\.json"):
        unpack(tmp_path / "twice.tar")
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1)
    with pytest.raises(StudioError, match="more than 1 files"):
        unpack(tmp_path / "twice.tar")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_files_that_are_no_archives_are_refused(name: str, tmp_path: Path) -> None:
    for data in (b"", b"PK\x03\x04 and so on", json.dumps({"shapes": []}).encode(), b"\x1f\x8b\x08 zipped"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(StudioError, match=r"is not a usable archive|holds no labelme file"):
            FORMATS["labelme"].read(tmp_path / name)
    assert left_behind(tmp_path) == []


def test_files_in_endless_folders_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as packed:
        packed.writestr("a/" * 2000 + "x.json", "{}")
    with pytest.raises(StudioError, match="lies in far too many folders"):
        unpack(tmp_path / "deep.zip")
