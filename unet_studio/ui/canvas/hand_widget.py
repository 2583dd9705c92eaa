"""A widget whose mouse, pen, wheel, touchpad, fingers and keys go to a Hand."""

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QTabletEvent,
    QTouchEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from unet_studio.ui.canvas.hand import Hand

TYPING = (QLineEdit, QAbstractSpinBox, QComboBox, QTextEdit, QPlainTextEdit)


class HandWidget(QWidget):
    """Hands events on, then calls pointed() or hold_changed(), which a subclass fills in; it sets hand."""

    hand: Hand

    def pointed(self) -> None:
        """The pointer moved, or a button or the wheel turned."""

    def hold_changed(self) -> None:
        """A key may be held or let go."""

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a stroke or a pan."""
        self.hand.press(event.position(), event.button(), event.modifiers())
        self.pointed()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A quick second press: a press for most tools."""
        self.hand.press(event.position(), event.button(), event.modifiers(), kind="double")
        self.pointed()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Go on with it."""
        self.hand.move(event.position(), event.buttons(), event.modifiers())
        self.pointed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End it."""
        self.hand.release(event.position(), event.button(), event.modifiers())
        self.pointed()

    def tabletEvent(self, event: QTabletEvent) -> None:
        """A pen draws as a mouse does."""
        self.hand.tablet(event)
        self.pointed()
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Zoom, pan or change the brush."""
        self.hand.at = event.position()
        self.hand.wheel(event)
        self.pointed()
        event.accept()

    def enterEvent(self, event: QEnterEvent) -> None:
        """Take the keyboard, so that Space and Escape work at once; never from a field one types in."""
        self.hand.at = event.position()
        window = self.window()
        if window.isActiveWindow() and not isinstance(QApplication.focusWidget(), TYPING):
            self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.pointed()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keys that mean something on the canvas; all others go on to the window."""
        event.setAccepted(self.hand.key_press(event))
        self.hold_changed()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        """The end of a key held."""
        event.setAccepted(self.hand.key_release(event))
        self.hold_changed()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """A stroke ends where the keyboard goes elsewhere."""
        self.hand.let_go()
        self.hold_changed()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        """A stroke ends where the canvas goes."""
        self.hand.let_go()
        self.hold_changed()
        super().hideEvent(event)

    def event(self, event: QEvent) -> bool:
        """Tab peeks instead of leaving; work under way keeps its keys; touchpad gestures and fingers."""
        if isinstance(event, QNativeGestureEvent):
            return self.hand.gesture(event)
        if isinstance(event, QTouchEvent):
            event.setAccepted(self.hand.touch.handle(event))
            self.pointed()
            return event.isAccepted()
        if isinstance(event, QKeyEvent):
            override = event.type() == QEvent.Type.ShortcutOverride
            if override and (self.hand.drawing or self.hand.claims(event)):
                event.accept()
                return True
            if event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Tab:
                self.keyPressEvent(event)
                return True
        return super().event(event)
