"""A folder of one's own, no masks, no model: three images painted, Train, and masks appear on the rest."""

import shutil

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from tests.e2e.test_window import LEFT, drag
from tests.ui.conftest import shown
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.project import Status
from unet_studio.demo.sample import SAMPLE_SEEDS, install_sample, sample_truth

STEPS = 12


@pytest.fixture
def images(tmp_path):
    """Four images and nothing else."""
    folder = install_sample(tmp_path / "mine", list(SAMPLE_SEEDS)[:4])
    shutil.rmtree(folder / "unet-studio")
    return folder


def paint(window, truth):
    """Every eighth row of what is an object there, with a brush as high as that; the rest by the menu."""
    window.session.editor.set_active_class(1)
    window.session.editor.set_brush_radius(4)
    for row in range(4, truth.shape[0] - 4, 8):
        edges = np.flatnonzero(np.diff(np.pad(truth[row] == 1, 1).astype(np.int8)))
        for left, right in zip(edges[::2], edges[1::2], strict=True):
            drag(window, [(row + 0.5, left + 0.5), (row + 0.5, right - 0.5)])
    window.session.editor.set_active_class(0)
    window.action_table["fill_rest"].trigger()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_first_model_of_ones_own(qtbot, window, images):
    session, panel = window.session, window.panels["training"]
    window.open_folder(images)
    assert session.predictor.model_name is None
    assert panel.guide.isVisible()
    assert not panel.start.isEnabled()
    *known, unseen = session.images
    for name in known:
        shown(qtbot, session, name)
        paint(window, sample_truth(name))
        QTest.keyClick(window.canvas, Qt.Key.Key_Return)
        assert session.status(name) is Status.APPROVED
    assert panel.guide.details[1].text() == "3 approved."
    assert panel.start.text().strip() == "Train"
    panel.form.minutes.setValue(0)
    panel.form.steps.setValue(STEPS)
    session.open_image(unseen)
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)
    QTest.mouseClick(panel.start, LEFT)
    qtbot.waitUntil(lambda: session.predictor.model_name == "v1", timeout=240_000)
    assert session.predictor.model.card.base == "imagenet"
    assert panel.state.text() == "Finished: the first model"
    assert not panel.guide.isVisible()
    qtbot.waitUntil(lambda: session.document.prediction is not None, timeout=60_000)
    document = session.document
    assert (document.name, document.prediction.model) == (unseen, "v1")
    assert foreground_dice(sample_truth(unseen), document.mask(), session.classes) > 0.6


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_training_whose_process_is_killed_goes_on_with_a_click(qtbot, window, images):
    """It goes on from its last saved state, and what it learns becomes a version."""
    import psutil

    from tests.e2e.trainee import SETTINGS
    from unet_studio.core.events import Started, Validated

    session, panel = window.session, window.panels["training"]
    window.open_folder(images)
    for name in session.images[:2]:
        shown(qtbot, session, name)
        paint(window, sample_truth(name))
        QTest.keyClick(window.canvas, Qt.Key.Key_Return)
    session.trainer.start({**SETTINGS, "evaluate_every": 5})
    told = session.trainer
    qtbot.waitUntil(lambda: any(isinstance(event, Validated) for event in told.events), timeout=120_000)
    qtbot.waitUntil(lambda: told.run.last.is_file(), timeout=60_000)
    psutil.Process(told.run.pid).kill()
    qtbot.waitUntil(lambda: panel.state.text() == "Cut off: v1", timeout=60_000)
    assert panel.result.note.button.text() == "Go On"
    assert "goes on from its last saved state" in panel.result.note.text.text()
    QTest.mouseClick(panel.result.note.button, LEFT)
    qtbot.waitUntil(
        lambda: [event.resumed for event in told.events if isinstance(event, Started)] == [False, True],
        timeout=120_000,
    )
    again = [event for event in told.events if isinstance(event, Started)][1]
    assert again.step > 0
    qtbot.waitUntil(panel.stop.isVisible, timeout=60_000)
    QTest.mouseClick(panel.stop, LEFT)
    qtbot.waitUntil(lambda: session.predictor.model_name == "v1", timeout=120_000)
