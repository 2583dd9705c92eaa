"""Lasso: what the pointer goes around is painted."""

from unet_studio.core.geometry import Rect
from unet_studio.tools.shape import ShapeTool, around
from unet_studio.tools.spans import polygon_spans
from unet_studio.tools.tool import NONE, Modifiers, Outline, ToolContext


class Lasso(ShapeTool):
    """Freehand; closes with a straight side when the button goes up."""

    name = "lasso"
    title = "Lasso"
    icon = "mdi6.lasso"
    shortcut = "L"
    hint = "Drag around an area to paint it. Alt or right button: erase. Esc drops it."

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Begin."""
        self._begin(context, (row, column), modifiers)
        return None

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Remember where the pointer goes."""
        if self._going_on(context) and self._points[-1] != (row, column):
            self._points.append((row, column))
        return None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Paint the inside."""
        self.move(context, row, column, modifiers)
        if not self.busy:
            return None
        points, shape = self._points, context.document.shape
        return self._fill(context, around(points), lambda: polygon_spans(points, shape))

    def outlines(self, context: ToolContext) -> tuple[Outline, ...]:
        """The way of the pointer, and the side that would close it."""
        if len(self._points) < 2:
            return ()
        return Outline(tuple(self._points)), Outline((self._points[-1], self._points[0]))
