"""Opening documents: progress, cancelling, reading ahead, and images that do not fit into memory."""

import threading
import time

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import QObject

from tests.helpers import make_folder
from unet_studio.core.image_io import ImageInfo
from unet_studio.core.kept_histories import Histories
from unet_studio.core.project import Project
from unet_studio.jobs import documents
from unet_studio.jobs.documents import AHEAD_BYTES, DocumentLoader, opening_need


class Heard(QObject):
    """What a loader says."""

    def __init__(self, loader):
        super().__init__()
        self.loaded, self.failed, self.progress = [], [], []
        loader.loaded.connect(self.loaded.append)
        loader.failed.connect(lambda name, error: self.failed.append((name, error)))
        loader.progressed.connect(lambda name, fraction: self.progress.append((name, fraction)))


@pytest.fixture
def project(tmp_path):
    made = Project.open(make_folder(tmp_path / "images", count=5))
    yield made
    made.close()


@pytest.fixture
def in_use():
    return set()


@pytest.fixture
def loader(qtbot, project, in_use):
    made = DocumentLoader(project, in_use.__contains__, Histories())
    yield made
    made.stop()


@pytest.fixture
def heard(loader):
    return Heard(loader)


class Gate:
    """Holds the reading of images; each is let through by its name."""

    def __init__(self, monkeypatch):
        self.reading = []
        self._open = {}
        self._load = documents.load_document
        monkeypatch.setattr(documents, "load_document", self.load)

    def event(self, name):
        return self._open.setdefault(name, threading.Event())

    def load(self, project, name, model, progress):
        self.reading.append(name)
        while not self.event(name).wait(0.01):
            progress(0.5)
        return self._load(project, name, model, progress)


@pytest.fixture
def gate(monkeypatch, loader):
    made = Gate(monkeypatch)
    yield made
    for number in range(5):
        made.event(f"{number}.png").set()


def wait_in_thread(loader):
    """Wait until the thread has nothing to do; what it found is not told to the window yet."""
    end = time.monotonic() + 20
    while not loader._thread.idle:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_is_opened_is_kept(qtbot, loader, heard):
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: heard.loaded == ["1.png"], timeout=20_000)
    assert loader.get("1.png").document.name == "1.png"
    loader.drop("1.png")
    assert loader.get("1.png") is None


def test_what_was_read_before_an_image_was_dropped_does_not_come(qtbot, loader, heard, project):
    loader.prefetch(["1.png"], None)
    wait_in_thread(loader)
    Image.fromarray(np.full((96, 128, 3), 7, dtype=np.uint8)).save(project.image_path("1.png"))
    loader.drop("1.png")
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: bool(heard.loaded), timeout=20_000)
    assert (loader.get("1.png").document.image == 7).all()


def test_progress_is_told_of_what_a_person_waits_for(qtbot, loader, heard, gate):
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: bool(heard.progress), timeout=20_000)
    assert heard.progress[0][0] == "1.png"
    assert 0 < heard.progress[0][1] < 1


def test_asking_for_another_image_stops_the_one_that_is_read(qtbot, loader, heard, gate):
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: gate.reading == ["1.png"], timeout=20_000)
    gate.event("2.png").set()
    loader.request("2.png", None)
    qtbot.waitUntil(lambda: heard.loaded == ["2.png"], timeout=20_000)
    assert not heard.failed
    assert loader.get("1.png") is None


def test_asking_for_what_is_read_ahead_waits_for_it_and_reads_it_once(qtbot, loader, heard, gate):
    loader.prefetch(["1.png"], None)
    qtbot.waitUntil(lambda: gate.reading == ["1.png"], timeout=20_000)
    assert not heard.progress
    loader.request("1.png", None)
    gate.event("1.png").set()
    qtbot.waitUntil(lambda: heard.loaded == ["1.png"], timeout=20_000)
    qtbot.wait(100)
    assert gate.reading == ["1.png"]
    assert heard.loaded == ["1.png"]


