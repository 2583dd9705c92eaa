"""The prediction queue: order, cancel points, pre-emption, generations, and failures."""

import threading
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import list_models
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.jobs.prediction import BATCH, CURRENT, NEIGHBOUR, PredictionQueue, Request

LUT = np.arange(256, dtype=np.uint8)


class SlowModel:
    """Predicts in a hundred tiles; the test holds it at a tile until it says go."""

    def __init__(self):
        self.go = threading.Event()
        self.started: list[int] = []
        self.tiles = 0

    def predict(self, image, progress):
        self.started.append(int(image[0, 0, 0]))
        for tile in range(100):
            self.go.wait(10)
            self.tiles += 1
            progress(tile / 100)
        labels = np.zeros(image.shape[:2], np.uint8)
        return Prediction(labels, labels, "", {"mode": "exact"})


@pytest.fixture
def project(tmp_path):
    folder = make_folder(tmp_path / "images", 5)
    make_model(folder / "unet-studio/models/small")
    opened = Project.open(folder)
    yield opened
    opened.close()


@pytest.fixture
def queue(qtbot):
    made = PredictionQueue()
    yield made
    made.stop()


@pytest.fixture
def slow(queue, monkeypatch):
    model = SlowModel()
    monkeypatch.setattr(queue._worker, "_load", lambda entry: model)
    yield model
    model.go.set()


def request(project, number, priority=BATCH, **fields):
    entry = list_models(project.models_folder)[0]
    image = np.full((8, 8, 3), number, np.uint8)
    return Request(project, f"{number}.png", entry, LUT, image, "hash", priority, **fields)


def test_the_most_urgent_goes_first_then_the_order_asked(project, queue, slow, qtbot):
    done = []
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    queue.submit(request(project, 0))
    qtbot.waitUntil(lambda: slow.started == [0])
    queue.submit(request(project, 1), request(project, 2), request(project, 3, NEIGHBOUR))
    queue.submit(request(project, 4, CURRENT))
    slow.go.set()
    qtbot.waitUntil(lambda: len(done) == 5, timeout=20_000)
    assert done == ["4.png", "3.png", "0.png", "1.png", "2.png"]
    assert slow.started == [0, 4, 3, 0, 1, 2]
    qtbot.waitUntil(lambda: not queue.active)


def test_cancel_takes_effect_within_one_tile(project, queue, slow, qtbot):
    done = []
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    queue.submit(request(project, 0), request(project, 1))
    qtbot.waitUntil(lambda: slow.started == [0])
    before = slow.tiles
    queue.cancel()
    slow.go.set()
    qtbot.waitUntil(lambda: queue._worker.current is None, timeout=20_000)
    qtbot.wait(50)
    assert slow.tiles - before <= 1
    assert slow.started == [0]
    assert done == []
    assert not queue.active


def test_the_same_work_twice_is_done_once(project, queue, slow, qtbot):
    done = []
    queue.predicted.connect(lambda asked, _: done.append((asked.name, asked.priority)))
    queue.submit(request(project, 0))
    qtbot.waitUntil(lambda: slow.started == [0])
    queue.submit(request(project, 1), request(project, 2), request(project, 2, CURRENT))
    slow.go.set()
    qtbot.waitUntil(lambda: len(done) == 3, timeout=20_000)
    assert done[0] == ("2.png", CURRENT)
    assert sorted(name for name, _ in done) == ["0.png", "1.png", "2.png"]


def test_a_failure_names_the_image_and_the_rest_goes_on(project, queue, qtbot):
    Path(project.image_path("1.png")).write_bytes(b"no picture")
    entry = list_models(project.models_folder)[0]
    failed, done = [], []
    queue.failed.connect(lambda asked, error: failed.append((asked.name, error)))
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    queue.submit(*(Request(project, f"{number}.png", entry, LUT) for number in range(3)))
    qtbot.waitUntil(lambda: len(done) + len(failed) == 3, timeout=60_000)
    assert [name for name, _ in failed] == ["1.png"]
    assert isinstance(failed[0][1], StudioError)
    assert done == ["0.png", "2.png"]
    stored = project.read_prediction(entry.name, "2.png")
    assert stored is not None
    assert stored.made["image-hash"]


def test_classes_are_mapped_to_the_projects_and_nothing_is_stored_when_asked_not_to(project, queue, qtbot):
    entry = list_models(project.models_folder)[0]
    lut = np.full(256, 255, np.uint8)
    lut[0], lut[1] = 7, 9
    found = []
    queue.predicted.connect(lambda _, prediction: found.append(prediction))
    queue.submit(Request(project, "0.png", entry, lut, store=False))
    qtbot.waitUntil(lambda: bool(found), timeout=60_000)
    assert set(np.unique(found[0].labels)) <= {7, 9}
    assert not (project.folder / "predictions").exists()
