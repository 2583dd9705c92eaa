"""The confidence thresholds in the model panel: what they show and what they set."""

import numpy as np
import pytest
from PySide6.QtCore import Qt

from tests.helpers import SHAPE
from unet_studio.core.prediction import Prediction


@pytest.fixture
def box(opened):
    panel = opened.panels["model"]
    opened.docks["model"].raise_()
    confidence = np.linspace(128, 255, SHAPE[0]).astype(np.uint8)[:, None].repeat(SHAPE[1], axis=1)
    opened.session.document.set_prediction(Prediction(np.ones(SHAPE, np.uint8), confidence, "m", {}))
    return panel.thresholds


def unfold(box, qtbot):
    qtbot.mouseClick(box.section.head, Qt.MouseButton.LeftButton)


def test_it_is_folded_away_and_says_whether_anything_is_set(opened, box, qtbot):
    assert not box.content.isVisible()
    assert box.section.summary.text() == ""
    opened.session.thresholds.set(1, 0.7)
    assert box.section.summary.text() == "70 %"


def test_of_two_classes_one_says_where_the_foreground_begins(opened, box, qtbot):
    unfold(box, qtbot)
    session = opened.session
    assert not box.choice.isVisible()
    assert box.name.text() == session.classes.get(1).name
    assert (box.slider.value(), box.field.value(), box.slider.minimum()) == (50, 50, 1)
    box.slider.setValue(75)
    assert (box.field.value(), session.thresholds.value(1)) == (75, 0.75)
    lost = (session.document.mask() == 0).mean()
    assert lost > 0.3
    qtbot.waitUntil(lambda: f"{100 * lost:.1f} % becomes {session.classes.get(0).name}" in box.effect.text())
    qtbot.mouseClick(box.reset, Qt.MouseButton.LeftButton)
    assert (box.slider.value(), session.thresholds.now.values) == (50, {})
    assert not box.reset.isEnabled()
    assert box.effect.text() == "This image shows all that the model says."


def test_of_several_classes_all_or_one_is_set(opened, box, qtbot):
    session = opened.session
    session.class_editor.add("third")
    unfold(box, qtbot)
    assert box.choice.isVisible()
    assert not box.name.isVisible()
    assert (box.section.summary.text(), box.field.text()) == ("off", "Off")
    box.field.setValue(60)
    assert set(session.thresholds.now.values.values()) == {0.6}
    assert box.section.summary.text() == "60 %"
    box.choice.setCurrentIndex(box.choice.findData(2))
    assert box.field.value() == 60
    box.field.setValue(90)
    assert session.thresholds.value(2) == 0.9
    assert "third 90 %" in box.section.summary.text()
    session.class_editor.rename(2, "roof")
    assert box.choice.currentText() == "roof"
    qtbot.waitUntil(lambda: "becomes unlabelled" in box.effect.text())


def test_of_an_approved_image_it_says_that_nothing_changes(opened, box, qtbot):
    unfold(box, qtbot)
    opened.session.editor.approve()
    assert "approved" in box.effect.text()
    box.slider.setValue(99)
    assert (opened.session.document.mask() == 1).all()