def test_cancelling_says_nothing_and_reading_again_works(qtbot, loader, heard, gate):
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: gate.reading == ["1.png"], timeout=20_000)
    loader.cancel()
    qtbot.waitUntil(lambda: loader._thread.idle, timeout=20_000)
    assert (heard.loaded, heard.failed) == ([], [])
    gate.event("1.png").set()
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: heard.loaded == ["1.png"], timeout=20_000)


def test_the_same_image_asked_for_again_at_once_after_cancelling_comes(qtbot, loader, heard, gate):
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: gate.reading == ["1.png"], timeout=20_000)
    loader.cancel()
    gate.event("1.png").set()
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: heard.loaded == ["1.png"], timeout=20_000)


def test_an_image_that_does_not_fit_is_refused_with_both_numbers(qtbot, loader, heard, monkeypatch):
    monkeypatch.setattr(documents, "free_memory", lambda: 50_000)
    monkeypatch.setattr(documents, "RELEASE_SECONDS", 0.1)
    loader.request("1.png", None)
    qtbot.waitUntil(lambda: bool(heard.failed), timeout=20_000)
    name, error = heard.failed[0]
    assert name == "1.png"
    assert "needs 0 MB of memory" in error.message
    assert "0 MB are free" in error.message
    assert "smaller images" in error.remedy


def test_documents_that_nobody_uses_make_room_and_the_one_on_screen_stays(
    qtbot, loader, heard, in_use, monkeypatch
):
    for name in ("0.png", "1.png", "2.png"):
        loader.request(name, None)
        qtbot.waitUntil(lambda name=name: name in heard.loaded, timeout=20_000)
    in_use.add("1.png")
    monkeypatch.setattr(documents, "free_memory", lambda: 0 if loader.get("0.png") else 10**9)
    loader.request("3.png", None)
    qtbot.waitUntil(lambda: "3.png" in heard.loaded, timeout=20_000)
    assert loader.get("0.png") is None
    assert loader.get("1.png") is not None


@pytest.mark.parametrize("free", [100_000, 10**12])
def test_large_images_are_not_read_ahead(qtbot, loader, heard, monkeypatch, free):
    monkeypatch.setattr(documents, "free_memory", lambda: free)
    if free > 10**9:
        monkeypatch.setattr(documents, "AHEAD_BYTES", 1000)
    loader.prefetch(["1.png", "2.png"], None)
    qtbot.wait(200)
    qtbot.waitUntil(lambda: loader._thread.idle, timeout=20_000)
    assert (heard.loaded, heard.failed) == ([], [])


def test_the_cache_is_bounded_and_keeps_what_is_in_use(qtbot, loader, heard, in_use, monkeypatch):
    monkeypatch.setattr(documents, "CACHE_BYTES", 1)
    in_use.add("0.png")
    for name in ("0.png", "1.png", "2.png", "3.png"):
        loader.request(name, None)
        qtbot.waitUntil(lambda name=name: name in heard.loaded, timeout=20_000)
    assert [name for name in ("0.png", "1.png", "2.png", "3.png") if loader.get(name)] == ["0.png", "3.png"]


def test_the_need_counts_image_pyramid_layers_and_working_memory():
    side = 16384
    pixels = side * side
    need = opening_need(ImageInfo(side, side, 3, "uint8"))
    assert need > 3 * pixels * 13 / 12 + 3 * pixels
    assert opening_need(ImageInfo(side, side, 3, "uint8", working=20)) >= 23 * pixels
    assert opening_need(ImageInfo(1600, 1200, 3, "uint8", working=10)) < AHEAD_BYTES


def test_an_image_of_more_than_32767_px_a_side_opens(qtbot, loader, heard, project):
    long = np.zeros((3, 40_000), dtype=np.uint8)
    long[1, 39_990] = 200
    Image.fromarray(long).save(project.image_root / "long.png")
    loader.request("long.png", None)
    qtbot.waitUntil(lambda: heard.loaded == ["long.png"], timeout=20_000)
    assert loader.get("long.png").document.image[1, 39_990] == 200
