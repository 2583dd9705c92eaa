"""Boxes that say something or ask for something, opened without stopping the event loop.

The classes of these boxes take 25 ms to import; nobody waits for them at start-up.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from unet_studio.core.errors import StudioError

if TYPE_CHECKING:
    from PySide6.QtWidgets import QFileDialog, QMessageBox


def show_error(parent: QWidget | None, title: str, error: StudioError, details: str = "") -> "QMessageBox":
    """Say what went wrong and what to do about it."""
    from PySide6.QtWidgets import QMessageBox

    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Warning)
    box.setWindowTitle(title)
    box.setText(error.message)
    box.setInformativeText(error.remedy)
    if details:
        box.setDetailedText(details)
    box.open()
    return box


def ask(
    parent: QWidget, title: str, question: str, consequence: str, answer: str, handler: Callable[[], object]
) -> "QMessageBox":
    """Ask before something that can't be undone; handler is called on `answer`."""
    from PySide6.QtWidgets import QMessageBox

    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle(title)
    box.setText(question)
    box.setInformativeText(consequence)
    yes = box.addButton(answer, QMessageBox.ButtonRole.DestructiveRole)
    no = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(no)
    yes.clicked.connect(lambda _checked=False: handler())
    box.open()
    return box


def ask_folder(
    parent: QWidget, title: str, start: Path | None, handler: Callable[[str], object]
) -> "QFileDialog":
    """Ask for a folder; handler gets its path."""
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title, str(start) if start else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(handler)
    dialog.open()
    return dialog


def ask_file_to_read(
    parent: QWidget, title: str, start: Path, suffix: str, handler: Callable[[str], object]
) -> "QFileDialog":
    """Ask for a file that is there; handler gets its path. suffix: with its dot."""
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title, str(start), f"*{suffix}")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
    dialog.fileSelected.connect(handler)
    dialog.open()
    return dialog


def ask_file_to_write(
    parent: QWidget, title: str, start: Path, suffix: str, handler: Callable[[str], object]
) -> "QFileDialog":
    """Ask where to write a file, such as start; handler gets its path. suffix: with its dot."""
    from PySide6.QtWidgets import QFileDialog

    dialog = QFileDialog(parent, title, str(start.parent), f"*{suffix}")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(suffix.lstrip("."))
    dialog.selectFile(start.name)
    dialog.fileSelected.connect(handler)
    dialog.open()
    return dialog
