"""The model panel: choose a model, see whether it fits, predict and cancel."""

from dataclasses import replace
from pathlib import PurePath

import pytest
from PySide6.QtCore import Qt

from tests.helpers import make_model
from tests.ui.conftest import paint_all, shown
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.prediction_wish import PredictionWish
from unet_studio.session import Failure, PredictionState, Session
from unet_studio.ui.panels.failure_list import ROWS, FailureList, FailureView
from unet_studio.ui.panels.model import made_details, made_text
from unet_studio.ui.panels.prediction_options import PredictionOptions
from unet_studio.ui.panels.queue import pace_text


@pytest.fixture
def panel(opened, folder):
    models = folder / "unet-studio" / "models"
    make_model(models / "small")
    make_model(models / "cells", ClassTable.binary("cell"), seed=1)
    opened.session.refresh()
    return opened.panels["model"]


def choose(panel, name):
    place = panel.choice.findData(None if name == "No model" else name)
    panel.choice.setCurrentIndex(place)
    panel.choice.activated.emit(place)


def test_without_a_model_it_says_what_to_do(opened, panel):
    assert panel.choice.currentText() == "No model"
    assert "paint and approve" in panel.facts.text()
    assert not panel.predict.isEnabled()


def test_offers_the_projects_models_with_their_cards(opened, panel):
    offered = [panel.choice.itemData(i) for i in range(panel.choice.count())]
    assert {None, "small", "cells"} <= set(offered)
    choose(panel, "small")
    assert opened.session.predictor.model.name == "small"
    assert panel.facts.text() == "U-Net"
    assert panel.classes.text() == "Tells apart: background, object"
    assert panel.predict.isEnabled()
    choose(panel, "No model")
    assert opened.session.predictor.model is None


def test_a_model_that_does_not_fit_can_bring_its_classes(opened, panel):
    choose(panel, "cells")
    assert "cell" in panel.problem.text.text()
    assert panel.problem.isVisible()
    assert not panel.predict.isEnabled()
    assert panel.problem.button.text() == "Use the Model's Classes"
    panel.problem.button.click()
    assert [entry.name for entry in opened.session.classes.active] == ["background", "cell"]
    assert not panel.problem.isVisible()
    assert panel.predict.isEnabled()


def test_once_something_is_painted_the_classes_stay(opened, panel, qtbot):
    paint_all(opened.session, 1)
    choose(panel, "cells")
    assert panel.problem.isVisible()
    assert not panel.problem.button.isVisible()


def test_predicting_shows_progress_and_the_device(opened, panel, qtbot):
    session = opened.session
    choose(panel, "small")
    busy = []
    session.predictor.stateChanged.connect(lambda state: busy.append(state.active))
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        panel.predict.click()
    qtbot.waitUntil(lambda: not panel.queue.busy.isVisible(), timeout=20_000)
    assert busy[0]
    assert not busy[-1]
    assert session.document.prediction is not None
    assert panel.device.text() == "Predicted on the CPU in fast mode."


def test_progress_counts_images_once_it_takes_a_moment(opened, panel, qtbot):
    panel.queue.show_state(PredictionState(True, "2.png", 0.5, 1, 4, "auto"))
    assert not panel.queue.busy.isVisible()  # a box that comes and goes moves what is below
    qtbot.waitUntil(panel.queue.busy.isVisible, timeout=5_000)
    assert panel.queue.progress.value() == 375
    assert panel.queue.doing.text() == "2 of 4 · 2.png"
    panel.queue.show_state(PredictionState())
    assert not panel.queue.busy.isVisible()


def test_predict_all_and_cancel_reach_the_session(opened, panel, qtbot, monkeypatch):
    session = opened.session
    choose(panel, "small")
    panel.predict_all.click()
    stored = session.project.folder / "predictions" / "small"
    qtbot.waitUntil(lambda: len(list(stored.rglob("*.png"))) == 4, timeout=60_000)
    qtbot.waitUntil(
        lambda: not panel.queue.busy.isVisible() and session.predictor._queue.done == 0, timeout=60_000
    )
    panel.queue.show_state(PredictionState(True, "2.png", 0.5, 1, 4, "auto"))
    with qtbot.waitSignal(session.predictor.stateChanged) as caught:
        panel.queue.cancel.click()
    assert not caught.args[0].active


