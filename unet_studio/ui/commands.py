"""What the actions of the window do, as far as neither the session nor a panel does it by itself."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog

from unet_studio.session.operator import Request
from unet_studio.ui.dialogs.messages import ask, ask_folder
from unet_studio.ui.loading import Loading
from unet_studio.ui.panels.files import FilesPanel
from unet_studio.ui.theme import theme

if TYPE_CHECKING:
    from unet_studio.ui.main_window import MainWindow


# What boxes need that would keep the window waiting while it is imported.
IMPORT = ("unet_studio.formats.importing", "unet_studio.ui.dialogs.importing.dialog")
EXPORT = ("unet_studio.formats.exporting", "unet_studio.ui.dialogs.exporting.dialog")
VERSIONS = ("unet_studio.ui.dialogs.versions.dialog",)
STATISTICS = ("unet_studio.formats.export_layers", "unet_studio.ui.dialogs.statistics.dialog")


class Commands:
    """The handlers "commands.*" of the table of actions."""

    def __init__(self, window: "MainWindow") -> None:
        self._window = window
        self._operations: dict[str, Mapping[str, Any]] = {}  # what was chosen last, by operation
        self._loading = Loading(window)

    def choose_folder(self) -> None:
        """Ask for a folder of images."""
        project = self._window.session.project
        start = project.image_root.parent if project else Path.home()
        ask_folder(self._window, "Open a Folder of Images", start, self._window.open_folder)

    def open_sample(self) -> None:
        """Open the sample project; the application installs it."""
        self._window.sampleAsked.emit()

    def close_project(self) -> None:
        """Save, and show the welcome page."""
        if self._window.leaving.ready(self.close_project):
            self._window.session.close_project()

    def approve_and_go_on(self) -> None:
        """Approve, then show the next image that is not finished."""
        session = self._window.session
        session.editor.approve()
        if session.current is None or session.document is None or not session.document.approved:
            return
        session.browser.step_unfinished(1)

    def show_operation(self, name: str) -> None:
        """Ask how an operation on the mask is to be done; one box at a time."""
        from unet_studio.ui.dialogs.operation import OperationDialog

        window = self._window
        for other in window.findChildren(OperationDialog):
            if other.isVisible():
                other.reject()
        values = self._operations.get(name, {})
        dialog = OperationDialog(window.session, window.canvas, name, values, window)
        dialog.accepted.connect(lambda: self._operations.update({name: dialog.values}))
        dialog.show_over()

    def accept_all(self) -> None:
        """Paint the prediction wherever nobody painted."""
        self._window.session.operator.apply(Request("accept", title="Accept All Predictions"))

    def hide_mask(self) -> None:
        """Hide the mask, or show it again."""
        self._window.canvas.set_mask_visible(not self._window.action_table["hide_mask"].isChecked())

    def choose_theme(self, choice: str) -> None:
        """Light, dark, or as the system is."""
        self._window.preferences.theme = choice
        theme().choose(choice)

    def toggle_panel(self, name: str) -> None:
        """Show or hide a panel."""
        dock, on = self._window.docks[name], self._window.action_table[f"panel_{name}"].isChecked()
        dock.setVisible(on)
        if on:
            dock.raise_()  # it may lie behind another one

    def reset_layout(self) -> None:
        """Put every panel back in its place."""
        self._window.docks.arrange()

    def toggle_full_screen(self) -> None:
        """Use the whole screen, or no longer."""
        self._window.setWindowState(self._window.windowState() ^ Qt.WindowState.WindowFullScreen)

    def scale_brush(self, factor: float) -> None:
        """Make the brush larger or smaller, by at least one pixel."""
        radius = self._window.session.editor.brush_radius
        scaled = round(radius * factor)
        step = 1 if factor > 1 else -1
        self._window.session.editor.set_brush_radius(scaled if scaled != radius else radius + step)

    def predict_chosen(self) -> None:
        """Predict the images that are selected in the files panel."""
        names = self._files.chosen
        if names:
            self._window.session.predictor.predict_these(names)
        else:
            self._window.session.message.emit("No image is selected in the list of images.")

    def set_auto_predict(self) -> None:
        """Predict while browsing, or not."""
        self._window.session.predictor.set_auto(self._window.action_table["auto_predict"].isChecked())

    def discard_training(self) -> None:
        """Throw the training under way away, after asking."""
        ask(
            self._window,
            "Discard the Training",
            "Throw this training away?",
            "Its model is lost; your images and masks are not touched.",
            "Discard",
            self._window.session.trainer.discard,
        )

    def show_import(self, source: Path | None = None) -> None:
        """Ask which masks to import, and show what would come in. source: where they are, if known."""
        self._loading.when_loaded(IMPORT, partial(self._show_import, source))

    def _show_import(self, source: Path | None) -> None:
        from unet_studio.ui.dialogs.importing.dialog import ImportDialog

        window = self._window
        self._show_once(ImportDialog, lambda: ImportDialog(window.session, window.preferences, window))
        if source is not None:
            next(box for box in window.findChildren(ImportDialog) if box.isVisible()).take(source)

    def undo_import(self) -> None:
        """Take the last import back, after asking."""
        from unet_studio.ui.dialogs.importing.undoing import ask_to_undo

        ask_to_undo(self._window, self._window.session)

    def show_export(self) -> None:
        """Ask what to export, or show how far the export is that runs."""
        self._loading.when_loaded(EXPORT, self._show_export)

    def _show_export(self) -> None:
        from unet_studio.ui.dialogs.exporting.dialog import ExportDialog

        window = self._window
        self._show_once(
            ExportDialog, lambda: ExportDialog(window.session, window.preferences, self._files, window)
        )

    def show_statistics(self) -> None:
        """Count objects and areas of all images."""
        self._loading.when_loaded(STATISTICS, self._show_statistics)

    def _show_statistics(self) -> None:
        from unet_studio.ui.dialogs.statistics.dialog import StatisticsDialog

        window = self._window
        self._show_once(StatisticsDialog, lambda: StatisticsDialog(window.session, self._files, window))

    def show_versions(self) -> None:
        """List the versions of the model."""
        self._loading.when_loaded(VERSIONS, self._show_versions)

    def _show_versions(self) -> None:
        from unet_studio.ui.dialogs.versions.dialog import VersionsDialog

        window = self._window

        def make() -> VersionsDialog:
            made = VersionsDialog(window.session, window)
            made.changesAsked.connect(self.show_changes)
            return made

        self._show_once(VersionsDialog, make)

    @property
    def _files(self) -> FilesPanel:
        panel = self._window.panels["files"]
        assert isinstance(panel, FilesPanel)
        return panel

    def _show_once(self, kind: type[QDialog], make: Callable[[], QDialog]) -> None:
        """Show a box that stays beside the window; the one that is there already, where there is one."""
        found = next((box for box in self._window.findChildren(kind) if box.isVisible()), None)
        dialog = found or make()
        dialog.show()
        dialog.raise_()
        dialog.activateWindow()

    def show_changes(self, first: str | None = None, second: str | None = None) -> None:
        """How much two versions differ on each validation image; by default the two that are compared."""
        from unet_studio.ui.dialogs.changes.dialog import ChangesDialog

        window = self._window
        self._show_once(ChangesDialog, lambda: ChangesDialog(window.session, window))
        box = next(box for box in window.findChildren(ChangesDialog) if box.isVisible())
        box.take(first, second)

    def show_shortcuts(self) -> None:
        """List all keys, to look up and to change."""
        from unet_studio.ui.dialogs.shortcuts import ShortcutsDialog
        from unet_studio.ui.keys import Keys

        ShortcutsDialog(Keys(self._window.action_table, self._window.preferences), self._window).open()

    def show_about(self) -> None:
        """Version and licence."""
        from unet_studio.ui.dialogs.about import AboutDialog

        AboutDialog(self._window).open()

    def show_log(self) -> None:
        """Show the file of errors; the application knows where it is."""
        self._window.logAsked.emit()
