"""Changing the classes of the open project, what that means for its masks, and which classes are shown."""

import dataclasses
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from unet_studio.core.class_change import Rewritten, rewrite_masks
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.project import Project, Status
from unet_studio.jobs.tasks import TaskThread, as_studio_error

if TYPE_CHECKING:
    from unet_studio.session.session import Session

LOOK_AGAIN_MS = 20  # so often it is asked whether everything is saved
PATIENCE_MS = 30_000  # so long a change waits for the last save
STEPS = 100  # times a rewrite tells how far it is


class ClassEditor(QObject):
    """Each method changes project.json at once; the session's classesChanged announces it.

    rewritingChanged(done, total): how many images' masks follow a deleted class already; 0, 0 when all do.
    shownChanged(): other classes are hidden. opened(): a project is open, with nothing hidden or locked yet.
    """

    rewritingChanged = Signal(int, int)
    shownChanged = Signal()
    opened = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self.hidden: frozenset[int] = frozenset()
        self._tasks: TaskThread | None = None  # rewrites the masks of the open project
        self._stopping = threading.Event()
        self._waiting: tuple[int, int] | None = None  # the deletion that waits for the last save
        self._waited = 0
        self._again = QTimer(self, singleShot=True, interval=LOOK_AGAIN_MS)
        self._again.timeout.connect(self._delete_when_saved)

    # -- the open project ---------------------------------------------------------------------------------

    def open(self, project: Project) -> None:
        """Go on with a rewrite that was interrupted."""
        self.set_hidden(())
        self.set_locked(())
        self.opened.emit()
        self.go_on_rewriting(project)

    def go_on_rewriting(self, project: Project) -> None:
        """Rewrite masks that hold deleted classes still, or again."""
        if project.rewriting and project.read_only is None:
            self._rewrite(project)

    def close(self) -> None:
        """Let go of the project; a rewrite goes on when it is opened again."""
        self._waiting = None
        if self._tasks is not None:
            self._stopping.set()
            self._tasks.stop()
            self._tasks = None
            self.rewritingChanged.emit(0, 0)

    # -- changes ------------------------------------------------------------------------------------------

    def add(self, name: str) -> None:
        """Add a class."""
        self._set(lambda table: table.add(name))

    def rename(self, index: int, name: str) -> None:
        """Give a class another name."""
        self._set(lambda table: table.renamed(index, name))

    def recolor(self, index: int, color: str) -> None:
        """Give a class another colour, #rrggbb."""
        self._set(lambda table: table.recolored(index, color))

    def move(self, index: int, place: int) -> None:
        """Put a class at another place in the order, from 0 on; its index stays."""
        self._set(lambda table: table.moved(index, place))

    def set_key(self, index: int, key: str | None) -> None:
        """Give a class a keyboard key, "0" to "9"; None for whichever is free."""
        self._set(lambda table: table.keyed(index, key))

    def adopt_model_classes(self) -> None:
        """Take over the classes of the chosen model; possible while nobody painted anything."""
        session = self._session
        model = session.predictor.model
        if model is None or model.card is None or session.project is None:
            return
        if session.project.with_status(Status.PAINTED, Status.APPROVED):
            session.failed.emit("Masks exist already.", "Rename your classes to match the model's instead.")
            return
        table = model.card.table()
        self._set(lambda _: table)

    def delete(self, index: int, into: int | None) -> None:
        """Retire a class; its pixels become the class `into`, or unlabelled. Clears the undo history.

        Waits, without holding the window up, until everything is saved; the masks on disk follow in a thread.
        """
        if self._session.project is not None and not self._session.importer.say_running():
            self._session.editor.abandon()
            self._waiting, self._waited = (index, UNLABELLED if into is None else into), 0
            self._delete_when_saved()

    @Slot()
    def _delete_when_saved(self) -> None:
        session, waiting = self._session, self._waiting
        if waiting is None or session.project is None:
            return
        if session.editor.landing.under_way or not session.saved_soon():
            self._waited += LOOK_AGAIN_MS
            if self._waited > PATIENCE_MS:
                self._waiting = None
                session.failed.emit(
                    "Unsaved work is in the way.", "Wait until everything is saved, then try again."
                )
            else:
                self._again.start()
            return
        self._waiting = None
        session.predictor.cancel()  # what it finds would still hold the class
        try:
            session.project.retire_class(*waiting)
        except (StudioError, OSError) as error:
            session.say_failed(as_studio_error(error))
            return
        with session.reread():
            self.follow()
        self._rewrite(session.project)

    def _set(self, change: Callable[[ClassTable], ClassTable]) -> None:
        session = self._session
        if session.project is None or session.importer.say_running():
            return
        try:
            session.project.set_classes(change(session.classes))
        except (StudioError, OSError) as error:
            session.say_failed(as_studio_error(error))
            return
        self.follow()

    def follow(self) -> None:
        """The project has other classes: everybody follows."""
        session = self._session
        if session.document is not None and session.project is not None:
            session.document.classes = session.classes
            session.document.thresholds = session.project.thresholds
        self.set_hidden(self.hidden)
        self.set_locked(session.editor.rule.locked)
        session.editor.ensure_active_class()
        session.trainer.forget_plan()
        session.classesChanged.emit()
        session.predictor.modelChanged.emit()
        session.predictor.as_needed()

    # -- what is shown and what may be painted over -------------------------------------------------------

    def set_hidden(self, indices: Iterable[int]) -> None:
        """Show all classes but these."""
        hidden = frozenset(indices) & frozenset(self._session.classes.indices)
        if hidden != self.hidden:
            self.hidden = hidden
            self.shownChanged.emit()

    def set_locked(self, indices: Iterable[int]) -> None:
        """Let no tool change pixels of these classes."""
        editor = self._session.editor
        locked = frozenset(indices) & frozenset(self._session.classes.indices)
        if locked != editor.rule.locked:
            editor.set_rule(dataclasses.replace(editor.rule, locked=locked))

    def show_only(self, index: int) -> None:
        """Hide all other classes, or show all again where they are hidden already."""
        others = frozenset(self._session.classes.indices) - {index}
        self.set_hidden(() if self.hidden == others else others)

    # -- the masks on disk --------------------------------------------------------------------------------

    def _rewrite(self, project: Project) -> None:
        if self._tasks is None:
            self._stopping.clear()
            self._tasks = TaskThread("classes")
            self._tasks.done.connect(self._rewritten)
            self._tasks.failed.connect(self._failed)
        self._tasks.submit("rewrite", lambda: (project, rewrite_masks(project, self._report)))

    def _report(self, done: int, total: int) -> None:
        """How far the rewrite is, from its thread. Raises Cancelled where the project is closed."""
        if self._stopping.is_set():
            raise Cancelled
        if done % max(1, total // STEPS) == 0:
            self.rewritingChanged.emit(done, total)

    @Slot(object, object)
    def _rewritten(self, _key: Any, found: tuple[Project, Rewritten]) -> None:
        project, result = found
        session = self._session
        if project is not session.project:
            return
        self.rewritingChanged.emit(0, 0)
        session.imagesChanged.emit()  # images may be unfinished now
        session.trainer.forget_plan()
        if result.unreadable:
            names = ", ".join(result.unreadable[:3]) + (" and others" if len(result.unreadable) > 3 else "")
            session.failed.emit(
                f"Some masks can't be read and stay as they are: {names}.", "Open these images to mend them."
            )

    @Slot(object, object)
    def _failed(self, _key: Any, error: StudioError) -> None:
        self.rewritingChanged.emit(0, 0)
        self._session.failed.emit(
            f"The masks could not all be rewritten: {error.message}",
            f"{error.remedy} Nothing is lost: it goes on when the project is opened again.",
        )
