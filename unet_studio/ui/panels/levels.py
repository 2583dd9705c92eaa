"""A histogram of the image with two handles under it: the values shown as black and as white."""

import math

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from unet_studio.core.display import BINS, Window
from unet_studio.ui.theme import theme

HEIGHT = 92  # px, handles and all
HANDLE = 6  # px, half the width of a handle and its height
SIDE = 8  # px beside the curve, for half a handle
NEAR = 0.5  # of the way to the other handle that a press still takes this one
LEAST = 1 / 512  # of the range between black and white


class Levels(QWidget):
    """windowChanged(black, white): a person drags a handle. wanted(): it is on screen and has no curves."""

    windowChanged = Signal(float, float)
    wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Histogram of the image, with black and white")
        self.setToolTip("Drag the handles: left is black, right is white")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._curves: list[tuple[NDArray[np.float64], str | None]] = []
        self._limits: Window = (0.0, 255.0)
        self._window: Window = (0.0, 255.0)
        self._held: int | None = None
        theme().changed.connect(self.update)

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(200, HEIGHT)

    def show_counts(self, curves: list[tuple[NDArray[np.int64], str | None]], limits: Window) -> None:
        """Show how often values occur. curves: counts (BINS,) each with its colour, None for grey.

        limits: the values of the first bin and of the last.
        """
        highest = max((float(counts[1:-1].max(initial=0)) for counts, _ in curves), default=0.0)
        scale = 1 / math.sqrt(highest) if highest else 1.0  # black and white alone may tower above all
        self._curves = [(np.minimum(np.sqrt(counts) * scale, 1.0), color) for counts, color in curves]
        self._limits = limits
        self.update()

    def show_window(self, window: Window) -> None:
        """Show where black and white are."""
        self._window = window
        self.update()

    # -- painting -----------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        """The curves, what the window leaves out darkened, and the handles."""
        look = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self._area()
        painter.setPen(QPen(QColor(look.border), 1))
        painter.setBrush(QColor(look.field))
        painter.drawRoundedRect(area.adjusted(-1, -1, 1, 1), 3, 3)
        painter.setPen(Qt.PenStyle.NoPen)
        for heights, color in self._curves:
            tint = QColor(color or look.muted)
            tint.setAlphaF(1.0 if color is None else 0.55)
            painter.setBrush(tint)
            painter.drawPolygon(self._polygon(heights, area))
        self._paint_slope(painter, area)
        for value, fill in zip(self._window, (QColor("#000000"), QColor("#ffffff")), strict=True):
            x = self._x(value)
            painter.setPen(QPen(QColor(look.muted), 1))
            painter.setBrush(fill if self.isEnabled() else QColor(look.surface))
            foot = area.bottom() + 2
            painter.drawPolygon(
                QPolygonF([QPointF(x, foot), QPointF(x + HANDLE, foot + 9), QPointF(x - HANDLE, foot + 9)])
            )
        painter.end()
        if not self._curves:
            self.wanted.emit()

    def _paint_slope(self, painter: QPainter, area: QRectF) -> None:
        """The line from black to white."""
        black, white = (self._x(value) for value in self._window)
        painter.setPen(QPen(QColor(theme().tokens.accent), 1.5))
        painter.setClipRect(area)
        painter.drawPolyline(
            QPolygonF(
                [
                    QPointF(area.left(), area.bottom()),
                    QPointF(black, area.bottom()),
                    QPointF(white, area.top()),
                    QPointF(area.right(), area.top()),
                ]
            )
        )
        painter.setClipping(False)

    def _polygon(self, heights: NDArray[np.float64], area: QRectF) -> QPolygonF:
        step = area.width() / BINS
        points = [QPointF(area.left(), area.bottom())]
        for place, height in enumerate(heights):
            y = area.bottom() - height * area.height()
            points += [
                QPointF(area.left() + place * step, y),
                QPointF(area.left() + (place + 1) * step, y),
            ]
        points.append(QPointF(area.right(), area.bottom()))
        return QPolygonF(points)

    def _area(self) -> QRectF:
        return QRectF(SIDE, 2, max(self.width() - 2 * SIDE, 1), HEIGHT - 15)

    # -- places and values --------------------------------------------------------------------------------

    def _x(self, value: float) -> float:
        """Where a value is; those beyond the range are at its end."""
        low, high = self._limits
        place = (value - low) / (high - low) if high > low else 0.0
        return self._area().left() + min(max(place, 0.0), 1.0) * self._area().width()

    def _value(self, x: float) -> float:
        low, high = self._limits
        place = (x - self._area().left()) / self._area().width()
        return low + min(max(place, 0.0), 1.0) * (high - low)

    # -- the pointer --------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take the nearer handle to where the pointer is."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        x = event.position().x()
        black, white = (self._x(value) for value in self._window)
        self._held = 0 if x < black + NEAR * (white - black) else 1
        self._drag(x)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag the handle."""
        if self._held is not None:
            self._drag(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Let the handle go."""
        self._held = None

    def _drag(self, x: float) -> None:
        black, white = self._window
        value, least = self._value(x), (self._limits[1] - self._limits[0]) * LEAST
        window = (min(value, white - least), white) if self._held == 0 else (black, max(value, black + least))
        if window != self._window:
            self._window = window
            self.update()
            self.windowChanged.emit(*window)
