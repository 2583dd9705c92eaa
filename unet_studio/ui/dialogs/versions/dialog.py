"""The window of versions: compare what is known of them, go back to one, name, hand on or delete them."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QDialog, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.core.model_file import SUFFIX
from unet_studio.jobs.version_list import Dependents, Version
from unet_studio.session import Session
from unet_studio.ui.dialogs.messages import ask, ask_file_to_read, ask_file_to_write
from unet_studio.ui.dialogs.versions.details import VersionDetails
from unet_studio.ui.dialogs.versions.table import VersionTable, one_line, shown
from unet_studio.ui.outside import open_outside
from unet_studio.ui.widgets import Note, button, fit_to_screen, label, row
from unet_studio.ui.words import count

SIZE = 940, 560  # px at first
NAMED = 3  # versions that are named in a sentence
CLOSED = "This project can't be changed from here"


class VersionsDialog(QDialog):
    """Stays beside the window, and follows what happens there.

    changesAsked(A, B): a person wants to see how two versions differ by image.
    """

    changesAsked = Signal(str, str)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("versions_dialog")
        self.setWindowTitle("Versions")
        self._session = session
        self._versions = session.versions
        self._wanted: str | None = session.predictor.model_name  # to select once it is listed
        self.table = VersionTable()
        self.nothing = label(
            "No model yet. Paint and approve a few images and train, or import a model file.", "muted"
        )
        self.details = VersionDetails()
        self.told = Note("info")
        self.doing = label("", "muted", wrap=False)
        self.use = button("Use", "Let this version predict from now on", self._use, "check", "primary")
        self.report = button(
            "Report", "Open the report of the training that made it", self._open_report, "file-chart-outline"
        )
        self.export = button("Export…", "Write this version to one file", self._export, "export-variant")
        self.delete = button(
            "Delete…", "Delete this version for good, after asking", self._weigh, "delete-outline"
        )
        self.take = button("Import…", "Take a version in from a file", self._import, "import")
        self.versus = button(
            "A/B",
            "See it beside the version in use, on the image on screen",
            self._compare,
            "compare",
            "link",
        )
        self.by_image = button(
            "Change by Image",
            "List how much each validation image gained or lost against the version in use",
            lambda: self.changesAsked.emit(*self._pair),
            "table-arrow-down",
            "link",
        )
        self._build()
        self._connect()
        fit_to_screen(self, *SIZE)
        self.refresh()
        self._versions.look()

    def _build(self) -> None:
        for widget, name in (
            (self.use, "version_use"),
            (self.report, "version_report"),
            (self.export, "version_export"),
            (self.delete, "version_delete"),
            (self.take, "version_import"),
            (self.versus, "version_versus"),
            (self.by_image, "version_by_image"),
        ):
            widget.setObjectName(name)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.nothing, 1)
        layout.addWidget(self.details)
        layout.addLayout(row(self.versus, self.by_image, None))
        layout.addWidget(self.told)
        close = button("Close", "Close this window", self.reject)
        chosen = (self.use, self.report, self.export, self.delete)
        layout.addLayout(row(*chosen, self.doing, None, self.take, close, spacing=8))
        self.setMinimumSize(640, 400)

    def _connect(self) -> None:
        session, versions = self._session, self._versions
        versions.changed.connect(self.refresh)
        versions.weighed.connect(self._ask_to_delete)
        versions.said.connect(self._say)
        versions.taken.connect(self._taken)
        versions.failed.connect(self._say_failed)
        session.predictor.modelsChanged.connect(self._look)
        session.predictor.modelChanged.connect(self.refresh)
        session.projectChanged.connect(self.reject)
        self.table.itemSelectionChanged.connect(self._chosen)
        self.table.itemDoubleClicked.connect(self._use)
        self.details.described.connect(versions.describe)
        self.finished.connect(self._leave)

    @property
    def chosen(self) -> Version | None:
        """The version that is selected."""
        name = self.table.chosen
        return self._versions.named(name) if name is not None else None

    @property
    def _pair(self) -> tuple[str, str]:
        """The version in use and the one that is selected, "" for none."""
        return self._session.predictor.model_name or "", self.table.chosen or ""

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the versions as they were read last."""
        rows = self._versions.rows
        wanted = self._wanted or self.table.chosen
        self.table.fill(rows, self._session.predictor.model_name, wanted)
        if self.table.chosen == self._wanted:
            self._wanted = None
        first = bool(rows) and self.table.isHidden()
        self.table.setVisible(bool(rows))
        if first:
            self.table.setFocus()
        self.nothing.setVisible(not rows)
        self.doing.setText(self._versions.doing)
        self._show_chosen()

    def _show_chosen(self) -> None:
        session, version = self._session, self.chosen
        writable = session.project is not None and session.read_only is None
        used = version is not None and version.name == session.predictor.model_name
        usable = version is not None and version.entry.card is not None
        self.details.setVisible(version is not None)
        self.details.show_version(version, writable)
        self.use.setEnabled(usable and not used)
        self.report.setEnabled(version is not None and version.report is not None)
        self.export.setEnabled(usable)
        self.delete.setEnabled(version is not None and version.own and writable and not used)
        self.delete.setToolTip(self._why_not_deleted(version, writable, used))
        known = {entry.name for entry in session.comparer.models if not entry.imported}
        pair = {name for name in self._pair if name in known}
        self.versus.setVisible(len(pair) == 2 and session.document is not None)
        self.by_image.setVisible(len(pair) == 2)
        self.take.setEnabled(writable)
        self.take.setToolTip("Take a version in from a file" if writable else CLOSED)

    def _why_not_deleted(self, version: Version | None, writable: bool, used: bool) -> str:
        if not writable:
            return CLOSED
        if used:
            return "It is in use: use another version first"
        if version is not None and not version.own:
            return "It comes with the program"
        return "Delete this version for good, after asking"

    @Slot()
    def _chosen(self) -> None:
        """Another version is selected; what was typed for the one before is taken."""
        self.details.commit()
        self.told.say("")
        self._show_chosen()

    @Slot()
    def _use(self, *_: object) -> None:
        version = self.chosen
        if version is not None and self.use.isEnabled():
            before = self._session.predictor.model
            self._versions.use(version.name)
            self.table.setFocus()  # else Enter would press the next button
            back = f" {one_line(before.shown)} stays in this list, to go back." if before else ""
            self._say(f"{shown(version)} predicts from now on.{back}")

    def _compare(self) -> None:
        self._session.comparer.begin(*self._pair)

    def _open_report(self) -> None:
        version = self.chosen
        if version is None or version.report is None:
            return
        open_outside(version.report, self._say_failed)

    def _export(self) -> None:
        version = self.chosen
        if version is not None:
            start = Path.home() / f"{version.name}{SUFFIX}"
            ask_file_to_write(
                self, "Export a Version", start, SUFFIX, lambda path: self._versions.pack(version, Path(path))
            )

    def _import(self) -> None:
        ask_file_to_read(
            self, "Import a Version", Path.home(), SUFFIX, lambda path: self._versions.unpack(Path(path))
        )

    def _weigh(self) -> None:
        version = self.chosen
        if version is not None:
            self._versions.weigh(version)

    @Slot(object)
    def _ask_to_delete(self, found: Dependents) -> None:
        version = self._versions.named(found.name)
        if version is not None:
            ask(
                self,
                "Delete a Version",
                f"Delete {shown(version)} for good?",
                consequences(found),
                "Delete",
                lambda: self._versions.delete(version),
            )

    @Slot(str)
    def _taken(self, name: str) -> None:
        self._wanted = name
        self._say(f"{one_line(name)} is one of this project's models now. Use it to let it predict.")

    @Slot(str)
    def _say(self, text: str, kind: str = "info") -> None:
        self.told.say(text, kind)

    @Slot(object)
    def _say_failed(self, error: StudioError) -> None:
        self.told.say(str(error), "danger")

    @Slot()
    def _leave(self, *_: object) -> None:
        self.details.commit()

    @Slot()
    def _look(self) -> None:
        self._versions.look()


def consequences(found: Dependents) -> str:
    """What a person should know before a version is deleted."""
    said = ["It can't be brought back, unless it was exported."]
    if found.restarting:
        whose = _names(found.restarting)
        said.append(f"{whose} would start the next training from it; that will start from another model.")
    elif found.children:
        said.append(f"{_names(found.children)} came from it, and stay as they are.")
    if found.predictions:
        said.append(
            f"What it says of {count(found.predictions, 'image')} stays, as corrections may rest on that."
        )
    return " ".join(said)


def _names(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(one_line(name) for name in names[:NAMED]) + more
