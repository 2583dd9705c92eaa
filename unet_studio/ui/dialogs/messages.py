"""Boxes that say something or ask for something, opened without stopping the event loop."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from unet_studio.core.errors import StudioError


def show_error(parent: QWidget | None, title: str, error: StudioError, details: str = "") -> QMessageBox:
    """Say what went wrong and what to do about it."""
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
) -> QMessageBox:
    """Ask before something that can't be undone; handler is called on `answer`."""
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
) -> QFileDialog:
    """Ask for a folder; handler gets its path."""
    dialog = QFileDialog(parent, title, str(start) if start else "")
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    dialog.fileSelected.connect(handler)
    dialog.open()
    return dialog
