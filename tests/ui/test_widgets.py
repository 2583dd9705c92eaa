"""Small pieces of panels: the wheel scrolls a column and changes no setting on its way."""

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QSlider, QSpinBox, QVBoxLayout, QWidget

from unet_studio.ui.section import Section
from unet_studio.ui.widgets import CALM_MS, ProgressBar, scrolling


def turn_wheel(widget: QWidget) -> bool:
    """A notch of the wheel towards a person, the pointer over the widget. Returns whether it took it.

    One that comes from a mouse goes on to the widget's parents otherwise.
    """
    place = QPointF(widget.rect().center())
    event = QWheelEvent(
        place,
        QPointF(widget.mapToGlobal(place.toPoint())),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
    return event.isAccepted()


def combo():
    made = QComboBox()
    made.addItems(["Fast", "Exact", "Slow"])
    return made


def ranged(kind):
    made = kind()
    made.setRange(0, 99)
    made.setValue(50)
    return made


CONTROLS = {
    "combo": (combo, QComboBox.currentIndex),
    "spin": (lambda: ranged(QSpinBox), QSpinBox.value),
    "slider": (lambda: ranged(QSlider), QSlider.value),
}


@pytest.mark.parametrize("kind", CONTROLS)
@pytest.mark.parametrize("late", [False, True])
def test_the_wheel_passes_over_a_control_that_nobody_chose(qtbot, kind, late):
    make, value = CONTROLS[kind]
    content, control = QWidget(), make()
    layout = QVBoxLayout(content)
    content.setMinimumHeight(2000)
    area = scrolling(content)
    qtbot.addWidget(area)
    area.resize(200, 200)
    if not late:
        layout.addWidget(control)
    area.show()
    qtbot.waitExposed(area)
    if late:
        layout.addWidget(control)
        control.show()
        qtbot.wait(3 * CALM_MS)
    control.clearFocus()
    before = value(control)
    assert not turn_wheel(control)
    assert value(control) == before
    assert not control.hasFocus()
    area.activateWindow()
    control.setFocus()
    qtbot.waitUntil(control.hasFocus)
    assert turn_wheel(control)
    assert value(control) != before


def test_what_is_unfolded_comes_into_view(qtbot):
    content, inside = QWidget(), QWidget()
    layout = QVBoxLayout(content)
    above = QWidget()
    above.setFixedHeight(190)
    inside.setMinimumHeight(100)
    section = Section("More", "What else there is", inside)
    layout.addWidget(above)
    layout.addWidget(section)
    area = scrolling(content)
    qtbot.addWidget(area)
    area.resize(200, 240)
    area.show()
    qtbot.waitExposed(area)
    section.set_open(True)
    qtbot.waitUntil(lambda: area.verticalScrollBar().value() > 0)
    bottom = section.mapTo(area.viewport(), section.rect().bottomLeft()).y()
    assert bottom <= area.viewport().height()


def test_a_bar_is_painted_with_the_window_not_at_once(qtbot) -> None:
    class Painted(ProgressBar):
        times = 0

        def paintEvent(self, event: QPaintEvent) -> None:
            Painted.times += 1
            super().paintEvent(event)

    bar = Painted()
    bar.setRange(0, 10)
    qtbot.addWidget(bar)
    bar.show()
    qtbot.waitUntil(lambda: Painted.times > 0)
    QApplication.processEvents()
    before = Painted.times
    bar.setValue(5)
    assert Painted.times == before
    qtbot.waitUntil(lambda: Painted.times > before)
    assert bar.value() == 5
    before = Painted.times
    bar.setRange(0, 3)  # which takes the value back
    assert Painted.times == before
    qtbot.waitUntil(lambda: Painted.times > before)
    assert bar.maximum() == 3
