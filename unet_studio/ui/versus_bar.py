"""The bar above the canvas while two model versions are compared: which two, and how they are looked at."""

from functools import partial

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QToolButton, QVBoxLayout, QWidget

from unet_studio.session import Session
from unet_studio.ui.actions import Actions
from unet_studio.ui.widgets import combo, label, row

BUTTONS_WIDTH = 220  # logical px that the buttons beside the hint take
VIEW_ACTIONS = {"split": "versus_split", "difference": "versus_difference"}
BRIEF = "Painting is off"
HINT = "Painting is off. Hold or press {flip} to flip, Esc to go back to the mask."


class VersusBar(QFrame):
    """Follows the session's comparer; hidden while nothing is compared."""

    def __init__(self, session: Session, actions: Actions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("versus")
        self.setProperty("role", "versus")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._session, self._actions = session, actions
        self.choices = tuple(
            combo(f"versus_{letter}", f"Model {letter.upper()}", f"The model on side {letter.upper()}", 6)
            for letter in "ab"
        )
        self.hint = label("", "muted", wrap=False)
        self._hint = ""
        self._build()
        session.comparer.changed.connect(self.refresh)
        session.predictor.modelsChanged.connect(self._offer)
        session.classesChanged.connect(self._offer)
        self.refresh()

    def _build(self) -> None:
        for place, choice in enumerate(self.choices):
            choice.activated.connect(partial(self._chosen, place))
        first, second = self.choices
        tools = [
            self._tool(name)
            for name in (
                "versus_swap", "versus_flip", "versus_split", "versus_difference",
                "versus_table", "versus_end",
            )
        ]  # fmt: skip
        swap, *others = tools
        parts = (label("A", "heading", wrap=False), first, swap, label("B", "heading", wrap=False), second)
        line = row(*parts, spacing=5)
        line.setStretch(1, 1)
        line.setStretch(4, 1)
        below = row(self.hint, None, *others, spacing=5)
        self.hint.setMinimumWidth(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 8, 6)
        layout.setSpacing(2)
        layout.addLayout(line)
        layout.addLayout(below)

    def _tool(self, name: str) -> QToolButton:
        made = QToolButton()
        made.setDefaultAction(self._actions[name])
        made.setObjectName(f"{name}_button")
        made.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        made.setAccessibleName(self._actions[name].text().replace("&", ""))
        return made

    @Slot()
    def refresh(self) -> None:
        """Show what is compared, and how."""
        comparer = self._session.comparer
        self.setVisible(comparer.on)
        for view, name in VIEW_ACTIONS.items():
            self._actions[name].setChecked(comparer.on and comparer.view == view)
        self._actions["versus"].setChecked(comparer.on)
        if not comparer.on:
            return
        self._hint = HINT.format(flip=self._actions["versus_flip"].shortcut().toString() or "the button")
        self._fit()
        self._offer()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say as much as there is room for."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.width() - BUTTONS_WIDTH
        self.hint.setText(self._hint if self.fontMetrics().horizontalAdvance(self._hint) < room else BRIEF)
        self.hint.setToolTip(self._hint)

    @Slot()
    def _offer(self) -> None:
        """List the models, with the chosen one on each side."""
        comparer = self._session.comparer
        if not comparer.on or not comparer.sides:
            return
        entries = comparer.models
        for choice, side in zip(self.choices, comparer.sides, strict=True):
            self._fill(choice, [(entry.shown, entry.name) for entry in entries], side.entry.name)

    @staticmethod
    def _fill(choice: QComboBox, offered: list[tuple[str, str]], chosen: str) -> None:
        with QSignalBlocker(choice):
            there = [(choice.itemText(place), choice.itemData(place)) for place in range(choice.count())]
            if there != offered:
                choice.clear()
                for text, name in offered:
                    choice.addItem(text, name)
            choice.setCurrentIndex(choice.findData(chosen))

    def _chosen(self, place: int, row_: int) -> None:
        self._session.comparer.choose(place, self.choices[place].itemData(row_))
