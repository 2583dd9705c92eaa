"""Fill enclosed: gives an area that the active class goes all around the active class."""

from unet_studio.core.geometry import Rect
from unet_studio.core.progress import Progress
from unet_studio.tools.click import ClickTool, Pixel, class_at
from unet_studio.tools.regions import Bytes, Region, flood, lay, members
from unet_studio.tools.tool import Modifiers, Setting, ToolContext


class FillEnclosed(ClickTool):
    """Draw an outline, click inside. An area that reaches the border of the image is not enclosed.

    An outline whose pixels touch at corners alone encloses.
    """

    name = "enclosed"
    title = "Fill enclosed"
    icon = "mdi6.selection-ellipse"
    shortcut = "U"
    hint = "Click inside an outline of the active class to fill it. Alt or right button: erase the inside."
    settings = (
        Setting(
            "edge",
            "Image border encloses",
            False,
            "Whether the border of the image counts as part of an outline.",
            "bool",
        ),
    )

    def act(self, context: ToolContext, pixel: Pixel, modifiers: Modifiers) -> Rect | None:
        """Fill what is enclosed around the pixel."""
        document, value, around = context.document, context.value(modifiers), context.active_class
        if class_at(context, pixel) == around:
            context.say("This is the outline: click inside it.")
            return None
        whole_image = self.values["edge"]

        def member(rect: Rect) -> Bytes:
            return members(document.mask_region(rect) != around)

        def find(most: int | None, progress: Progress) -> Region | None:
            region = flood(
                member, document.shape, pixel, enclosed=not whole_image, most=most, progress=progress
            )
            if region is not None and region.open:
                context.say("The active class does not enclose this place: close the outline first.")
            return region

        return lay(context, self.title, find, value)
