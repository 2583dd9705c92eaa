"""What a tool is: pointer events on an image in, edits of the document out; knows no window.

Positions are (row, column) floats in image px: pixel (r, c) covers r..r+1 and c..c+1, so its centre is
(r + 0.5, c + 0.5).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.display import Display
from unet_studio.core.document import Change, Document
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.core.mask import Plan
from unet_studio.tools.rule import PaintRule

Modifiers = frozenset[str]  # of "shift", "ctrl", "alt", "right" (button) and "eraser" (end of a pen)
NONE: Modifiers = frozenset()
ERASING = frozenset({"alt", "right", "eraser"})

Point = tuple[float, float]  # row, column in image px
Value = bool | int | float | str
Work = Callable[[Callable[[float], None]], Plan | None]  # plans an edit, telling how far it is, 0..1


def _nothing(_: object) -> None:
    """Nobody wants to know."""


def _at_once(compute: Callable[[], Any], apply: Callable[[Any], None]) -> None:
    """Without a window there is nobody to keep waiting."""
    apply(compute())


@dataclass(frozen=True)
class Setting:
    """One setting of a tool, from which the option bar builds a control.

    kind: "int" and "float" (a number between low and high, shown with unit), "choice" (one of choices) or
    "bool". tip: one sentence.
    """

    name: str
    text: str
    default: Value
    tip: str = ""
    kind: str = "int"
    low: float = 0
    high: float = 100
    unit: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outline:
    """A line that the canvas draws over the picture while a tool is at work.

    points: (row, column) in image px. closed: back to the first point. handles: whether points get a dot.
    marked: the number of the point whose dot is larger, because a press would take hold of it; -1 for none.
    """

    points: tuple[Point, ...]
    closed: bool = False
    handles: bool = False
    marked: int = -1


@dataclass(frozen=True)
class ToolContext:
    """What a tool may know and do. active_class: index to paint. radius: in image px, pen pressure applied.

    background: the class index that erases, or None. rule: where painting is allowed. choose_class: makes a
    class the active one. committed: called with what a finished edit changed, right after its commit.
    later(compute, apply): runs compute off the window's thread and then apply with its result in it, unless
    another document is on screen by then; a newer call replaces one that waits. changed: announces pixels
    that changed outside press, move and release, such as in apply. shown: the image as the window shows it,
    see picture; None to choose brightness and contrast from the image. reach: so near, in image px, a pointer
    is on a point. landing: see land; None to do it at once. say: tells the person why nothing happened, from
    any thread.
    """

    document: Document
    active_class: int
    radius: float
    background: int | None = None
    choose_class: Callable[[int], None] = _nothing
    committed: Callable[[Change], None] = _nothing
    rule: PaintRule = field(default_factory=PaintRule)
    later: Callable[[Callable[[], Any], Callable[[Any], None]], None] = _at_once
    changed: Callable[[Rect], None] = _nothing
    shown: Callable[[int, Rect], NDArray[np.uint8]] | None = None
    reach: float = 4.0
    landing: Callable[[str, Work], None] | None = None
    say: Callable[[str], None] = _nothing

    @property
    def erased(self) -> int:
        """What erasing paints: the background class; in a project without one, unlabelled."""
        return UNLABELLED if self.background is None else self.background

    def value(self, modifiers: Modifiers) -> int:
        """What a tool that paints lays: the active class, or what erases."""
        return self.erased if modifiers & ERASING else self.active_class

    def picture(self, rect: Rect, level: int = 0) -> NDArray[np.uint8]:
        """The image as it is shown, uint8 (height, width, 3), of a rect inside it.

        level: of its halvings; rect is in px of that level.
        """
        if self.shown is not None:
            return self.shown(level, rect)
        image, step = self.document.image, 1 << level
        return Display.of(image).apply(image[::step, ::step][rect.slices])

    def paint(self, rect: Rect, stencil: NDArray[np.bool_], value: int) -> Rect:
        """Paint inside an open edit, as the rule allows. Returns the pixels that may have changed.

        stencil: bool (rect.height, rect.width); rect may reach over the border.
        """
        document = self.document
        inside = rect.clip(document.shape)
        if inside.empty:
            return EMPTY
        if inside != rect:
            rows = slice(inside.top - rect.top, inside.bottom - rect.top)
            columns = slice(inside.left - rect.left, inside.right - rect.left)
            stencil = stencil[rows, columns]
        allowed = self.rule.allowed(document, inside)
        if allowed is not None:
            stencil = stencil & allowed
        return document.annotation.paint(inside, stencil, value)

    def painted(self, rect: Rect, stencil: NDArray[np.bool_], value: int) -> NDArray[np.uint8]:
        """The annotation of rect, inside the image, as paint would leave it, uint8 (height, width)."""
        pixels = self.document.annotation_region(rect).copy()
        allowed = self.rule.allowed(self.document, rect)
        np.copyto(pixels, np.uint8(value), where=stencil if allowed is None else stencil & allowed)
        return pixels

    def land(self, name: str, work: Work) -> None:
        """Make one undo step of what work plans off the window's thread; nothing is painted meanwhile."""
        if self.landing is not None:
            self.landing(name, work)
            return
        change = self.document.land(name, work(_nothing))
        if change is not None:
            self.committed(change)
            self.changed(change.rect)


