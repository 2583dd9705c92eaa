"""Asks for the colour of a class: first come the free ones of a palette that is safe for the colour-blind."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from PySide6.QtWidgets import QColorDialog, QDialog, QGridLayout, QPushButton, QVBoxLayout, QWidget

from unet_studio.core.classes import DEFAULT_COLORS, ClassTable
from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import button, label, row

COLUMNS = 7
SIZE = 26  # px of a colour


class ClassColorDialog(QDialog):
    """chosen(class index, #rrggbb)."""

    chosen = Signal(int, str)

    def __init__(self, table: ClassTable, index: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._index = index
        entry = table.get(index)
        self._color = entry.color
        self.setWindowTitle(f"Colour of {entry.name}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(10)
        self.swatches: list[QPushButton] = []
        free = table.free_colors
        taken = [color for color in DEFAULT_COLORS if color not in free]
        users = {other.color.lower(): other.name for other in table.active}
        for heading, colors in (
            ("Free colours, easy to tell apart also for colour-blind people", free),
            ("Used by other classes", [color for color in taken if color != self._color.lower()]),
        ):
            if colors:
                layout.addWidget(label(heading, "heading" if colors is free else "muted", wrap=False))
                grid = QGridLayout()
                grid.setSpacing(6)
                for place, color in enumerate(colors):
                    grid.addWidget(
                        self._swatch(color, users.get(color, "")), place // COLUMNS, place % COLUMNS
                    )
                grid.setColumnStretch(COLUMNS, 1)
                layout.addLayout(grid)
        more = button("Another Colour…", "Mix any colour", self._mix)
        layout.addLayout(row(more, None, button("Cancel", "Keep the colour", self.reject)))
        if self.swatches:
            self.swatches[0].setFocus()

    def _swatch(self, color: str, user: str) -> QPushButton:
        made = button("", f"{color}, used by {user}" if user else color, lambda: self._choose(color))
        made.setIcon(_picture(color))
        made.setIconSize(QSize(SIZE, SIZE))
        made.setFixedSize(SIZE + 14, SIZE + 14)
        made.setStyleSheet("padding: 0;")
        self.swatches.append(made)
        return made

    def _choose(self, color: str) -> None:
        self.chosen.emit(self._index, color)
        self.accept()

    def _mix(self) -> None:
        mixer = QColorDialog(QColor(self._color), self)
        mixer.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        mixer.setWindowTitle(self.windowTitle())
        mixer.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        mixer.colorSelected.connect(lambda color: self._choose(color.name()))
        mixer.open()


def _picture(color: str) -> QIcon:
    ratio = theme().device_ratio
    pixmap = QPixmap(round(SIZE * ratio), round(SIZE * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(theme().tokens.strong_border), 1))
    painter.setBrush(QColor(color))
    painter.drawRoundedRect(1, 1, SIZE - 2, SIZE - 2, 5, 5)
    painter.end()
    return QIcon(pixmap)
