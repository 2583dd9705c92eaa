"""What the hand does on the canvas: strokes, panning, zooming, peeking under the mask.

Mouse      left: tool; right, or left with Alt: tool, erasing; middle, or left with Space: pan.
Wheel      zoom to the pointer; with Shift pan; with Ctrl the size of the brush.
Touchpad   two fingers pan, pinch zooms; two fingers with Ctrl zoom as well.
Pen        as the left button; its other end erases; its pressure goes to the tool.
Touch      two fingers pan and zoom, one is the tool, or pans where a pen was seen.
Keys       Space held: pan. H or Tab held: no mask. Escape: take the stroke back. + - F: zoom in, out, fit.
           Enter, Backspace and Escape go to a tool that is in the middle of its work.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import (
    QInputDevice,
    QKeyEvent,
    QNativeGestureEvent,
    QPointingDevice,
    QTabletEvent,
    QWheelEvent,
)

from unet_studio.ui.canvas.touch import Touch

if TYPE_CHECKING:
    from unet_studio.ui.canvas.widget import Canvas

NOTCH = 120  # units of QWheelEvent.angleDelta in one step of a mouse wheel
NOTCH_ZOOM = 1.25
NOTCH_SIZE = 1.15
NOTCH_PAN = 60  # logical px
REACH = 7.0  # logical px; so near the pointer is on a point

Button = Qt.MouseButton
Keys = Qt.KeyboardModifier

MODIFIERS = {
    Keys.ShiftModifier: "shift",
    Keys.ControlModifier: "ctrl",
    Keys.AltModifier: "alt",
}
PEEKING = (Qt.Key.Key_H, Qt.Key.Key_Tab)
TOOL_KEYS = {
    Qt.Key.Key_Return: "enter",
    Qt.Key.Key_Enter: "enter",
    Qt.Key.Key_Backspace: "backspace",
    Qt.Key.Key_Delete: "backspace",
    Qt.Key.Key_Escape: "escape",
}


class Hand:
    """The state between events: where the pointer is, which button does what, which keys are held.

    A stroke ends with the button, or when the canvas loses the keyboard, is hidden or misses the release:
    what was painted so far then stays, as one step. Positions are logical px of the canvas.

    instead: what takes the place of the tool, called where a button goes down and with every move while it is
    down; where it returns False, the drag moves the image.
    """

    def __init__(self, canvas: "Canvas") -> None:
        self._canvas = canvas
        self.touch = Touch(canvas, self)
        self.at: QPointF | None = None
        self.space = False
        self.peeking = False
        self.instead: Callable[[QPointF], bool] | None = None
        self._carrying: Qt.MouseButton | None = None
        self._drawing: Qt.MouseButton | None = None
        self._marks: frozenset[str] = frozenset()  # what button or pen add to the modifiers
        self._panning: Qt.MouseButton | None = None
        self._grip = QPointF()
        self._size_steps = 0.0
        self._pressure = 1.0  # of a pen

    @property
    def drawing(self) -> bool:
        """Whether a stroke is under way."""
        return self._drawing is not None

    @property
    def panning(self) -> bool:
        """Whether a drag moves the image."""
        return self._panning is not None

    def press(
        self,
        at: QPointF,
        button: Qt.MouseButton,
        keys: Qt.KeyboardModifier,
        pen: str = "",
        kind: str = "press",
    ) -> None:
        """A button went down, or a pen touched. pen: "eraser" for its other end. kind: or "double"."""
        self.at = at
        if self.drawing or self.panning or self._carrying is not None:
            return
        if button == Button.MiddleButton or (button == Button.LeftButton and self.space):
            self._panning, self._grip = button, at
        elif self.instead is not None:
            if self.instead(at):
                self._carrying = button
            else:
                self._panning, self._grip = button, at
        elif button in (Button.LeftButton, Button.RightButton) and self._canvas.session.document is not None:
            self._drawing = button
            right = "right" if button == Button.RightButton else ""
            self._marks = frozenset({right, pen} - {""})
            self._send(kind, at, keys)

    def move(self, at: QPointF, buttons: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
        """The pointer moved."""
        held = self._drawing or self._panning or self._carrying
        if held is not None and not buttons & held:
            self._finish()
        self.at = at
        if self.panning:
            delta, self._grip = at - self._grip, at
            self._canvas.pan_by(delta.x(), delta.y())
        elif self._carrying is not None:
            if self.instead is not None:
                self.instead(at)
        elif self.drawing:
            self._send("move", at, keys)
        elif self._canvas.session.editor.hovers and self.instead is None:
            self._marks = frozenset()
            self._send("hover", at, keys)

    def release(self, at: QPointF, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
        """A button went up."""
        self.at = at
        if button == self._panning:
            self._panning = None
        elif button == self._carrying:
            self._carrying = None
        elif button == self._drawing:
            self._drawing = None
            self._send("release", at, keys)

    def tablet(self, event: QTabletEvent) -> None:
        """A pen: the same as a mouse, at every position it reports."""
        self.touch.pen_near()
        eraser = event.pointerType() == QPointingDevice.PointerType.Eraser
        if event.type() == event.Type.TabletPress:
            self._pressure = event.pressure()
            self.press(event.position(), event.button(), event.modifiers(), "eraser" if eraser else "")
        elif event.type() == event.Type.TabletRelease:  # with the last pressure: its own is none at all
            self.release(event.position(), event.button(), event.modifiers())
            self._pressure = 1.0
        else:
            self._pressure = event.pressure() if self.drawing else 1.0
            self.move(event.position(), event.buttons(), event.modifiers())

    def let_go(self) -> None:
        """The keyboard or the canvas is gone: no release will come, of a button or of a key."""
        self.space, self.peeking = False, False
        self._finish()

    def _finish(self) -> None:
        """End the drag where it was, and keep what was painted so far."""
        self._panning = self._carrying = None
        if self._drawing is not None:
            self._drawing = None
            self._send("release", self.at or QPointF(), Keys.NoModifier)

    def abandon(self) -> None:
        """Take the stroke back."""
        if self._drawing is not None:
            self._drawing = None
            self._send("cancel", self.at or QPointF(), Keys.NoModifier)

    def wheel(self, event: QWheelEvent) -> None:
        """Zoom, pan or change the brush."""
        canvas, at, keys = self._canvas, event.position(), event.modifiers()
        touchpad = event.device().type() == QInputDevice.DeviceType.TouchPad
        pixels, angle = QPointF(event.pixelDelta()), QPointF(event.angleDelta())
        # With Alt, and on some systems with Shift, the wheel's turn arrives as a sideways one.
        notches = (angle.y() or angle.x()) / NOTCH
        if keys & Keys.ControlModifier and not touchpad:
            self._resize_brush(notches)
        elif touchpad and not keys & Keys.ControlModifier:
            by = pixels if not pixels.isNull() else angle * (NOTCH_PAN / NOTCH)
            canvas.pan_by(by.x(), by.y())
        elif keys & Keys.ShiftModifier:
            canvas.pan_by(notches * NOTCH_PAN, 0)
        elif notches:
            canvas.zoom_by(NOTCH_ZOOM**notches, at)

    def gesture(self, event: QNativeGestureEvent) -> bool:
        """A gesture of the touchpad. Returns whether it means something here."""
        kind = event.gestureType()
        if kind == Qt.NativeGestureType.ZoomNativeGesture:
            self._canvas.zoom_by(max(1 + event.value(), 0.1), event.position())
        elif kind == Qt.NativeGestureType.PanNativeGesture:
            self._canvas.pan_by(event.delta().x(), event.delta().y())
        elif kind == Qt.NativeGestureType.SmartZoomNativeGesture:
            self._canvas.fit_or_actual_size(event.position())
        else:
            return False
        return True

    def claims(self, event: QKeyEvent) -> bool:
        """Whether a key is the tool's now and no shortcut of the window."""
        plain = not event.modifiers() & (Keys.ControlModifier | Keys.AltModifier)
        return plain and event.key() in TOOL_KEYS and self._canvas.session.editor.busy

    def key_press(self, event: QKeyEvent) -> bool:
        """Returns whether the key means something here."""
        key = event.key()
        if key == Qt.Key.Key_Escape and self.drawing:
            self.abandon()
        elif self.claims(event):
            self._canvas.session.editor.tool_key(TOOL_KEYS[Qt.Key(key)])
        elif key == Qt.Key.Key_Space:
            self.space = True
        elif key in PEEKING:
            self.peeking = True
        elif key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self._canvas.zoom_in()
        elif key == Qt.Key.Key_Minus:
            self._canvas.zoom_out()
        elif key == Qt.Key.Key_F:
            self._canvas.fit()
        else:
            return self.drawing  # nothing else happens during a stroke
        return True

    def key_release(self, event: QKeyEvent) -> bool:
        """Returns whether the key means something here."""
        if event.key() == Qt.Key.Key_Space:
            self.space = self.space and event.isAutoRepeat()
        elif event.key() in PEEKING:
            self.peeking = self.peeking and event.isAutoRepeat()
        else:
            return False
        return True

    def _resize_brush(self, notches: float) -> None:
        session = self._canvas.session
        self._size_steps += notches
        steps = int(self._size_steps)
        if steps:
            self._size_steps -= steps
            radius = session.editor.brush_radius
            wanted = round(radius * NOTCH_SIZE**steps)
            session.editor.set_brush_radius(wanted if wanted != radius else radius + (1 if steps > 0 else -1))

    def _send(self, kind: str, at: QPointF, keys: Qt.KeyboardModifier) -> None:
        row, column = self._canvas.to_image(at)
        editor = self._canvas.session.editor
        editor.reach = REACH * self._canvas.picture.ratio / self._canvas.zoom
        names = frozenset(name for key, name in MODIFIERS.items() if keys & key)
        editor.pointer(kind, row, column, names | self._marks, self._pressure)
