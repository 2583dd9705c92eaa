"""The trust plot: its points are the approved images; it explains itself while there are none."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from tests.helpers import SHAPE
from tests.ui.conftest import shown
from unet_studio.core.document_files import APPROVED, DICE, MODEL
from unet_studio.core.prediction import Prediction
from unet_studio.core.trust import Correction
from unet_studio.ui.panels.trust import EARLIER, MOST_POINTS, SIGNS, TrustPlot, sentence, signs_of, summary
from unet_studio.ui.theme import theme

NO_KEY = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def plot(opened, qtbot):
    made = TrustPlot(opened.session)
    qtbot.addWidget(made)
    made.resize(320, 400)
    made.show()
    return made


@pytest.fixture
def filled(opened, plot, qtbot):
    """Three images that were approved one after the other."""
    project = opened.session.project
    project.prepare()
    for number, (dice, model) in enumerate(((0.4, "v1"), (0.6, "v1"), (0.9, "v2"))):
        facts = {DICE: str(dice), MODEL: model, APPROVED: f"2026-05-0{number + 1}T12:00:00+00:00"}
        project.write_approved(f"{number}.png", np.ones(SHAPE, np.uint8), facts)
    opened.session.imagesChanged.emit()
    qtbot.waitUntil(lambda: plot.ready and len(plot._shown) == 3, timeout=60_000)
    return plot


def corrections(*models):
    return [Correction(f"{place}.png", place, model, place / 10) for place, model in enumerate(models)]


def test_it_explains_itself_while_nothing_is_approved(plot):
    assert plot.empty.isVisible()
    assert "approve" in plot.empty.text()
    assert not plot.told.isVisible()
    assert not plot._asked  # nothing to draw with is loaded


def test_points_mean_and_legend(filled):
    points = filled._lines["points"]
    assert list(points.getData()[1]) == [0.4, 0.6, 0.9]
    assert filled._lines["mean"].getData()[1] == pytest.approx([0.4, 0.5, 1.9 / 3])
    assert not filled.empty.isVisible()
    assert [text for _, text in filled.legend.lines] == [
        "v2: mean 0.900 of 1 image",
        "v1: mean 0.500 of 2 images",
    ]
    assert [point.symbol() for point in points.points()] == ["o", "o", "s"]
    assert filled.told.text() == "3 images: mean Dice 0.633 before correction."


def test_keys_go_from_point_to_point_and_open(filled, opened, qtbot):
    qtbot.keyClick(filled, Qt.Key.Key_Left)
    assert filled.told.text().startswith("2.png: Dice 0.900 by v2, approved 2026-05-03")
    qtbot.keyClick(filled, Qt.Key.Key_Left)
    assert list(filled._lines["ring"].getData()[0]) == [1]
    qtbot.keyClick(filled, Qt.Key.Key_Right)
    qtbot.keyClick(filled, Qt.Key.Key_Right)
    assert filled.told.text().startswith("2.png")
    qtbot.keyClick(filled, Qt.Key.Key_Home)
    qtbot.keyClick(filled, Qt.Key.Key_Right)
    qtbot.keyClick(filled, Qt.Key.Key_Return)
    shown(qtbot, opened.session, "1.png")
    assert opened.session.current == "1.png"


def test_the_tab_key_comes_to_the_latest_and_leaves_nothing_marked(filled):
    for kind, expected in ((QEvent.Type.FocusIn, "2.png"), (QEvent.Type.FocusOut, "3 images")):
        QApplication.sendEvent(filled, QFocusEvent(kind, Qt.FocusReason.TabFocusReason))
        assert filled.told.text().startswith(expected)
    assert filled.focusPolicy() == Qt.FocusPolicy.StrongFocus


def place_of(plot, number):
    """Where a point is, in the view."""
    points = plot._lines["points"]
    x, y = (values[number] for values in points.getData())
    return plot._plot.view.mapFromScene(points.mapToScene(QPointF(x, y)))


def hovered(plot, number):
    """What is said when the pointer comes to a point."""
    where, nothing = QPointF(place_of(plot, number)), Qt.MouseButton.NoButton
    event = QMouseEvent(QEvent.Type.MouseMove, where, plot.mapToGlobal(where), nothing, nothing, NO_KEY)
    QApplication.sendEvent(plot._plot.view.viewport(), event)  # pyqtgraph heeds 100 a second at most
    return plot.told.text()


def test_hovering_names_a_point_and_a_click_opens_it(filled, opened, qtbot):
    qtbot.waitExposed(filled)
    view = filled._plot.view.viewport()
    qtbot.waitUntil(lambda: hovered(filled, 2).startswith("2.png"), timeout=20_000)
    assert filled._plot.view.toolTip().startswith("2.png: Dice 0.900")
    qtbot.mouseClick(view, Qt.MouseButton.LeftButton, pos=place_of(filled, 2))
    qtbot.waitUntil(lambda: opened.session.current == "2.png", timeout=20_000)


def test_the_wheel_is_left_to_the_panel(filled):
    where = QPointF(50, 50)
    nothing = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    turn = QWheelEvent(where, where, QPointF(0, 0).toPoint(), QPointF(0, 120).toPoint(), *nothing,
                       Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    turn.accept()
    filled._plot.view.wheelEvent(turn)
    assert not turn.isAccepted()


def test_an_image_joins_when_it_is_approved_and_leaves_when_that_is_taken_back(opened, plot, qtbot):
    session = opened.session
    labels = np.ones(SHAPE, np.uint8)
    session.document.set_prediction(Prediction(labels, np.full_like(labels, 200), "v1", {}))
    session.editor.approve()
    qtbot.waitUntil(lambda: [one.name for one in plot._shown] == ["0.png"], timeout=20_000)
    assert (plot._shown[0].dice, plot._shown[0].model) == (1.0, "v1")
    session.editor.undo()
    qtbot.waitUntil(lambda: not plot._shown, timeout=20_000)
    assert plot.empty.isVisible()


def test_it_follows_the_theme_and_the_project(filled, opened, tmp_path, qtbot):
    theme().choose("dark")
    assert filled._plot.view.backgroundBrush().color().name() == theme().tokens.surface
    theme().choose("light")
    opened.session.close_project()
    assert not filled.isVisible()
    assert filled._shown == []


def test_of_very_many_the_latest_are_shown(filled, opened):
    many = {f"{number}.png": Correction(f"{number}.png", number, "v1", 0.5) for number in range(10_000)}
    opened.session.trust._found = many
    opened.session.trust.changed.emit()
    assert len(filled._lines["points"].getData()[0]) == MOST_POINTS
    assert filled._shown[-1].name == "9999.png"
    sprites = filled._lines["points"].fragmentAtlas
    assert len(sprites) <= len(SIGNS) + 1  # each is drawn once, not once a point


def test_models_keep_their_signs_until_there_are_too_many():
    few = signs_of(corrections("a", "b", "a"))
    assert few == {"a": SIGNS[0], "b": SIGNS[1]}
    many = signs_of(corrections("a", "b", "c", "d", "e", "f"))
    assert (many["a"], many["b"], many["c"], many["e"]) == (EARLIER, EARLIER, SIGNS[2], SIGNS[0])
    assert len({many[name] for name in "cdef"}) == 4


def test_the_latest_are_compared_with_those_before():
    assert summary([]) == ""
    ten = corrections(*"aaaaaaaaaa")
    assert summary(ten) == "The last 5: Dice 0.700 before correction; the 5 before: 0.200."
    assert "by an unknown model" in sentence(Correction("x.png", 0.0, "", 0.5))
