"""The map in the corner of the canvas: the whole image, and which part of it is on screen."""

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QEnterEvent, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.core.pyramid import Pyramid
from unet_studio.ui.canvas.layers import LAYERS, Table
from unet_studio.ui.canvas.tiles import OVERLAY, RGB, Tile
from unet_studio.ui.theme import theme

SIDE = 180  # logical px of the longer side of the map
SHARE = 3  # the map takes at most one of so many parts of the canvas, in each direction
THIN = 24  # logical px that the shorter side of the map has at least
PATIENCE_MS = 120  # between a change of the mask and its showing on the map
DIM = QColor(0, 0, 0, 110)  # over what is not on screen
LINE = 2  # logical px, the frame around what is on screen

Shown = tuple[Document, Pyramid, str, Table | None]  # the layer's name, and its colours or None


class Overview(QWidget):
    """Shows the image small, with its mask; a click or a drag asks for another place.

    centreAsked(row, column): the image position that is to come into the middle of the canvas. entered: the
    pointer left the canvas for the map. It follows the canvas through show_image, show_part and changed.
    """

    centreAsked = Signal(float, float)
    entered = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("overview")
        self.setAccessibleName("Overview map")
        self.setToolTip("Click or drag to move the view")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.hide()
        self.drawn = 0  # px of the map that were drawn since the start; tests hold it against what changed
        self._shown: Callable[[], Shown | None] = lambda: None
        self._tile = Tile.blank(1, 1)
        self._level = 0
        self._shape = (1, 1)
        self._part = QRectF()  # what is on screen, in px of the image
        self._missed = EMPTY  # what changed since the map was drawn, in px of the image
        self._timer = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._timer.timeout.connect(self.update)

    def follow(self, shown: Callable[[], Shown | None]) -> None:
        """Draw what that tells, whenever the map is drawn; None for no image."""
        self._shown = shown

    def lay_out(self, shape: tuple[int, int], room: tuple[int, int]) -> None:
        """Take a size that fits the image, (height, width) px, and the canvas, (width, height) logical px."""
        side = min(SIDE / max(shape), room[0] / SHARE / shape[1], room[1] / SHARE / shape[0])
        size = [max(round(length * side), THIN) for length in (shape[1], shape[0])]
        self.setFixedSize(*size)
        if shape != self._shape:
            self._shape = shape
            self.all_changed()

    def show_part(self, part: QRectF) -> None:
        """Say which part of the image is on screen, in px of the image."""
        if part != self._part:
            self._part = part
            self.update()

    def changed(self, rect: Rect) -> None:
        """The mask changed in rect, in px of the image; the map follows in a moment."""
        self._missed = self._missed.union(rect)
        if self.isVisible() and not self._timer.isActive():
            self._timer.start()

    def all_changed(self) -> None:
        """Everything may look different; the map follows in a moment."""
        self.changed(Rect.of(self._shape))

    def _draw(self) -> None:
        """Bring the small picture up to date."""
        shown = self._shown()
        if shown is None or self._missed.empty:
            return
        document, pyramid, layer, colors = shown
        level = self._best_level(pyramid)
        height, width = pyramid.level_shape(level)
        if level != self._level or self._tile.pixels.shape != (height, width):
            self._level, self._tile = level, Tile.blank(height, width)
            self._missed = Rect.of(pyramid.shape)
        step = 1 << level
        missed, self._missed = self._missed, EMPTY
        part = Rect(
            missed.top // step, missed.left // step, -(-missed.bottom // step), -(-missed.right // step)
        ).clip((height, width))
        if part.empty:
            return
        self.drawn += part.height * part.width
        painter = QPainter(self._tile.image)
        picture = np.ascontiguousarray(pyramid.region(level, part))
        size = part.width, part.height
        painter.drawImage(part.left, part.top, QImage(picture.data, *size, 3 * part.width, RGB))
        if colors is not None:
            whole = Rect(part.top * step, part.left * step, part.bottom * step, part.right * step)
            codes = LAYERS[layer].fill(document, whole.clip(document.shape), step)
            over = np.take(colors, codes)
            painter.drawImage(part.left, part.top, QImage(over.data, *size, 4 * part.width, OVERLAY))
        painter.end()

    def _best_level(self, pyramid: Pyramid) -> int:
        """The coarsest level with a px for every device px of the map."""
        wanted = max(self.width(), self.height()) * self.devicePixelRatioF()
        fits = [
            level for level in range(len(pyramid.levels)) if max(pyramid.level_shape(level)) >= wanted * 0.9
        ]
        return max(fits, default=0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The small picture, what is off screen dimmed, and a frame around what is on screen."""
        self._timer.stop()
        self._draw()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        whole = QRectF(self.rect())
        painter.drawImage(whole, self._tile.image)
        across, down = whole.width() / self._shape[1], whole.height() / self._shape[0]
        part = self._part
        seen = QRectF(part.x() * across, part.y() * down, part.width() * across, part.height() * down)
        seen = _at_least(seen, 3 * LINE).intersected(whole)
        for rest in (
            QRectF(0, 0, whole.width(), seen.top()),
            QRectF(0, seen.bottom(), whole.width(), whole.height() - seen.bottom()),
            QRectF(0, seen.top(), seen.left(), seen.height()),
            QRectF(seen.right(), seen.top(), whole.width() - seen.right(), seen.height()),
        ):
            painter.fillRect(rest, DIM)
        inner = seen.adjusted(LINE / 2, LINE / 2, -LINE / 2, -LINE / 2)
        for color, width in ((QColor(0, 0, 0, 150), LINE + 2), (QColor(255, 255, 255), LINE)):
            painter.setPen(QPen(color, width))
            painter.drawRect(inner)
        painter.setPen(QPen(QColor(theme().tokens.strong_border), 1))
        painter.drawRect(whole.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.end()

    # -- the pointer --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Go where the map was clicked."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._ask(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the drag."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._ask(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Nothing more: the canvas below is not to hear of it."""

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """A quick second click is a click."""
        self.mousePressEvent(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The pointer is no longer over the image."""
        self.entered.emit()

    def _ask(self, at: QPointF) -> None:
        room = QSizeF(self.size())
        row = at.y() / room.height() * self._shape[0]
        column = at.x() / room.width() * self._shape[1]
        self.centreAsked.emit(
            min(max(row, 0.0), float(self._shape[0])), min(max(column, 0.0), float(self._shape[1]))
        )


def _at_least(rect: QRectF, side: float) -> QRectF:
    """A rectangle around the same centre that is large enough to be seen."""
    result = QRectF(0, 0, max(rect.width(), side), max(rect.height(), side))
    result.moveCenter(rect.center())
    return result
