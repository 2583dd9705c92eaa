"""The first page: open a folder, one opened before, or the sample project."""

from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from unet_studio.core.resources import resources
from unet_studio.ui.preferences import Recent
from unet_studio.ui.widgets import button, label, row, scrolling

WIDTH = 520  # px of the column in the middle
ICON = 84  # px
SHOWN = 6  # recent folders


class Welcome(QWidget):
    """openAsked(), sampleAsked(), recentAsked(Recent)."""

    openAsked = Signal()
    sampleAsked = Signal()
    recentAsked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("welcome")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.picture = QLabel()
        self.picture.setFixedSize(ICON, ICON)
        self.open = button(
            "Open a Folder of Images…",
            "Open a folder of images (Ctrl+O)",
            self.openAsked.emit,
            "folder-open-outline",
            "primary",
        )
        self.sample = button(
            "Try the Sample Project",
            "Open a small project with a model that comes with the program",
            self.sampleAsked.emit,
            "image-multiple-outline",
        )
        self.recent = QWidget()
        self._recent = QVBoxLayout(self.recent)
        self._recent.setContentsMargins(0, 0, 0, 0)
        self._recent.setSpacing(6)
        self._build()

    def _build(self) -> None:
        column = QWidget()
        column.setMaximumWidth(WIDTH)
        layout = QVBoxLayout(column)
        layout.setContentsMargins(24, 24, 24, 24)
        layout.setSpacing(12)
        layout.addStretch(2)
        layout.addWidget(self.picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        title = label("U-Net Studio", "title")
        subtitle = label(
            "Let a U-Net propose masks, repair them with a brush, and fine‑tune the U‑Net on the repairs.",
            "subtitle",
        )
        for widget in (title, subtitle):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(widget)
        layout.addSpacing(10)
        for choice in (self.open, self.sample):
            choice.setMinimumHeight(38)
        buttons = row(self.open, self.sample, spacing=10)
        buttons.setStretch(0, 1)
        buttons.setStretch(1, 1)
        layout.addLayout(buttons)
        hint = label("Or drop a folder here. Your images are never changed.", "muted")
        hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addWidget(hint)
        layout.addSpacing(8)
        layout.addWidget(self.recent)
        layout.addStretch(3)
        centre = QWidget()
        line = row(None, column, None, spacing=0)
        line.setStretch(1, 10)
        centre.setLayout(line)
        area = scrolling(centre)
        for part in (area, centre):
            part.setProperty("role", "")
            part.setAutoFillBackground(False)
        area.viewport().setAutoFillBackground(False)
        area.setFrameShape(QFrame.Shape.NoFrame)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)

    def show_picture(self) -> None:
        """Draw the program's icon; it needs the SVG plug-in, so it comes after the first paint."""
        icon = QIcon(str(resources() / "icons" / "unet-studio.svg"))
        self.picture.setPixmap(icon.pixmap(ICON, ICON))

    def show_recent(self, entries: list[Recent]) -> None:
        """Offer folders opened before."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        self.recent.setVisible(bool(entries))
        if entries:
            self._recent.addWidget(label("Recent", "heading"))
        for entry in entries[:SHOWN]:
            self._recent.addWidget(self._recent_button(entry))

    def _recent_button(self, entry: Recent) -> QPushButton:
        path = Path(entry.folder)
        made = button("", entry.folder, lambda: self.recentAsked.emit(entry), role="recent")
        metrics = made.fontMetrics()
        text = f"{path.name}   —   {path.parent}"
        made.setText(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, WIDTH - 90))
        made.setAccessibleName(f"Open {entry.folder}")
        return made
