"""Smart fix: a click or short stroke on a wrong place; how far it is wrong, the image and the mask tell."""

import math
import weakref
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, Rect, tile_rect
from unet_studio.core.mask import Tile
from unet_studio.tools.click import Pixel, class_at, pixel_under
from unet_studio.tools.cut import FAR, Scene, Soft, cut, guided, reach
from unet_studio.tools.regions import (
    AT_ONCE,
    PREVIEWED,
    Region,
    Stencil,
    finish,
    flood,
    land,
    members,
    paint,
    within,
)
from unet_studio.tools.tool import ERASING, NONE, Modifiers, Setting, Tool, ToolContext

AUTOMATIC, BRUSH = "automatic", "size of the brush"
HALF = 512  # px that are seen to each side of the path, at whatever level they are seen
LONGEST = 4 * HALF  # px of the scene, around a stroke
COARSEST = 2  # level to which places are judged automatically: so a click stays quick on an image of any size
REMEMBERED = 64  # fixes of an image that a further fix may take back


@dataclass(frozen=True)
class Fix:
    """What a fix laid: region became value, because a person pointed at path."""

    region: Region
    value: int
    path: tuple[Pixel, ...]


@dataclass(frozen=True)
class Problem:
    """What the thread works on. path: the pixels pointed at, which become value. wrong: what a person painted
    at the first of them, or unlabelled. radius: the reach, if given.

    fixes: earlier ones on this image; what they laid may be taken back, what hands painted not.
    """

    context: ToolContext
    path: tuple[Pixel, ...]
    value: int
    wrong: int
    radius: float | None
    fixes: tuple[Fix, ...]

    def solve(self) -> Region:
        """The pixels that become the value: connected with the path."""
        rect, level, scene, far = self._look()
        soft = cut(scene, far)
        region = self._cover(rect, level, soft)
        return self._connected(region) if level else region

    def _look(self) -> tuple[Rect, int, Scene, float]:
        """The part of the image that matters, at the finest level at which it is small enough.

        Returns its rect in image px, the level, what is seen there, and the reach in px of the level.
        """
        whole, level = Rect.of(self.context.document.shape), 0
        while True:
            rect = self._around(level, HALF)
            if max(rect.height, rect.width) >> level > LONGEST:
                level += 1
                continue
            scene = self._scene(rect, level)
            far = reach(scene) if self.radius is None else max(self.radius / (1 << level), 1.0)
            if self.radius is None and level >= COARSEST:
                far = min(far, HALF / FAR)
            if far * FAR <= HALF or rect == whole:
                near = self._around(level, int(far * FAR) + 1).intersect(rect)
                return near, level, scene.part(_reduced(within(near, rect), 1 << level)), far
            level += 1

    def _around(self, level: int, half: int) -> Rect:
        """The pixels within half px of the level from the path; its sides lie on px of the level."""
        step = 1 << level
        rows, columns = zip(*self.path, strict=True)
        rect = Rect(min(rows), min(columns), max(rows) + 1, max(columns) + 1).expand(half * step)
        rect = rect.clip(self.context.document.shape)
        return Rect(rect.top // step * step, rect.left // step * step, rect.bottom, rect.right)

    def _scene(self, rect: Rect, level: int) -> Scene:
        """What is seen of a rect at a level."""
        step = 1 << level
        rows, columns = _reduced(rect.slices, step)
        picture = self.context.picture(Rect(rows.start, columns.start, rows.stop, columns.stop), level)
        inside, fixed = self._standing(rect, step)
        return Scene(picture, inside, fixed, self._drawn(rect, step), self._chance(rect, step))

    def _chance(self, rect: Rect, step: int) -> Soft | None:
        """What the model says of the value: its confidence, or the rest of it; None without a prediction."""
        under = self.context.document.under
        if under is None:
            return None
        index = np.s_[rect.top : rect.bottom : step, rect.left : rect.right : step]
        sure = under.confidence[index].astype(np.float32) / np.float32(255)
        return np.where(under.labels[index] == self.value, sure, 1 - sure)

    def _drawn(self, rect: Rect, step: int) -> Stencil:
        """The path as a line, at every step-th pixel of rect."""
        import cv2

        shape = -(-rect.height // step), -(-rect.width // step)
        line = np.zeros(shape, dtype=np.uint8)
        points = [((column - rect.left) // step, (row - rect.top) // step) for row, column in self.path]
        for start, end in pairwise([points[0], *points]):
            cv2.line(line, start, end, 1)
        return line.astype(np.bool_)

    def _standing(self, rect: Rect, step: int = 1) -> tuple[Stencil, Stencil]:
        """What shows the value already, and what must stay, without what is previewed.

        Locked pixels stay, and those that were painted by hand, unless they are what was pointed at as wrong.
        """
        document, rule = self.context.document, self.context.rule
        painted = document.annotation.committed(rect, step)
        predicted = document.prediction_region(rect, step)
        shown = np.where(painted == UNLABELLED, predicted, painted)
        fixed: Stencil = painted != UNLABELLED
        if self.wrong != UNLABELLED:
            fixed &= painted != self.wrong
        for fix in self.fixes:
            fixed &= ~(fix.region.part(rect, step) & (painted == fix.value))
        for fix in self.fixes:
            for row, column in fix.path:
                if rect.top <= row < rect.bottom and rect.left <= column < rect.right:
                    at = (row - rect.top) // step, (column - rect.left) // step
                    fixed[at] |= painted[at] == fix.value
        if not rule.free:
            fixed |= ~rule.allows(painted, lambda: shown)
        return shown == self.value, fixed

    def _cover(self, rect: Rect, level: int, soft: Soft) -> Region:
        """The tiles of what was found at a level."""
        shape = self.context.document.shape
        tiles: dict[Tile, Stencil] = {}
        for key in rect.tiles():
            tile = tile_rect(*key, shape)
            both = tile.intersect(rect)
            found = self._fine(rect, level, soft, both) if level else soft[within(both, rect)] > 0.5
            if found is not None and found.any():
                tiles[key] = np.zeros((tile.height, tile.width), dtype=np.bool_)
                tiles[key][within(both, tile)] = found
        return Region(shape, tiles)

    def _fine(self, rect: Rect, level: int, soft: Soft, part: Rect) -> Stencil | None:
        """What was found in a part of rect, its border moved to the edges of the image at full resolution."""
        import cv2

        step = 1 << level
        around = part.expand(4 * step).intersect(rect)
        seen = soft[_reduced(within(around, rect), step)]
        if seen.max() <= 0.5:
            return None
        size = seen.shape[1] * step, seen.shape[0] * step
        fine = cv2.resize(seen, size, interpolation=cv2.INTER_LINEAR)[: around.height, : around.width]
        if seen.min() <= 0.5:
            fine = guided(self.context.picture(around), np.ascontiguousarray(fine), 2 * step)
        found: Stencil = fine[within(part, around)] > 0.5
        inside, fixed = self._standing(part)
        found &= ~(inside | fixed)
        return found | self._drawn(part, 1) if self._touches(part) else found

    def _touches(self, part: Rect) -> bool:
        """Whether the path comes near a part of the image."""
        return not self._around(0, 0).intersect(part).empty

    def _connected(self, region: Region) -> Region:
        """What is connected with the path: the finer border may have left islands."""
        return flood(lambda rect: members(region.part(rect)), region.shape, self.path[0]) or region


@dataclass
class Case:
    """A press under way. problem: the newest. found: what solves it. ended: the button is up."""

    problem: Problem
    found: Region | None = None
    ended: bool = False

    @property
    def document(self) -> Document:
        """What it is about."""
        return self.problem.context.document


class SmartFix(Tool):
    """Makes what is pointed at, as far as it hangs together, the active class; background, where it is that.

    The thread works, so the window never waits; what it finds is shown in the open edit while the button is
    down. A new press forgets what is not found yet.
    """

    name = "smart_fix"
    title = "Smart fix"
    icon = "mdi6.bandage"
    shortcut = "X"
    hint = "Click the middle of what is wrong: it takes the active class, or background where it has that."
    sized = True
    settings = (
        Setting(
            "reach",
            "Wrong place",
            AUTOMATIC,
            "How large it is about: as mask and colours make likely, or as large as the brush.",
            "choice",
            choices=(AUTOMATIC, BRUSH),
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self._case: Case | None = None
        self._fixes: tuple[Fix, ...] = ()
        self._about: weakref.ref[Document] | None = None

    @property
    def busy(self) -> bool:
        """Whether a fix is awaited after its button went up."""
        return self._case is not None and self._case.ended

    def press(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Point at a place."""
        taken_back = self.cancel(context)
        pixel = pixel_under(context, row, column)
        value = None if pixel is None else self._wanted(context, pixel, modifiers)
        if pixel is None or value is None:
            return taken_back
        if self._about is None or self._about() is not context.document:
            self._about, self._fixes = weakref.ref(context.document), ()
        radius = None if self.values["reach"] == AUTOMATIC else context.radius
        context.document.begin(self.title)
        wrong = int(context.document.annotation.pixels[pixel])
        self._case = Case(Problem(context, (pixel,), value, wrong, radius, self._fixes))
        self._ask(self._case)
        return taken_back

    def move(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Point at more places, as far as the pointer really went."""
        case, pixel = self._current(context), pixel_under(context, row, column)
        if case is None or case.ended or pixel is None:
            return None
        if math.dist(pixel, case.problem.path[-1]) > max(context.reach / 2, 1.0):
            case.problem = replace(case.problem, path=(*case.problem.path, pixel))
            case.found = None
            self._ask(case)
        return None

    def release(
        self, context: ToolContext, row: float, column: float, modifiers: Modifiers = NONE
    ) -> Rect | None:
        """Make one step of what was found, or of what will be."""
        case = self._current(context)
        if case is None or case.ended:
            return None
        case.ended = True
        return self._finish(case, case.found) if case.found is not None else None

    def key(self, context: ToolContext, name: str) -> Rect | None:
        """Enter: don't wait for the thread."""
        case = self._current(context)
        if case is None or not case.ended or name != "enter":
            return None
        found = case.problem.solve()
        return self._preview(case, found).union(self._finish(case, found) or EMPTY)

    def cancel(self, context: ToolContext) -> Rect | None:
        """Take the fix back. Returns what changed, where it was on the document of this context."""
        case, self._case = self._case, None
        if case is None or not case.document.editing:
            return None
        changed = case.document.rollback()
        return changed if case.document is context.document else None

    def cursor_radius(self, context: ToolContext) -> float | None:
        """The size of the brush, where it is the reach."""
        return None if self.values["reach"] == AUTOMATIC else context.radius

    def _wanted(self, context: ToolContext, pixel: Pixel, modifiers: Modifiers) -> int | None:
        """What a pixel is to become; None where that is said to be no change."""
        shown = class_at(context, pixel)
        value = (
            context.erased if modifiers & ERASING or shown == context.active_class else context.active_class
        )
        if value == shown or (value == UNLABELLED and not modifiers & ERASING):
            context.say("This place has that class already: choose the class that it should have.")
            return None
        return value

    def _current(self, context: ToolContext) -> Case | None:
        """The press under way; dropped where its document was left, or others closed its edit."""
        case = self._case
        if case is None or (case.document is context.document and case.document.editing):
            return case
        self.cancel(context)
        return None

    def _ask(self, case: Case) -> None:
        """Let the thread solve the newest problem; show what it finds, and end where the button is up."""
        problem = case.problem

        def solve() -> Region | None:
            return problem.solve() if self._case is case and case.problem is problem else None

        def apply(region: Region | None) -> None:
            if region is None or self._current(problem.context) is not case or case.problem is not problem:
                return
            changed = self._preview(case, region)
            if case.ended:
                changed = changed.union(self._finish(case, region) or EMPTY)
            problem.context.changed(changed)

        problem.context.later(solve, apply)

    def _preview(self, case: Case, region: Region) -> Rect:
        """Paint the open edit anew. Returns what changed."""
        changed = case.document.rollback()
        case.document.begin(self.title)
        case.found = region
        return changed.union(paint(case.problem.context, region, case.problem.value, PREVIEWED))

    def _finish(self, case: Case, found: Region) -> Rect | None:
        """Make what was found one step, and remember that it was no hand. Returns what changed."""
        self._case = None
        problem = case.problem
        self._fixes = (*self._fixes, Fix(found, problem.value, problem.path))[-REMEMBERED:]
        if len(found.tiles) <= AT_ONCE:
            return finish(problem.context, EMPTY)
        changed = case.document.rollback()
        land(problem.context, self.title, lambda _most, _progress: found, problem.value)
        return changed


def _reduced(index: tuple[slice, slice], step: int) -> tuple[slice, slice]:
    """The index into every step-th row and column."""
    rows, columns = index
    return (
        slice(rows.start // step, -(-rows.stop // step)),
        slice(columns.start // step, -(-columns.stop // step)),
    )
