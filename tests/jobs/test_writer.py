"""The writer and its journals: what is on disk at any moment is the image after a step; nothing is lost."""

import errno
import shutil
import threading

import numpy as np
import pytest

from tests.helpers import make_folder
from unet_studio.core import journal
from unet_studio.core.document_files import load_document, save_snapshot
from unet_studio.core.geometry import Rect
from unet_studio.core.project import Project
from unet_studio.jobs import journals
from unet_studio.jobs import writer as module
from unet_studio.jobs.writer import Writer

SHAPE = (300, 600)  # two rows and three columns of tiles


@pytest.fixture
def project(tmp_path):
    opened = Project.open(make_folder(tmp_path / "images", 2, SHAPE))
    yield opened
    opened.close()


@pytest.fixture
def writer(project, qtbot):
    made = Writer(project)
    yield made
    made.stop()


@pytest.fixture
def document(project):
    return load_document(project, "0.png")


@pytest.fixture
def failures(writer):
    said = []
    writer.failed.connect(lambda name, error: said.append((name, error.message)))
    return said


def paint(document, seed=0):
    """A rectangle of some class somewhere, as one step."""
    chance = np.random.default_rng(seed)
    top, left = (int(chance.integers(0, size - 20)) for size in SHAPE)
    height, width = (int(side) for side in chance.integers(2, 200, 2))
    document.begin("Brush")
    rect = Rect(top, left, top + height, left + width)
    document.annotation.paint(rect, np.ones((height, width), bool), seed % 3)
    return document.commit()


def step(writer, document, seed=0):
    """A step, announced as the session does."""
    if paint(document, seed) is not None:
        writer.record(document)


def journalled(document):
    return document.journalled == document.version


def reopened(project, name="0.png", folder=None):
    """The painted pixels of an image, as another process would find them."""
    other = Project.open(project.image_root, folder, writable=False)
    return load_document(other, name).annotation.pixels


def entries(project, name="0.png"):
    path = project.journal_path(name)
    return len(journal._frames(path.read_bytes())) if path.exists() else 0


def same(found, document):
    return np.array_equal(found, document.annotation.pixels)


def test_a_step_is_in_the_journal_at_once_and_saved_later(project, writer, document, qtbot, monkeypatch):
    monkeypatch.setattr(module, "SAVE_DELAY", 0.4)
    step(writer, document)
    qtbot.waitUntil(lambda: project.journal_path("0.png").exists(), timeout=5000)
    assert not project.annotation_path("0.png").exists()
    assert writer.dirty() == {"0.png"}
    with qtbot.waitSignal(writer.saved, timeout=10_000):
        pass
    assert project.annotation_path("0.png").exists()
    assert not project.journal_path("0.png").exists()
    assert writer.dirty() == set()


def test_a_drag_that_is_open_is_neither_journalled_nor_saved(project, writer, document, qtbot):
    step(writer, document, 1)
    before = document.annotation.pixels.copy()
    document.begin("Brush")
    document.annotation.paint(Rect(0, 0, 300, 600), np.ones(SHAPE, bool), 2)
    assert writer.flush(20)
    assert np.array_equal(reopened(project), before)
    document.rollback()
    assert same(reopened(project), document)


@pytest.fixture
def held_save(monkeypatch):
    """A save that waits before it replaces a file. begun, go_on: events."""

    class Held:
        begun, go_on = threading.Event(), threading.Event()

    def slow(project, copy):
        Held.begun.set()
        assert Held.go_on.wait(20)
        save_snapshot(project, copy)

    monkeypatch.setattr(module, "save_snapshot", slow)
    yield Held
    Held.go_on.set()


def test_steps_are_journalled_while_a_save_runs_and_survive_it(project, writer, document, qtbot, held_save):
    step(writer, document, 1)
    writer.hurry()
    assert held_save.begun.wait(20)
    for seed in range(2, 6):
        step(writer, document, seed)
        qtbot.waitUntil(lambda: journalled(document), timeout=5000)
    assert same(reopened(project), document)
    assert entries(project) == 5
    held_save.go_on.set()
    qtbot.waitUntil(lambda: entries(project) == 4, timeout=5000)  # the saved one is cut off, no other
    assert writer.dirty() == {"0.png"}
    assert same(reopened(project), document)
    assert writer.flush(20)
    assert entries(project) == 0
    assert same(reopened(project), document)


