"""The bar at the left: the tools, in as many columns as the height needs, and the opacity of the mask."""

import math
from collections.abc import Sequence
from itertools import groupby

from PySide6.QtCore import QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QSizePolicy,
    QSlider,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from unet_studio.session import Session
from unet_studio.ui.actions import Actions
from unet_studio.ui.icons import IconLabel
from unet_studio.ui.widgets import label

CELL = 34  # logical px, side of a button
GAP = 9  # logical px between two groups of tools, with a line in the middle
MOST_COLUMNS = 4
SLIDER = 84, 150  # logical px, least and most height of the opacity and what belongs to it


class ToolBox(QWidget):
    """Groups of buttons below each other, a line between them, in one column where they fit."""

    def __init__(self, groups: Sequence[Sequence[QToolButton]], below: QWidget) -> None:
        super().__init__()
        self._groups = [list(group) for group in groups]
        self._lines = [QFrame(self) for _ in self._groups[1:]]
        self._below = below
        self.columns = 1
        for part in (*(button for group in self._groups for button in group), below):
            part.setParent(self)
        for line in self._lines:
            line.setProperty("role", "line")
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)

    def sizeHint(self) -> QSize:
        """Wide enough for the columns that the height needs now."""
        return QSize(self.columns * CELL, self._height(self.columns) + SLIDER[0])

    def minimumSizeHint(self) -> QSize:
        """So low that every tool can still be reached, in the most columns."""
        return QSize(self.columns * CELL, self._height(MOST_COLUMNS))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Choose the columns and put everything in its place."""
        self.arrange()

    def arrange(self) -> None:
        """Put every button in its place; where the most columns are too few, the slider gives way."""
        room = self.height()
        choices = range(1, MOST_COLUMNS)
        fitting = (number for number in choices if self._height(number) + SLIDER[0] <= room)
        columns = next(fitting, MOST_COLUMNS)
        if columns != self.columns:
            self.columns = columns
            self.updateGeometry()
        top = 0
        for number, group in enumerate(self._groups):
            if number:
                self._lines[number - 1].setGeometry(2, top + GAP // 2, columns * CELL - 4, 1)
                top += GAP
            for place, button in enumerate(group):
                row, column = divmod(place, columns)
                button.setGeometry(QRect(column * CELL, top + row * CELL, CELL, CELL))
            top += math.ceil(len(group) / columns) * CELL
        left = room - top - GAP
        self._below.setVisible(left >= SLIDER[0] - GAP)
        self._below.setGeometry(0, top + GAP, columns * CELL, min(left, SLIDER[1]))

    def _height(self, columns: int) -> int:
        rows = sum(math.ceil(len(group) / columns) for group in self._groups)
        return rows * CELL + (len(self._groups) - 1) * GAP


class ToolBar(QToolBar):
    """opacityChanged(percent): a person moved the opacity slider."""

    opacityChanged = Signal(int)

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__("Tools", parent)
        self._session = session
        self._actions = actions
        self.setObjectName("tools")
        self.setMovable(False)
        self.setIconSize(QSize(24, 24))
        self.setOrientation(Qt.Orientation.Vertical)
        tools = session.editor.tools.items()
        groups = groupby(tools, lambda entry: entry[1].group)
        self.box = ToolBox(
            [[self._button(name) for name, _ in group] for _, group in groups], self._opacity_part()
        )
        self.addWidget(self.box)
        self.opacity_slider.valueChanged.connect(self._opacity_moved)
        session.editor.toolChanged.connect(self.refresh)
        self.refresh()

    def _button(self, name: str) -> QToolButton:
        made = QToolButton()
        made.setDefaultAction(self._actions[f"tool_{name}"])
        made.setIconSize(self.iconSize())
        made.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        made.setAccessibleName(self._session.editor.tools[name].title)
        return made

    def _opacity_part(self) -> QWidget:
        tip = "Opacity of the mask over the image"
        self.opacity_slider = QSlider(Qt.Orientation.Vertical)
        self.opacity_slider.setRange(0, 100)
        self.opacity_slider.setToolTip(tip)
        self.opacity_slider.setAccessibleName("Opacity of the mask")
        self.opacity_label: QLabel = label("", "muted", wrap=False)
        picture = IconLabel("layers-outline", "muted", 20)
        picture.setToolTip(tip)
        part = QWidget()
        layout = QVBoxLayout(part)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        middle = Qt.AlignmentFlag.AlignHCenter
        layout.addWidget(picture, alignment=middle)
        layout.addWidget(self.opacity_slider, 1, alignment=middle)
        layout.addWidget(self.opacity_label, alignment=middle)
        return part

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the session's tool."""
        self._actions[f"tool_{self._session.editor.tool}"].setChecked(True)

    def set_opacity(self, percent: int) -> None:
        """Show an opacity, 0..100 %, and announce it."""
        self.opacity_slider.setValue(percent)
        self._opacity_moved(percent)

    def _opacity_moved(self, percent: int) -> None:
        self.opacity_label.setText(f"{percent}%")
        self.opacityChanged.emit(percent)
