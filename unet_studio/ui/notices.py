"""What the window says unasked: on the canvas why it shows no image, in the banner what needs an answer."""

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QDialog, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project, Status
from unet_studio.core.restoring import ChangedSinceError
from unet_studio.core.snapshots import Snapshot
from unet_studio.session import Session
from unet_studio.ui.banner import Banner, Notice
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.dialogs.messages import ask_folder

READ_ONLY, DOCUMENT, UNFINISHED, SAVING = "read-only", "document", "unfinished", "saving"  # topics
IMPORT = "import"


class Notices(QObject):
    """Listens to the session. open_folder(folder, project_dir): how the window opens a project."""

    def __init__(
        self,
        session: Session,
        banner: Banner,
        canvas: Canvas,
        open_folder: Callable[[Path, Path | str], None],
        window: QWidget,
    ) -> None:
        super().__init__(window)
        self._session = session
        self._banner = banner
        self._canvas = canvas
        self._open_folder = open_folder
        self._window = window
        session.projectChanged.connect(self._project_changed)
        session.imagesChanged.connect(self._show_message)
        session.documentChanged.connect(self._document_changed)
        session.documentFailed.connect(self._document_failed)
        session.failed.connect(self._failed)
        session.saveFailed.connect(self._save_failed)
        session.savedChanged.connect(self._saved)
        session.unfinished.connect(self._unfinished)
        session.historyChanged.connect(self._edited)
        session.importer.failed.connect(self._import_failed)
        session.importer.brokenOff.connect(self._import_broken_off)
        session.importer.undoRefused.connect(self._undo_refused)
        session.importer.changed.connect(self._import_changed)
        self._project_changed()

    @Slot()
    def _project_changed(self) -> None:
        self._banner.clear()
        self._check_read_only()
        self._show_message()

    @Slot()
    def _document_changed(self) -> None:
        self._banner.withdraw(DOCUMENT)
        self._banner.withdraw(UNFINISHED)
        self._show_message()

    @Slot()
    def _show_message(self) -> None:
        """Say on the canvas why it shows no image."""
        session = self._session
        name = session.current
        if session.document is not None or session.project is None:
            self._canvas.set_message("")
        elif not session.project.listed and name is None:
            self._canvas.set_message("Looking for images…", str(session.project.image_root))
        elif not session.images:
            self._canvas.set_message(
                "There are no images in this folder",
                "PNG, JPEG, TIFF, BMP and WebP files are found, also in its sub-folders. "
                "Put some there and open it again, or open another folder.",
            )
        elif session.opening is not None:
            self._canvas.set_message("Opening…", session.opening)
        elif name is not None and name not in session.broken:
            self._canvas.set_message("This image was not opened", f"Reading {name} was cancelled.")

    @Slot(str, str, str)
    def _document_failed(self, name: str, message: str, remedy: str) -> None:
        self._canvas.set_message(message, remedy)
        masked = self._session.status(name) is not Status.UNLABELLED
        if masked and self._session.read_only is None:
            self._banner.show_notice(
                Notice(
                    "warning",
                    f"{name} is not shown, so that nothing is lost.",
                    "You can move its mask out of the way and start anew; nothing is deleted.",
                    "Set the Mask Aside",
                    self._session.set_aside,
                    DOCUMENT,
                )
            )

    @Slot(str, str)
    def _unfinished(self, message: str, remedy: str) -> None:
        self._banner.show_notice(
            Notice("warning", message, remedy, "Fill the Rest", self._session.editor.fill_rest, UNFINISHED)
        )

    @Slot()
    def _edited(self) -> None:
        self._banner.withdraw(UNFINISHED)

    @Slot(str, str)
    def _failed(self, message: str, remedy: str) -> None:
        self._banner.show_notice(Notice("danger", message, remedy))
        self._check_read_only()

    @Slot(str, str)
    def _save_failed(self, message: str, remedy: str) -> None:
        self._banner.show_notice(Notice("danger", message, remedy, topic=SAVING))
        self._check_read_only()

    @Slot(bool)
    def _saved(self, _dirty: bool) -> None:
        """What could not be saved may be saved by now."""
        if self._session.save_problem is None:
            self._banner.withdraw(SAVING)

    @Slot(object)
    def _import_failed(self, error: StudioError) -> None:
        """An import failed, or taking one back; its box says so itself where it is open."""
        box = self._window.findChild(QDialog, "import")
        if box is None or not box.isVisible():
            self._failed(error.message, error.remedy)

    @Slot(object)
    def _import_broken_off(self, snapshot: Snapshot) -> None:
        importer = self._session.importer
        importer.leave_broken_off(snapshot)  # it is said once
        self._banner.show_notice(
            Notice(
                "warning",
                f"{snapshot.title[:1].upper()}{snapshot.title[1:]} was broken off before its end.",
                "What came in is there. Take it back, or import the same masks again to get the rest.",
                "Undo Import",
                importer.undo,
                IMPORT,
            )
        )

    @Slot()
    def _import_changed(self) -> None:
        if self._session.importer.running:
            self._banner.withdraw(IMPORT)

    @Slot(object)
    def _undo_refused(self, error: ChangedSinceError) -> None:
        from unet_studio.ui.dialogs.importing.undoing import ask_about_changes

        ask_about_changes(self._window, self._session, error)

    def _check_read_only(self) -> None:
        """Say why nothing can be changed, and what can be done about it."""
        project = self._session.project
        if project is None or project.read_only is None:
            self._banner.withdraw(READ_ONLY)
        elif _can_write(project):
            self._banner.show_notice(
                Notice(
                    "warning",
                    project.read_only,
                    "You can look, but not change anything, until it is closed there.",
                    "Try Again",
                    lambda: self._open_folder(project.image_root, project.folder),
                    READ_ONLY,
                )
            )
        else:
            self._banner.show_notice(
                Notice(
                    "warning",
                    project.read_only,
                    "You can look; to keep your work, choose another place for the project's own files.",
                    "Choose Another Place…",
                    lambda: self._choose_place(project),
                    READ_ONLY,
                )
            )

    def _choose_place(self, project: Project) -> None:
        root = project.image_root
        ask_folder(
            self._window,
            "Folder for the Project's Own Files",
            Path.home(),
            lambda place: self._open_folder(root, place),
        )


def _can_write(project: Project) -> bool:
    """Whether the disk would allow it, so that another window must be in the way."""
    place = project.folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return os.access(place, os.W_OK)
