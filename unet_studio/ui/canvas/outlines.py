"""The lines that a tool draws over the picture while it is at work, bright on dark to be seen anywhere."""

import math
from functools import reduce
from itertools import pairwise, zip_longest
from typing import TYPE_CHECKING

from PySide6.QtCore import QMarginsF, QObject, QPointF, QRect, QRectF, Slot
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF, QRegion

from unet_studio.tools import Outline
from unet_studio.tools.tool import Point
from unet_studio.ui.canvas.decor import BRIGHT, DARK
from unet_studio.ui.theme import theme

if TYPE_CHECKING:
    from unet_studio.ui.canvas.widget import Canvas

HANDLE, MARKED = 3.5, 5.5  # logical px from the middle of a dot to its side
MARGIN = 8.0  # logical px around a line that it may colour
AROUND = QMarginsF(MARGIN, MARGIN, MARGIN, MARGIN)
PIECE = 160.0  # logical px; lines are repainted in rectangles of about this side instead of one around all
MANY = 256  # rectangles; what needs more is repainted as one
CHUNK = 64  # points that are drawn, or passed over, together

Box = tuple[float, float, float, float]  # left, top, right, bottom in logical px


class _Line:
    """An outline as Qt draws it: x, y in image px, in chunks that begin where the one before ends."""

    def __init__(self) -> None:
        self.outline = Outline(())
        self.chunks: list[QPolygonF] = []

    def show(self, outline: Outline) -> int:
        """Draw this outline from now on. Returns the number of its points that were drawn already."""
        points, before = outline.points, self.outline
        plain = not (outline.closed or outline.handles or before.closed or before.handles)
        known = len(before.points) if plain and points[: len(before.points)] == before.points else 0
        if not known:
            self.chunks.clear()
        for row, column in [*points[known:], *(points[:1] if outline.closed else ())]:
            self._append(QPointF(column, row))
        self.outline = outline
        return known

    def _append(self, point: QPointF) -> None:
        if not self.chunks:
            self.chunks.append(QPolygonF())
        elif self.chunks[-1].size() > CHUNK:
            self.chunks.append(QPolygonF([self.chunks[-1].last()]))
        self.chunks[-1].append(point)


class Outlines(QObject):
    """Follows the editor, and asks for a repaint of no more than what changed."""

    def __init__(self, canvas: "Canvas") -> None:
        super().__init__(canvas)
        self._canvas = canvas
        self._lines: list[_Line] = []
        canvas.session.editor.outlinesChanged.connect(self._follow)

    @Slot()
    def _follow(self) -> None:
        """Take over the editor's outlines."""
        now, before = self._canvas.session.editor.outlines, self._lines
        self._lines, dirty = [], []
        for line, outline in zip_longest(before, now):
            if line is None or line.outline != outline:
                old, line = line.outline if line is not None else None, line or _Line()
                known = line.show(outline) if outline is not None else 0
                dirty += _sides(old)[known:] if old is not None and not known else []
                dirty += _sides(outline)[max(known - 1, 0) :] if outline is not None else []
            if outline is not None:
                self._lines.append(line)
        self._repaint(dirty)

    def _repaint(self, sides: list[tuple[Point, Point]]) -> None:
        """Repaint where these sides are on screen."""
        view, ratio = self._canvas.picture.view, self._canvas.picture.ratio
        boxes: list[Box] = []
        for one, other in sides:
            (left, top), (right, bottom) = view.to_screen(*one), view.to_screen(*other)
            for piece in _pieces(left / ratio, top / ratio, right / ratio, bottom / ratio):
                together = _united(boxes[-1], piece) if boxes else piece
                if boxes and max(together[2] - together[0], together[3] - together[1]) <= PIECE:
                    boxes[-1] = together
                else:
                    boxes.append(piece)
        region = QRegion()
        for left, top, right, bottom in boxes if len(boxes) <= MANY else [reduce(_united, boxes)]:
            box = QRectF(left, top, right - left, bottom - top).marginsAdded(AROUND)
            region += QRegion(box.intersected(QRectF(self._canvas.rect())).toAlignedRect())
        if not region.isEmpty():
            self._canvas.update(region)

    def paint(self, painter: QPainter, area: QRect) -> None:
        """Draw the lines, then the dots, as far as they lie in area, which is in logical px."""
        if not self._lines:
            return
        view, ratio = self._canvas.picture.view, self._canvas.picture.ratio
        painter.save()
        painter.translate(view.x / ratio, view.y / ratio)
        painter.scale(view.zoom / ratio, view.zoom / ratio)
        reach = painter.transform().inverted()[0].mapRect(QRectF(area).marginsAdded(AROUND))
        chunks = [chunk for line in self._lines for chunk in line.chunks if _meets(chunk, reach)]
        for color, width in ((DARK, 3), (BRIGHT, 1)):
            pen = QPen(color, width * max(1, round(ratio)))
            pen.setCosmetic(True)
            painter.setPen(pen)
            for chunk in chunks:
                painter.drawPolyline(chunk)
        painter.restore()
        for line in self._lines:
            if line.outline.handles:
                self._paint_dots(painter, line.outline)

    def _paint_dots(self, painter: QPainter, outline: Outline) -> None:
        accent = QColor(theme().tokens.accent)
        for number, point in enumerate(outline.points):
            marked = number == outline.marked
            at, half = self._canvas.to_widget(*point), MARKED if marked else HANDLE
            box = QRectF(at.x() - half, at.y() - half, 2 * half, 2 * half)
            painter.fillRect(box, DARK)
            painter.fillRect(box.adjusted(1, 1, -1, -1), accent if marked else BRIGHT)


def _meets(chunk: QPolygonF, area: QRectF) -> bool:
    """Whether a chunk may lie in area; one that is a straight line has a bounding rectangle without area."""
    box = chunk.boundingRect()
    beside = box.left() > area.right() or box.right() < area.left()
    return not (beside or box.top() > area.bottom() or box.bottom() < area.top())


def _sides(outline: Outline) -> list[tuple[Point, Point]]:
    """The straight lines of an outline; one point alone is one too."""
    points = outline.points
    ends = [*points, points[0]] if (outline.closed or len(points) == 1) and points else points
    return list(pairwise(ends))


def _pieces(left: float, top: float, right: float, bottom: float) -> list[Box]:
    """Boxes around the parts of a straight line."""
    across, down = right - left, bottom - top
    parts = min(math.ceil(math.hypot(across, down) / PIECE), MANY) or 1
    xs = [left + across * part / parts for part in range(parts + 1)]
    ys = [top + down * part / parts for part in range(parts + 1)]
    return [
        (min(one), min(other), max(one), max(other))
        for one, other in zip(pairwise(xs), pairwise(ys), strict=True)
    ]


def _united(one: Box, other: Box) -> Box:
    """The box around both."""
    return min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3])
