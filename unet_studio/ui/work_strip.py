"""The strip on the canvas that says what is being done to masks and how far it is, and stops it."""

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtWidgets import QFrame, QWidget

from unet_studio.session import Session
from unet_studio.ui.widgets import ProgressBar, button, label, row

PATIENCE_MS = 250  # what takes no longer is not worth a strip
MARGIN = 14  # logical px from the bottom of the canvas


class WorkStrip(QFrame):
    """Follows the operator, what tools have planned in a thread, and imports."""

    def __init__(self, session: Session, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setObjectName("work")
        self.setProperty("role", "card")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setCursor(Qt.CursorShape.ArrowCursor)
        self._session, self._canvas = session, canvas
        self._name = ""
        self._importing = ""  # what an import is called while it is shown
        self.text = label("", wrap=False)
        self.progress = ProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setRange(0, 100)
        self.progress.setMinimumWidth(40)
        self.progress.setMaximumWidth(140)
        self.progress.setAccessibleName("How far it is")
        self.stop = button("Cancel", "Stop; the mask stays as it was (Esc)", self._cancel)
        self.stop.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = row(self.text, self.progress, self.stop, spacing=12)
        layout.setContentsMargins(14, 6, 6, 6)
        self.setLayout(layout)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self._appear)
        canvas.installEventFilter(self)
        session.operator.changed.connect(self._operator_changed)
        session.operator.progressed.connect(self._show_progress)
        session.editor.landing.changed.connect(self._landing_changed)
        session.importer.changed.connect(self._importer_changed)
        session.importer.progressed.connect(self._import_progressed)
        self.hide()

    @Slot()
    def _operator_changed(self) -> None:
        self._follow(self._session.operator.running, 0.0)

    @Slot(str, float)
    def _landing_changed(self, name: str, done: float) -> None:
        self._follow(name, done)

    @Slot()
    def _importer_changed(self) -> None:
        importer = self._session.importer
        if importer.running or self._importing:  # it also changes when another import is the last one
            self._importing = importer.running
            self._follow(importer.running, 0.0)
            self.stop.setVisible(importer.cancellable or not importer.running)

    @Slot(int, int, float)
    def _import_progressed(self, done: int, total: int, _seconds_left: float) -> None:
        self.progress.setValue(round(100 * done / max(total, 1)))

    @Slot(float)
    def _show_progress(self, done: float) -> None:
        if self._session.operator.running:
            self.progress.setValue(round(100 * done))

    def _follow(self, name: str, done: float) -> None:
        if not name:
            self._patience.stop()
            self.hide()
            return
        self._name = name
        self.progress.setValue(round(100 * done))
        if not self.isVisible() and not self._patience.isActive():
            self._patience.start()

    def _appear(self) -> None:
        self._settle()
        self.show()
        self.raise_()

    def _settle(self) -> None:
        """Take the width that it needs, or else all there is; the name gives way first."""
        room = self._canvas.width() - 2 * MARGIN
        text = f"{self._name}…"
        self.text.setText(text)
        beside = self.minimumSizeHint().width() - self.text.minimumSizeHint().width()
        self.text.setText(self.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room - beside))
        size = self.sizeHint()
        self.resize(min(size.width(), room), size.height())
        left = (self._canvas.width() - self.width()) // 2
        self.move(left, self._canvas.height() - self.height() - MARGIN)

    def _cancel(self) -> None:
        self._session.operator.cancel()
        self._session.editor.landing.cancel()
        self._session.importer.cancel()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the bottom of a canvas that changes its size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._settle()
        return super().eventFilter(watched, event)
