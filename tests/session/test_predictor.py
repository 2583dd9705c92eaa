"""Predictions in the session: shown at once where they are known, ahead of who browses, old ones dimmed."""

import os
from dataclasses import replace

import numpy as np
import pytest

from tests.helpers import make_folder, make_model
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.prediction_files import read_made
from unet_studio.core.prediction_wish import PredictionWish
from unet_studio.core.project import Status
from unet_studio.session import Session, predictor


@pytest.fixture
def session(tmp_path, qtbot):
    """Seven images and two small models; nothing is predicted unasked."""
    folder = make_folder(tmp_path / "images", 7, (40, 48))
    for seed, name in enumerate(("one", "two")):
        make_model(folder / "unet-studio" / "models" / name, seed=seed)
    opened = Session()
    opened.predictor.auto = False
    opened.open_folder(folder)
    shown(qtbot, opened, "0.png")
    yield opened
    opened.shut_down()


def shown(qtbot, session, name):
    if session.current != name:
        session.open_image(name)
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == name, timeout=20_000)


def predict(qtbot, session, model):
    """Let a model predict the image on screen."""
    session.predictor.set_model(model)
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        session.predictor.predict_current()


def idle(qtbot, session):
    qtbot.waitUntil(
        lambda: session.predictor._tasks.idle and not session.predictor._queue.active, timeout=60_000
    )
    qtbot.wait(20)


def stored(session, model):
    home = session.project.folder / "predictions" / model
    return sorted(path.name.removesuffix(".png") for path in home.glob("*.png"))


def refuse(*_):
    raise AssertionError("nothing is to be predicted")


def test_going_back_to_a_model_shows_its_prediction_at_once(session, qtbot):
    predict(qtbot, session, "one")
    first = session.document.prediction
    predict(qtbot, session, "two")
    assert session.document.prediction.model == "two"
    session.predictor.set_model("one")
    assert session.document.prediction is first


def test_what_is_stored_is_read_and_not_predicted_again(session, qtbot, monkeypatch):
    predict(qtbot, session, "one")
    labels = session.document.prediction.labels
    predict(qtbot, session, "two")
    monkeypatch.setattr(session.predictor._queue._worker, "_load", refuse)
    session.predictor._shelf.clear()
    session.predictor.auto = True
    with qtbot.waitSignal(session.predictor.predicted, timeout=20_000):
        session.predictor.set_model("one")
    assert np.array_equal(session.document.prediction.labels, labels)
    assert not session.predictor.report.failures


@pytest.mark.parametrize(("start", "step", "expected"), [("2.png", 1, "345"), ("5.png", -1, "432")])
def test_the_next_images_are_predicted_in_the_direction_a_person_goes(session, qtbot, start, step, expected):
    shown(qtbot, session, f"{int(start[0]) - step}.png")
    session.predictor.ahead = 3
    session.predictor.set_model("one")
    shown(qtbot, session, start)
    session.predictor.set_auto(True)
    wanted = sorted([start, *(f"{number}.png" for number in expected)])
    qtbot.waitUntil(lambda: stored(session, "one") == wanted, timeout=60_000)
    idle(qtbot, session)
    assert stored(session, "one") == wanted
    assert session.document.prediction.model == "one"


def test_an_old_prediction_stays_and_is_told_from_a_new_one(session, qtbot):
    told = []
    session.predictor.staleChanged.connect(lambda: told.append(session.predictor.stale))
    predict(qtbot, session, "one")
    assert not session.predictor.stale
    session.predictor.set_model("two")
    assert session.document.prediction.model == "one"
    assert (session.predictor.stale, session.predictor.stale_because) == (True, "by one")
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        session.predictor.set_auto(True)
    assert (session.predictor.stale, session.predictor.stale_because) == (False, "")
    assert told == [True, False]


def test_an_image_opened_anew_shows_what_another_model_said_until_it_is_predicted(session, qtbot):
    predict(qtbot, session, "one")
    name = session.current
    folder = session.project.image_root
    session.predictor.set_model("two")
    session.open_folder(folder)
    shown(qtbot, session, name)
    assert session.predictor.model_name == "two"
    assert session.document.prediction.model == "one"
    assert session.predictor.stale_because == "by one"
    session.editor.approve()
    assert not session.document.approved
    session.predictor.set_model(None)
    session.open_folder(folder)
    shown(qtbot, session, name)
    assert session.document.prediction is None


