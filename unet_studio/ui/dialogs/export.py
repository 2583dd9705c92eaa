"""Asks in which format, which images and which layer to write, and shows the round-trip proof."""

import math
from pathlib import Path
from typing import Any, Literal

from PySide6.QtCore import Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QLineEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.ui.dialogs.messages import ask_folder
from unet_studio.ui.widgets import Note, button, form, label, row
from unet_studio.ui.words import count

LAYERS: dict[Literal["mask", "annotation", "prediction"], str] = {
    "mask": "Masks: what you see, painted over predicted",
    "annotation": "Annotations: painted pixels alone",
    "prediction": "Predictions: the model's words alone",
}


class ExportDialog(QDialog):
    """Exports by the session; stays open to show what came of it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Export Masks")
        self._session = session
        self._waiting = False
        self._written: Path | None = None
        self.format = QComboBox()
        self.which = QComboBox()
        self.layer = QComboBox()
        self.destination = QLineEdit()
        self.browse = button("Choose…", "Choose the folder to write to", self._browse)
        self.progress = QProgressBar()
        self.outcome = Note("good")
        self.start = button("Export", "Write the files", self.export, "export-variant", "primary")
        self.close_button = button("Close", "Close this box", self.reject)
        self._fill()
        self._build()
        session.exported.connect(self._exported)
        session.failed.connect(self._failed)

    def _fill(self) -> None:
        from unet_studio.formats.table import WRITTEN  # OpenCV and pycocotools: only when it is wanted

        for entry in WRITTEN.values():
            self.format.addItem(entry.title, entry.name)
        project = self._session.project
        approved = len(project.with_status(Status.APPROVED)) if project else 0
        self.which.addItem(f"Approved images ({approved:,})", "approved")
        self.which.addItem(f"All images ({len(self._session.images):,}), as far as there are masks", "all")
        self.which.setCurrentIndex(0 if approved else 1)
        for layer, text in LAYERS.items():
            self.layer.addItem(text, layer)
        if project is not None:
            root = project.image_root
            self.destination.setText(str(root.parent / f"{root.name}-masks"))
        for widget, name, tip in (
            (self.format, "Format", "How the masks are written"),
            (self.which, "Images", "Which images are written"),
            (self.layer, "Layer", "What is written of each image"),
            (
                self.destination,
                "Destination folder",
                "The folder to write to; it is made where it is missing",
            ),
        ):
            widget.setAccessibleName(name)
            widget.setToolTip(tip)

    def _build(self) -> None:
        place = row(self.destination, self.browse)
        place.setStretch(0, 1)
        fields = form(("Format", self.format), ("Images", self.which), ("Layer", self.layer), ("To", place))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(22, 20, 22, 18)
        layout.setSpacing(14)
        layout.addLayout(fields)
        layout.addWidget(
            label(
                "Stored layers are written as they are, never predicted again. Then the files are read back "
                "and compared, pixel by pixel.",
                "muted",
            )
        )
        self.progress.setRange(0, 0)
        self.progress.setAccessibleName("Export under way")
        self.progress.hide()
        layout.addWidget(self.progress)
        layout.addWidget(self.outcome)
        layout.addLayout(row(None, self.close_button, self.start))
        self.start.setDefault(True)
        self.setMinimumWidth(560)

    def _browse(self) -> None:
        place = Path(self.destination.text()).expanduser()
        start = place if place.is_dir() else place.parent
        ask_folder(self, "Folder to Write to", start, self.destination.setText)

    def export(self) -> None:
        """Write the files."""
        text = self.destination.text().strip()
        if not text:
            self.outcome.say("Choose a folder to write to.", "warning")
            return
        self._wait(True)
        self.outcome.say("")
        self._session.export(
            self.format.currentData(),
            Path(text).expanduser(),
            self.which.currentData(),
            self.layer.currentData(),
        )

    def _wait(self, waiting: bool) -> None:
        self._waiting = waiting
        self.progress.setVisible(waiting)
        for widget in (self.start, self.format, self.which, self.layer, self.destination, self.browse):
            widget.setEnabled(not waiting)

    @Slot(object)
    def _exported(self, report: Any) -> None:
        if not self._waiting:
            return
        self._wait(False)
        self._written = Path(report.destination)
        lines = [
            f"{count(len(report.images), 'image')} written to {report.destination}.",
            proof_text(report.proof),
        ]
        if report.empty:
            lines.append(f"{count(len(report.empty), 'image')} left out: nothing is stored for them yet.")
        lines += [f"{name}: {problem}" for name, problem in list(report.problems.items())[:5]]
        kind = "warning" if report.problems else "good"
        self.outcome.say("\n".join(lines), kind, "Open the Folder", self._open_folder)

    @Slot(str, str)
    def _failed(self, message: str, remedy: str) -> None:
        if self._waiting:
            self._wait(False)
            self.outcome.say(f"{message} {remedy}".strip(), "danger")

    def _open_folder(self) -> None:
        if self._written is not None:
            place = self._written if self._written.is_dir() else self._written.parent
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(place)))


def proof_text(proof: Any) -> str:
    """The round-trip proof in a sentence."""
    if proof.exact:
        return f"Proved: {count(proof.images, 'image')} read back, every pixel as it was."
    known = {name: value for name, value in proof.iou.items() if math.isfinite(value)}
    figures = ", ".join(f"{name} {value:.4f}" for name, value in known.items())
    return (
        f"Read back: {count(len(proof.differing), 'image')} of {proof.images} differ in some pixels, as this "
        f"format stores outlines (IoU: {figures})."
    )
