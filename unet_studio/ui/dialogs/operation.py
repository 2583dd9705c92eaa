"""Asks how an operation on the mask is to be done, and shows on the canvas what it would do."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QEvent, QObject, QPoint, QSignalBlocker, QSize, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QIcon, QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.classes import PixelClass
from unet_studio.core.geometry import Rect
from unet_studio.core.operations import OPERATIONS, Parameter
from unet_studio.core.rewriting import Foreseen, Prepared
from unet_studio.session import Session
from unet_studio.session.operator import Request
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.widgets import ProgressBar, button, form, label, row
from unet_studio.ui.words import count

ENDS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape)
HELD = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
REST_MS = 120  # after the last change of a setting, before it is tried out
MARGIN = 14  # logical px from the corner of the canvas
STEPS = 400  # of a slider
FAR = 1000  # a longer range is spread logarithmically
ACTIVE, EVERYTHING = "active", "everything"  # of the list of classes
SWATCH = 12  # px


class NumberField(QWidget):
    """A slider and a box for one whole number; a long range has its small numbers far apart."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        super().__init__()
        self._low, self._range = parameter.low, parameter.high - parameter.low
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, min(self._range, STEPS))
        self.slider.setMinimumWidth(110)
        self.box = QSpinBox()
        self.box.setRange(parameter.low, parameter.high)
        self.box.setSuffix(f" {parameter.unit}" if parameter.unit else "")
        self.box.setSpecialValueText(parameter.lowest)
        self.box.setGroupSeparatorShown(True)
        for widget in (self.slider, self.box):
            widget.setToolTip(parameter.tip)
            widget.setAccessibleName(parameter.text)
        layout = row(self.slider, self.box, spacing=8)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.setFocusProxy(self.box)
        self.slider.valueChanged.connect(self._slid)
        self.box.valueChanged.connect(self._follow)
        self.box.valueChanged.connect(lambda _value: changed())

    def value(self) -> int:
        """The number."""
        return self.box.value()

    def set_value(self, value: Any) -> None:
        """Show a number."""
        self.box.setValue(int(value))
        self._follow(self.box.value())

    def _slid(self, step: int) -> None:
        part = step / self.slider.maximum()
        value = math.expm1(part * math.log1p(self._range)) if self._range > FAR else part * self._range
        self.box.setValue(self._low + round(value))

    def _follow(self, value: int) -> None:
        above = value - self._low
        part = math.log1p(above) / math.log1p(self._range) if self._range > FAR else above / self._range
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(part * self.slider.maximum()))


