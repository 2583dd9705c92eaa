"""Closing with unsaved work: it is saved first; where that fails a person is asked, and nothing is lost."""

import errno
import threading

import numpy as np
import pytest

from tests.helpers import make_folder
from tests.ui.conftest import paint_all
from unet_studio.core import journal
from unet_studio.core.document_files import load_document, save_snapshot
from unet_studio.core.project import Project
from unet_studio.jobs import writer
from unet_studio.ui.leaving import LOOK_MS


def fail(*_args, **_rest):
    raise OSError(errno.ENOSPC, "no")


@pytest.fixture
def full(monkeypatch):
    """A disk on which no mask fits, but a journal does. undo(): there is room again."""
    with monkeypatch.context() as patch:
        patch.setattr("unet_studio.core.project.write_index_png", fail)
        yield patch


def box(window, qtbot, text):
    qtbot.waitUntil(
        lambda: window.leaving.box is not None and text in window.leaving.box.text(), timeout=10_000
    )
    return window.leaving.box


def answer(window, qtbot, text, words):
    found = box(window, qtbot, words)
    next(button for button in found.buttons() if button.text() == text).click()


def painted(folder):
    project = Project.open(folder, writable=False)
    return bool((load_document(project, "0.png").annotation.pixels == 1).all())


def test_without_unsaved_work_the_window_closes_at_once(opened):
    assert opened.close()
    assert opened.session.project is None


def test_the_window_waits_for_the_last_save_and_closes_then(opened, qtbot, folder, monkeypatch):
    go_on = threading.Event()

    def slow(project, copy):
        assert go_on.wait(20)
        save_snapshot(project, copy)

    monkeypatch.setattr(writer, "save_snapshot", slow)
    paint_all(opened.session, 1)
    assert not opened.close()
    assert "Saving 1 image" in box(opened, qtbot, "Saving").text()
    assert opened.isVisible()
    go_on.set()
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=10_000)
    assert opened.session.project is None
    assert opened.leaving.box is None
    assert painted(folder)


def test_cancelled_it_stays_open_though_the_save_ends(opened, qtbot, monkeypatch):
    go_on = threading.Event()

    def slow(project, copy):
        assert go_on.wait(20)
        save_snapshot(project, copy)

    monkeypatch.setattr(writer, "save_snapshot", slow)
    paint_all(opened.session, 1)
    opened.close()
    answer(opened, qtbot, "Cancel", "Saving")
    go_on.set()
    qtbot.waitUntil(lambda: not opened.session.unsaved().images, timeout=10_000)
    qtbot.wait(150)
    assert opened.isVisible()


def test_what_waited_for_the_save_does_not_close_what_is_opened_meanwhile(opened, tmp_path, qtbot):
    paint_all(opened.session, 1)
    opened.action_table["close_project"].trigger()  # waits for the save
    assert opened.session.writer.flush(20)  # no event runs, so that nobody notices its end
    opened.open_folder(make_folder(tmp_path / "others", 2))
    qtbot.wait(3 * LOOK_MS)
    assert opened.session.project.image_root == tmp_path / "others"
    assert opened.stack.currentWidget() is opened.canvas


def test_the_cross_of_the_box_is_its_cancel(opened, qtbot, full):
    paint_all(opened.session, 1)
    opened.close()
    box(opened, qtbot, "can't be saved").close()
    assert opened.leaving.box is None
    qtbot.wait(3 * LOOK_MS)
    assert opened.isVisible()
    full.undo()
    assert not opened.close()
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=10_000)


def test_a_full_disk_is_named_and_staying_loses_nothing(opened, qtbot, folder, full):
    paint_all(opened.session, 1)
    opened.close()
    found = box(opened, qtbot, "can't be saved")
    assert "0.png can't be saved: The disk is full." in found.text()
    assert "Make room" in found.informativeText()
    assert "Nothing is lost" in found.informativeText()
    answer(opened, qtbot, "Cancel", "can't be saved")
    assert opened.isVisible()
    full.undo()
    assert not opened.close()
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=10_000)
    assert painted(folder)


def test_with_room_again_trying_again_closes_the_window(opened, qtbot, folder, full):
    paint_all(opened.session, 1)
    opened.close()
    box(opened, qtbot, "can't be saved")
    full.undo()
    answer(opened, qtbot, "Try Again", "can't be saved")
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=10_000)
    assert painted(folder)


def test_leaving_anyway_keeps_what_is_in_the_journal(opened, qtbot, folder, full):
    paint_all(opened.session, 1)
    opened.close()
    answer(opened, qtbot, "Leave Anyway", "can't be saved")
    qtbot.waitUntil(lambda: not opened.isVisible(), timeout=10_000)
    assert not (folder / "unet-studio/annotations/0.png.png").exists()
    assert painted(folder)


def test_what_no_journal_holds_is_named_as_lost(opened, qtbot, full, monkeypatch):
    monkeypatch.setattr(journal, "append_frame", fail)
    paint_all(opened.session, 1)
    opened.close()
    found = box(opened, qtbot, "can't be saved")
    assert "on 0.png since it was saved last would be lost" in found.informativeText()
    answer(opened, qtbot, "Cancel", "can't be saved")
    monkeypatch.undo()


def test_another_folder_opens_once_all_is_saved(opened, qtbot, tmp_path, full):
    other = make_folder(tmp_path / "other", 1)
    paint_all(opened.session, 1)
    first = opened.session.project
    opened.open_folder(other)
    box(opened, qtbot, "can't be saved")
    assert opened.session.project is first
    full.undo()
    answer(opened, qtbot, "Try Again", "can't be saved")
    qtbot.waitUntil(lambda: opened.session.project is not first, timeout=10_000)
    assert opened.session.project.image_root == other


def test_the_project_closes_once_all_is_saved(opened, qtbot, folder):
    paint_all(opened.session, 1)
    pixels = opened.session.document.annotation.pixels.copy()
    opened.commands.close_project()
    qtbot.waitUntil(lambda: opened.session.project is None, timeout=10_000)
    found = Project.open(folder, writable=False).read_annotation("0.png")[0]
    assert np.array_equal(found, pixels)


def test_the_status_bar_says_that_and_why_something_is_not_saved(opened, qtbot, full, monkeypatch):
    monkeypatch.setattr(writer, "RETRY_DELAY", 0.1)
    saved = opened.status.saved
    paint_all(opened.session, 1)
    assert saved.text() == "Saving…"
    opened.session.save_now()
    qtbot.waitUntil(lambda: saved.text() == "Not saved", timeout=10_000)
    assert "The disk is full" in saved.toolTip()
    assert "0.png could not be saved: The disk is full." in opened.banner.text
    qtbot.wait(400)
    assert len(opened.banner._notices) == 1  # said once, however often it is tried
    full.undo()
    qtbot.waitUntil(lambda: saved.text() == "Saved", timeout=10_000)
    assert "full" not in saved.toolTip()
    assert opened.banner.text == ""
