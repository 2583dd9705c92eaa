"""What an import would do, found out in the import's thread before anything is written."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import TaskThread
from unet_studio.session.pace import watching

if TYPE_CHECKING:
    from unet_studio.formats.examination import Examination
    from unet_studio.formats.import_options import ImportOptions
    from unet_studio.formats.import_plan import ImportPlan
    from unet_studio.session.session import Session

FIRST_LOOK, LONGEST_LOOK = 4, 400  # images that are drawn before what else is asked for gets its turn
LOOK_SECONDS = 0.3  # that one such look should take


@dataclass(frozen=True)
class ImportWish:
    """What a person wants to import: the format's name, where from, and how."""

    format_name: str
    source: Path
    options: "ImportOptions"


@dataclass(frozen=True)
class FormatChoice:
    """A format that can be chosen. name: as commands call it. title: what people read."""

    name: str
    title: str


@dataclass(frozen=True)
class Pictured:
    """One image of the source. masked: with the mask over it. overlapping: px of it under several classes.

    problem: why there is no mask, or no image; "" where there is one.
    """

    name: str
    masked: QImage | None
    plain: QImage | None
    overlapping: int = 0
    problem: str = ""


@dataclass(eq=False)
class _Look:
    """One look at a source. stop: set where nobody waits any more."""

    project: Project
    wish: ImportWish
    stop: threading.Event


@dataclass(eq=False)
class _Count:
    """The examination of a plan, a few images at a time. names: those that are left."""

    project: Project
    plan: "ImportPlan"
    names: list[str]
    found: "Examination | None"
    stop: threading.Event
    some: int = FIRST_LOOK


class ImportPreview(QObject):
    """Nothing that is asked for here changes anything. What is asked for last comes first.

    formatsFound(tuple of FormatChoice). recognised(source, tuple of format names, the likeliest first; None:
    nothing is there).
    planned(ImportPlan), planFailed(StudioError), planProgressed(done, total). pictured(Pictured).
    examined(Examination, whether that is all of it).
    """

    formatsFound = Signal(object)
    recognised = Signal(str, object)
    planned = Signal(object)
    planFailed = Signal(object)
    planProgressed = Signal(int, int)
    pictured = Signal(object)
    examined = Signal(object, bool)
    _worked = Signal(object, int, int)

    def __init__(self, session: "Session", thread: TaskThread) -> None:
        super().__init__(session)
        self._session = session
        self._thread = thread
        self.plan: ImportPlan | None = None
        self._planned_for: Project | None = None
        self._look: _Look | None = None
        self._count: _Count | None = None
        thread.done.connect(self._done)
        thread.failed.connect(self._failed)
        self._worked.connect(self._tell)

    def drop(self) -> None:
        """Forget the source, and stop looking at it."""
        self._stop_look()
        self._stop_count()
        self.plan, self._planned_for = None, None

    def pause(self) -> None:
        """Leave the thread to something else; what was found stays."""
        self._stop_look()
        self._stop_count()

    def _stop_look(self) -> None:
        if self._look is not None:
            self._look.stop.set()
            self._look = None

    def _stop_count(self) -> None:
        if self._count is not None:
            self._count.stop.set()
            self._count = None

    # -- formats ------------------------------------------------------------------------------------------

    def want_formats(self) -> None:
        """Ask which formats can be read: their readers take a while to load."""
        self._thread.submit("import formats", _formats)

    def recognise(self, source: str) -> None:
        """Ask which format a file or folder is of."""
        self._thread.submit("import recognise", lambda: (source, _recognise(Path(source).expanduser())))

    # -- the plan -----------------------------------------------------------------------------------------

    def plan_of(self, wish: ImportWish) -> "ImportPlan | None":
        """The plan that was made of a wish's source, if one was."""
        plan = self.plan if self._planned_for is self._session.project else None
        same = plan is not None and (plan.format, plan.source) == (wish.format_name, wish.source)
        return plan if same else None

    def plan_for(self, wish: ImportWish) -> None:
        """Find out what an import would do; quick where only options are others than before."""
        project = self._session.project
        if project is None:
            return
        self.pause()
        known = self.plan_of(wish)
        look = self._look = _Look(project, wish, threading.Event())
        self._thread.submit(look, lambda: _plan(look, known, self._watching(look)))

    def _watching(self, look: _Look) -> Callable[[int, int], None]:
        """What the thread calls at every image."""
        return watching(look.stop, lambda done, total: self._worked.emit(look, done, total))

    @Slot(object, int, int)
    def _tell(self, look: _Look, done: int, total: int) -> None:
        if look is self._look:
            self.planProgressed.emit(done, total)

    # -- one picture --------------------------------------------------------------------------------------

    def picture(self, name: str) -> None:
        """Ask for an image with its mask over it."""
        plan, project = self.plan, self._session.project
        if plan is not None and project is not None:
            self._thread.submit("import picture", lambda: (plan, _picture(project, plan, name)))

    # -- the examination ----------------------------------------------------------------------------------

    def examine(self) -> None:
        """Draw every mask that would come in, and count; examined() tells what is known so far."""
        plan, project = self.plan, self._session.project
        self._stop_count()
        if plan is None or project is None:
            return
        names = [row.name for row in plan.coming]
        self._count = _Count(project, plan, names, None, threading.Event())
        self._look_on(self._count)

    def _look_on(self, count: _Count) -> None:
        self._thread.submit(count, lambda: _look_at_some(count))

    # -- answers ------------------------------------------------------------------------------------------

    @Slot(object, object)
    def _done(self, key: Any, found: Any) -> None:
        if key == "import formats":
            self.formatsFound.emit(found)
        elif key == "import recognise":
            self.recognised.emit(*found)
        elif isinstance(key, _Look) and key is self._look:
            self._look = None
            self.plan, self._planned_for = found, key.project
            self.planned.emit(found)
        elif key == "import picture" and found[0] is self.plan:
            self.pictured.emit(found[1])
        elif isinstance(key, _Count) and key is self._count:
            self._counted(key, found)

    def _counted(self, count: _Count, found: "Examination") -> None:
        """Some more images are drawn: tell what is known, and go on."""
        count.found = found
        self.examined.emit(found, not count.names)
        if count.names:
            self._look_on(count)
        else:
            self._count = None

    @Slot(object, object)
    def _failed(self, key: Any, error: StudioError) -> None:
        if isinstance(key, _Look) and key is self._look:
            self._look = None
            self.plan = None
            self.planFailed.emit(error)
        elif key in ("import formats", "import recognise", "import picture") or key is self._count:
            self._session.say_failed(error)


