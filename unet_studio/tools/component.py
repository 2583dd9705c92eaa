"""Component: gives an island of the mask another class, takes it away, or keeps it alone."""

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.core.progress import Progress, part
from unet_studio.tools.click import ClickTool, Pixel, class_at
from unet_studio.tools.regions import Bytes, Find, Region, everywhere, flood, lay, members
from unet_studio.tools.tool import ERASING, Modifiers, Setting, ToolContext

REASSIGN, DELETE, KEEP = "give the active class", "take away", "keep only this"
TO_BACKGROUND, FORGET = "background", "prediction"


class Component(ClickTool):
    """An island is all that is connected, also over corners, and of one class that is not the background."""

    name = "component"
    title = "Component"
    icon = "mdi6.island"
    shortcut = "C"
    hint = "Click an island to give it the active class. Alt or right button: take it away."
    settings = (
        Setting(
            "action", "Click", REASSIGN, "What a click does.", "choice", choices=(REASSIGN, DELETE, KEEP)
        ),
        Setting(
            "clear",
            "What is taken away becomes",
            TO_BACKGROUND,
            "prediction: what a person painted is forgotten, and the prediction shows again.",
            "choice",
            choices=(TO_BACKGROUND, FORGET),
        ),
    )

    def act(self, context: ToolContext, pixel: Pixel, modifiers: Modifiers) -> Rect | None:
        """Do what the settings say with the island of the pixel."""
        index = class_at(context, pixel)
        if index in (context.background, UNLABELLED):
            context.say("There is no island here: click one.")
            return None
        action = DELETE if modifiers & ERASING else self.values["action"]
        value = context.active_class if action == REASSIGN else self._cleared(context)
        if value == index:
            context.say("This island has the active class already.")
            return None
        search = _others if action == KEEP else _island
        return lay(context, self.title, search(context, pixel, index), value)

    def _cleared(self, context: ToolContext) -> int:
        return UNLABELLED if self.values["clear"] == FORGET else context.erased


def _island(context: ToolContext, pixel: Pixel, index: int) -> Find:
    """Finds the island of a pixel of that class."""
    document = context.document

    def member(rect: Rect) -> Bytes:
        return members(document.mask_region(rect) == index)

    def find(most: int | None, progress: Progress) -> Region | None:
        return flood(member, document.shape, pixel, diagonal=True, most=most, progress=progress)

    return find


def _others(context: ToolContext, pixel: Pixel, index: int) -> Find:
    """Finds everything of that class but the island of the pixel."""
    document, island = context.document, _island(context, pixel, index)

    def find(most: int | None, progress: Progress) -> Region | None:
        kept = island(most, part(progress, 0, 0.5))
        if kept is None:
            return None

        def member(rect: Rect) -> Bytes:
            return members((document.mask_region(rect) == index) & ~kept.part(rect))

        return everywhere(member, document.shape, most=most, progress=part(progress, 0.5, 1))

    return find
