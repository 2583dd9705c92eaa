"""What came of an export: how many masks, the proof class by class, what went wrong, and where it all is."""

import math
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.errors import StudioError
from unet_studio.formats.proof import Proof
from unet_studio.formats.table import FORMATS
from unet_studio.session import Session
from unet_studio.session.exporter import Exported
from unet_studio.ui.dialogs.operation import swatch
from unet_studio.ui.dialogs.text_file import show_text_file
from unet_studio.ui.outside import open_outside
from unet_studio.ui.section import ElidedLabel
from unet_studio.ui.widgets import Note, button, label, row
from unet_studio.ui.words import count

ROW = 26  # px
SHOWN = 7  # rows without scrolling
NAMED = 5  # images that are named in a sentence


class Outcome(QWidget):
    """Shows an Exported, or the error that an export ended with."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._folder: Path | None = None
        self._manifest: Path | None = None
        self.note = Note("good")
        self.note.setObjectName("export_outcome")
        self.place = ElidedLabel("", "muted")
        self.proof = QTableWidget(0, 2)
        self.beside = label("", "muted")
        self.problems = QTableWidget(0, 2)
        self.problems_title = label("", "heading")
        self.meanwhile = Note("info")
        self.show_folder = button(
            "Open the Folder", "Show the files", self._open_folder, "folder-open-outline"
        )
        self.show_manifest = button(
            "Open the Manifest",
            "The file that says of each image how far it was, and which model it rests on",
            self._open_manifest,
            "text-box-outline",
        )
        self.show_folder.setObjectName("export_open_folder")
        self.show_manifest.setObjectName("export_open_manifest")
        self._build()

    def _build(self) -> None:
        for table, name, called, titles in (
            (self.proof, "export_proof", "Proof: IoU of each class", ["Class", "IoU, read back"]),
            (self.problems, "export_problems", "Images that were not exported", ["Image", "Why"]),
        ):
            table.setObjectName(name)
            table.setAccessibleName(called)
            table.setHorizontalHeaderLabels(titles)
            table.verticalHeader().hide()
            table.verticalHeader().setDefaultSectionSize(ROW)
            table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
            table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
            table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
            table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
            table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
            table.setShowGrid(False)
        self.problems.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.problems.horizontalHeader().resizeSection(0, 220)
        self.problems.itemActivated.connect(self._open_image)
        self.problems.setToolTip("A double click opens the image")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(10)
        for widget in (self.note, self.place, self.beside, self.proof, self.meanwhile):
            layout.addWidget(widget)
        layout.addWidget(self.problems_title)
        layout.addWidget(self.problems, 1)
        layout.addLayout(row(self.show_folder, self.show_manifest, None))
        layout.addStretch(1)

    def fail(self, error: StudioError) -> None:
        """The export did not work."""
        self._folder = self._manifest = None
        self.note.say(str(error), "danger")
        for widget in (
            self.place,
            self.beside,
            self.proof,
            self.problems_title,
            self.problems,
            self.show_folder,
            self.show_manifest,
        ):
            widget.hide()
        self.meanwhile.say("")

    def show_exported(self, exported: Exported) -> None:
        """Say what was written and how it came back."""
        report = exported.report
        place = Path(report.destination)
        self._folder = place if place.is_dir() else place.parent
        self._manifest = report.manifest
        written = (
            f"{count(len(report.images), 'mask')} written as {FORMATS[exported.wish.format_name].title}."
        )
        kind = "warning" if report.problems else "good"
        self.note.say(f"{written} {proof_text(report.proof)}", kind)
        self.place.setText(str(place))
        extras = [f"{text}: {path.name}" for text, path in report.extras.items()]
        empty = (
            f"{count(len(report.empty), 'image')} left out: nothing is stored for them. "
            if report.empty
            else ""
        )
        self.beside.setText(f"{empty}Beside the masks: {', '.join(extras)}." if extras else empty.strip())
        self.beside.setVisible(bool(self.beside.text()))
        self._show_proof(report.proof)
        self._show_problems(report.problems)
        self._show_meanwhile(exported.meanwhile)
        for widget in (self.place, self.show_folder, self.show_manifest):
            widget.show()

    def _show_proof(self, proof: Proof) -> None:
        colors = {entry.name: entry.color for entry in self._session.classes.active}
        self.proof.setRowCount(len(proof.iou))
        for place, (name, iou) in enumerate(proof.iou.items()):
            here = QTableWidgetItem(swatch(colors.get(name, "")), name)
            here.setToolTip(name)
            figure = QTableWidgetItem(f"{iou:.6f}" if math.isfinite(iou) else "absent")
            self.proof.setItem(place, 0, here)
            self.proof.setItem(place, 1, figure)
        rows = min(SHOWN, len(proof.iou))
        self.proof.setFixedHeight(rows * ROW + self.proof.horizontalHeader().sizeHint().height() + 4)
        self.proof.show()

    def _show_problems(self, problems: dict[str, str]) -> None:
        for widget in (self.problems_title, self.problems):
            widget.setVisible(bool(problems))
        self.problems_title.setText(f"{count(len(problems), 'image')} could not be exported")
        self.problems.setRowCount(len(problems))
        for place, (name, why) in enumerate(problems.items()):
            for column, text in enumerate((name, why)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                self.problems.setItem(place, column, item)

    def _show_meanwhile(self, names: tuple[str, ...]) -> None:
        if not names:
            self.meanwhile.say("")
            return
        named = ", ".join(names[:NAMED]) + (" and others" if len(names) > NAMED else "")
        self.meanwhile.say(
            f"Changed while the export ran: {named}. Written as they were when their turn came; export again "
            "to bring the changes in."
        )

    # -- what a person does -------------------------------------------------------------------------------

    def _open_image(self, item: QTableWidgetItem) -> None:
        name = self.problems.item(item.row(), 0)
        if name is not None:
            self._session.open_image(name.text())

    def _open_folder(self) -> None:
        self._open(self._folder)

    def _open_manifest(self) -> None:
        if self._manifest is not None:
            show_text_file("Manifest of the Export", self._manifest, self._session, self)

    def _open(self, path: Path | None) -> None:
        if path is not None:
            open_outside(path, self._session.say_failed)


def proof_text(proof: Proof) -> str:
    """The round-trip proof in a sentence."""
    if proof.exact:
        return f"Proved: {count(proof.images, 'mask')} read back, every pixel as it was."
    return (
        f"Read back: {count(len(proof.differing), 'mask')} of {proof.images:,} differ in some pixels, as "
        "this format can't say everything."
    )
