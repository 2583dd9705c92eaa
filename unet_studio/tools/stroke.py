"""Freehand strokes: what brush, eraser and forget brush share."""

import weakref
from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.tools.disc import pieces, swept_disc
from unet_studio.tools.tool import ERASING, NONE, Modifiers, Point, Tool, ToolContext


@dataclass
class Drag:
    """A stroke under way. at, radius: where and how wide the tip was last. value: the class index it lays."""

    document: Document
    at: Point
    radius: float
    value: int


class StrokeTool(Tool):
    """A round tip swept along the pointer's path, without gaps, as one undo step.

    Where a pen's pressure changes the radius, the sweep narrows or widens evenly from point to point. Shift
    and press draws a straight line from the last point on the same image. Alt, the right button and the
    eraser end of a pen erase.
    """

    group = "brushes"
    sized = True
    pressured = True

    def __init__(self) -> None:
        super().__init__()
        self._drag: Drag | None = None
        self._last: tuple[weakref.ref[Document], Point] | None = None

    @abstractmethod
    def value(self, context: ToolContext) -> int:
        """The class index that this tool lays."""

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Begin a stroke with one dab, or with a line from the last point."""
        taken_back = self.cancel(context)
        document = context.document
        value = context.erased if modifiers & ERASING else self.value(context)
        start = self._last_point(document) if "shift" in modifiers else None
        document.begin(self.title)
        self._drag = Drag(document, start or (row, column), context.radius, value)
        changed = self._sweep(context, self._drag, (row, column))
        return changed.union(taken_back or EMPTY)

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Sweep the tip from where it was."""
        drag = self._current(context)
        return self._sweep(context, drag, (row, column)) if drag else None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Sweep the last bit and make the stroke one step."""
        drag = self._current(context)
        if drag is None:
            return None
        changed = self._sweep(context, drag, (row, column)) if drag.at != (row, column) else EMPTY
        self._last = weakref.ref(drag.document), (row, column)
        self._drag = None
        change = drag.document.commit()
        if change is None:
            return changed
        context.committed(change)
        return changed.union(change.rect) if change.approval_changed else changed

    def cancel(self, context: ToolContext) -> Rect | None:
        """Take the stroke back. Returns what changed, where it was on the document of this context."""
        drag, self._drag = self._drag, None
        if drag is None or not drag.document.editing:
            return None
        changed = drag.document.rollback()
        return changed if drag.document is context.document else None

    def cursor_radius(self, context: ToolContext) -> float | None:
        """The radius of the tip."""
        return context.radius

    def _current(self, context: ToolContext) -> Drag | None:
        """The stroke under way; a stroke whose document was left, or whose edit others closed, is dropped."""
        drag = self._drag
        if drag is None or (drag.document is context.document and drag.document.editing):
            return drag
        self.cancel(context)
        return None

    def _sweep(self, context: ToolContext, drag: Drag, to: Point) -> Rect:
        changed, shape = EMPTY, drag.document.shape
        for start, end, radius, end_radius in pieces(drag.at, to, drag.radius, context.radius):
            rect, stencil = swept_disc(start, end, radius, shape, end_radius)
            changed = changed.union(self.lay(context, rect, stencil, drag.value))
        drag.radius = context.radius
        drag.at = to
        return changed

    def lay(self, context: ToolContext, rect: Rect, stencil: NDArray[np.bool_], value: int) -> Rect:
        """Paint what the tip went over, of a rect inside the image. Returns what may have changed."""
        return context.paint(rect, stencil, value)

    def _last_point(self, document: Document) -> Point | None:
        if self._last is None or self._last[0]() is not document:
            return None
        return self._last[1]
