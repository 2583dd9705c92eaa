"""Changing the classes of the open project, and what that means for its masks."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Status
from unet_studio.jobs.tasks import as_studio_error

if TYPE_CHECKING:
    from unet_studio.session.session import Session


class ClassEditor(QObject):
    """Each method changes project.json at once; the session's classesChanged announces it."""

    def __init__(self, session: "Session") -> None:
        super().__init__(session)
        self._session = session

    def add(self, name: str) -> None:
        """Add a class."""
        self._set(lambda table: table.add(name))

    def rename(self, index: int, name: str) -> None:
        """Give a class another name."""
        self._set(lambda table: table.renamed(index, name))

    def recolor(self, index: int, color: str) -> None:
        """Give a class another colour, #rrggbb."""
        self._set(lambda table: table.recolored(index, color))

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
        """Retire a class; its pixels become the class `into`, or unlabelled. Clears the undo history."""
        session = self._session
        if session.project is None or not session.saved_or_said():
            return
        session.predictor.cancel()  # what it finds would still hold the class
        try:
            table = session.classes.retire(index)
            session.project.replace_class(index, UNLABELLED if into is None else into)
            session.project.drop_predictions()
        except (StudioError, OSError) as error:
            session.say_failed(as_studio_error(error))
            return
        with session.reread():
            self._set(lambda _: table)

    def _set(self, change: Callable[[ClassTable], ClassTable]) -> None:
        session = self._session
        if session.project is None:
            return
        try:
            session.project.set_classes(change(session.classes))
        except (StudioError, OSError) as error:
            session.say_failed(as_studio_error(error))
            return
        if session.document is not None:
            session.document.classes = session.classes
            session.document.thresholds = session.project.thresholds
        session.editor.ensure_active_class()
        session.trainer.forget_plan()
        session.classesChanged.emit()
        session.predictor.modelChanged.emit()
        session.predictor.as_needed()
