"""The task thread and the writer: order, replacement, journal before save, and work that is never lost."""

import threading

import numpy as np
import pytest

from tests.helpers import make_folder
from unet_studio.core.document_files import load_document
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import TaskThread, as_studio_error
from unet_studio.jobs.writer import Writer


@pytest.fixture
def thread(qtbot):
    made = TaskThread("test")
    yield made
    made.stop()


def test_results_and_failures_come_back_by_key(thread, qtbot):
    done, failed = [], []
    thread.done.connect(lambda key, result: done.append((key, result)))
    thread.failed.connect(lambda key, error: failed.append((key, error)))

    def fail():
        raise OSError("no disk")

    def cancelled():
        raise Cancelled

    thread.submit("a", lambda: 1)
    thread.submit("b", fail)
    thread.submit("c", cancelled)
    thread.submit("d", lambda: 2)
    qtbot.waitUntil(lambda: len(done) == 2 and len(failed) == 1)
    assert done == [("a", 1), ("d", 2)]
    assert "no disk" in failed[0][1].message
    qtbot.waitUntil(lambda: thread.idle)


def test_a_key_submitted_again_replaces_and_old_ones_are_forgotten(qtbot):
    thread = TaskThread("newest", newest_first=True)
    gate, ran = threading.Event(), []
    thread.submit("first", lambda: gate.wait(10))
    qtbot.waitUntil(lambda: not thread._waiting)
    for number in range(10):
        thread.submit(number % 5, lambda number=number: ran.append(number), limit=3)
    gate.set()
    qtbot.waitUntil(lambda: thread.idle)
    thread.stop()
    assert ran == [9, 8, 7]


def test_every_error_becomes_a_sentence():
    kept = StudioError("a", "b")
    assert as_studio_error(kept) is kept
    assert as_studio_error(MemoryError()).remedy
    assert "log" in as_studio_error(ZeroDivisionError("x")).remedy


@pytest.fixture
def project(tmp_path):
    opened = Project.open(make_folder(tmp_path / "images", 2))
    yield opened
    opened.close()


@pytest.fixture
def writer(project, qtbot):
    made = Writer(project)
    yield made
    made.stop()


def paint(document, value=1):
    document.begin("Brush")
    document.annotation.paint(Rect(3, 3, 20, 20), np.ones((17, 17), bool), value)
    return document.commit()


def record(writer, document, _change):
    writer.record(document)


def test_an_edit_is_in_the_journal_at_once_and_saved_later(project, writer, qtbot, monkeypatch):
    monkeypatch.setattr("unet_studio.jobs.writer.SAVE_DELAY", 0.4)
    document = load_document(project, "0.png")
    record(writer, document, paint(document))
    qtbot.waitUntil(lambda: project.journal_path("0.png").exists(), timeout=5000)
    assert not project.annotation_path("0.png").exists()
    assert writer.dirty() == {"0.png"}
    with qtbot.waitSignal(writer.saved, timeout=10_000):
        pass
    assert project.annotation_path("0.png").exists()
    assert not project.journal_path("0.png").exists()
    assert writer.dirty() == set()


def test_a_save_that_an_edit_overtakes_keeps_the_journal(project, writer, qtbot, monkeypatch):
    from unet_studio.jobs import writer as module

    document = load_document(project, "0.png")
    record(writer, document, paint(document))
    qtbot.waitUntil(lambda: project.journal_path("0.png").exists(), timeout=5000)
    real = module.save_snapshot

    def overtaken(project, copy):
        real(project, copy)
        if document.version == copy.version:
            record(writer, document, paint(document, 0))

    monkeypatch.setattr(module, "save_snapshot", overtaken)
    monkeypatch.setattr(module, "SAVE_DELAY", 60)
    writer.hurry()
    qtbot.waitUntil(lambda: project.annotation_path("0.png").exists(), timeout=5000)
    qtbot.wait(100)
    assert project.journal_path("0.png").exists()
    assert writer.dirty() == {"0.png"}
    monkeypatch.setattr(module, "save_snapshot", real)
    assert writer.flush(10)
    assert (project.read_annotation("0.png")[0] == 0).any()
    assert not project.journal_path("0.png").exists()


def test_flush_gives_up_in_time(project, writer, qtbot, monkeypatch):
    def never(*_):
        raise OSError("no disk")

    monkeypatch.setattr("unet_studio.jobs.writer.save_snapshot", never)
    document = load_document(project, "0.png")
    record(writer, document, paint(document))
    assert not writer.flush(0.5)
    assert writer.dirty() == {"0.png"}
