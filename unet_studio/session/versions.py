"""The versions of the open project: listed, named, deleted, packed and taken in by a thread."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.model_file import pack, unpack
from unet_studio.core.project import Project
from unet_studio.core.versions import clear_run, delete, describe
from unet_studio.jobs.tasks import TaskThread
from unet_studio.jobs.version_list import (
    Version,
    dependents,
    list_versions,
    needed_by_a_run,
    run_that_made,
    runs_of,
)

if TYPE_CHECKING:
    from unet_studio.session.session import Session


NAMING = 2.0  # s that leaving a project waits for a title or note to be stored


class Versions(QObject):
    """rows: the versions as they were read last, the newest first.

    changed(): rows or what is being done are others. weighed(Dependents): of weigh(). said(str): something
    was done. taken(name): a file was taken in under that name. failed(StudioError): something was not done.
    """

    changed = Signal()
    weighed = Signal(object)
    said = Signal(str)
    taken = Signal(str)
    failed = Signal(object)

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session
        self.rows: tuple[Version, ...] = ()
        self._doing: dict[Any, str] = {}  # what takes a while, in words
        self._naming = 0  # titles and notes that are not stored yet
        self._thread = TaskThread("versions")
        self._thread.done.connect(self._done)
        self._thread.failed.connect(self._failed)

    def close(self) -> None:
        """The project is left; a title or note that was given is stored first."""
        end = time.monotonic() + NAMING
        while self._naming and not self._thread.idle and time.monotonic() < end:
            time.sleep(0.005)
        self.rows, self._naming = (), 0
        self._doing.clear()
        self._thread.forget()
        self.changed.emit()

    def stop(self) -> None:
        """End the thread."""
        self.close()
        self._thread.stop()

    @property
    def doing(self) -> str:
        """What takes a while, in words, or ""."""
        return next(iter(self._doing.values()), "")

    def named(self, name: str) -> Version | None:
        """The version of that name."""
        return next((row for row in self.rows if row.name == name), None)

    def look(self) -> None:
        """Read what versions there are; changed() comes."""
        self._submit("look", list_versions)

    def use(self, name: str) -> None:
        """Let a version predict from now on; what it said before is shown at once."""
        self._session.predictor.set_model(name)

    def describe(self, version: Version, title: str, note: str) -> None:
        """Give a version another title and note; its name stays, as stored predictions go by it."""

        def change(project: Project) -> None:
            _require_own(project, version, "renamed")
            describe(version.entry, title, note)

        self._naming += 1
        self._submit(("describe", version.name, self._naming), change)

    def weigh(self, version: Version) -> None:
        """Find out what rests on a version; weighed(Dependents) says it, or failed() why it can't go."""

        def find(project: Project) -> Any:
            self._require_spare(project, version)
            return dependents(project, version.name)

        self._submit("weigh", find)

    def delete(self, version: Version) -> None:
        """Delete a version for good; never the one in use."""

        def remove(project: Project) -> str:
            self._require_spare(project, version)
            delete(version.entry, project.models_folder)
            run = run_that_made(version.entry.card, runs_of(project)) if version.entry.card else None
            if run is not None and not run.alive():
                clear_run(run)
            return f"{version.entry.shown} was deleted."

        self._submit(("delete", version.name), remove)

    def pack(self, version: Version, path: Path) -> None:
        """Write a version to one file."""

        def write(_project: Project) -> str:
            pack(version.entry, path)
            return f"{version.entry.shown} was written to {path}."

        self._submit(("pack", path), write, f"Writing {version.name}…")

    def unpack(self, path: Path) -> None:
        """Take a version in from one file; taken(name) says under which name."""

        def read(project: Project) -> ModelEntry:
            project.prepare()
            return unpack(path, project.models_folder, set(runs_of(project)))

        self._submit(("unpack", path), read, f"Reading {path.name}…")

    def _require_spare(self, project: Project, version: Version) -> None:
        """Raise StudioError where a version can't be deleted."""
        _require_own(project, version, "deleted")
        if project.model == version.name:
            raise StudioError(f"{version.entry.shown} is in use.", "Use another version first.")
        run = needed_by_a_run(project, version.entry)
        if run:
            raise StudioError(
                f"The training {run} needs {version.entry.shown}.",
                "Let it end, discard it, or begin another one if it failed; then delete the version.",
            )

    def _submit(self, key: Any, call: Callable[[Project], Any], doing: str = "") -> None:
        """Carry out a call in the thread; the models are read anew after what may have changed them."""
        project = self._session.project
        if project is None:
            return

        def work() -> tuple[Project, Any, list[ModelEntry] | None]:
            result = call(project)
            changing = isinstance(key, tuple) and key[0] != "pack"
            return project, result, project.shown_models() if changing else None

        if doing:
            self._doing[project, key] = doing
            self.changed.emit()
        self._thread.submit((project, key), work)

    @Slot(object, object)
    def _done(self, key: Any, found: tuple[Project, Any, list[ModelEntry] | None]) -> None:
        project, result, models = found
        if project is not self._session.project:
            return
        what = key[1] if isinstance(key[1], str) else key[1][0]
        self._end(key)
        if models is not None:
            self._session.predictor.refresh(models)
        if what == "look":
            self.rows = tuple(result)
        elif what == "weigh":
            self.weighed.emit(result)
        elif what == "unpack":
            self.taken.emit(result.name)
        elif result:
            self.said.emit(result)
        self.changed.emit()

    def _end(self, key: Any) -> None:
        """What was asked for is over."""
        self._doing.pop(key, None)
        self._naming -= key[1][0] == "describe"

    @Slot(object, object)
    def _failed(self, key: Any, error: StudioError) -> None:
        if key[0] is self._session.project:
            self._end(key)
            self.failed.emit(error)
            self.changed.emit()


def _require_own(project: Project, version: Version, done: str) -> None:
    """Raise StudioError where a version, or the project, can't be changed."""
    project.prepare()
    if not version.own:
        raise StudioError(
            f"{version.entry.shown} comes with the program and can't be {done}.",
            "Export it and import the file: that copy is yours.",
        )
