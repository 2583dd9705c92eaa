"""Straight line: as wide as the brush, by a drag or by two clicks."""

import math

from unet_studio.core.geometry import Rect
from unet_studio.tools.shape import ShapeTool, around, leveled
from unet_studio.tools.spans import line_spans
from unet_studio.tools.tool import NONE, Modifiers, Outline, Point, ToolContext

BEND = 12  # sides of the half circles at the ends of the outline


class Line(ShapeTool):
    """A drag from end to end, or a click for each end."""

    name = "line"
    title = "Line"
    icon = "mdi6.vector-line"
    shortcut = "K"
    hint = "Drag, or click both ends; as wide as the brush. Shift: 45° steps. Alt or right button: erase."
    sized = True

    def __init__(self) -> None:
        super().__init__()
        self._end: Point = (0.0, 0.0)
        self._clicked = False  # the first end, so that the next release ends the line however near it is

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Set an end."""
        if not (self._clicked and self._going_on(context)):
            self._begin(context, (row, column), modifiers)
        return self.move(context, row, column, modifiers)

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Move the other end."""
        if self._going_on(context):
            at = row, column
            self._end = leveled(self._points[0], at) if "shift" in modifiers else at
        return None

    def hover(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Between two clicks the line follows the pointer."""
        return self.move(context, row, column, modifiers)

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Paint; a click on the first end waits for the second one."""
        self.move(context, row, column, modifiers)
        if not self.busy:
            return None
        if not self._clicked and math.dist(self._points[0], self._end) <= context.reach:
            self._clicked = True
            return None
        return self._paint(context)

    def key(self, context: ToolContext, name: str) -> Rect | None:
        """Enter ends the line at the pointer, Backspace drops it."""
        return self._paint(context) if name == "enter" else self.cancel(context)

    def finish(self, context: ToolContext) -> Rect | None:
        """A line with one end is none yet: where the pointer is now, nobody meant."""
        return self.cancel(context)

    def cancel(self, context: ToolContext) -> Rect | None:
        """Forget the first end."""
        self._clicked = False
        return super().cancel(context)

    def cursor_radius(self, context: ToolContext) -> float | None:
        """The radius of the tip."""
        return context.radius

    def outlines(self, context: ToolContext) -> tuple[Outline, ...]:
        """The line as wide as it would be."""
        if not self.busy:
            return ()
        return (Outline(_rim(self._points[0], self._end, context.radius), closed=True),)

    def _paint(self, context: ToolContext) -> Rect | None:
        if not self._going_on(context):
            return None
        ends, radius, shape = (self._points[0], self._end), context.radius, context.document.shape
        return self._fill(context, around(ends, radius + 1), lambda: line_spans(*ends, radius, shape))


def _rim(start: Point, end: Point, radius: float) -> tuple[Point, ...]:
    """The closed line around a swept disc."""
    heading = math.atan2(end[0] - start[0], end[1] - start[1])
    return tuple(
        (middle[0] + radius * math.sin(turn), middle[1] + radius * math.cos(turn))
        for middle, first in ((end, heading - math.pi / 2), (start, heading + math.pi / 2))
        for turn in (first + math.pi * number / BEND for number in range(BEND + 1))
    )