class Choice(QComboBox):
    """One of several values."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        super().__init__()
        self.setToolTip(parameter.tip)
        self.setAccessibleName(parameter.text)
        self.setMaxVisibleItems(20)
        for text in parameter.choices:
            self.addItem(text, text)
        self.currentIndexChanged.connect(lambda _index: changed())

    def value(self) -> Any:
        """What was chosen."""
        return self.currentData()

    def set_value(self, value: Any) -> None:
        """Choose a value, if it is offered."""
        place = self.findData(value)
        if place >= 0:
            self.setCurrentIndex(place)

    def offer(self, entries: list[tuple[str, Any, str]]) -> None:
        """Offer these texts, values and colours; what was chosen stays so."""
        before = self.value()
        with QSignalBlocker(self):
            self.clear()
            for text, value, color in entries:
                self.addItem(swatch(color), text, value)
            self.set_value(before)


class Tick(QCheckBox):
    """Yes or no."""

    def __init__(self, parameter: Parameter, changed: Callable[[], None]) -> None:
        super().__init__(parameter.text)
        self.setToolTip(parameter.tip)
        self.toggled.connect(lambda _on: changed())

    def value(self) -> bool:
        """Whether it is ticked."""
        return self.isChecked()

    def set_value(self, value: Any) -> None:
        """Tick it or not."""
        self.setChecked(bool(value))


Control = NumberField | Choice | Tick
CONTROLS: dict[str, type[NumberField] | type[Choice] | type[Tick]] = {
    "int": NumberField,
    "bool": Tick,
    "choice": Choice,
    "class": Choice,
}


class OperationDialog(QDialog):
    """Lies over a corner of the canvas while one goes on looking, moving and painting.

    values: of the parameters, and "class" what the operation is about, as they were last.
    """

    def __init__(
        self,
        session: Session,
        canvas: Canvas,
        name: str,
        values: Mapping[str, Any],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.operation = OPERATIONS[name]
        self.setObjectName(f"operation_{name}")
        self.setWindowTitle(self.operation.title)
        self._session, self._canvas = session, canvas
        self._timer = QTimer(self, singleShot=True, interval=REST_MS)
        self._timer.timeout.connect(self._try_out)
        self._left = False
        self._locked = session.editor.rule.locked
        self._tried: Rect | None = None  # the part of the image that was looked at; None for all of it
        about = Parameter("class", "About", EVERYTHING, "The class that changes", "choice")
        self.about = Choice(about, self.restart)
        self.controls: dict[str, Control] = {
            parameter.name: CONTROLS[parameter.kind](parameter, self.restart)
            for parameter in self.operation.parameters
        }
        self.preview = QCheckBox("Preview")
        self.preview.setToolTip("Show on the image what would change")
        self.preview.setChecked(True)
        self.outcome = label("", "muted")
        self.progress = ProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setAccessibleName("Preview under way")
        self.ok = button("OK", "Do it, as one step that can be undone", self.accept, role="primary")
        self._build()
        self._offer_classes()
        self._choose(values)
        self._connect()
        self.restart()

    def _build(self) -> None:
        lines: list[tuple[str, QWidget]] = [("Class", self.about)]
        ticks: list[QWidget] = []
        for parameter in self.operation.parameters:
            control = self.controls[parameter.name]
            if isinstance(control, Tick):
                ticks.append(control)
            else:
                lines.append((parameter.text, control))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(label(self.operation.title, "heading"))
        layout.addWidget(label(self.operation.hint, "muted"))
        layout.addLayout(form(*lines))
        for tick in ticks:
            layout.addWidget(tick)
        self.outcome.setMinimumHeight(2 * self.outcome.fontMetrics().lineSpacing())
        self.outcome.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
        keep = self.progress.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.progress.setSizePolicy(keep)
        layout.addWidget(self.outcome)
        layout.addWidget(self.progress)
        self.ok.setDefault(True)
        cancel = button("Cancel", "Change nothing", self.reject)
        layout.addLayout(row(self.preview, None, cancel, self.ok))
        self.setFixedWidth(340)

    def _connect(self) -> None:
        session, operator = self._session, self._session.operator
        operator.previewed.connect(self._foreseen)
        operator.previewFailed.connect(self._refused)
        operator.progressed.connect(self._progressed)
        self.preview.toggled.connect(self.restart)
        self._canvas.viewChanged.connect(self._view_changed)
        for signal in (
            session.maskChanged,
            session.documentChanged,
            session.predictor.predicted,
            operator.changed,
        ):
            signal.connect(self.restart)
        session.editor.toolChanged.connect(self._tool_changed)
        session.classesChanged.connect(self._offer_classes)
        session.editor.activeClassChanged.connect(self._offer_classes)
        session.projectChanged.connect(self.reject)
        self._canvas.installEventFilter(self)

    # -- what is asked for --------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """What is chosen now, for the next time."""
        chosen = {name: control.value() for name, control in self.controls.items()}
        return {**chosen, "class": self.about.value()}

    @property
    def request(self) -> Request:
        """What OK does."""
        chosen = self.about.value()
        index = self._session.editor.active_class if chosen == ACTIVE else chosen
        values = {name: control.value() for name, control in self.controls.items()}
        return Request(self.operation.name, None if index == EVERYTHING else index, values)

    @Slot()
    def _offer_classes(self, *_: object) -> None:
        """Offer the classes that there are."""
        session = self._session
        entries = session.classes.active
        classes: list[tuple[str, Any, str]] = [(entry.name, entry.index, entry.color) for entry in entries]
        active = next((entry for entry in entries if entry.index == session.editor.active_class), None)
        general: list[tuple[str, Any, str]] = [(self.operation.everything, EVERYTHING, "")]
        if active is not None:
            general.insert(0, (f"Active class: {active.name}", ACTIVE, active.color))
        self.about.offer(general + classes)
        for parameter in self.operation.parameters:
            control = self.controls[parameter.name]
            if parameter.kind == "class" and isinstance(control, Choice):
                control.offer(classes)
        self.restart()

    def _choose(self, values: Mapping[str, Any]) -> None:
        """Show what was chosen last, else what the operation proposes."""
        operation, session = self.operation, self._session
        self.about.set_value(
            EVERYTHING if operation.everything == "All classes" or operation.copies else ACTIVE
        )
        for name, value in operation.defaults.items():
            self.controls[name].set_value(value)
        others = [entry for entry in session.classes.active if entry.index != session.editor.active_class]
        for parameter in operation.parameters:
            if parameter.kind == "class" and others:
                self.controls[parameter.name].set_value(_proposed(others, session.classes.background))
        self.about.set_value(values.get("class"))
        for name, control in self.controls.items():
            if name in values:
                control.set_value(values[name])

    # -- what would come of it ----------------------------------------------------------------------------

    @Slot()
    def restart(self, *_: object) -> None:
        """Something is different: try it out, once it stays so for a moment."""
        self.ok.setEnabled(self._session.editable)
        if not self.isVisible():
            return
        self._session.operator.drop_preview()
        self._timer.start()

    @Slot()
    def _tool_changed(self, *_: object) -> None:
        """Of all that a tool has, only the locks matter here."""
        locked = self._session.editor.rule.locked
        if locked != self._locked:
            self._locked = locked
            self.restart()

    @Slot()
    def _view_changed(self) -> None:
        """A preview of a part may not show all that is in view now."""
        if (
            self._tried is not None
            and self._canvas.visible_rect.intersect(self._tried) != self._canvas.visible_rect
        ):
            self.restart()

    def _try_out(self) -> None:
        document = self._session.document
        if not self.preview.isChecked() or document is None:
            self._say("")
            return
        if not self._session.editable or document.editing:
            return  # the next change of the mask comes here again
        self._tried = None
        self._say("Trying it out…", 0.0)
        if not self._session.operator.preview(self.request, self._canvas.visible_rect):
            self._tried = Rect(0, 0, 1, 1)
            self._say("Zoom in to see what would change. OK works on the whole image.")

    @Slot(object)
    def _foreseen(self, prepared: Prepared | None) -> None:
        document = self._session.document
        if prepared is None or document is None:
            self._canvas.foresee(None)
            return
        self._canvas.foresee(Foreseen(document, prepared.plan) if prepared.plan else None)
        part = prepared.area != Rect.of(document.shape)
        self._tried = prepared.area if part else None
        changes = (
            "Changes nothing"
            if prepared.plan is None
            else (f"Changes {count(prepared.pixels, 'pixel')} in {count(prepared.places, 'place')}")
        )
        self._say(f"{changes} in this part; OK works on the whole image." if part else f"{changes}.")

    @Slot(str, str)
    def _refused(self, message: str, remedy: str) -> None:
        self._canvas.foresee(None)
        self._say(f"{message} {remedy}")

    @Slot(float)
    def _progressed(self, done: float) -> None:
        if self.progress.isVisible():
            self.progress.setValue(round(100 * done))

    def _say(self, text: str, done: float | None = None) -> None:
        self.outcome.setText(text)
        self.progress.setRange(0, 100)
        self.progress.setValue(round(100 * (done or 0)))
        self.progress.setVisible(done is not None)

    # -- the end ------------------------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter and Escape mean this box also on the canvas, unless a tool waits for them."""
        if not isinstance(event, QKeyEvent) or event.key() not in ENDS or watched is not self._canvas:
            return False
        if self._left or self._session.editor.busy or self._canvas.hand.drawing or event.modifiers() & HELD:
            return False
        event.accept()
        if event.type() == QEvent.Type.KeyPress:
            if event.key() == Qt.Key.Key_Escape:
                self.reject()
            elif self.ok.isEnabled():
                self.accept()
        return True

    def accept(self) -> None:
        """Do it."""
        request = self.request
        self._leave()
        super().accept()
        self._session.operator.apply(request)

    def reject(self) -> None:
        """Leave without a trace."""
        if not self._left:
            self._leave()
            self._session.operator.drop_preview()
            super().reject()

    def _leave(self) -> None:
        self._left = True
        self._timer.stop()
        self.hide()
        self._canvas.foresee(None)

    def show_over(self) -> None:
        """Show it in the upper right corner of the canvas, or right of a small one."""
        self.adjustSize()
        canvas, window = self._canvas, self._canvas.window()
        left = canvas.width() - self.width() - MARGIN
        if canvas.width() < 2 * self.width():
            end = canvas.mapFromGlobal(window.mapToGlobal(QPoint(window.width(), 0))).x()
            left = min(canvas.width(), end - self.width() - MARGIN)
        self.move(canvas.mapToGlobal(QPoint(left, MARGIN)))
        self.show()
        self.activateWindow()
        self.restart()


def swatch(color: str) -> QIcon:
    """A small square of a class's colour; empty for none."""
    picture = QPixmap(QSize(SWATCH, SWATCH))
    picture.fill(QColor(color) if color else Qt.GlobalColor.transparent)
    return QIcon(picture)


def _proposed(others: list[PixelClass], background: int | None) -> int:
    """What a relabelled class most likely becomes: the background, else the first other class."""
    return next((entry for entry in others if entry.index == background), others[0]).index
