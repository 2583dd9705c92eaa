"""Shows a text file that the program wrote, such as a report: not every desktop has a program for each."""

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QDialog, QPlainTextEdit, QVBoxLayout, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.session import Session
from unet_studio.ui.outside import open_outside
from unet_studio.ui.section import ElidedLabel
from unet_studio.ui.widgets import button, fit_to_screen, row

MOST = 256 << 10  # bytes that are shown: more would keep the window waiting
SIZE = 720, 520  # px at first
CUT = "… (the rest is in the file)"


class TextFileDialog(QDialog):
    """Stays beside the window; the text can be read and copied, not changed. Raises StudioError."""

    def __init__(self, title: str, path: Path, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("text_file")
        self.setWindowTitle(title)
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(title)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setPlainText(_beginning(path))
        folder = button(
            "Open the Folder",
            "Show the file among others",
            lambda: open_outside(path.parent, session.say_failed),
            "folder-open-outline",
        )
        close = button("Close", "Close this box", self.reject)
        close.setDefault(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 14)
        layout.setSpacing(10)
        layout.addWidget(ElidedLabel(str(path), "muted"))
        layout.addWidget(self.text, 1)
        layout.addLayout(row(folder, None, close, spacing=8))
        fit_to_screen(self, *SIZE)


def show_text_file(title: str, path: Path, session: Session, parent: QWidget) -> None:
    """Show a file in a box of its own; say why, where that can't be done."""
    try:
        box = TextFileDialog(title, path, session, parent)
    except StudioError as error:
        session.say_failed(error)
    else:
        box.show()


def _beginning(path: Path) -> str:
    """The text of a file, or the lines that it begins with."""
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise StudioError(f"{path} can't be read ({reason}).", "Look whether it was moved.") from error
    text = data[:MOST].decode("utf-8", errors="replace")
    return text if len(data) <= MOST else text[: text.rfind("\n") + 1] + CUT
