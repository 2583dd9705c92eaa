"""What a tool is: pointer events on an image in, edits of the document out; knows no window.

Positions are (row, column) floats in image px: pixel (r, c) covers r..r+1 and c..c+1, so its centre is
(r + 0.5, c + 0.5).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Change, Document
from unet_studio.core.geometry import Rect

Modifiers = frozenset[str]  # of "shift", "ctrl", "alt", "right" (button) and "eraser" (end of a pen)
NONE: Modifiers = frozenset()


def _nothing(_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class ToolContext:
    """What a tool may know and do. active_class: index to paint. radius: in image px.

    background: the class index that erases, or None. choose_class: makes a class the active one.
    committed: called with what a finished edit changed, right after its commit.
    """

    document: Document
    active_class: int
    radius: float
    background: int | None = None
    choose_class: Callable[[int], None] = _nothing
    committed: Callable[[Change], None] = _nothing

    @property
    def erased(self) -> int:
        """What erasing paints: the background class; in a project without one, unlabelled."""
        return UNLABELLED if self.background is None else self.background


class Tool(Protocol):
    """One tool of the window. Every method returns the pixels that changed, or None.

    press begins, move continues while the button is down, release ends in one undo step; cancel takes the
    drag back without a trace. An instance belongs to one window and may remember its last drag.
    """

    name: str  # key in TOOLS
    title: str  # what menus and undo call it
    icon: str  # name in qtawesome
    shortcut: str
    hint: str  # one sentence for the status bar

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The button went down."""
        ...

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The pointer moved."""
        ...

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The button went up."""
        ...

    def cancel(self, context: ToolContext) -> Rect | None:
        """The drag is to be forgotten, also where context already shows another document."""
        ...

    def cursor_radius(self, context: ToolContext) -> float | None:
        """Radius of the ring around the pointer in image px; None for a plain cursor."""
        ...
