"""The field in which a person says how long a pixel is: a number, and its unit."""

from PySide6.QtCore import QSignalBlocker, Qt, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QLineEdit, QWidget

from unet_studio.core.errors import StudioError
from unet_studio.core.pixel_size import UNITS, PixelSize
from unet_studio.session import Session
from unet_studio.ui.widgets import button, row

PROPOSED = "µm"
TIP = "How long one side of a pixel is. With it, areas are told in these units too; it is kept in the project"


class NumberField(QLineEdit):
    """Enter takes the number and does no more: it must not press the button of the box around it."""

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Keep Enter to itself."""
        super().keyPressEvent(event)
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            event.accept()


class PixelSizeField(QWidget):
    """Shows and sets the pixel size of the open project; an empty number means that nobody knows it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.number = NumberField()
        self.number.setObjectName("pixel_size")
        self.number.setPlaceholderText("not known")
        self.number.setAccessibleName("Pixel size")
        self.number.setToolTip(TIP)
        self.number.setMinimumWidth(76)
        self.number.setMaximumWidth(110)
        self.unit = QComboBox()
        self.unit.setObjectName("pixel_unit")
        self.unit.setAccessibleName("Unit of the pixel size")
        self.unit.setToolTip("The unit of the pixel size")
        self.unit.addItems(list(dict.fromkeys(UNITS.values())))
        self.unit.setCurrentText(PROPOSED)
        self.proposal = button("", "Take what the files of these images say", self._take, role="link")
        self.proposal.setObjectName("pixel_size_proposal")
        self.setLayout(row(self.number, self.unit, self.proposal, None))
        self.setFocusProxy(self.number)
        self.number.editingFinished.connect(self._chosen)
        self.unit.activated.connect(self._chosen)
        session.statistician.pixelSizeChanged.connect(self.refresh)
        session.statistician.suggested.connect(self.refresh)
        session.projectChanged.connect(self.refresh)
        self.refresh()
        if session.statistician.pixel_size is None:
            session.statistician.want_suggestion()

    @Slot()
    def refresh(self) -> None:
        """Show what the project says."""
        project, size = self._session.project, self._session.statistician.pixel_size
        writable = project is not None and project.read_only is None
        for field in (self.number, self.unit):
            field.setEnabled(writable)
        self.number.setText("" if size is None else f"{size.value:.10g}")
        if size is not None:
            with QSignalBlocker(self.unit):
                self.unit.setCurrentText(size.unit)
        found = self._session.statistician.suggestion
        self.proposal.setVisible(writable and size is None and found is not None)
        self.proposal.setText(f"{found}?" if found is not None else "")

    def _take(self) -> None:
        """A person trusts the files."""
        self._session.statistician.set_pixel_size(self._session.statistician.suggestion)

    @Slot()
    def _chosen(self, *_: object) -> None:
        """Take what was typed: a number, or a number with its unit; what is neither is taken back."""
        text = self.number.text().strip()
        try:
            size = self._parsed(text) if text else None
        except StudioError as error:
            self._session.message.emit(str(error))
            self.refresh()
            return
        self._session.statistician.set_pixel_size(size)
        self.refresh()

    def _parsed(self, text: str) -> PixelSize:
        try:
            return PixelSize.parse(text)
        except StudioError:
            return PixelSize.parse(f"{text} {self.unit.currentText()}")
