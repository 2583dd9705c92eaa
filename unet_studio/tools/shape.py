"""What the tools that fill an area share: points, what they lay, and the one step that paints it."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.core.mask import Plan, Tile
from unet_studio.tools.spans import Spans
from unet_studio.tools.tool import NONE, Modifiers, Point, Tool, ToolContext, Work

AT_ONCE = 36  # tiles; an area whose bounds touch more is worked out off the window's thread
FLAT = math.tan(math.radians(22.5))  # a direction less steep than this is nearer to level than to 45 degrees


class ShapeTool(Tool):
    """A tool with points that become an area when its last one is set; nothing is painted before that.

    What lies under the first press, button or Alt, decides whether the area is painted or erased.
    """

    group = "shapes"

    def __init__(self) -> None:
        super().__init__()
        self._document: Document | None = None
        self._points: list[Point] = []
        self._modifiers: Modifiers = NONE

    @property
    def busy(self) -> bool:
        """Whether there is a point."""
        return bool(self._points)

    def cancel(self, context: ToolContext) -> Rect | None:
        """Forget the points."""
        self._document, self._points = None, []
        return None

    def _begin(self, context: ToolContext, point: Point, modifiers: Modifiers) -> None:
        self.cancel(context)
        self._document, self._points, self._modifiers = context.document, [point], modifiers

    def _going_on(self, context: ToolContext) -> bool:
        """Whether there are points, on this document; those on another one are forgotten."""
        if self.busy and self._document is not context.document:
            self.cancel(context)
        return self.busy

    def _fill(self, context: ToolContext, bounds: Rect, spans: Callable[[], Spans]) -> Rect | None:
        """End with an area; bounds: a rectangle around it."""
        value = context.value(self._modifiers)
        self.cancel(context)
        return fill(context, self.title, bounds, spans, value)


def fill(
    context: ToolContext, name: str, bounds: Rect, spans: Callable[[], Spans], value: int
) -> Rect | None:
    """Paint an area as one step, as the rule allows. Returns the pixels that may have changed, or None.

    An area with large bounds is worked out off the window's thread: then None, and it is announced when it
    lands.
    """
    if sum(1 for _ in bounds.clip(context.document.shape).tiles()) > AT_ONCE:
        context.land(name, _planning(context, spans, value))
        return None
    document, area = context.document, spans()
    document.begin(name)
    for _, rect, stencil in area.tiles():
        context.paint(rect, stencil, value)
    change = document.commit()
    if change is None:
        return None
    context.committed(change)
    return area.bounds.union(change.rect if change.approval_changed else EMPTY)


def around(points: Sequence[Point], margin: float = 0.0) -> Rect:
    """Whole pixels around points, and margin px more."""
    rows, columns = zip(*points, strict=True)
    return Rect(
        math.floor(min(rows) - margin),
        math.floor(min(columns) - margin),
        math.ceil(max(rows) + margin),
        math.ceil(max(columns) + margin),
    )


def leveled(start: Point, to: Point) -> Point:
    """The nearest point to `to` that lies level with start, above or below it, or on one of its diagonals."""
    down, right = to[0] - start[0], to[1] - start[1]
    if abs(down) <= FLAT * abs(right):
        return start[0], to[1]
    if abs(right) <= FLAT * abs(down):
        return to[0], start[1]
    side = (abs(down) + abs(right)) / 2
    return start[0] + math.copysign(side, down), start[1] + math.copysign(side, right)


def _planning(context: ToolContext, spans: Callable[[], Spans], value: int) -> Work:
    """What works out the tiles of an area as they will be."""

    def tiles(progress: Callable[[float], None]) -> Iterator[tuple[Tile, NDArray[np.uint8]]]:
        area = spans()
        total = len(area.touched())
        for number, (key, rect, stencil) in enumerate(area.tiles()):
            progress(number / total)
            yield key, context.painted(rect, stencil, value)

    def work(progress: Callable[[float], None]) -> Plan | None:
        return context.document.annotation.plan(tiles(progress))

    return work