def test_a_step_between_save_and_announcement_is_not_cut_off(project, writer, document, qtbot, held_save):
    step(writer, document, 1)
    writer.hurry()
    assert held_save.begun.wait(20)
    paint(document, 2)  # done, but nobody has told the writer yet
    held_save.go_on.set()
    qtbot.waitUntil(lambda: project.annotation_path("0.png").exists(), timeout=5000)
    qtbot.wait(50)
    assert writer.dirty() == {"0.png"}
    writer.record(document)
    qtbot.waitUntil(lambda: journalled(document), timeout=5000)
    assert same(reopened(project), document)


@pytest.mark.parametrize("seed", range(4))
def test_whenever_the_process_dies_a_state_that_was_is_found(
    project, writer, document, qtbot, tmp_path, monkeypatch, seed
):
    """The folder is copied at every stage of a save, with steps coming in between, and opened as it was."""
    states, copies = {document.version: document.annotation.pixels.copy()}, []
    chance = np.random.default_rng(seed)
    lock = threading.Lock()

    def stop():
        with lock:
            least = document.journalled
            place = tmp_path / f"copy{len(copies)}"
            shutil.copytree(project.folder, place, ignore=shutil.ignore_patterns("*.tmp", "lock"))
            copies.append((place, least))

    def watched(owner, name):
        real = getattr(owner, name)

        def call(*args, **rest):
            stop()
            try:
                return real(*args, **rest)
            finally:
                stop()

        monkeypatch.setattr(owner, name, call)

    watched(journal, "append_frame")
    watched(journal, "keep_last")
    for name in ("_write_annotation", "write_approved", "remove_approved", "drop_journal"):
        watched(Project, name)
    for number in range(12):
        with document.annotation.lock:
            change = document.undo() if chance.random() < 0.2 else paint(document, int(chance.integers(1000)))
            states[document.version] = document.annotation.pixels.copy()
        if change is not None:
            writer.record(document)
        if number % 3 == 2:
            writer.hurry()
        qtbot.wait(int(chance.integers(0, 12)))
    assert writer.flush(30)
    assert len(copies) > 12
    for place, least in copies:
        if not (place / "project.json").exists():
            continue
        found = reopened(project, folder=place)
        versions = [version for version, state in states.items() if np.array_equal(state, found)]
        assert versions, f"{place.name} holds a state that never was"
        assert versions[-1] >= least, f"{place.name} lacks what was journalled"


def test_a_failed_save_is_said_once_kept_and_mended(project, writer, document, failures, qtbot, monkeypatch):
    monkeypatch.setattr(module, "RETRY_DELAY", 0.05)
    tries, again = [], []
    writer.recovered.connect(lambda: again.append(True))
    number = errno.ENOSPC

    def fail(*_args, **_rest):
        tries.append(number)
        raise OSError(number, "no", f".{len(tries)}.tmp")

    with monkeypatch.context() as patch:
        patch.setattr("unet_studio.core.project.write_index_png", fail)
        step(writer, document)
        other = load_document(project, "1.png")
        step(writer, other)
        writer.hurry()
        qtbot.waitUntil(lambda: len(tries) > 6, timeout=10_000)
        assert [message for _, message in failures] == ["The disk is full."]
        assert writer.dirty() == set(writer.problems()) == {"0.png", "1.png"}
        assert writer.unsafe() == set()  # the journals have it
        assert same(reopened(project), document)
        number = errno.EACCES
        qtbot.waitUntil(lambda: len(failures) == 2, timeout=10_000)
        assert "can't be written to" in failures[1][1]
        assert not again
    qtbot.waitUntil(lambda: bool(again), timeout=10_000)
    assert writer.flush(10)
    assert len(again) == 1
    assert not writer.problems()
    assert same(reopened(project), document)


def test_flush_gives_up_as_soon_as_all_that_is_left_has_failed(writer, document, qtbot, monkeypatch):
    def never(*_):
        raise OSError("no disk")

    monkeypatch.setattr(module, "save_snapshot", never)
    step(writer, document)
    assert not writer.flush(60)
    assert writer.dirty() == {"0.png"}


