"""The prediction queue: order, cancel points, pre-emption, generations, and failures."""

import errno
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import list_models
from unet_studio.core.prediction import Prediction
from unet_studio.core.prediction_files import read_made
from unet_studio.core.prediction_wish import PredictionWish
from unet_studio.core.project import Project, Status
from unet_studio.jobs import prediction_worker
from unet_studio.jobs.prediction import BATCH, CURRENT, NEIGHBOUR, PredictionQueue, Request

LUT = np.arange(256, dtype=np.uint8)


class SlowModel:
    """Predicts in a hundred tiles; the test holds it at a tile until it says go."""

    def __init__(self):
        self.go = threading.Event()
        self.started: list[int] = []
        self.tiles = 0

    def prepare(self, image):
        return image

    def predict(self, image, progress, settings):
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


def test_going_on_drops_what_was_wanted_while_browsing_and_nothing_else(project, queue, slow, qtbot):
    done = []
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    queue.browse(request(project, 0, CURRENT, browsing=True), request(project, 1, NEIGHBOUR, browsing=True))
    queue.submit(request(project, 4))
    qtbot.waitUntil(lambda: slow.started == [0])
    assert queue.total == 3
    before = slow.tiles
    queue.browse(request(project, 2, CURRENT, browsing=True), request(project, 3, NEIGHBOUR, browsing=True))
    slow.go.set()
    qtbot.waitUntil(lambda: len(done) == 3, timeout=20_000)
    assert done == ["2.png", "3.png", "4.png"]
    assert slow.started == [0, 2, 3, 4]
    assert slow.tiles - before <= 1 + 3 * 100
    qtbot.waitUntil(lambda: not queue.active)


def test_what_is_still_wanted_goes_on_where_it_is(project, queue, slow, qtbot):
    queue.browse(request(project, 0, CURRENT, browsing=True), request(project, 1, NEIGHBOUR, browsing=True))
    qtbot.waitUntil(lambda: slow.started == [0])
    queue.browse(keep="0.png")
    queue.browse(request(project, 0, CURRENT, browsing=True))
    slow.go.set()
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert slow.started == [0]


def test_what_a_person_asked_for_is_not_dropped_by_going_on(project, queue, slow, qtbot):
    done = []
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    queue.browse(request(project, 0, CURRENT, browsing=True), request(project, 1, NEIGHBOUR, browsing=True))
    qtbot.waitUntil(lambda: slow.started == [0])
    queue.submit(request(project, 0), request(project, 1))
    queue.browse()
    slow.go.set()
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert sorted(done) == ["0.png", "1.png"]


def test_nobody_browses_into_what_is_stored_already(project, queue, qtbot):
    found = []
    queue.predicted.connect(lambda asked, _: found.append(asked.name))
    labels = np.zeros((96, 128), np.uint8)
    for number, mode in ((0, "exact"), (1, "fast")):
        project.write_prediction(f"{number}.png", Prediction(labels, labels, "small", {"mode": mode}))
    entry = list_models(project.models_folder)[0]
    exact = PredictionWish("exact")
    asked = [
        Request(project, f"{number}.png", entry, LUT, priority=NEIGHBOUR, wish=exact, browsing=True)
        for number in range(2)
    ]
    queue.browse(*asked)
    qtbot.waitUntil(lambda: not queue.active, timeout=60_000)
    assert found == ["1.png"]
    assert read_made(project.prediction_path("small", "1.png"))[1]["mode"] == "exact"


def test_a_neighbour_that_needs_much_memory_waits_until_somebody_opens_it(
    project, queue, slow, qtbot, monkeypatch
):
    monkeypatch.setattr(prediction_worker, "AHEAD_BYTES", 1)
    slow.go.set()
    entry = list_models(project.models_folder)[0]
    queue.browse(Request(project, "0.png", entry, LUT, priority=NEIGHBOUR, browsing=True))
    queue.submit(Request(project, "1.png", entry, LUT))
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert len(slow.started) == 1


