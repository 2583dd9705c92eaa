"""Forget brush: takes a person's pixels back, so that the prediction shows again."""

from unet_studio.core.classes import UNLABELLED
from unet_studio.tools.stroke import StrokeTool
from unet_studio.tools.tool import ToolContext


class Forget(StrokeTool):
    """Lays "unlabelled"."""

    name = "forget"
    title = "Forget brush"
    icon = "mdi6.backup-restore"
    shortcut = "R"
    hint = "Drag to take corrections back; the prediction shows again."

    def value(self, context: ToolContext) -> int:
        """Unlabelled."""
        return UNLABELLED
