"""Eraser: paints the background class; in a project without one, it forgets."""

from unet_studio.tools.stroke import StrokeTool
from unet_studio.tools.tool import ToolContext


class Eraser(StrokeTool):
    """Lays the background."""

    name = "eraser"
    title = "Eraser"
    icon = "mdi6.eraser"
    shortcut = "E"
    hint = "Drag to paint background. Shift+click: straight line."

    def value(self, context: ToolContext) -> int:
        """The background class, or unlabelled where the project has none."""
        return context.erased