def test_steps_that_no_journal_took_are_journalled_when_it_can(
    project, writer, document, failures, qtbot, monkeypatch
):
    monkeypatch.setattr(journals, "RETRY_DELAY", 0.05)
    monkeypatch.setattr(module, "SAVE_DELAY", 60)
    again = []
    writer.recovered.connect(lambda: again.append(True))
    with monkeypatch.context() as patch:
        patch.setattr(journal, "append_frame", raising(OSError(errno.EROFS, "no")))
        for seed in range(4):
            step(writer, document, seed)
        qtbot.waitUntil(lambda: writer.unsafe() == {"0.png"}, timeout=5000)
        qtbot.wait(200)
        assert len(failures) == 1
        assert not journalled(document)
    qtbot.waitUntil(lambda: journalled(document) and bool(again), timeout=5000)
    assert entries(project) == 1
    assert same(reopened(project), document)
    assert writer.unsafe() == set()


def raising(error):
    def call(*_args, **_rest):
        raise error

    return call


def test_a_journal_that_can_not_be_written_keeps_no_save_from_working(
    project, writer, document, failures, qtbot, monkeypatch
):
    monkeypatch.setattr(journal, "append_frame", raising(OSError(errno.EROFS, "no")))
    step(writer, document)
    assert writer.flush(10)
    assert same(reopened(project), document)
    assert writer.unsafe() == set()
    qtbot.waitUntil(lambda: len(failures) == 1, timeout=5000)


def test_a_journal_that_was_deleted_is_written_anew_with_all_that_is_unsaved(
    project, writer, document, qtbot, monkeypatch
):
    monkeypatch.setattr(module, "SAVE_DELAY", 60)
    step(writer, document, 1)
    qtbot.waitUntil(lambda: journalled(document), timeout=5000)
    project.journal_path("0.png").unlink()
    step(writer, document, 5)
    qtbot.waitUntil(lambda: journalled(document), timeout=5000)
    assert same(reopened(project), document)


def test_steps_that_come_fast_share_entries(project, writer, document, qtbot, monkeypatch):
    monkeypatch.setattr(module, "SAVE_DELAY", 60)
    writer._journals._files.acquire()
    try:
        for seed in range(300):
            step(writer, document, seed)
    finally:
        writer._journals._files.release()
    qtbot.waitUntil(lambda: journalled(document), timeout=10_000)
    assert entries(project) <= 3
    assert same(reopened(project), document)


def test_painting_on_and_on_is_saved_now_and_then(project, writer, document, qtbot, monkeypatch):
    monkeypatch.setattr(module, "SAVE_DELAY", 5)
    monkeypatch.setattr(module, "LONGEST_DELAY", 0.3)
    steps = iter(range(10_000))

    def saved():
        step(writer, document, next(steps))
        return project.annotation_path("0.png").exists()

    qtbot.waitUntil(saved, timeout=20_000)


def test_a_large_journal_is_saved_at_once(project, writer, document, qtbot, monkeypatch):
    monkeypatch.setattr(module, "SAVE_DELAY", 60)
    monkeypatch.setattr(module, "LARGEST_JOURNAL", 100)
    step(writer, document, 1)
    qtbot.waitUntil(lambda: journalled(document), timeout=5000)
    step(writer, document, 2)
    with qtbot.waitSignal(writer.saved, timeout=10_000):
        pass


def test_the_folder_may_vanish_and_come_back(project, writer, document, failures, qtbot, monkeypatch):
    monkeypatch.setattr(module, "RETRY_DELAY", 0.05)
    step(writer, document, 1)
    assert writer.flush(10)
    away = project.image_root.with_name("away")
    project.image_root.rename(away)
    project.image_root.write_text("in the way")  # so that it can't be made anew
    step(writer, document, 2)
    writer.hurry()
    qtbot.waitUntil(lambda: bool(failures), timeout=5000)
    qtbot.wait(200)
    assert len(failures) == 1
    assert "can't be found" in failures[0][1]
    assert writer.dirty() == writer.unsafe() == {"0.png"}
    project.image_root.unlink()
    away.rename(project.image_root)
    qtbot.waitUntil(lambda: not writer.dirty(), timeout=10_000)
    assert same(reopened(project), document)


def test_what_is_evicted_and_read_again_is_journalled_from_its_first_step(project, writer, document, qtbot):
    for seed in range(5):
        step(writer, document, seed)
    assert writer.flush(10)
    again = load_document(project, "0.png")
    step(writer, again, 9)
    qtbot.waitUntil(lambda: journalled(again), timeout=5000)
    assert same(reopened(project), again)
    assert entries(project) == 1
