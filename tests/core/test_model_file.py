"""A model as one file: there and back, names that are taken, and files that are something else."""

import json
import struct
import zipfile
from dataclasses import replace

import pytest

from tests.core.test_versions import make_model
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import CARD_FILE, MODEL_FILE, read_card, write_card
from unet_studio.core.model_file import pack, packed_card, unpack
from unet_studio.core.versions import delete, describe, model_in

HEADER = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
WEIGHTS = struct.pack("<Q", len(HEADER)) + HEADER + b"1234"


@pytest.fixture
def entry(tmp_path):
    folder = make_model(tmp_path / "here" / "v3", "v3")
    (folder / MODEL_FILE).write_bytes(WEIGHTS)
    return describe(model_in(folder), "  Roots, June ", "from 20 images")


def test_a_model_goes_there_and_back(entry, tmp_path):
    pack(entry, tmp_path / "v3.unet.zip")
    got = unpack(tmp_path / "v3.unet.zip", tmp_path / "there")
    assert got.folder == tmp_path / "there" / "v3"
    assert got.card == entry.card == read_card(got.folder)
    assert (got.folder / MODEL_FILE).read_bytes() == WEIGHTS
    assert got.shown == "Roots, June (v3)"
    assert sorted(path.name for path in (tmp_path / "there").iterdir()) == ["v3"]


def test_a_name_that_is_taken_is_numbered(entry, tmp_path):
    pack(entry, tmp_path / "m.zip")
    names = [unpack(tmp_path / "m.zip", tmp_path / "there").name for _ in range(3)]
    assert names == ["v3", "v3-2", "v3-3"]
    assert read_card(tmp_path / "there" / "v3-2").name == "v3-2"


@pytest.mark.parametrize("name", ["../up", "a/b", "c:\\d", ".hidden", "", "x" * 101, "line\nend"])
def test_a_name_that_is_no_folder_is_not_taken_over(entry, tmp_path, name):
    write_card(entry.folder, replace(read_card(entry.folder), name=name))
    pack(model_in(entry.folder), tmp_path / "m.zip")
    got = unpack(tmp_path / "m.zip", tmp_path / "there")
    assert got.folder == tmp_path / "there" / "model"


def archive(path, **files):
    with zipfile.ZipFile(path, "w") as made:
        for name, content in files.items():
            made.writestr({"card": CARD_FILE, "weights": MODEL_FILE}[name], content)
    return path


def test_other_files_are_refused_and_leave_nothing(entry, tmp_path):
    card = (entry.folder / CARD_FILE).read_text()
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    broken = [
        (text, "no model"),
        (archive(tmp_path / "a.zip", card=card), "is missing"),
        (archive(tmp_path / "b.zip", weights=WEIGHTS), "is missing"),
        (archive(tmp_path / "c.zip", card="{}", weights=WEIGHTS), "not a valid model card"),
        (archive(tmp_path / "d.zip", card=card, weights=b"1234"), "damaged"),
        (archive(tmp_path / "e.zip", card=card, weights=struct.pack("<Q", 1 << 60)), "damaged"),
        (archive(tmp_path / "f.zip", card=card, weights=b"\x80\x04pickle" + WEIGHTS), "damaged"),
    ]
    for path, sentence in broken:
        with pytest.raises(StudioError, match=sentence):
            unpack(path, tmp_path / "there")
    assert list((tmp_path / "there").iterdir()) == []


def test_what_claims_to_be_huge_is_not_unpacked(entry, tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr(CARD_FILE, (entry.folder / CARD_FILE).read_text())
        made.writestr(MODEL_FILE, bytes(50 << 20))
    with pytest.raises(StudioError, match="more than it does"):
        unpack(path, tmp_path / "there")


@pytest.mark.parametrize("kind", [zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("use", [packed_card, lambda path: unpack(path, path.parent / "there")])
def test_a_compressed_archive_that_is_damaged_is_refused(tmp_path, kind, use):
    path = tmp_path / "theirs.unet.zip"
    with zipfile.ZipFile(path, "w", kind) as archive:
        archive.writestr(CARD_FILE, "{}" * 500)
        archive.writestr(MODEL_FILE, WEIGHTS)
    spoiled = bytearray(path.read_bytes())
    spoiled[44:56] = b"\xff" * 12  # where the card's data begin
    path.write_bytes(spoiled)
    with pytest.raises(StudioError, match="is no model of U-Net Studio"):
        use(path)


def test_the_card_is_read_without_unpacking(entry, tmp_path):
    pack(entry, tmp_path / "v3.unet.zip")
    assert packed_card(tmp_path / "v3.unet.zip") == entry.card
    with pytest.raises(StudioError, match="is no model"):
        packed_card(tmp_path / "gone.unet.zip")


def test_an_unusable_model_is_not_packed(entry, tmp_path):
    (entry.folder / MODEL_FILE).unlink()
    with pytest.raises(StudioError, match="can't be used"):
        pack(model_in(entry.folder), tmp_path / "m.zip")
    assert not (tmp_path / "m.zip").exists()


def test_a_version_is_deleted_as_a_whole_and_others_stay(entry, tmp_path):
    other = make_model(tmp_path / "here" / "v4")
    delete(entry, tmp_path / "here")
    assert [path.name for path in (tmp_path / "here").iterdir()] == [other.name]
    with pytest.raises(StudioError, match="does not belong"):
        delete(model_in(other), tmp_path / "elsewhere")


def test_title_and_note_can_be_taken_back(entry):
    assert entry.shown == "Roots, June (v3)"
    assert describe(entry, "", "").shown == "v3"
    assert read_card(entry.folder).note == ""
