"""Shapes that are drawn from corner to corner, or from their middle: what rectangle and ellipse share."""

import math
from abc import abstractmethod

from unet_studio.core.geometry import Rect
from unet_studio.tools.shape import ShapeTool, around
from unet_studio.tools.spans import Spans
from unet_studio.tools.tool import NONE, Modifiers, Outline, Point, ToolContext

Corners = tuple[Point, Point]


class BoxTool(ShapeTool):
    """Shift makes both sides equal, Ctrl draws from the middle; both may be held and let go on the way."""

    def __init__(self) -> None:
        super().__init__()
        self._corners: Corners = ((0.0, 0.0), (0.0, 0.0))

    @abstractmethod
    def spans(self, corners: Corners, shape: tuple[int, int]) -> Spans:
        """The pixels of the shape between two opposite corners."""

    @abstractmethod
    def outline(self, corners: Corners) -> tuple[Point, ...]:
        """The closed line around the shape."""

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Set the first corner, or the middle."""
        self._begin(context, (row, column), modifiers)
        self._corners = (row, column), (row, column)
        return None

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Move the opposite corner."""
        if self._going_on(context):
            self._corners = _corners(self._points[0], (row, column), modifiers)
        return None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Paint the shape."""
        self.move(context, row, column, modifiers)
        if not self.busy:
            return None
        corners, shape = self._corners, context.document.shape
        return self._fill(context, around(corners), lambda: self.spans(corners, shape))

    def outlines(self, context: ToolContext) -> tuple[Outline, ...]:
        """The shape as it would be."""
        return (Outline(self.outline(self._corners), closed=True),) if self.busy else ()


def _corners(start: Point, to: Point, modifiers: Modifiers) -> Corners:
    """Two opposite corners of what a drag from start means."""
    down, right = to[0] - start[0], to[1] - start[1]
    if "shift" in modifiers:
        side = max(abs(down), abs(right))
        down, right = math.copysign(side, down), math.copysign(side, right)
    end = start[0] + down, start[1] + right
    if "ctrl" in modifiers:
        return (start[0] - down, start[1] - right), end
    return start, end
