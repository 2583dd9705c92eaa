"""The corrective Dice of the approved images, read in a thread and kept up to date as images are approved."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.project import Project, Status
from unet_studio.core.trust import Correction, in_order, read_correction, read_corrections
from unet_studio.jobs.tasks import TaskThread

if TYPE_CHECKING:
    from unet_studio.session.session import Session

ALL = ""  # images that a task reads; else the name of one


class Trust(QObject):
    """What the approved files of the open project say. changed: there are other corrections."""

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self._asked: Project | None = None  # whose files were asked for
        self._found: dict[str, Correction] = {}
        self._tasks = TaskThread("trust")
        self._tasks.done.connect(self._done)
        self._tasks.failed.connect(self._failed)
        session.statusChanged.connect(self._look_at)
        session.imagesChanged.connect(self._read_again)

    def close(self) -> None:
        """The project is left."""
        self._tasks.forget()
        self._asked, self._found = None, {}

    def stop(self) -> None:
        """End the thread."""
        self._asked = None
        self._tasks.stop()

    def corrections(self) -> list[Correction]:
        """In the order of approval. The first call has the files read; changed comes when that is done."""
        project = self._session.project
        if project is not None and self._asked is not project:
            self._asked, self._found = project, {}
            self._read_again()
        return in_order(self._found.values())

    @Slot()
    def _read_again(self) -> None:
        project = self._asked
        if project is None or project is not self._session.project:
            return

        def watch(_fraction: float) -> None:
            if project is not self._asked:
                raise Cancelled

        self._tasks.submit((ALL, project), lambda: read_corrections(project, watch))

    @Slot(str)
    def _look_at(self, name: str) -> None:
        """An image has another status, or its layers were saved."""
        project = self._asked
        if project is None or project is not self._session.project:
            return
        if name in self._found or project.status(name) is Status.APPROVED:
            self._tasks.submit((name, project), lambda: {name: read_correction(project, name)})

    @Slot(object, object)
    def _done(self, key: tuple[str, Project], found: Mapping[str, Correction | None]) -> None:
        if key[1] is not self._asked:
            return
        before = dict(self._found)
        if key[0] == ALL:
            self._found.clear()
        for name, correction in found.items():
            self._found.pop(name, None)
            if correction is not None:
                self._found[name] = correction
        if self._found != before:
            self.changed.emit()

    @Slot(object, object)
    def _failed(self, _key: Any, error: StudioError) -> None:
        self._session.say_failed(error)
