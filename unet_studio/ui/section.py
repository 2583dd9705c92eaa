"""A part of a form that is folded away until somebody wants it, and a line that ends with dots."""

from PySide6.QtCore import QSize, Qt, QTimer, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QScrollArea, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from unet_studio.ui.icons import icons
from unet_studio.ui.widgets import row

FOLDED, OPEN = "chevron-right", "chevron-down"
INDENT = 24  # px that the content is moved to the right


class ElidedLabel(QLabel):
    """One line of plain text that takes the room there is; dots stand for what does not fit.

    Hovering shows all of it where it does not fit.
    """

    def __init__(
        self,
        text: str = "",
        role: str = "",
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._mode = mode
        self.setProperty("role", role)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.setText(text)

    def minimumSizeHint(self) -> QSize:
        """It may shrink to a few letters."""
        return QSize(self.fontMetrics().averageCharWidth() * 4, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint what fits."""
        painter = QPainter(self)
        shown = self.fontMetrics().elidedText(self.text(), self._mode, self.width())
        tip = self.text() if shown != self.text() else ""
        if self.toolTip() != tip:
            self.setToolTip(tip)
        painter.setPen(self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), shown)


class Section(QWidget):
    """A title to click, with a few words on what is chosen in it, and the content below while it is open."""

    def __init__(self, title: str, tip: str, content: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.content = content
        self.head = QToolButton()
        self.head.setText(title)
        self.head.setToolTip(tip)
        self.head.setAccessibleName(title)
        self.head.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.head.setCheckable(True)
        self.head.setStyleSheet("QToolButton:checked { background: transparent; border-color: transparent; }")
        self.head.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.summary = ElidedLabel("", "muted", Qt.TextElideMode.ElideRight)
        icons().bind(self._folded_icon, FOLDED, "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row(self.head, self.summary))
        self._holder = QWidget()
        self._holder.setLayout(row(content))
        self._holder.setContentsMargins(INDENT, 0, 0, 4)
        layout.addWidget(self._holder)
        self._holder.hide()
        self.head.toggled.connect(self._toggle)

    def _folded_icon(self, *_: object) -> None:
        """The icon that fits; also called when the theme changes."""
        self.head.setIcon(icons().icon(OPEN if self.head.isChecked() else FOLDED, "muted"))

    @property
    def open(self) -> bool:
        """Whether its content is shown."""
        return self.head.isChecked()

    def set_open(self, on: bool) -> None:
        """Show its content, or fold it away."""
        self.head.setChecked(on)

    @Slot(bool)
    def _toggle(self, on: bool) -> None:
        self._holder.setVisible(on)
        self._folded_icon()
        if on:
            QTimer.singleShot(0, self, self._into_view)  # once it has its place

    @Slot()
    def _into_view(self) -> None:
        """Scroll what is around it until what was unfolded is seen."""
        above = self.parentWidget()
        while above is not None and not isinstance(above, QScrollArea):
            above = above.parentWidget()
        if above is not None:
            above.ensureWidgetVisible(self)
