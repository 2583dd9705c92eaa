"""The strip above the canvas that says what went wrong, or needs an answer, without stopping any work."""

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QSizePolicy, QWidget

from unet_studio.ui.icons import IconLabel
from unet_studio.ui.widgets import button, set_role

ICONS = {
    "info": "information-outline",
    "good": "check-circle-outline",
    "warning": "alert-outline",
    "danger": "alert-circle-outline",
}
ROLES = {"info": "accent", "good": "good", "warning": "warning", "danger": "danger"}


@dataclass(frozen=True)
class Notice:
    """What a banner says. kind: info, good, warning or danger. topic: a later one of the same replaces it."""

    kind: str
    text: str
    remedy: str = ""
    action: str = ""
    handler: Callable[[], object] | None = None
    topic: str = ""


class Banner(QFrame):
    """Shows the newest notice; closing it shows the one before."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("banner")
        self._notices: list[Notice] = []
        self._icon = IconLabel()
        self._text = QLabel()
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self._action = button("", "Do what the message proposes", self._act)
        self._close = button("", "Close this message", self.dismiss, "close", "link")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(14, 8, 8, 8)
        layout.setSpacing(10)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._action)
        layout.addWidget(self._close)
        self.hide()

    @property
    def text(self) -> str:
        """What it says now, or ""."""
        return self._text.text() if self._notices else ""

    @property
    def notice(self) -> Notice | None:
        """What it shows now."""
        return self._notices[-1] if self._notices else None

    def show_notice(self, notice: Notice) -> None:
        """Show a notice in front of the others; one of the same topic or text goes."""
        self._notices = [
            old
            for old in self._notices
            if old.text != notice.text and not (notice.topic and old.topic == notice.topic)
        ][-4:]
        self._notices.append(notice)
        self._refresh()

    def withdraw(self, topic: str) -> None:
        """Take back the notice of a topic: it no longer holds."""
        self._notices = [old for old in self._notices if old.topic != topic]
        self._refresh()

    def dismiss(self) -> None:
        """Close the notice on top."""
        self._notices = self._notices[:-1]
        self._refresh()

    def clear(self) -> None:
        """Close all notices."""
        self._notices = []
        self._refresh()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """All that it says can be read, also in a small window, where it would share the lack of room."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        layout = self.layout()
        needed = layout.heightForWidth(self.width()) if layout is not None else 0
        self.setMinimumHeight(max(0, needed))  # -1 while it is hidden

    def _act(self) -> None:
        if self._notices and self._notices[-1].handler is not None:
            handler = self._notices[-1].handler
            self.dismiss()
            handler()

    def _refresh(self) -> None:
        self.setVisible(bool(self._notices))
        if not self._notices:
            return
        notice = self._notices[-1]
        set_role(self, notice.kind, "kind")
        self._text.setText(f"{notice.text} {notice.remedy}".strip())
        self._action.setText(notice.action)
        self._action.setToolTip(notice.action)
        self._action.setVisible(bool(notice.action))
        self._icon.show_icon(ICONS[notice.kind], ROLES[notice.kind])
        self._fit()
