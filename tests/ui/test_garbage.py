"""Reference cycles are collected in the window's thread, and only there."""

import gc
import threading

import pytest
from PySide6.QtCore import QObject

from unet_studio.ui import garbage
from unet_studio.ui.garbage import Garbage


class Link:
    """One of two that hold each other."""

    def __init__(self, ended):
        self.other = None
        self._ended = ended

    def __del__(self):
        self._ended.append(threading.current_thread())


def leave_cycle(ended):
    first, second = Link(ended), Link(ended)
    first.other, second.other = second, first


@pytest.fixture
def collector(qtbot):
    parent = QObject()
    made = Garbage(parent)
    yield made
    made.stop()


def test_cycles_that_another_thread_left_end_in_the_windows_thread(collector, qtbot):
    ended = []
    gc.collect()  # what came before counts for nothing

    def work():
        leave_cycle(ended)
        kept = [[] for _ in range(garbage.ENOUGH * 2)]  # Python would collect here by itself
        del kept[:]

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == []
    kept = []
    while gc.get_count()[0] < garbage.ENOUGH:
        kept.append([])
    assert collector._timer.isActive()
    collector.collect()
    assert ended == [threading.main_thread()] * 2
    assert kept


def test_a_library_that_was_imported_is_not_looked_at(collector):
    gc.collect()
    kept = [[] for _ in range(garbage.LIBRARY + 1000)]
    before = gc.get_freeze_count()
    collector.collect()
    assert gc.get_freeze_count() - before >= len(kept)


def test_it_leaves_collecting_as_it_found_it(qtbot):
    was = gc.isenabled()
    try:
        for by_itself in (True, False):
            (gc.enable if by_itself else gc.disable)()
            parent = QObject()
            made = Garbage(parent)
            assert not gc.isenabled()
            made.stop()
            assert gc.isenabled() is by_itself
    finally:
        (gc.enable if was else gc.disable)()
