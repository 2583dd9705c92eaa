"""Fill: gives the connected area of one class under the click the active class."""

from unet_studio.core.geometry import Rect
from unet_studio.core.progress import Progress
from unet_studio.tools.click import ClickTool, Pixel, class_at
from unet_studio.tools.regions import Bytes, Region, everywhere, flood, lay, members
from unet_studio.tools.tool import Modifiers, Setting, ToolContext


class Fill(ClickTool):
    """A bucket for the mask: what it shows decides, not the image."""

    name = "fill"
    title = "Fill"
    icon = "mdi6.format-color-fill"
    shortcut = "G"
    hint = "Click to give this area of the mask the active class. Alt or right button: erase it."
    settings = (
        Setting(
            "contiguous",
            "Connected pixels only",
            True,
            "Off: every pixel of the image that shows the class under the pointer.",
            "bool",
        ),
    )

    def act(self, context: ToolContext, pixel: Pixel, modifiers: Modifiers) -> Rect | None:
        """Fill the area of the pixel."""
        document, value = context.document, context.value(modifiers)
        index, contiguous = class_at(context, pixel), self.values["contiguous"]  # as they are at the click
        if index == value:
            context.say("This area has that class already.")
            return None

        def member(rect: Rect) -> Bytes:
            return members(document.mask_region(rect) == index)

        def find(most: int | None, progress: Progress) -> Region | None:
            if contiguous:
                return flood(member, document.shape, pixel, most=most, progress=progress)
            return everywhere(member, document.shape, most=most, progress=progress)

        return lay(context, self.title, find, value)
