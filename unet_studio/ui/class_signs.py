"""Hides on the canvas the classes that are hidden, and remembers eyes and padlocks of each project."""

from PySide6.QtCore import QObject, Slot

from unet_studio.core.project import Project
from unet_studio.session import Session
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.preferences import Preferences


class ClassSigns(QObject):
    """Eyes and padlocks belong to who looks, not to the data: they are kept with the preferences."""

    def __init__(self, session: Session, canvas: Canvas, preferences: Preferences, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._canvas, self._preferences = session, canvas, preferences
        self._recalled: Project | None = None  # whose signs are shown
        session.class_editor.opened.connect(self._recall)
        session.class_editor.shownChanged.connect(self._show)
        session.editor.toolChanged.connect(self._store)

    @Slot()
    def _recall(self) -> None:
        """A project is open: hide and lock what was hidden and locked there last."""
        project = self._session.project
        if project is not None:
            hidden, locked = self._preferences.signs(project.folder)
            self._session.class_editor.set_hidden(hidden)
            self._session.class_editor.set_locked(locked)
            self._recalled = project
            self._store()

    @Slot()
    def _show(self) -> None:
        self._canvas.set_hidden_classes(self._session.class_editor.hidden)
        self._store()

    @Slot()
    def _store(self, *_: object) -> None:
        project = self._session.project
        if project is None or project is not self._recalled:
            return
        now = self._session.class_editor.hidden, self._session.editor.rule.locked
        if now != self._preferences.signs(project.folder):
            self._preferences.store_signs(project.folder, *now)
