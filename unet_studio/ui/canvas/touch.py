"""Fingers on a touch screen: two move and zoom the image; one paints, or moves it where there is a pen.

A palm is no finger: while a pen is near the screen, and until all fingers are up again, touches mean nothing.
"""

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEventPoint, QGuiApplication, QInputDevice, QTouchEvent

if TYPE_CHECKING:
    from unet_studio.ui.canvas.hand import Hand
    from unet_studio.ui.canvas.widget import Canvas

PEN_REST = 0.5  # s without a word from the pen after which it is gone
SLOP = 8.0  # logical px that a finger may move before it is a drag
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class Touch:
    """What the fingers are doing: "" nothing, "tap" not known yet, "paint", "move" the image, "ignored".

    A finger paints only once it has moved or is lifted: by then it is known whether a second one comes.
    """

    def __init__(self, canvas: "Canvas", hand: "Hand") -> None:
        canvas.setAttribute(Qt.WidgetAttribute.WA_AcceptTouchEvents)
        self._canvas = canvas
        self._hand = hand
        self._doing = ""
        self._start = QPointF()
        self._ids: tuple[int, ...] = ()  # of the fingers that were down last
        self._middle = QPointF()  # of the fingers
        self._spread = 0.0  # logical px between the first two of them
        self._pen: float | None = None  # when the pen was heard of last
        self._tapped = (0.0, QPointF())  # when and where a finger tapped last

    def pen_near(self) -> None:
        """A pen is on the screen or above it: a finger that paints is a palm."""
        self._pen = time.monotonic()
        if self._doing == "paint":
            self._hand.abandon()
        if self._doing:
            self._doing = "ignored"

    def handle(self, event: QTouchEvent) -> bool:
        """Returns whether the fingers mean something here; those on a touchpad are the pointer's."""
        if event.device().type() == QInputDevice.DeviceType.TouchPad:
            return False
        fingers = [point for point in event.points() if point.state() != QEventPoint.State.Released]
        if event.type() == QEvent.Type.TouchCancel:
            self._cancel()
        elif event.type() == QEvent.Type.TouchEnd:
            self._end(event)
        elif fingers:
            if event.type() == QEvent.Type.TouchBegin:
                self._begin(fingers[0])
            self._go_on(fingers, event.modifiers())
        return True

    def _begin(self, finger: QEventPoint) -> None:
        near = self._pen is not None and time.monotonic() - self._pen < PEN_REST
        self._doing = "ignored" if near else "tap" if self._pen is None else "move"
        self._start, self._ids = finger.position(), ()

    def _go_on(self, fingers: list[QEventPoint], keys: Qt.KeyboardModifier) -> None:
        at = fingers[0].position()
        if self._doing == "tap" and len(fingers) > 1:
            self._doing = "move"
        elif self._doing == "tap" and (at - self._start).manhattanLength() > SLOP:
            self._doing = "paint"
            self._hand.press(self._start, LEFT, keys)
        if self._doing == "paint":
            self._hand.move(at, LEFT, keys)
        elif self._doing == "move":
            self._move(fingers)

    def _move(self, fingers: list[QEventPoint]) -> None:
        """Keep under the fingers what was under them."""
        ids = tuple(finger.id() for finger in fingers)
        places = [finger.position() for finger in fingers]
        middle = QPointF(
            sum(place.x() for place in places) / len(places), sum(place.y() for place in places) / len(places)
        )
        apart = places[0] - places[-1]
        spread = (apart.x() ** 2 + apart.y() ** 2) ** 0.5
        if ids == self._ids:  # else a finger came or went, and the rest begin anew where they are
            self._canvas.pan_by(middle.x() - self._middle.x(), middle.y() - self._middle.y())
            if spread > SLOP and self._spread > SLOP:
                self._canvas.zoom_by(spread / self._spread, middle)
        self._ids, self._middle, self._spread = ids, middle, spread

    def _end(self, event: QTouchEvent) -> None:
        doing, self._doing = self._doing, ""
        at, keys = event.points()[0].position(), event.modifiers()
        if doing == "tap":
            self._tap(at, keys)
        elif doing == "paint":
            self._hand.release(at, LEFT, keys)
        self._hand.at = None

    def _tap(self, at: QPointF, keys: Qt.KeyboardModifier) -> None:
        """A click, or the second one of a double click."""
        now, (before, there) = time.monotonic(), self._tapped
        soon = now - before < QGuiApplication.styleHints().mouseDoubleClickInterval() / 1000
        double = soon and (at - there).manhattanLength() <= 2 * SLOP
        self._tapped = (0.0 if double else now), at
        self._hand.press(at, LEFT, keys, kind="double" if double else "press")
        self._hand.release(at, LEFT, keys)

    def _cancel(self) -> None:
        if self._doing == "paint":
            self._hand.abandon()
        self._doing = ""
        self._hand.at = None