def test_an_image_that_does_not_fit_the_memory_is_named_and_the_rest_goes_on(
    project, queue, slow, qtbot, monkeypatch
):
    slow.go.set()
    free = iter([0])
    monkeypatch.setattr(prediction_worker, "free_memory", lambda: next(free, 1 << 40))
    failed, done = [], []
    queue.failed.connect(lambda asked, error: failed.append((asked.name, error.message)))
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    entry = list_models(project.models_folder)[0]
    queue.submit(*(Request(project, f"{number}.png", entry, LUT) for number in range(2)))
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert [name for name, _ in failed] == ["0.png"]
    assert "memory" in failed[0][1]
    assert done == ["1.png"]


def test_a_model_that_can_not_be_loaded_is_said_once_of_all_that_waited_for_it(project, queue, qtbot):
    entry = list_models(project.models_folder)[0]
    (entry.folder / "model.safetensors").write_bytes(b"nothing")
    failed = []
    queue.lost.connect(lambda asked, error: failed.append([one.name for one in asked]))
    queue.submit(*(Request(project, f"{number}.png", entry, LUT) for number in range(5)))
    qtbot.waitUntil(lambda: bool(failed) and not queue.active, timeout=60_000)
    assert failed == [[f"{number}.png" for number in range(5)]]


def test_a_model_that_is_gone_is_said_of_what_was_asked_for_not_of_an_image_ahead(project, queue, qtbot):
    entry = list_models(project.models_folder)[0]
    shutil.rmtree(entry.folder)
    failed = []
    queue.lost.connect(lambda asked, error: failed.append(([one.name for one in asked], error.message)))
    ahead = Request(project, "0.png", entry, LUT, priority=NEIGHBOUR, browsing=True)
    queue.submit(ahead, *(Request(project, f"{number}.png", entry, LUT) for number in range(1, 5)))
    qtbot.waitUntil(lambda: bool(failed) and not queue.active, timeout=60_000)
    asked = [f"{number}.png" for number in range(1, 5)]
    assert failed == [(asked, f"The model small is gone: there is no {entry.folder}.")]


def test_a_device_that_is_not_there_ends_nothing_that_runs_on_another(project, queue, qtbot):
    entry = list_models(project.models_folder)[0]
    failed, done = [], []
    queue.lost.connect(lambda asked, error: failed.extend(one.name for one in asked))
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    elsewhere = Request(project, "0.png", entry, LUT, priority=CURRENT, wish=PredictionWish(device="cuda:7"))
    queue.submit(elsewhere, *(Request(project, f"{number}.png", entry, LUT) for number in (1, 2)))
    qtbot.waitUntil(lambda: len(failed) + len(done) == 3, timeout=60_000)
    assert (failed, done) == (["0.png"], ["1.png", "2.png"])


def test_a_device_that_is_not_there_is_said(project, queue, qtbot):
    entry = list_models(project.models_folder)[0]
    failed = []
    queue.lost.connect(lambda asked, error: failed.append(error.message))
    queue.submit(Request(project, "0.png", entry, LUT, wish=PredictionWish(device="cuda:7")))
    qtbot.waitUntil(lambda: bool(failed), timeout=60_000)
    assert "cuda:7 is not there" in failed[0]
    assert queue.devices[-1][0] == "cpu"


def test_a_full_disk_is_made_room_on_once_then_said_and_the_answer_is_shown(
    project, queue, slow, qtbot, monkeypatch
):
    slow.go.set()
    asked_for, written, unstored, found = [], [], [], []

    def full(name, prediction):
        written.append(name)
        if len(written) != 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(project, "write_prediction", full)
    queue.set_up(lambda: 0, lambda _project, need: asked_for.append(need) or 1, lambda _name: False)
    queue.unstored.connect(lambda asked, error: unstored.append((asked.name, error.message)))
    queue.predicted.connect(lambda asked, _: found.append((asked.name, asked.store)))
    queue.submit(request(project, 0), request(project, 1))
    qtbot.waitUntil(lambda: len(found) == 2, timeout=20_000)
    assert found == [("0.png", True), ("1.png", False)]
    assert written == ["0.png", "0.png", "1.png", "1.png"]
    assert asked_for == [2 * 64, 2 * 64]
    assert unstored[0][0] == "1.png"
    assert "No space" in unstored[0][1]


