"""What is to be known before an import, one note each; and what came of it, in the same notes."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QVBoxLayout, QWidget

from unet_studio.ui.widgets import Note, label, scrolling

MOST = 40  # notes; what comes after is counted


@dataclass(frozen=True)
class Remark:
    """kind: info, good, warning or danger."""

    kind: str
    text: str


class RemarksPage(QWidget):
    """The notes, below each other; they scroll where there are many."""

    def __init__(self, nothing: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._nothing = nothing
        self._shown: tuple[Remark, ...] = ()
        self._notes: list[Note] = []
        column = QWidget()
        self._column = QVBoxLayout(column)
        self._column.setContentsMargins(0, 8, 6, 0)
        self._column.setSpacing(8)
        self._empty = label(nothing, "muted")
        self._column.addWidget(self._empty)
        self._column.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(scrolling(column))

    @property
    def texts(self) -> list[str]:
        """What the notes say."""
        return [remark.text for remark in self._shown]

    def show_remarks(self, remarks: Sequence[Remark]) -> None:
        """Show these notes."""
        shown = tuple(remarks[:MOST])
        if len(remarks) > MOST:
            shown = (*shown, Remark("info", f"And {len(remarks) - MOST:,} more."))
        if shown == self._shown:
            return
        self._shown = shown
        while len(self._notes) < len(shown):
            note = Note("info")
            self._notes.append(note)
            self._column.insertWidget(len(self._notes), note)
        for place, note in enumerate(self._notes):
            remark = shown[place] if place < len(shown) else Remark("info", "")
            note.say(remark.text, remark.kind)
        self._empty.setVisible(not shown)
