"""The model panel: choose a model, see whether it fits, predict and cancel."""

import pytest

from tests.helpers import make_model
from tests.ui.conftest import paint_all, shown
from unet_studio.core.classes import ClassTable
from unet_studio.session import PredictionState


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
    session.predictor.stateChanged.connect(lambda state: busy.append((state.active, panel.queue.busy.isVisible())))
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        panel.predict.click()
    qtbot.waitUntil(lambda: not panel.queue.busy.isVisible(), timeout=20_000)
    assert (True, True) in busy
    assert session.document.prediction is not None
    assert panel.device.text() == "Predicted on the CPU in fast mode."


def test_progress_counts_images(opened, panel):
    panel.queue.show_state(PredictionState(True, "2.png", 0.5, 1, 4, "auto"))
    assert panel.queue.busy.isVisible()
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
    qtbot.waitUntil(lambda: not panel.queue.busy.isVisible() and session.predictor._queue.done == 0, timeout=60_000)
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
