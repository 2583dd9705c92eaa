"""The task thread: order, replacement, failures as sentences, nothing kept."""

import threading
import weakref

import numpy as np
import pytest

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.jobs.tasks import TaskThread, as_studio_error


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


def test_a_thread_that_waits_keeps_neither_what_it_made_nor_what_it_was_given(thread, qtbot):
    gone = []

    def make(given):
        made = np.zeros(1)
        for array in (given, made):
            weakref.finalize(array, gone.append, "gone")
        return made

    thread.done.connect(lambda _key, _result: None)
    given = np.zeros(1)
    thread.submit("a", lambda given=given: make(given))
    del given
    qtbot.waitUntil(lambda: len(gone) == 2)


def test_every_error_becomes_a_sentence():
    kept = StudioError("a", "b")
    assert as_studio_error(kept) is kept
    assert as_studio_error(MemoryError()).remedy
    assert "log" in as_studio_error(ZeroDivisionError("x")).remedy
