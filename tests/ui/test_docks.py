"""The training panel gets the room it needs when there is much to see, once, and without asking it back."""

import pytest

from tests.helpers import make_model
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import recipe


@pytest.fixture
def used(window, folder, qtbot):
    """The window with a folder whose model is in use, so that no guide is shown."""
    window.open_folder(folder)
    project = window.session.project
    project.prepare()
    make_model(project.models_folder / "small")
    window.session.predictor.refresh()
    window.session.predictor.set_model("small")
    qtbot.wait(50)
    window.docks.arrange()
    qtbot.wait(50)
    return window


def share(window):
    return window.docks["training"].height() / window.height()


def learn(window, qtbot):
    run = RunFolder.create(window.session.project.new_run("v1"), recipe())
    run.claim()
    window.session.trainer._follower.follow(run)
    qtbot.waitUntil(lambda: window.session.trainer.under_way)


def test_a_training_makes_its_panel_tall(used, qtbot):
    assert share(used) < 0.45
    learn(used, qtbot)
    qtbot.waitUntil(lambda: share(used) > 0.5, timeout=20_000)


def test_the_guide_to_a_first_model_has_room(opened, qtbot):
    assert opened.panels["training"].guide.isVisible()
    qtbot.waitUntil(lambda: share(opened) > 0.5, timeout=20_000)


def test_in_a_low_window_it_comes_to_the_front(used, qtbot):
    used.resize(900, 600)
    used.docks.arrange()
    qtbot.wait(50)
    assert used.panels["training"].visibleRegion().isEmpty()
    learn(used, qtbot)
    qtbot.waitUntil(lambda: not used.panels["training"].visibleRegion().isEmpty(), timeout=20_000)


def test_a_panel_that_was_closed_stays_closed(used, qtbot):
    used.docks["training"].close()
    learn(used, qtbot)
    qtbot.wait(100)
    assert used.docks["training"].isHidden()


def test_what_a_person_makes_of_it_stays(used, qtbot):
    learn(used, qtbot)
    qtbot.waitUntil(lambda: share(used) > 0.5, timeout=20_000)
    used.docks.arrange()
    used.session.trainer.changed.emit()
    qtbot.wait(100)
    assert share(used) < 0.45
