"""What must not happen to a person's work when windows, projects and threads meet at a bad moment."""

import signal
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.decoding import NoRoomError
from unet_studio.core.document_files import load_document, picture_of, save_snapshot, snapshot
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.mask import Mask
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project, Status
from unet_studio.jobs import documents


def opened(session, qtbot, folder):
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)


def stroke(session):
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 30.0)


def saved(session, qtbot):
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)


def test_a_second_window_shows_unsaved_work_of_the_first_and_never_tries_to_save_it(session, qtbot, tmp_path):
    folder = make_folder(tmp_path / "images")
    first = Project.open(folder)
    document = load_document(first, "0.png")
    document.begin("Brush")
    document.annotation.write(Rect.of(SHAPE), 1)
    document.commit()
    tiles = {(0, 0): document.annotation.pixels.copy()}
    first.append_journal("0.png", picture_of(document), journal.Entry(journal.EDIT, tiles))
    failures = []
    session.failed.connect(lambda *words: failures.append(words))
    opened(session, qtbot, folder)
    assert session.read_only
    assert session.document.painted
    qtbot.wait(300)
    assert not failures
    assert not session._dirty()
    first.close()


def test_the_folder_that_is_open_can_be_opened_again_for_writing(session, qtbot, tmp_path):
    folder = make_folder(tmp_path / "images")
    opened(session, qtbot, folder)
    stroke(session)
    saved(session, qtbot)
    opened(session, qtbot, folder)
    assert session.read_only is None


def test_nothing_is_written_to_a_closed_project_and_its_lock_stays_free(tmp_path):
    folder = make_folder(tmp_path / "images")
    project = Project.open(folder)
    project.set_name("mine")
    project.close()
    labels = np.zeros(SHAPE, dtype=np.uint8)
    with pytest.raises(StudioError, match="closed"):
        project.write_prediction("0.png", Prediction(labels, labels, "small", {}))
    assert not project.lock.path.exists()


def test_a_version_made_for_one_project_is_not_chosen_in_another(session, qtbot, tmp_path):
    one, other = make_folder(tmp_path / "one"), make_folder(tmp_path / "other")
    opened(session, qtbot, one)
    of_one = session.project
    opened(session, qtbot, other)
    stroke(session)
    saved(session, qtbot)
    entry = ModelEntry("v9", one / "unet-studio" / "models" / "v9", None)
    session.trainer._done(("publish", "v9"), (of_one, entry))
    assert session.project.model is None


