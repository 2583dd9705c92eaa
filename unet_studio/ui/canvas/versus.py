"""Two model versions on the canvas: lays what they say over the image, and draws the line between them.

While it is on, the pointer paints nothing: it carries the line, or moves the image.
"""

from typing import TYPE_CHECKING

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, QPointF, QRect, QRectF, Qt, Slot
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPen, QRegion

from unet_studio.core.geometry import Rect
from unet_studio.session.comparer import Comparer, Side, View
from unet_studio.ui.canvas.decor import BRIGHT, DARK
from unet_studio.ui.canvas.layers import Layer
from unet_studio.ui.canvas.versus_layers import Pair, difference_legend, versus_layers
from unet_studio.ui.theme import theme

if TYPE_CHECKING:
    from unet_studio.ui.canvas.widget import Canvas

HOLD_MS = 350  # a flip key that is held longer flips for as long as it is held
REACH = 10  # logical px on both sides of the line that it may colour
KNOB = 9.0  # logical px, the radius of the handle in the middle of the line
MARGIN, PADDING = 12, 8  # logical px around a name, and inside its card
LETTERS = ("A", "B")


class Versus(QObject):
    """Follows the session's comparer."""

    def __init__(self, comparer: Comparer, canvas: "Canvas") -> None:
        super().__init__(canvas)
        self._comparer, self._canvas = comparer, canvas
        self._layers: dict[str, Layer] = {}
        self._held: QElapsedTimer | None = None
        comparer.changed.connect(self._changed)
        comparer.splitMoved.connect(self._split_moved)
        canvas.viewChanged.connect(self._view_changed)
        canvas.installEventFilter(self)
        canvas.versus = self

    @property
    def on(self) -> bool:
        """Whether versions are compared on the canvas."""
        return self._comparer.on

    @property
    def layer(self) -> Layer | None:
        """What lies over the image now; None where nothing is compared."""
        return self._layers.get(self._comparer.view) if self.on else None

    @property
    def splits(self) -> bool:
        """Whether the line is on the canvas."""
        return self.on and self._comparer.view == "split"

    @property
    def names(self) -> tuple[str, str]:
        """What people call both models."""
        first, second = self._comparer.sides
        return first.entry.shown, second.entry.shown

    def legend(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Title and colours for the corner of the canvas: of the difference alone."""
        if self._comparer.view != "difference":
            return "", ()
        if any(side.prediction is None for side in self._comparer.sides):
            return "Difference", (("", "  ".join(self._tag(place) for place in (0, 1))),)
        return "Difference", difference_legend(self.names)

    def press(self, at: QPointF) -> bool:
        """A button went down, or moved while it is down. Returns whether it carries the line."""
        if self.splits:
            self._comparer.move_split(self._canvas.to_image(at)[1])
        return self.splits

    def toggle(self) -> None:
        """Begin to compare, or end."""
        if self.on:
            self._comparer.end()
        else:
            self._comparer.begin()
            self._comparer.changed.emit()  # where it could not begin, its action is not to stay checked

    def show(self, view: View) -> None:
        """Look at both this way; what is looked at already goes back to the line."""
        comparer = self._comparer
        before = comparer.view if self.on else None
        comparer.set_view("split" if view == before else view)
        if comparer.view == before or not self.on:
            comparer.changed.emit()  # its action has toggled itself

    def flip(self) -> None:
        """The flip key went down: look at the other side, for good or for as long as it is held."""
        self._comparer.flip()
        self._held = QElapsedTimer()
        self._held.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The flip key came up, whichever it is: after a long hold what was shown before comes back."""
        if self._held is not None and isinstance(event, QKeyEvent):
            released = event.type() == QEvent.Type.KeyRelease and not event.isAutoRepeat()
            if released and self._held.hasExpired(HOLD_MS):
                self._comparer.flip_back()
            if released:
                self._held = None
        return super().eventFilter(watched, event)

    # -- what the session says ----------------------------------------------------------------------------

    @Slot()
    def _changed(self) -> None:
        comparer = self._comparer
        self._layers = {}
        if comparer.on:
            first, second = (side.prediction for side in comparer.sides)
            self._layers = versus_layers(Pair(first, second, lambda: comparer.column), self.names)
        self._canvas.hand.instead = self.press if comparer.on else None
        self._canvas.compare()

    @Slot(int, int)
    def _split_moved(self, before: int, now: int) -> None:
        """Recolour what the line passed, where it is on screen."""
        document = self._canvas.session.document
        if document is None or not self.splits:
            return
        for column in (before, now):
            self._canvas.repaint_part(QRegion(self._line(column)))
        self._canvas.recolor(Rect(0, min(before, now), document.shape[0], max(before, now)))

    @Slot()
    def _view_changed(self) -> None:
        if self.on:
            self._canvas.update()

    # -- painting -----------------------------------------------------------------------------------------

    def _line(self, column: int) -> QRect:
        """What the line at a column covers, in logical px."""
        x = self._canvas.to_widget(0, column).x()
        return QRectF(x - REACH, 0, 2 * REACH, self._canvas.height()).toAlignedRect()

    def paint(self, painter: QPainter) -> None:
        """The line with its handle, and the names of both sides."""
        if not self.on or self._canvas.session.document is None:
            return
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.splits:
            self._paint_line(painter)
        if self._comparer.view != "difference":
            self._paint_tags(painter)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _paint_line(self, painter: QPainter) -> None:
        x, height = self._canvas.to_widget(0, self._comparer.column).x(), self._canvas.height()
        for color, width in ((DARK, 3.0), (BRIGHT, 1.0)):
            painter.setPen(QPen(color, width))
            painter.drawLine(QPointF(x, 0), QPointF(x, height))
        painter.setPen(QPen(DARK, 1))
        painter.setBrush(BRIGHT)
        painter.drawEllipse(QPointF(x, height / 2), KNOB, KNOB)
        painter.setPen(QPen(DARK, 1.6))
        for way in (-1, 1):  # two arrow heads: it can be carried both ways
            tip = QPointF(x + way * 6, height / 2)
            painter.drawPolyline(
                [QPointF(x + way * 2.5, tip.y() - 3.5), tip, QPointF(x + way * 2.5, tip.y() + 3.5)]
            )
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_tags(self, painter: QPainter) -> None:
        """A card with a name in each upper corner; the one that is not looked at is faint."""
        look, view = theme().tokens, self._comparer.view
        font = QFont(self._canvas.font())
        font.setBold(True)
        painter.setFont(font)
        metrics = QFontMetrics(font)
        most = self._canvas.width() // 2 - 2 * MARGIN
        for place in (0, 1):
            shown = view in ("split", ("first", "second")[place])
            text = metrics.elidedText(self._tag(place), Qt.TextElideMode.ElideMiddle, most - 2 * PADDING)
            width, height = metrics.horizontalAdvance(text) + 2 * PADDING, metrics.height() + PADDING
            left = MARGIN if place == 0 else self._canvas.width() - MARGIN - width
            card = QRectF(left, MARGIN, width, height)
            chosen = shown and view != "split"
            painter.setOpacity(1.0 if shown else 0.75)
            painter.setPen(QPen(QColor(look.accent if chosen else look.border), 1))
            painter.setBrush(QColor(look.accent if chosen else look.surface))
            painter.drawRoundedRect(card, 6, 6)
            painter.setPen(QColor(look.on_accent if chosen else look.text if shown else look.muted))
            painter.drawText(card, Qt.AlignmentFlag.AlignCenter, text)
        painter.setOpacity(1.0)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _tag(self, place: int) -> str:
        """ "A · v1", and what it lacks."""
        side: Side = self._comparer.sides[place]
        lacks = " · is being predicted…" if side.waiting else f" · {side.problem}" if side.problem else ""
        return f"{LETTERS[place]} · {side.entry.shown}{lacks}"