def test_predicting_while_browsing_is_one_switch_in_menu_and_panel(opened, panel, qtbot):
    session, action = opened.session, opened.action_table["auto_predict"]
    assert not panel.browse.isChecked()
    panel.browse.click()
    assert session.predictor.auto
    action.trigger()
    assert not session.predictor.auto
    assert not panel.browse.isChecked()
    shown(qtbot, session, "1.png")
    assert session.document.prediction is None


def test_what_failed_is_listed_with_its_reason_and_a_click_opens_the_image(opened, panel, qtbot):
    session = opened.session
    choose(panel, "small")
    report = session.predictor.report
    for name in ("2.png", "3.png"):
        report.fail(name, StudioError(f"{name} is broken.", "Copy it again."))
    session.predictor.reportChanged.emit()
    qtbot.waitUntil(panel.queue.report.isVisible)
    assert panel.queue.summary.text() == "2 images failed, 0 predicted"
    first = panel.queue.failures.index(0, 0)
    assert first.data() == "2.png\nIt is broken."
    assert "Copy it again." in first.data(Qt.ItemDataRole.ToolTipRole)
    panel.queue.view.clicked.emit(first)
    shown(qtbot, session, "2.png")
    panel.queue.dismiss.click()
    qtbot.waitUntil(lambda: not panel.queue.report.isVisible())


@pytest.mark.parametrize(
    ("reason", "shown_as"),
    [
        ("{path} is broken, or no image.", "It is broken, or no image."),
        ("No memory is left for {path}.", "No memory is left for it."),
        ("a/2.png is gone.", "It is gone."),
        ("The model is gone.", "The model is gone."),
    ],
)
def test_a_reason_begins_with_what_tells_something_not_with_the_path(reason, shown_as):
    folder = PurePath("/data/pictures")
    failures = FailureList()
    failures.show([Failure("a/2.png", reason.format(path=folder / "a/2.png"), "Copy it.")], folder)
    row = failures.index(0, 0)
    assert row.data() == f"a/2.png\n{shown_as}"
    tip = row.data(Qt.ItemDataRole.ToolTipRole)
    assert tip == f"a/2.png\n{reason.format(path=folder / 'a/2.png')}\nCopy it."


def test_the_list_of_failures_shows_whole_rows(qtbot):
    failures = FailureList()
    view = FailureView(failures)
    qtbot.addWidget(view)
    view.resize(200, 50)
    for number in (1, 4, 9):
        failures.show(Failure(f"{place}.png", f"{place}.png is broken.") for place in range(number))
        view.show()
        last = view.visualRect(failures.index(min(number, ROWS) - 1, 0))
        assert view.viewport().rect().bottom() == last.bottom()


def test_what_failed_can_be_tried_again(opened, panel, qtbot):
    session = opened.session
    choose(panel, "small")
    for name in ("2.png", "no longer there.png"):
        session.predictor.report.fail(name, StudioError("It did not work.", ""))
    panel.queue.show_report()
    panel.queue.again.click()
    stored = session.project.prediction_path("small", "2.png")
    qtbot.waitUntil(stored.is_file, timeout=60_000)
    qtbot.waitUntil(lambda: not panel.queue.busy.isVisible(), timeout=20_000)
    assert not session.predictor.report.failures


def test_the_pace_is_shown_once_it_is_known(panel):
    assert pace_text(PredictionState(True, "a", 0, 0, 9)) == ""
    state = PredictionState(True, "a", 0.0, 3, 9, rate=2.5, seconds_left=40.2)
    assert pace_text(state) == "2.5 images/s · about 40 s left"
    assert pace_text(replace(state, rate=0.1, seconds_left=None)) == "6 images/min"
    panel.queue.show_state(PredictionState(True, "2.png", 0.0, 0, 3, loading=True))
    assert panel.queue.doing.text() == "1 of 3 · Loading the model…"


def test_settings_hold_at_once_and_are_remembered(opened, panel, preferences, qtbot):
    predictor, options = opened.session.predictor, panel.options
    assert not options.open
    options.set_open(True)
    options.mode.setCurrentIndex(options.mode.findData("exact"))
    options.mode.activated.emit(1)
    options.flips.setChecked(True)
    options.ahead.setValue(7)
    options.kept.setCurrentIndex(options.kept.findData(5))
    options.kept.activated.emit(2)
    assert predictor.wish == PredictionWish("exact", "auto", True)
    assert (predictor.ahead, predictor.kept_gb) == (7, 5)
    assert options.summary.text() == "Exact · flips"
    other = Session()
    again = PredictionOptions(other, preferences)
    qtbot.addWidget(again)
    assert other.predictor.wish == PredictionWish("exact", "auto", True)
    assert (other.predictor.ahead, other.predictor.kept_gb) == (7, 5)
    assert again.flips.isChecked()
    other.shut_down()


