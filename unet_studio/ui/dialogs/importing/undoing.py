"""Asks before an import is taken back, and again where a person changed images since."""

from PySide6.QtWidgets import QWidget

from unet_studio.core.restoring import ChangedSinceError
from unet_studio.session import Session
from unet_studio.ui.dialogs.messages import ask

SHOWN = 5  # names in a question


def ask_to_undo(parent: QWidget, session: Session) -> None:
    """Ask whether the last import is to be taken back."""
    last = session.importer.last
    if last is None:
        return
    ask(
        parent,
        "Undo Import",
        f"Take back {last.title}?",
        "Every image that it touched gets back the mask that it had before. Classes that came with it go, "
        "unless they are in use by now.",
        "Undo Import",
        session.importer.undo,
    )


def ask_about_changes(parent: QWidget, session: Session, error: ChangedSinceError) -> None:
    """Images were painted since the import: keep that work, or lose it as well?"""
    from PySide6.QtWidgets import QMessageBox

    number = len(error.names)
    names = ", ".join(error.names[:SHOWN]) + (f" and {number - SHOWN:,} more" if number > SHOWN else "")
    box = QMessageBox(parent)
    box.setObjectName("import_changed")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Undo Import")
    was = "1 image was" if number == 1 else f"{number:,} images were"
    box.setText(f"{was} changed since the import: {names}.")
    box.setInformativeText(
        "Keep them as they are and take back all others, or take back these as well? What you did there "
        "since the import would then be gone."
    )
    keep = box.addButton("Keep Changed Images", QMessageBox.ButtonRole.AcceptRole)
    lose = box.addButton("Take Back All", QMessageBox.ButtonRole.DestructiveRole)
    box.setDefaultButton(keep)
    box.setEscapeButton(box.addButton(QMessageBox.StandardButton.Cancel))
    keep.clicked.connect(lambda _checked=False: session.importer.undo("keep"))
    lose.clicked.connect(lambda _checked=False: session.importer.undo("restore"))
    box.finished.connect(box.deleteLater)
    box.open()
