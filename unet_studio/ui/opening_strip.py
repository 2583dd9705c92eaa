"""The strip on the canvas while a large image is read: how far it is, cancel, and opening it again."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QWidget

from unet_studio.session import Session
from unet_studio.ui.widgets import ProgressBar, button, label, row

PATIENCE_MS = 350  # what opens sooner is not worth a strip
MARGIN = 14  # logical px from the bottom of the canvas
NAME_WIDTH = 220  # logical px that the name of the image may take


class OpeningStrip(QFrame):
    """Follows the session: reading, or not read because it failed or a person stopped it."""

    def __init__(self, session: Session, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName("opening")
        self.setProperty("role", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._session, self._canvas = session, canvas
        self.text = label("", wrap=False)
        self.progress = ProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setFixedWidth(140)
        self.progress.setAccessibleName("How much of the image is read")
        self.cancel = button("Cancel", "Stop reading this image (Esc)", session.cancel_opening)
        self.cancel.setShortcut("Esc")
        self.again = button("Open Again", "Read this image once more", self._open_again)
        for part in (self.cancel, self.again):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = row(self.text, self.progress, self.cancel, self.again, spacing=12)
        layout.setContentsMargins(14, 6, 6, 6)
        self.setLayout(layout)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self._appear)
        canvas.installEventFilter(self)
        session.documentLoading.connect(self._begin)
        session.documentProgress.connect(self._show_progress)
        session.documentChanged.connect(self._follow)
        session.documentFailed.connect(self._follow)
        session.projectChanged.connect(self._follow)
        self.hide()

    @Slot(str)
    def _begin(self, _name: str) -> None:
        self.progress.setRange(0, 0)  # nobody knows yet how far it is
        self.hide()
        self._patience.start()

    @Slot(str, float)
    def _show_progress(self, name: str, fraction: float) -> None:
        if name == self._session.opening:
            self.progress.setRange(0, 1000)
            self.progress.setValue(round(1000 * fraction))

    @Slot()
    def _follow(self, *_: object) -> None:
        """Show what the session is at now; the wait for a quick image to open goes on."""
        session = self._session
        if session.document is not None or session.current is None:
            self._patience.stop()
            self.hide()
        elif session.opening is None:
            self._patience.stop()
            self._appear()

    def _appear(self) -> None:
        session = self._session
        if session.document is not None or session.current is None:
            return
        reading = session.opening is not None
        self.progress.setVisible(reading)
        self.cancel.setVisible(reading)
        self.again.setVisible(not reading)
        name = session.current.rpartition("/")[2]
        self.text.setText(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, NAME_WIDTH))
        self._settle()
        self.show()
        self.raise_()

    def _settle(self) -> None:
        self.adjustSize()
        left = (self._canvas.width() - self.width()) // 2
        self.move(left, self._canvas.height() - self.height() - MARGIN)

    def _open_again(self) -> None:
        if self._session.current is not None:
            self._session.read_again(self._session.current)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the bottom of a canvas that changes its size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._settle()
        return super().eventFilter(watched, event)
