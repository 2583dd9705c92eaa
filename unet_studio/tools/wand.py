"""Wand: the area around the click whose colour is like the colour there, as the image is shown."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.document import Document
from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.core.progress import Progress, part, unwatched
from unet_studio.tools.click import Pixel, pixel_under
from unet_studio.tools.regions import (
    AT_ONCE,
    PREVIEWED,
    Bytes,
    Region,
    everywhere,
    finish,
    flood,
    land,
    members,
    paint,
    smoothed,
)
from unet_studio.tools.tool import NONE, Modifiers, Point, Setting, Tool, ToolContext

WIDEST = 255  # tolerance with which everything is like everything
SLOWNESS = 0.25  # of the distance at which a pointer is on a point: so far a drag moves the tolerance by one


@dataclass(frozen=True)
class Sample:
    """What the wand looks for. color: (3,) as shown, 0..255. tolerance: largest difference in a channel."""

    context: ToolContext
    pixel: Pixel
    color: NDArray[np.float64]
    tolerance: int
    contiguous: bool
    smooth: int

    def find(self, most: int | None, progress: Progress, partly: bool = False) -> Region | None:
        """Search; None, or partly what is near, where the area reaches more than most tiles."""
        shape, search, pixel = self.context.document.shape, part(progress, 0, 0.5), self.pixel
        if self.contiguous:
            found = flood(self._alike, shape, pixel, most=most, partly=partly, progress=search)
        else:
            near = pixel if partly else None
            found = everywhere(self._alike, shape, most=most, near=near, progress=search)
        return None if found is None else smoothed(found, self.smooth, part(progress, 0.5, 1))

    def _alike(self, rect: Rect) -> Bytes:
        """1 where no channel differs more than the tolerance."""
        import cv2

        low, high = self.color - self.tolerance, self.color + self.tolerance
        within = cv2.inRange(
            self.context.picture(rect), np.ceil(low).clip(0, 255), np.floor(high).clip(0, 255)
        )
        return members(np.asarray(within, dtype=np.bool_))


@dataclass
class Choice:
    """A press under way. start: where it began. sample: what is looked for now. value: the class it lays.

    whole: whether the area is painted already, all of it. large: the least tolerance known to find too much
    for that.
    """

    document: Document
    start: Point
    sample: Sample
    value: int
    tolerance: int
    whole: bool = False
    large: int = WIDEST + 1


class Wand(Tool):
    """The press samples the colour; dragging right or up widens the tolerance, left or down narrows it.

    The preview is the mask itself: the open edit is taken back and painted anew. A large area is searched
    off the window's thread, previewed in part, and lands as one step after the release.
    """

    name = "wand"
    title = "Wand"
    icon = "mdi6.magic-staff"
    shortcut = "W"
    hint = "Click an area of one colour; drag right or up to take in more, left or down for less. Alt: erase."
    settings = (
        Setting(
            "tolerance", "Tolerance", 24, "How far a colour may differ; dragging sets it.", "int", 0, WIDEST
        ),
        Setting("contiguous", "Connected pixels only", True, "Off: this colour in the whole image.", "bool"),
        Setting(
            "sample",
            "Sample radius",
            1,
            "The mean colour of this surrounding is looked for.",
            "int",
            0,
            15,
            "px",
        ),
        Setting(
            "smooth", "Smooth", 1, "Removes specks and pinholes and evens the border.", "int", 0, 15, "px"
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self._choice: Choice | None = None

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Sample the colour and show what is like it."""
        taken_back = self.cancel(context)
        pixel = pixel_under(context, row, column)
        if pixel is None:
            return taken_back
        tolerance = int(self.values["tolerance"])
        sample = Sample(
            context,
            pixel,
            self._color(context, pixel),
            tolerance,
            bool(self.values["contiguous"]),
            int(self.values["smooth"]),
        )
        context.document.begin(self.title)
        choice = Choice(context.document, (row, column), sample, context.value(modifiers), tolerance)
        self._choice = choice
        return self._show(choice).union(taken_back or EMPTY)

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Change the tolerance and show what is like the sample now."""
        choice = self._current(context)
        if choice is None:
            return None
        way = (column - choice.start[1]) - (row - choice.start[0])
        steps = int(way / (context.reach * SLOWNESS))
        tolerance = min(max(choice.tolerance + steps, 0), WIDEST)
        if tolerance == choice.sample.tolerance:
            return None
        self.values["tolerance"] = tolerance
        choice.sample = replace(choice.sample, tolerance=tolerance)
        return self._show(choice)

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Make the area one step."""
        changed = self.move(context, row, column, modifiers) or EMPTY
        choice, self._choice = self._current(context), None
        if choice is None:
            return None
        if choice.whole:
            return changed.union(finish(context, EMPTY) or EMPTY)
        changed = changed.union(choice.document.rollback())
        land(context, self.title, choice.sample.find, choice.value)
        return changed

    def cancel(self, context: ToolContext) -> Rect | None:
        """Take the area back. Returns what changed, where it was on the document of this context."""
        choice, self._choice = self._choice, None
        if choice is None or not choice.document.editing:
            return None
        self.values["tolerance"] = choice.tolerance
        changed = choice.document.rollback()
        return changed if choice.document is context.document else None

    def _current(self, context: ToolContext) -> Choice | None:
        """The press under way; dropped where its document was left, or others closed its edit."""
        choice = self._choice
        if choice is None or (choice.document is context.document and choice.document.editing):
            return choice
        self.cancel(context)
        return None

    def _show(self, choice: Choice) -> Rect:
        """Paint what is like the sample, at once or when the thread has found it. Returns what changed."""
        sample = choice.sample
        region = sample.find(AT_ONCE, unwatched) if sample.tolerance < choice.large else None
        choice.whole = region is not None
        if region is not None:
            return self._preview(choice, region)
        choice.large = min(choice.large, sample.tolerance)

        def watch(_: float) -> None:
            if self._choice is not choice or choice.sample is not sample:
                raise Cancelled

        def apply(found: Region | None) -> None:
            if found is not None and self._choice is choice and choice.sample is sample:
                sample.context.changed(self._preview(choice, found))

        sample.context.later(lambda: sample.find(PREVIEWED, watch, partly=True), apply)
        return EMPTY

    def _preview(self, choice: Choice, region: Region) -> Rect:
        """Paint the open edit anew."""
        changed = choice.document.rollback()
        choice.document.begin(self.title)
        return changed.union(paint(choice.sample.context, region, choice.value, PREVIEWED))

    def _color(self, context: ToolContext, pixel: Pixel) -> NDArray[np.float64]:
        """The mean colour around a pixel, (3,)."""
        row, column = pixel
        around = Rect(row, column, row + 1, column + 1).expand(int(self.values["sample"]))
        colors = context.picture(around.clip(context.document.shape)).reshape(-1, 3)
        return np.asarray(colors.mean(axis=0, dtype=np.float64))
