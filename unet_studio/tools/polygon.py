"""Polygon: click after click, points whose inside is painted."""

import math

from unet_studio.core.geometry import Rect
from unet_studio.tools.shape import ShapeTool, around, leveled
from unet_studio.tools.spans import polygon_spans
from unet_studio.tools.tool import NONE, Modifiers, Outline, Point, ToolContext

FEWEST = 3  # points that have an inside


class Polygon(ShapeTool):
    """A press sets a point or takes hold of one; double click, Enter or a click on the first closes."""

    name = "polygon"
    title = "Polygon"
    icon = "mdi6.vector-polygon"
    shortcut = "P"
    hint = (
        "Click for every corner; double click, Enter or the first corner closes. Drag moves a corner, "
        "Backspace removes the last, Shift keeps to 45°, Esc drops all."
    )

    piece = "Last Point"

    def __init__(self) -> None:
        super().__init__()
        self._held = -1  # the point that moves with the pointer
        self._moved = False
        self._grip: Point = (0.0, 0.0)  # where it was pressed
        self._pointer: Point | None = None
        self._straight = False

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Take hold of the point under the pointer, or set a new one."""
        at = row, column
        self._moved, self._grip = False, at
        if not self._going_on(context):
            self._begin(context, at, modifiers)
            self._held, self._moved = 0, True
            return None
        self._held = self._under(at, context.reach)
        if self._held < 0:
            self._points.append(self._next(at, "shift" in modifiers))
            self._held, self._moved = len(self._points) - 1, True
        return None

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Move the point held, once the pointer has left the place where it was pressed."""
        if self._going_on(context) and self._held >= 0:
            at = row, column
            if self._moved or math.dist(at, self._grip) > context.reach / 2:
                self._moved = True
                others = self._points[: self._held]
                steady = "shift" in modifiers and others
                self._points[self._held] = leveled(others[-1], at) if steady else at
        return None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Close where the first point was clicked and not moved."""
        if not self._going_on(context):
            return None
        closes = self._held == 0 and not self._moved and len(self._points) >= FEWEST
        self._held, self._pointer = -1, (row, column)
        return self._close(context) if closes else None

    def hover(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The next side follows the pointer."""
        self._pointer, self._straight = (row, column), "shift" in modifiers
        return None

    def double(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Close; the first press of the two has set the last point."""
        return self._close(context) if self._going_on(context) else None

    def key(self, context: ToolContext, name: str) -> Rect | None:
        """Enter closes, Backspace takes the last point away."""
        if name == "enter":
            return self._close(context)
        if name == "backspace" and self._points:
            self._points.pop()
            self._held = -1
        return None

    def cancel(self, context: ToolContext) -> Rect | None:
        """Forget the points."""
        self._held, self._moved, self._pointer = -1, False, None
        return super().cancel(context)

    def outlines(self, context: ToolContext) -> tuple[Outline, ...]:
        """The points and the sides between them, and the side that follows the pointer."""
        if not self._points:
            return ()
        under = -1 if self._pointer is None else self._under(self._pointer, context.reach)
        marked = under if self._held < 0 else self._held
        drawn = Outline(tuple(self._points), handles=True, marked=marked)
        if self._pointer is None or self._held >= 0 or under > 0:
            return (drawn,)
        end = self._points[0] if under == 0 else self._next(self._pointer, self._straight)
        return drawn, Outline((self._points[-1], end))

    def _close(self, context: ToolContext) -> Rect | None:
        if len(self._points) < FEWEST:
            return None
        points, shape = self._points, context.document.shape
        return self._fill(context, around(points), lambda: polygon_spans(points, shape))

    def _next(self, at: Point, straight: bool) -> Point:
        """Where the next point goes."""
        return leveled(self._points[-1], at) if straight else at

    def _under(self, at: Point, reach: float) -> int:
        """The number of the point nearest to a position, -1 where none is within reach."""
        far = [math.dist(at, point) for point in self._points]
        nearest = min(range(len(far)), key=far.__getitem__, default=-1)
        return nearest if nearest >= 0 and far[nearest] <= reach else -1