# -- in the thread -------------------------------------------------------------------------------------------


def _formats() -> tuple[FormatChoice, ...]:
    from unet_studio.formats.table import FORMATS  # OpenCV and pycocotools: not at start-up

    return tuple(FormatChoice(entry.name, entry.title) for entry in FORMATS.values())


def _recognise(source: Path) -> tuple[str, ...] | None:
    """The formats that a source may be of; None where nothing is there."""
    from unet_studio.formats.recognition import recognise

    return tuple(recognise(source)) if source.exists() else None


def _plan(look: _Look, known: "ImportPlan | None", advance: Callable[[int, int], None]) -> "ImportPlan":
    if look.stop.is_set():
        raise Cancelled
    return plan_of_wish(look.project, look.wish, known, advance)


def plan_of_wish(
    project: Project, wish: ImportWish, known: "ImportPlan | None", advance: Callable[[int, int], None]
) -> "ImportPlan":
    """The plan for a wish, from the one that is known where that is of the same source."""
    from unet_studio.formats.import_classes import is_fresh
    from unet_studio.formats.import_plan import plan_import

    if known is None:
        return plan_import(project, wish.format_name, wish.source, wish.options, advance)
    begun = known.takes_over and not is_fresh(project)  # painted since: its classes have to stay
    if begun or known.options.pairs != wish.options.pairs:
        return plan_import(project, known.format, known.source, wish.options, advance, known.incoming)
    return renewed(known, project).under(wish.options)


def renewed(plan: "ImportPlan", project: Project) -> "ImportPlan":
    """A plan that knows what a person painted since it was made."""
    states = [(row, project.status(row.name)) for row in plan.rows]
    rows = tuple(row if row.state is state else replace(row, state=state) for row, state in states)
    return replace(plan, rows=rows)


def _picture(project: Project, plan: "ImportPlan", name: str) -> Pictured:
    from unet_studio.formats.import_picture import import_picture

    try:
        found = import_picture(project, plan, name)
    except StudioError as error:
        return Pictured(name, None, None, problem=str(error))
    return Pictured(name, _image(found.masked), _image(found.plain), found.overlapping, found.problem)


def _image(pixels: NDArray[np.uint8]) -> QImage:
    """A QImage of uint8 (H, W, 3), with memory of its own."""
    height, width = pixels.shape[:2]
    packed = np.ascontiguousarray(pixels)
    return QImage(packed.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()


def _look_at_some(count: _Count) -> "Examination":
    """Examine the next few images; as many as take a moment."""
    from unet_studio.formats.examination import examine

    def watch(_done: int, _total: int) -> None:
        if count.stop.is_set():
            raise Cancelled

    names, began = count.names[: count.some], time.monotonic()
    found = examine(count.plan, count.project, names, advance=watch)
    del count.names[: count.some]
    pace = LOOK_SECONDS / max(time.monotonic() - began, 1e-3)
    count.some = int(min(max(count.some * min(pace, 4.0), 1), LONGEST_LOOK))
    return found if count.found is None else _together(count.found, found)


def _together(first: "Examination", second: "Examination") -> "Examination":
    """What two examinations of different images found."""
    pixels = {name: first.pixels.get(name, 0) + number for name, number in second.pixels.items()}
    return replace(
        first,
        images=first.images + second.images,
        overlapping=first.overlapping | second.overlapping,
        touching=first.touching | second.touching,
        pixels=pixels,
        unlabelled=first.unlabelled + second.unlabelled,
        strange=first.strange | second.strange,
        problems=first.problems | second.problems,
    )