def test_what_is_stored_under_painted_pixels_is_replaced_only_when_asked_for(project, queue, slow, qtbot):
    slow.go.set()
    before = np.ones((8, 8), np.uint8)
    project.write_prediction("0.png", Prediction(before, before, "small", {}))
    project.mark("0.png", Status.PAINTED)
    queue.submit(request(project, 0))
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert project.read_prediction("small", "0.png").labels.all()
    queue.submit(request(project, 0, replace=True))
    qtbot.waitUntil(lambda: not project.read_prediction("small", "0.png").labels.any(), timeout=20_000)


def test_what_somebody_has_begun_to_correct_is_not_replaced_before_it_is_saved(project, queue, slow, qtbot):
    slow.go.set()
    queue.set_up(lambda: 0, lambda _project, _need: 0, lambda name: name == "0.png")
    labels = np.ones((8, 8), np.uint8)
    for number in (0, 1):
        project.write_prediction(f"{number}.png", Prediction(labels, labels, "small", {"mode": "fast"}))
    queue.submit(request(project, 0), request(project, 1), request(project, 0, CURRENT, replace=True))
    queue.submit(request(project, 1))
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert project.read_prediction("small", "1.png").labels.max() == 0
    assert project.read_prediction("small", "0.png").labels.max() == 0  # somebody asked for it
    project.write_prediction("0.png", Prediction(labels, labels, "small", {"mode": "fast"}))
    queue.submit(request(project, 0))
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert project.read_prediction("small", "0.png").labels.max() == 1


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


def test_images_that_come_next_are_read_while_one_is_predicted(project, queue, slow, qtbot, monkeypatch):
    read = []
    real = prediction_worker.read_image
    monkeypatch.setattr(prediction_worker, "read_image", lambda path: read.append(path.name) or real(path))
    done = []
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    entry = list_models(project.models_folder)[0]
    queue.submit(*(Request(project, f"{number}.png", entry, LUT) for number in range(5)))
    qtbot.waitUntil(lambda: len(slow.started) == 1 and len(read) == 4, timeout=20_000)
    qtbot.wait(50)
    assert sorted(read) == ["0.png", "1.png", "2.png", "3.png"]  # three ahead, and no more
    slow.go.set()
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert done == [f"{number}.png" for number in range(5)]
    assert sorted(read) == done  # each once


def test_an_image_that_can_not_be_read_ahead_fails_at_its_turn(project, queue, slow, qtbot):
    project.image_path("1.png").write_bytes(b"nothing")
    failed, done = [], []
    queue.failed.connect(lambda asked, error: failed.append(asked.name))
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    entry = list_models(project.models_folder)[0]
    slow.go.set()
    queue.submit(*(Request(project, f"{number}.png", entry, LUT) for number in range(4)))
    qtbot.waitUntil(lambda: not queue.active, timeout=20_000)
    assert failed == ["1.png"]
    assert done == ["0.png", "2.png", "3.png"]


def test_what_is_cancelled_while_it_is_stored_is_not_announced(project, queue, slow, qtbot, monkeypatch):
    storing, go = threading.Event(), threading.Event()
    real = Project.write_prediction

    def slowly(self, name, prediction):
        storing.set()
        go.wait(10)
        real(self, name, prediction)

    monkeypatch.setattr(Project, "write_prediction", slowly)
    slow.go.set()
    done = []
    queue.predicted.connect(lambda asked, _: done.append(asked.name))
    queue.submit(request(project, 0), request(project, 1))
    qtbot.waitUntil(storing.is_set, timeout=20_000)
    qtbot.waitUntil(lambda: len(slow.started) == 2, timeout=20_000)  # the network went on meanwhile
    queue.cancel()
    go.set()
    qtbot.waitUntil(lambda: queue._worker.storing is None and queue._worker.current is None, timeout=20_000)
    qtbot.wait(50)
    assert done == ["0.png"]  # it was on disk already when it was announced; the next one is not stored
    assert not project.prediction_path("small", "1.png").exists()
