"""What one version is called, what people say of it, and what is known of it."""

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from unet_studio.jobs.version_list import Version
from unet_studio.ui.dialogs.versions.table import one_line
from unet_studio.ui.widgets import form, label
from unet_studio.ui.words import card_text

TITLE_LENGTH = 100  # letters
NOTE_HEIGHT = 56  # px


class VersionDetails(QWidget):
    """described(Version, title, note): a person gave it others, and left the field."""

    described = Signal(object, str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._version: Version | None = None
        self.title = QLineEdit()
        self.title.setObjectName("version_title")
        self.title.setAccessibleName("Title")
        self.title.setMaxLength(TITLE_LENGTH)
        self.note = QPlainTextEdit()
        self.note.setObjectName("version_note")
        self.note.setAccessibleName("Note")
        self.note.setFixedHeight(NOTE_HEIGHT)
        self.note.setTabChangesFocus(True)
        self.note.installEventFilter(self)
        self.facts = label("", "muted")
        self.gate = label("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.facts)
        layout.addWidget(self.gate)
        layout.addLayout(form(("Title", self.title), ("Note", self.note)))
        self.title.editingFinished.connect(self.commit)

    def show_version(self, version: Version | None, writable: bool) -> None:
        """Show another version, or what is new of this one; what somebody types stays."""
        same = version is not None and self._version is not None and version.name == self._version.name
        kept = self._typed() if same and self._changed() else None
        self._version = version
        card = version.entry.card if version is not None else None
        title, note = kept or ((card.title, card.note) if card else ("", ""))
        if self.title.text() != title:
            self.title.setText(title)
        if self.note.toPlainText() != note:
            self.note.setPlainText(note)
        self.title.setPlaceholderText(f"A title for {one_line(version.name)}" if version else "")
        editable = card is not None and writable and version is not None and version.own
        self.title.setReadOnly(not editable)
        self.note.setReadOnly(not editable)
        self.note.setPlaceholderText("What is worth knowing of it" if editable else "")
        self.facts.setText(one_line(card_text(card)) if card else version.entry.problem if version else "")
        self.gate.setText(" ".join(one_line(text) for text in version.reasons) if version else "")
        self.gate.setVisible(bool(self.gate.text()))

    def commit(self) -> None:
        """Take what was typed."""
        if self._version is not None and self._changed() and not self.title.isReadOnly():
            self.described.emit(self._version, *self._typed())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The note is taken when it is left."""
        if watched is self.note and event.type() == QEvent.Type.FocusOut:
            self.commit()
        return super().eventFilter(watched, event)

    def _typed(self) -> tuple[str, str]:
        return self.title.text().strip(), self.note.toPlainText().strip()

    def _changed(self) -> bool:
        card = self._version.entry.card if self._version is not None else None
        return card is not None and self._typed() != (card.title.strip(), card.note.strip())