def test_one_made_less_carefully_than_wished_is_old_too(session, qtbot):
    predict(qtbot, session, "one")
    assert session.document.prediction.made["mode"] == "fast"
    session.predictor.set_wish(PredictionWish("exact"))
    assert session.predictor.stale_because == "in fast mode"
    refused = []
    session.failed.connect(lambda message, _: refused.append(message))
    session.editor.approve()
    assert "fast mode" in refused[0]
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        session.predictor.predict_current()
    assert not session.predictor.stale
    session.predictor.set_wish(PredictionWish("exact", tta=True))
    assert session.predictor.stale_because == "without flips"
    session.predictor.set_wish(PredictionWish("fast"))
    assert not session.predictor.stale  # an exact one is good enough


def test_a_folder_is_predicted_where_something_is_missing_and_the_report_names_what_failed(session, qtbot):
    messages, failed = [], []
    session.message.connect(messages.append)
    session.failed.connect(lambda *words: failed.append(words))
    predict(qtbot, session, "one")
    before = session.project.prediction_path("one", "0.png").stat().st_mtime_ns
    session.project.image_path("3.png").write_bytes(b"no picture")
    session.predictor.predict_all()
    qtbot.waitUntil(lambda: any("predicted" in message for message in messages), timeout=60_000)
    assert stored(session, "one") == [f"{number}.png" for number in (0, 1, 2, 4, 5, 6)]
    assert list(session.predictor.report.failures) == ["3.png"]
    assert session.predictor.report.done == 5
    assert messages[-1] == "5 images predicted; 1 failed, see the Model panel."
    assert not failed  # nothing comes in the way of who works
    assert session.project.prediction_path("one", "0.png").stat().st_mtime_ns == before


def test_another_wish_is_missing_where_it_is_not_met(session, qtbot):
    predict(qtbot, session, "one")
    session.predictor.set_wish(PredictionWish("exact"))
    session.predictor.predict_all()
    qtbot.waitUntil(lambda: len(stored(session, "one")) == 7, timeout=60_000)
    idle(qtbot, session)
    made = [read_made(session.project.prediction_path("one", name))[1] for name in session.images]
    assert {found["mode"] for found in made} == {"exact"}


def test_all_again_leaves_alone_what_somebody_works_on(session, qtbot):
    session.predictor.set_model("one")
    session.predictor.predict_all()
    qtbot.waitUntil(lambda: len(stored(session, "one")) == 7, timeout=60_000)
    idle(qtbot, session)
    session.project.mark("2.png", Status.PAINTED)
    times = {name: session.project.prediction_path("one", name).stat().st_mtime_ns for name in session.images}
    messages = []
    session.message.connect(messages.append)
    session.predictor.predict_these(["1.png", "2.png", "4.png"])
    qtbot.waitUntil(lambda: "2 images predicted." in messages, timeout=60_000)
    now = {name: session.project.prediction_path("one", name).stat().st_mtime_ns for name in session.images}
    assert {name for name in now if now[name] != times[name]} == {"1.png", "4.png"}
    assert messages[0].startswith("1 image keeps its prediction")


def test_a_failing_image_is_not_tried_again_unasked(session, qtbot, monkeypatch):
    tried = []

    def fail(request):
        tried.append(request.name)
        raise MemoryError

    monkeypatch.setattr(session.predictor._queue._worker, "_load", fail)
    session.predictor.ahead = 0
    session.predictor.set_model("one")
    session.predictor.set_auto(True)
    qtbot.waitUntil(lambda: tried == ["0.png"], timeout=20_000)
    qtbot.waitUntil(lambda: bool(session.predictor.report.failures))
    session.predictor.as_needed()
    qtbot.wait(200)
    assert tried == ["0.png"]
    session.predictor.predict_current()
    qtbot.waitUntil(lambda: tried == ["0.png", "0.png"], timeout=20_000)


