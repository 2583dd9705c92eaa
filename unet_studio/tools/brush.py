"""Brush: paints the active class."""

from unet_studio.tools.stroke import StrokeTool
from unet_studio.tools.tool import ToolContext


class Brush(StrokeTool):
    """Lays the active class."""

    name = "brush"
    title = "Brush"
    icon = "mdi6.brush"
    shortcut = "B"
    hint = "Drag to paint the active class. Shift+click: straight line. Alt or right button: erase."

    def value(self, context: ToolContext) -> int:
        """The active class."""
        return context.active_class
