"""Asks what the pixels of a class become before it is deleted."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDialog, QVBoxLayout, QWidget

from unet_studio.core.classes import ClassTable
from unet_studio.ui.widgets import button, label, row


class DeleteClassDialog(QDialog):
    """chosen(class index, index that its pixels get, or None for unlabelled)."""

    chosen = Signal(int, object)

    def __init__(self, table: ClassTable, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._index = index
        name = table.get(index).name
        self.setWindowTitle(f"Delete {name}")
        self.into = QComboBox()
        self.into.setAccessibleName("What its pixels become")
        self.into.setToolTip("What every pixel of this class becomes, in all images")
        self.into.addItem("Unlabelled: the model's prediction shows again", None)
        for entry in table.active:
            if entry.index != index:
                self.into.addItem(entry.name, entry.index)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        heading = label(f"Delete the class “{name}”?", "heading", wrap=False)
        text = label(
            "Its pixels in all images become what you choose here. Approved images that would be left with "
            "unlabelled pixels become unfinished. This can't be undone.",
            "muted",
        )
        for widget in (heading, text, self.into):
            layout.addWidget(widget)
        delete = button(
            "Delete Class", "Delete the class and change its pixels", self._delete, role="primary"
        )
        layout.addLayout(row(None, button("Cancel", "Change nothing", self.reject), delete))
        self.setMinimumWidth(430)

    def _delete(self) -> None:
        self.chosen.emit(self._index, self.into.currentData())
        self.accept()
