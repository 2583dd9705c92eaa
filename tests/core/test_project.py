"""Projects on disk: nothing before the first change, plain files as the truth, one writer, and crashes."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document_files import load_document, picture_of, save_document
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.lock import Lock
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png

SHAPE = (60, 90)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "images"
    (root / "sub").mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in ("a10.png", "a2.png", "sub/b.jpg", "ünï çödé.png"):
        Image.fromarray(random.integers(0, 255, (*SHAPE, 3), dtype=np.uint8)).save(root / name)
    return root


@pytest.fixture
def project(folder):
    opened = Project.open(folder)
    yield opened
    opened.close()


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def stroke(document, value=1, rect=Rect(5, 5, 20, 30)):  # noqa: B008 - frozen
    document.begin("Brush")
    document.annotation.paint(rect, np.ones((rect.height, rect.width), bool), value)
    return document.commit()


def predicted(project, name, model="m", value=1):
    document = load_document(project, name)
    labels = np.full(SHAPE, value, np.uint8)
    made = {"image-hash": document.facts["image-hash"]}
    project.write_prediction(name, Prediction(labels, np.full(SHAPE, 200, np.uint8), model, made))


def test_opening_creates_nothing(folder):
    before = everything(folder)
    project = Project.open(folder)
    load_document(project, "a2.png")
    project.close()
    assert everything(folder) == before
    assert project.images == ["a2.png", "a10.png", "sub/b.jpg", "ünï çödé.png"]
    assert project.status("a2.png") is Status.UNLABELLED


def test_a_stroke_an_approval_and_what_is_on_disk(project, folder):
    document = load_document(project, "a2.png")
    stroke(document)
    save_document(project, document)
    assert project.status("a2.png") is Status.PAINTED
    labels, facts = read_index_png(folder / "unet-studio/annotations/a2.png.png")
    assert (labels == 1).sum() == 15 * 25
    assert (labels == UNLABELLED).sum() == 60 * 90 - 15 * 25
    assert facts["size"] == "90x60"

    predicted(project, "a2.png", value=0)
    document = load_document(project, "a2.png", "m")
    document.approve()
    save_document(project, document)
    labels, facts = read_index_png(folder / "unet-studio/approved/a2.png.png")
    assert (labels == 1).sum() == 15 * 25
    assert (labels == 0).sum() == 60 * 90 - 15 * 25
    assert facts["model"] == "m"
    assert float(facts["corrective-dice"]) == 0.0
    assert project.split == {"a2.png": "train"}

    again = load_document(Project.open(folder, writable=False), "a2.png")
    assert again.approval is not None
    assert again.approval.corrective_dice == 0.0
    assert np.array_equal(again.mask(), labels)
    again.unapprove()
    save_document(project, again)
    assert project.status("a2.png") is Status.PAINTED
    assert not (folder / "unet-studio/approved/a2.png.png").exists()


def test_an_approved_image_without_strokes_keeps_its_status(project):
    predicted(project, "a2.png")
    document = load_document(project, "a2.png", "m")
    document.approve()
    save_document(project, document)
    assert Project.open(project.image_root, writable=False).status("a2.png") is Status.APPROVED
    assert not project.annotation_path("a2.png").exists()


def test_suffixes_keep_names_apart(folder, project):
    Image.new("RGB", (8, 8)).save(folder / "a2.jpg")
    project.refresh()
    assert project.annotation_path("a2.jpg") != project.annotation_path("a2.png")


def test_painted_images_keep_the_prediction_they_were_corrected_against(project):
    predicted(project, "a2.png", "old", 0)
    document = load_document(project, "a2.png", "old")
    stroke(document)
    save_document(project, document)
    predicted(project, "a2.png", "new", 1)
    assert load_document(project, "a2.png", "new").prediction.model == "old"
    predicted(project, "a10.png", "new", 1)
    assert load_document(project, "a10.png", "new").prediction.model == "new"


def test_a_prediction_of_other_pixels_is_not_shown(project, folder):
    predicted(project, "a2.png")
    Image.new("RGB", (90, 60), "red").save(folder / "a2.png")
    assert load_document(project, "a2.png", "m").prediction is None


def test_a_broken_prediction_counts_as_none(project):
    predicted(project, "a2.png")
    project.prediction_path("m", "a2.png").write_bytes(b"\x89PNG nonsense")
    assert load_document(project, "a2.png", "m").prediction is None


@pytest.mark.parametrize("layer", ["annotations", "approved"])
@pytest.mark.parametrize("damage", ["truncated", "size", "pixels"])
def test_masks_that_do_not_fit_block_the_image(project, folder, layer, damage):
    predicted(project, "a2.png")
    document = load_document(project, "a2.png", "m")
    stroke(document)
    document.approve()
    save_document(project, document)
    path = folder / "unet-studio" / layer / "a2.png.png"
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:60])
    elif damage == "size":
        Image.new("P", (3, 3)).save(path)
    else:
        Image.new("RGB", (90, 60), "red").save(folder / "a2.png")
    with pytest.raises(StudioError) as caught:
        load_document(project, "a2.png")
    assert caught.value.remedy
    moved = project.set_aside("a2.png")
    assert len(moved) == 2
    assert all(path.is_file() for path in moved)
    assert not load_document(project, "a2.png").painted


def record(project, document, change, kind=journal.EDIT):
    tiles = {(0, 0): document.annotation.pixels.copy()} if change.step.diff else {}
    project.append_journal(document.name, picture_of(document), journal.Entry(kind, tiles))


def test_the_journal_brings_unsaved_edits_back_twice_over(project):
    document = load_document(project, "a2.png")
    for value in (1, 0, 1):
        record(project, document, stroke(document, value, Rect(value, value, 30, 50)))
    for _ in range(2):
        again = load_document(project, "a2.png")
        assert again.replayed
        assert np.array_equal(again.annotation.pixels, document.annotation.pixels)
    assert Project.open(project.image_root, writable=False).status("a2.png") is Status.PAINTED
    save_document(project, again)
    assert not project.journal_path("a2.png").exists()
    assert not load_document(project, "a2.png").replayed


def test_every_cut_of_a_journal_gives_a_state_that_was(project):
    document = load_document(project, "a2.png")
    states = [document.annotation.pixels.copy()]
    for value in (1, 0, 1):
        record(project, document, stroke(document, value, Rect(value, value, 30, 50)))
        states.append(document.annotation.pixels.copy())
    path = project.journal_path("a2.png")
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        found = load_document(project, "a2.png").annotation.pixels
        assert any(np.array_equal(found, state) for state in states)
    path.write_bytes(whole[:-3])
    reopened = load_document(project, "a2.png")
    record(project, reopened, stroke(reopened, 1, Rect(40, 40, 50, 50)))
    assert np.array_equal(load_document(project, "a2.png").annotation.pixels, reopened.annotation.pixels)


def test_a_flipped_byte_in_the_journal_is_noticed(project):
    document = load_document(project, "a2.png")
    record(project, document, stroke(document))
    path = project.journal_path("a2.png")
    data = bytearray(path.read_bytes())
    data[-5] ^= 0xFF
    path.write_bytes(bytes(data))
    assert not load_document(project, "a2.png").painted


def test_a_journal_of_another_picture_blocks(project, folder):
    document = load_document(project, "a2.png")
    record(project, document, stroke(document))
    Image.new("RGB", (90, 60), "red").save(folder / "a2.png")
    with pytest.raises(StudioError, match="another version"):
        load_document(project, "a2.png")


def test_the_journals_last_word_decides_on_approval(project):
    predicted(project, "a2.png", value=0)
    document = load_document(project, "a2.png", "m")
    stroke(document)
    document.approve()
    save_document(project, document)
    record(project, document, stroke(document, 0))
    assert not load_document(project, "a2.png", "m").approved
    record(project, document, document.approve(), journal.APPROVED)
    again = load_document(project, "a2.png", "m")
    assert again.approved
    assert np.array_equal(again.mask(), document.mask())


def test_the_split_is_permanent_and_five_to_one(project):
    names = [f"{number}.png" for number in range(15)]
    parts = [project.assign_split(name) for name in names]
    assert parts == ["train", "val", *["train"] * 5, "val", *["train"] * 5, "val", "train"]
    assert Project.open(project.image_root, writable=False).split == dict(zip(names, parts, strict=True))
    assert project.assign_split("1.png") == "val"
    project.set_split("1.png", "test")
    assert project.split["1.png"] == "test"
    saved = json.loads((project.folder / "split.json").read_text())
    assert saved["test"] == ["1.png"]


def test_indices_never_vanish(project):
    table = project.classes.add("third")
    project.set_classes(table)
    document = load_document(project, "a2.png")
    stroke(document, 2)
    save_document(project, document)
    with pytest.raises(StudioError, match="vanish"):
        project.set_classes(ClassTable.binary())
    project.set_classes(table.retire(2))
    assert Project.open(project.image_root, writable=False).classes.indices == (0, 1)


def test_settings_come_back(project):
    project.set_name("Roots")
    project.set_thresholds({1: 0.7})
    project.set_model("v1")
    again = Project.open(project.image_root, writable=False)
    assert (again.name, again.model, dict(again.thresholds.values)) == ("Roots", "v1", {1: 0.7})
    assert again.thresholds.binary == (0, 1)


def test_the_project_may_live_elsewhere(folder, tmp_path):
    home = tmp_path / "elsewhere"
    project = Project.open(folder, home)
    document = load_document(project, "a2.png")
    stroke(document)
    save_document(project, document)
    project.close()
    assert not (folder / "unet-studio").exists()
    again = Project.open(home)
    assert again.image_root == folder.resolve()
    assert again.status("a2.png") is Status.PAINTED
    again.close()
    folder.rename(tmp_path / "moved")
    with pytest.raises(StudioError, match="images of this project"):
        Project.open(home)


def test_missing_folders_and_broken_projects_are_named(tmp_path, folder):
    with pytest.raises(StudioError, match="no folder"):
        Project.open(tmp_path / "nowhere")
    (folder / "unet-studio").mkdir()
    (folder / "unet-studio/project.json").write_text("{")
    with pytest.raises(StudioError, match="can't be read as JSON"):
        Project.open(folder)
    (folder / "unet-studio/project.json").write_text('{"schema": 99}')
    with pytest.raises(StudioError, match="newer"):
        Project.open(folder)
    (folder / "unet-studio/project.json").write_text('{"schema": 1}')
    with pytest.raises(StudioError, match="not a valid project"):
        Project.open(folder)


def test_only_one_writes(project, folder):
    project.prepare()
    second = Project.open(folder)
    assert "another window" in second.read_only
    with pytest.raises(StudioError, match="can't be changed"):
        second.set_name("x")
    project.close()
    third = Project.open(folder)
    assert third.read_only is None
    third.close()


def test_a_lock_of_a_dead_process_is_taken_over(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys, pathlib; from unet_studio.core.lock import Lock; "
        "Lock(pathlib.Path(sys.argv[1])).acquire(); print('held', flush=True)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True)
    assert path.exists()
    lock = Lock(path)
    lock.acquire()
    assert lock.owner().pid == os.getpid()
    lock.beat()
    assert lock.owner().alive
    lock.release()
    assert not path.exists()


def test_a_lock_of_another_machine_lives_by_its_heartbeat(tmp_path):
    path = tmp_path / "lock"
    owner = {"host": "somewhere-else", "pid": 1, "started": 0.0, "heartbeat": time.time()}
    path.write_text(json.dumps(owner))
    with pytest.raises(StudioError, match="somewhere-else"):
        Lock(path).acquire()
    path.write_text(json.dumps({**owner, "heartbeat": time.time() - 3600}))
    lock = Lock(path)
    lock.acquire()
    lock.release()


def test_an_unreadable_lock_is_taken_over_once_it_is_old(tmp_path):
    path = tmp_path / "lock"
    path.write_text("{")
    os.utime(path, (1, 1))
    lock = Lock(path)
    lock.acquire()
    assert lock.held


def test_a_read_only_folder_says_so(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    project = Project.open(folder)
    assert "can't be written to" in project.read_only
    with pytest.raises(StudioError) as caught:
        project.prepare()
    assert "another place" in caught.value.remedy