def test_a_document_read_before_a_class_was_deleted_is_not_shown_after(session, qtbot, tmp_path, monkeypatch):
    folder = make_folder(tmp_path / "images")
    project = Project.open(folder)
    project.set_classes(project.classes.add("wall"))
    project.write_annotation("1.png", np.full(SHAPE, 2, dtype=np.uint8), {})
    project.close()
    reading, go_on = threading.Event(), threading.Event()
    load = documents.load_document

    def slow(project, name, model, progress):
        found = load(project, name, model, progress)
        if name == "1.png" and not go_on.is_set():
            reading.set()
            go_on.wait(20)
        return found

    monkeypatch.setattr(documents, "load_document", slow)
    opened(session, qtbot, folder)
    assert reading.wait(20)
    session.class_editor.delete(2, 1)
    go_on.set()
    session.open_image("1.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "1.png", timeout=20_000)
    qtbot.wait(100)
    assert set(np.unique(session.document.annotation.pixels)) == {1}


def test_a_whole_mask_judged_in_one_project_is_not_approved_in_another(session, qtbot, tmp_path):
    one, other = make_folder(tmp_path / "one"), make_folder(tmp_path / "other")
    opened(session, qtbot, one)
    session.editor.fill_rest()
    saved(session, qtbot)
    judged = session.document
    opened(session, qtbot, other)
    session.editor.fill_rest()
    assert session.document.version == judged.version
    session.editor._task_done("approve", (judged, judged.judge()))
    assert session.status("0.png") is Status.PAINTED


def test_a_journal_that_was_left_behind_does_not_give_an_approved_mask_to_another_model(tmp_path):
    folder = make_folder(tmp_path / "images")
    project = Project.open(folder)
    blank = load_document(project, "0.png")
    digest = blank.facts["image-hash"]
    sure = np.full(SHAPE, 255, dtype=np.uint8)
    first = Prediction(np.zeros(SHAPE, dtype=np.uint8), sure, "first", {"image-hash": digest})
    project.write_prediction("0.png", first)
    blank.set_prediction(first)
    blank.approve()
    project.append_journal("0.png", picture_of(blank), journal.Entry(journal.APPROVED, {}))
    save_snapshot(project, snapshot(blank))  # and the crash comes before the journal is dropped
    project.write_prediction(
        "0.png", Prediction(np.ones(SHAPE, dtype=np.uint8), sure, "second", {"image-hash": digest})
    )
    found = load_document(project, "0.png", "second")
    assert found.approved
    assert (found.mask() == 0).all()
    project.close()


@contextmanager
def full_disk(size):
    """Let no file of this process grow over so many bytes."""
    resource = pytest.importorskip("resource")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_edits_after_a_journal_entry_that_did_not_fit_the_disk_are_found(tmp_path):
    picture = journal.Picture((4, 4), "x")
    path = tmp_path / "a.journal"

    def entry(value):
        return journal.Entry(journal.EDIT, {(0, 0): np.full((4, 4), value, dtype=np.uint8)})

    journal.append(path, picture, entry(1))
    with full_disk(path.stat().st_size + 20), pytest.raises(OSError, match="File too large"):
        journal.append(path, picture, entry(2))
    journal.append(path, picture, entry(3))
    mask = Mask.full((4, 4), UNLABELLED)
    journal.replay(path, picture, mask)
    assert (mask.pixels == 3).all()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, file names are Unicode")
def test_an_image_whose_name_is_no_unicode_can_be_finished(tmp_path):
    folder = make_folder(tmp_path / "images")
    (folder / "0.png").rename(folder / "bad\udcff.png")
    project = Project.open(folder)
    name = next(name for name in project.images if name.startswith("bad"))
    project.write_approved(name, np.zeros(SHAPE, dtype=np.uint8), {"image": name})
    project.close()
    assert Project.open(folder).split[name] == "train"


def test_setting_a_mask_aside_that_may_not_be_written_says_so(session, qtbot, tmp_path):
    folder = make_folder(tmp_path / "images")
    opened(session, qtbot, folder)
    session.project.read_only = "It is on a CD."
    failures = []
    session.failed.connect(lambda *words: failures.append(words))
    session.set_aside()
    assert failures
    assert session.current == "0.png"


def test_a_picture_too_large_for_a_thumbnail_now_is_not_broken(session, qtbot, tmp_path):
    opened(session, qtbot, make_folder(tmp_path / "images"))
    session._thumbnail_failed("0.png", NoRoomError("It needs 2 GB; 1 GB are free."))
    assert "0.png" not in session.broken
    session._thumbnail_failed("0.png", StudioError("It is broken."))
    assert "0.png" in session.broken


def test_a_folder_that_vanishes_is_said_and_what_is_on_screen_stays(session, qtbot, tmp_path):
    folder = make_folder(tmp_path / "images")
    opened(session, qtbot, folder)
    qtbot.waitUntil(lambda: session._loader._thread.idle, timeout=20_000)
    session._loader.clear()
    folder.rename(tmp_path / "elsewhere")
    before = session.document.image.copy()
    with qtbot.waitSignal(session.documentFailed, timeout=20_000) as said:
        session.open_image("3.png")
    assert "does not exist" in said.args[1]
    session.open_image("0.png")
    assert (session.document.image == before).all()
    (tmp_path / "elsewhere").rename(folder)
    session.open_image("3.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "3.png", timeout=20_000)


def test_an_image_that_changed_on_disk_while_it_was_painted_is_not_opened_with_that_mask(
    session, qtbot, tmp_path
):
    folder = make_folder(tmp_path / "images")
    opened(session, qtbot, folder)
    stroke(session)
    saved(session, qtbot)
    (folder / "0.png").write_bytes((folder / "1.png").read_bytes())
    with qtbot.waitSignal(session.documentFailed, timeout=20_000) as said:
        session.read_again("0.png")
    assert "has changed since its mask was made" in said.args[1]
    assert session.status("0.png") is Status.PAINTED
