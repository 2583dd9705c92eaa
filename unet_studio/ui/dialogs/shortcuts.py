"""Every key of the window, read off the table of actions, with what the mouse does on the canvas."""

from collections.abc import Iterable

from PySide6.QtCore import Qt, Slot
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from unet_studio.ui.actions import ActionSpec, plain
from unet_studio.ui.widgets import button, label, row, scrolling

# What is no action but a way to use the canvas; see unet_studio.ui.canvas.hand.
CANVAS = (
    ("Wheel", "Zoom to the pointer"),
    ("Shift+Wheel", "Move the image"),
    ("Ctrl+Wheel", "Size of the brush"),
    ("Space+Drag", "Move the image while a tool is active (or drag with the middle button)"),
    ("Right button, Alt", "Erase with the brush"),
    ("Shift+Click", "Straight line from the last stroke"),
    ("H, Tab (held)", "Look at the image without the mask"),
    ("Esc", "Take the stroke under way back"),
)


def native(text: str) -> str:
    """A shortcut as this system writes it."""
    return QKeySequence(text).toString(QKeySequence.SequenceFormat.NativeText)


class ShortcutsDialog(QDialog):
    """A list to read, with a field that narrows it down."""

    def __init__(self, specs: Iterable[ActionSpec], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Keyboard Shortcuts")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a key or an action")
        self.search.setAccessibleName("Find a key or an action")
        self.search.setToolTip("Show only lines that contain this text")
        self.search.setClearButtonEnabled(True)
        self.lines: list[tuple[str, str, list[QWidget]]] = []  # menu, what is searched, widgets
        self._headings: dict[str, QLabel] = {}
        self._grid = QGridLayout()
        self._grid.setContentsMargins(20, 4, 20, 12)
        self._grid.setHorizontalSpacing(18)
        self._grid.setVerticalSpacing(7)
        self._grid.setColumnStretch(0, 1)
        self._fill(specs)
        content = QWidget()
        content.setLayout(self._grid)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 16, 0, 14)
        layout.setSpacing(10)
        head = row(self.search)
        head.setContentsMargins(20, 0, 20, 0)
        layout.addLayout(head)
        layout.addWidget(scrolling(content), 1)
        foot = row(None, button("Close", "Close this list", self.accept))
        foot.setContentsMargins(20, 0, 20, 0)
        layout.addLayout(foot)
        self.search.textChanged.connect(self._narrow)
        self.resize(520, 640)

    def _fill(self, specs: Iterable[ActionSpec]) -> None:
        for spec in specs:
            if spec.shortcuts and spec.listed:
                keys = [native(text) for text in spec.shortcuts]
                self._add(plain(spec.menu.partition("/")[0]), plain(spec.text), keys)
        self._add("Tools", "Paint with the class that has this key", ["0", "… 9"])
        for gesture, text in CANVAS:
            self._add("On the canvas", text, [gesture])
        self._grid.setRowStretch(self._grid.rowCount(), 1)

    def _add(self, menu: str, text: str, keys: list[str]) -> None:
        if menu not in self._headings:
            heading = label(menu, "heading", wrap=False)
            heading.setContentsMargins(0, 10, 0, 2)
            self._headings[menu] = heading
            self._grid.addWidget(heading, self._grid.rowCount(), 0, 1, 2)
        place = self._grid.rowCount()
        name = label(text)
        chips = QWidget()
        chips.setLayout(row(None, *(label(key, "key", wrap=False) for key in keys), spacing=4))
        self._grid.addWidget(name, place, 0)
        self._grid.addWidget(chips, place, 1, alignment=Qt.AlignmentFlag.AlignRight)
        self.lines.append((menu, f"{text} {' '.join(keys)}".casefold(), [name, chips]))

    @Slot(str)
    def _narrow(self, text: str) -> None:
        wanted = text.casefold()
        for _, searched, widgets in self.lines:
            for widget in widgets:
                widget.setVisible(wanted in searched)
        for menu, heading in self._headings.items():
            heading.setVisible(any(menu == place and wanted in searched for place, searched, _ in self.lines))