class Tool(ABC):
    """One tool of the window. Every method of the pointer returns the pixels that changed, or None.

    press begins, move continues while the button is down, release ends; hover is a move without a button.
    A tool whose work spans several clicks says so with busy, and then gets the keys "enter", "escape" and
    "backspace" and double clicks; cancel takes everything unfinished back without a trace. An instance
    belongs to one window and may remember its last drag.
    """

    name: ClassVar[str]  # key in TOOLS
    title: ClassVar[str]  # what menus and undo call it
    icon: ClassVar[str]  # name in qtawesome
    shortcut: ClassVar[str]
    hint: ClassVar[str]  # one sentence for the status bar
    settings: ClassVar[tuple[Setting, ...]] = ()
    group: ClassVar[str] = "regions"  # the tool bar draws a line where the next tool is of another one
    sized: ClassVar[bool] = False  # whether the size of the brush matters
    piece: ClassVar[str] = ""  # what Backspace and undo take away while it is busy; "" where undo cancels
    pressured: ClassVar[bool] = False  # whether a pen's pressure may change that size on the way
    paints: ClassVar[bool] = True  # whether it changes pixels: a read-only project offers the others alone

    def __init__(self) -> None:
        self.values: dict[str, Any] = {setting.name: setting.default for setting in self.settings}

    @abstractmethod
    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The button went down."""

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The pointer moved with the button down."""
        return None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The button went up."""
        return None

    def hover(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The pointer moved with no button down."""
        return None

    def double(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """The second press of a double click; the first one was a press and a release."""
        return self.press(context, row, column, modifiers)

    def key(self, context: ToolContext, name: str) -> Rect | None:
        """The key "enter" or "backspace" while busy; "escape" calls cancel instead."""
        return None

    def finish(self, context: ToolContext) -> Rect | None:
        """Another tool or another image is chosen while busy: end what is complete enough, as by Enter."""
        return self.key(context, "enter")

    def cancel(self, context: ToolContext) -> Rect | None:
        """Everything unfinished is to be forgotten, also where context already shows another document."""
        return None

    @property
    def busy(self) -> bool:
        """Whether work is unfinished between clicks."""
        return False

    def outlines(self, context: ToolContext) -> tuple[Outline, ...]:
        """What the canvas draws over the picture now."""
        return ()

    def cursor_radius(self, context: ToolContext) -> float | None:
        """Radius of the ring around the pointer in image px; None for a plain cursor."""
        return None