def test_predictions_of_models_not_in_use_go_when_the_disk_holds_more_than_wished(
    session, qtbot, monkeypatch
):
    monkeypatch.setattr(predictor, "GIGABYTE", 1)
    predict(qtbot, session, "one")
    shown(qtbot, session, "1.png")
    predict(qtbot, session, "one")
    session.read_again("0.png")  # no document of it is in memory any more
    session.predictor.set_model("two")
    session.predictor.predict_all()
    qtbot.waitUntil(lambda: len(stored(session, "two")) == 7, timeout=60_000)
    qtbot.waitUntil(lambda: "0.png" not in stored(session, "one"), timeout=20_000)
    idle(qtbot, session)
    assert stored(session, "one") == ["1.png"]  # it is on screen
    assert len(stored(session, "two")) == 7


def test_a_fallback_is_said_once(session, qtbot):
    messages = []
    session.message.connect(messages.append)
    predict(qtbot, session, "one")
    found = session.document.prediction
    noted = type(found)(
        found.labels, found.confidence, "one", {**found.made, "notes": ["out of memory: tile 256"]}
    )
    request = session.predictor._request("0.png", predictor.CURRENT)
    for _ in range(3):
        session.predictor._answered(request, noted)
    assert messages.count("Out of memory: tile 256.") == 1
    assert session.predictor.report.notes == ["out of memory: tile 256"]


def test_another_image_with_the_same_name_takes_nothing_from_the_shelf(session, qtbot):
    predict(qtbot, session, "one")
    session.document.facts[IMAGE_HASH] = "another picture"
    session.document.prediction = None
    session.predictor.as_needed()
    qtbot.wait(200)
    assert session.document.prediction is None


def test_an_answer_that_was_under_way_while_a_class_was_deleted_holds_it_no_longer(session, qtbot):
    answers = []
    session.predictor._queue.predicted.connect(lambda *answer: answers.append(answer))
    predict(qtbot, session, "one")
    ((request, prediction),) = answers
    with qtbot.waitSignal(session.classesChanged, timeout=20_000):
        session.class_editor.delete(1, 0)
    shown(qtbot, session, "0.png")
    late = replace(prediction, labels=np.ones_like(prediction.labels))
    session.predictor._queue.predicted.emit(request, late)
    assert session.document.prediction.made == late.made
    assert not session.document.prediction.labels.any()
    assert not session.predictor._shelf.get("one", "0.png").labels.any()


def test_what_a_lost_model_leaves_is_all_in_the_report_and_can_be_tried_again(session, qtbot):
    session.predictor.set_model("one")
    (session.project.models_folder / "one" / "model.safetensors").write_bytes(b"nothing")
    session.predictor.predict_all()
    qtbot.waitUntil(lambda: len(session.predictor.report.failures) == 7, timeout=60_000)
    idle(qtbot, session)
    session.predictor.set_model("two")
    assert not session.predictor.report.failures  # another model, another report


def test_an_image_that_was_replaced_since_is_predicted_again_in_a_batch(session, qtbot):
    predict(qtbot, session, "one")
    session.predictor.predict_all()
    idle(qtbot, session)
    before = stored(session, "one")
    path = session.project.image_path("3.png")
    made = session.project.prediction_path("one", "3.png").stat().st_mtime
    path.write_bytes(session.project.image_path("4.png").read_bytes())
    os.utime(path, (made + 5, made + 5))
    done = []
    session.predictor.stored.connect(done.append)
    session.predictor.predict_all()
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)
    idle(qtbot, session)
    assert done == ["3.png"]
    assert stored(session, "one") == before


def test_a_folder_that_can_not_be_written_to_is_not_predicted_in_vain(session, qtbot, monkeypatch):
    session.predictor.set_model("one")
    monkeypatch.setattr(session.project, "read_only", "It is write-protected.")
    said = []
    session.failed.connect(lambda message, remedy: said.append(message + remedy))
    session.predictor.predict_all()
    assert "can't be stored" in said[0]
    assert "unet-studio predict" in said[0]
    assert session.predictor._tasks.idle
