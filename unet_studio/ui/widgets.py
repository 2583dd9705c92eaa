"""Small pieces that every panel is made of: labels in a role, buttons, notes, scrolling columns."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PySide6.QtCore import QEvent, QObject, QSize, Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLayout,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from unet_studio.ui.icons import icons

CONTROLS = (QAbstractSpinBox, QComboBox, QSlider)  # which the wheel turns, as Qt has it
CALM_MS = 100  # after a change of a panel's layout, until its new controls are looked after
MARGIN = 40  # px of the screen that a window leaves free at first, its frame among them


class ProgressBar(QProgressBar):
    """A bar that is painted with the rest of the window, not by itself at once.

    Qt's own repaints within setValue, and within setRange where that takes the value back, and with it all
    that waits to be painted in the window: plots, lists, the image. Called from the middle of a turn of the
    event loop, that makes the turn long.
    """

    def setValue(self, value: int) -> None:
        """Show a value within the range; painted in the next turn of the event loop."""
        with self._unpainted():
            super().setValue(value)

    def setRange(self, least: int, most: int) -> None:
        """Set the range, both 0 for work of unknown length; painted in the next turn of the event loop."""
        if (least, most) != (self.minimum(), self.maximum()):
            with self._unpainted():
                super().setRange(least, most)

    @contextmanager
    def _unpainted(self) -> Iterator[None]:
        enabled = self.updatesEnabled()
        self.setUpdatesEnabled(False)
        try:
            yield
        finally:
            self.setUpdatesEnabled(enabled)


def label(text: str = "", role: str = "", wrap: bool = True) -> QLabel:
    """A label in a role of the style sheet: title, subtitle, heading, muted, value, good, warning, danger."""
    made = QLabel(text)
    made.setProperty("role", role)
    made.setWordWrap(wrap)
    made.setTextFormat(Qt.TextFormat.PlainText)
    if wrap:
        policy = made.sizePolicy()  # keeps its height for width
        policy.setHorizontalPolicy(QSizePolicy.Policy.Ignored)
        made.setSizePolicy(policy)
    return made


def set_role(widget: QWidget, role: str, key: str = "role") -> None:
    """Change what a widget is to the style sheet."""
    if widget.property(key) != role:
        widget.setProperty(key, role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def button(text: str, tip: str, handler: Callable[[], object], icon: str = "", role: str = "") -> QPushButton:
    """A push button with its tooltip."""
    made = QPushButton(f" {text}" if icon and text else text)  # the style puts no gap after the icon
    made.setToolTip(tip)
    made.setProperty("role", role)
    made.setAutoDefault(False)
    if not text:
        made.setAccessibleName(tip)
    if icon:
        icons().bind(made.setIcon, icon, {"primary": "on_accent", "link": "accent"}.get(role, "text"))
    made.clicked.connect(lambda _checked=False: handler())
    return made


def combo(name: str, called: str, tip: str, least: int) -> QComboBox:
    """A list to choose from, at least so many characters wide however long its entries are.

    name: for scripts and tests. called: for screen readers.
    """
    made = QComboBox()
    made.setObjectName(name)
    made.setAccessibleName(called)
    made.setToolTip(tip)
    made.setMaxVisibleItems(20)
    made.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    made.setMinimumContentsLength(least)
    return made


def row(*parts: QWidget | None, spacing: int = 6) -> QHBoxLayout:
    """Widgets side by side; None is a stretch."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(spacing)
    for part in parts:
        if part is None:
            layout.addStretch(1)
        else:
            layout.addWidget(part)
    return layout


def form(*rows: tuple[str, QWidget | QLayout]) -> QGridLayout:
    """Fields below each other, each behind its label."""
    layout = QGridLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setHorizontalSpacing(10)
    layout.setVerticalSpacing(8)
    layout.setColumnStretch(1, 1)
    for place, (text, field) in enumerate(rows):
        name = label(text, wrap=False)
        layout.addWidget(name, place, 0)
        if isinstance(field, QWidget):
            name.setBuddy(field)
            layout.addWidget(field, place, 1)
        else:
            layout.addLayout(field, place, 1)
    return layout


def scrolling(content: QWidget, parent: QWidget | None = None) -> QScrollArea:
    """A panel's content in an area that scrolls up and down when the window is small.

    parent: of the area, where that is known: what gets its parent later is styled once more.
    """
    area = Column(parent)
    area.setWidget(content)
    area.setWidgetResizable(True)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    for widget in (area, content):
        widget.setProperty("role", "panel")
    return area


class Column(QScrollArea):
    """A scroll area that is never narrower than its content, so that nothing is cut off at the side.

    The wheel scrolls it wherever the pointer is. A field, list or slider that passes below the pointer turns
    by the wheel only once somebody has chosen it: else scrolling changes settings unnoticed.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._calm = QTimer(self, singleShot=True, interval=CALM_MS)
        self._calm.timeout.connect(self._calm_controls)

    def showEvent(self, event: QShowEvent) -> None:
        """Look after the controls."""
        super().showEvent(event)
        self._calm_controls()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look after controls that come later; keep the wheel from those that were not chosen."""
        changed = event.type() == QEvent.Type.LayoutRequest and watched is self.widget()
        if changed and not self._calm.isActive():
            self._calm.start()
        if event.type() == QEvent.Type.Wheel and isinstance(watched, CONTROLS) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _calm_controls(self) -> None:
        content = self.widget()
        if content is None:
            return
        for control in (found for kind in CONTROLS for found in content.findChildren(kind)):
            if control.focusPolicy() == Qt.FocusPolicy.WheelFocus:
                control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)  # so that the wheel chooses nothing
            control.installEventFilter(self)  # as often as one likes: it counts once

    def minimumSizeHint(self) -> QSize:
        """The content's least width, and room for a few lines."""
        bar = self.verticalScrollBar().sizeHint().width()
        content = self.widget()
        return QSize((content.minimumSizeHint().width() if content else 0) + bar, 60)


def fit_to_screen(window: QWidget, width: int, height: int) -> None:
    """Give a window this size, in px, or as much of it as the screen has room for."""
    room = window.screen().availableSize()
    window.resize(min(width, room.width() - MARGIN), min(height, room.height() - MARGIN))


class Note(QFrame):
    """A coloured box with a sentence, its remedy, and at most one button; hidden while it says nothing.

    Below the button there is room for what explains the sentence.
    """

    def __init__(self, kind: str = "warning", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "note")
        self.setProperty("kind", kind)
        self.text = label()
        self.button = button("", "Mend this", self._act)
        self.details = label()
        self._action: Callable[[], object] | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 8)
        layout.setSpacing(6)
        layout.addWidget(self.text)
        layout.addWidget(self.button, alignment=Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.details)
        self.say("")

    def say(
        self,
        text: str,
        kind: str = "",
        action: str = "",
        handler: Callable[[], object] | None = None,
        details: str = "",
    ) -> None:
        """Show a text with an optional button and more text below it; an empty text hides the note."""
        self.text.setText(text)
        self.details.setText(details)
        self.details.setVisible(bool(details))
        if kind:
            set_role(self, kind, "kind")
        self.button.setText(action)
        self.button.setToolTip(action)
        self.button.setVisible(bool(action))
        self._action = handler
        self.setVisible(bool(text))

    def _act(self) -> None:
        if self._action is not None:
            self._action()