def test_settings_that_make_no_sense_are_left_out(preferences, session, qtbot):
    preferences.prediction = {"mode": "sloppy", "device": 3, "tta": None, "ahead": 99, "kept_gb": -1}
    made = PredictionOptions(session, preferences)
    qtbot.addWidget(made)
    assert session.predictor.wish == PredictionWish()
    assert (session.predictor.ahead, session.predictor.kept_gb) == (3, 20)


def test_devices_are_offered_once_they_are_known(opened, panel, qtbot):
    options = panel.options
    opened.session.predictor._queue._devices([("cuda:0", "Big GPU"), ("cpu", "Processor")])
    offered = {options.device.itemData(row): options.device.itemText(row) for row in range(3)}
    assert offered == {"auto": "Automatic", "cpu": "Processor", "cuda:0": "Big GPU (cuda:0)"}
    options.device.setCurrentIndex(2)
    options.device.activated.emit(2)
    assert opened.session.predictor.wish.device == "cuda:0"
    assert options.summary.text() == "Fast · Big GPU (cuda:0)"


def test_how_a_prediction_was_made_is_said():
    made = {
        "mode": "exact",
        "device": "cuda:0",
        "tta": True,
        "tile": 512,
        "notes": ["out of memory: batch 4"],
    }
    assert made_text(made) == "Predicted on the GPU (cuda:0) in exact mode, with flips."
    assert made_details(made) == "Tile in px: 512\nout of memory: batch 4"
    assert made_details({"band": 2**18, "threads": 2}) == "Pixels at once: 262144\nThreads: 2"
    assert made_text({"image-hash": "imported"}) == ""


def test_the_selection_is_predicted_from_menu_and_panel(opened, panel, qtbot, monkeypatch):
    asked = []
    monkeypatch.setattr(opened.session.predictor, "predict_these", lambda names: asked.append(list(names)))
    choose(panel, "small")
    view = opened.panels["files"].view
    view.selectAll()
    opened.action_table["predict_chosen"].trigger()
    panel.chosenAsked.emit()
    assert asked == [["0.png", "1.png", "2.png", "3.png"]] * 2


def test_the_canvas_is_not_painted_for_images_that_are_not_on_screen(opened, panel, qtbot, monkeypatch):
    session, painted = opened.session, []
    choose(panel, "small")
    panel.predict.click()
    qtbot.waitUntil(lambda: session.document.prediction is not None, timeout=60_000)
    qtbot.waitUntil(lambda: not panel.queue.busy.isVisible(), timeout=20_000)
    qtbot.wait(100)
    paint = type(opened.canvas).paintEvent
    monkeypatch.setattr(
        type(opened.canvas), "paintEvent", lambda self, event: (painted.append(event), paint(self, event))[1]
    )
    panel.predict_all.click()
    stored = session.project.folder / "predictions" / "small"
    qtbot.waitUntil(lambda: len(list(stored.rglob("*.png"))) == 4, timeout=60_000)
    qtbot.waitUntil(lambda: not panel.queue.busy.isVisible(), timeout=20_000)
    assert painted == []


def test_an_old_prediction_is_dimmed_until_it_is_replaced(opened, panel, qtbot, folder):
    session, canvas = opened.session, opened.canvas
    make_model(folder / "unet-studio" / "models" / "newer", seed=3)
    session.refresh()
    choose(panel, "small")
    panel.predict.click()
    qtbot.waitUntil(lambda: session.document.prediction is not None, timeout=60_000)
    full = canvas.picture.composer._colors.copy()
    choose(panel, "newer")
    dimmed = canvas.picture.composer._colors
    assert 0 < int(dimmed[1] >> 24) < int(full[1] >> 24)
    assert canvas.corners.legend.title == "Old prediction"
    assert canvas.corners.legend.entries == (("", "by small"),)
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        panel.predict.click()
    assert (canvas.picture.composer._colors == full).all()
    assert canvas.corners.legend.title == ""
