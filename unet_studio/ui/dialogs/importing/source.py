"""Where the masks to import are, and in which format: a path to type, drop, choose or take once more."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QLineEdit,
    QMenu,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from unet_studio.ui.icons import IconLabel
from unet_studio.ui.widgets import button, form, label, row

TYPING_MS = 500  # of rest after the last key before a path that was typed counts
CHOOSE = "Choose the format…"
# What a set of masks that is one file is called: lists of shapes, archives, single mask pictures, Cellpose's.
FILTERS = (
    "Masks (*.json *.csv *.xml *.zip *.tar *.tar.gz *.tgz *.png *.tif *.tiff *.npy *.yaml *.yml)",
    "All files (*)",
)
LONGEST = 80  # characters of a path in the menu of the last ones


class SourceBar(QWidget):
    """changed(): another source or format counts. recognisable(path): a source came; which format is it?"""

    changed = Signal()
    recognisable = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._by_hand = False  # whether a person chose the format of this source
        self._told = ""  # the source that was announced last
        self.absent = False  # whether there is no such file or folder
        self.waiting = False  # whether its format is being recognised
        self._start = Path.home()
        self.path = QLineEdit()
        self.path.setObjectName("import_source")
        self.path.setAccessibleName("Masks to import")
        self.path.setPlaceholderText("A folder or a file of masks; it can be dropped here")
        self.path.setToolTip("The folder or file that holds the masks. It is only read.")
        self.format = QComboBox()
        self.format.setObjectName("import_format")
        self.format.setAccessibleName("Format of the masks")
        self.format.setToolTip("How the masks are stored. It is recognised where that can be done for sure.")
        self.format.setMaxVisibleItems(24)
        self.format.setPlaceholderText(CHOOSE)
        self.how = label("", "muted", wrap=False)
        self.file = button("File…", "Choose a file of masks: a list, a picture, an archive", self.choose_file)
        self.folder = button("Folder…", "Choose a folder of masks", self.choose_folder)
        self.recent = QToolButton()
        self.recent.setText("Recent")
        self.recent.setAccessibleName("Masks imported last")
        self.recent.setToolTip("Take the masks from where they came from before")
        self.recent.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.recent.setMenu(QMenu(self.recent))
        place = row(self.path, self.file, self.folder, self.recent)
        place.setStretch(0, 1)
        kind = row(self.format, self.how, spacing=10)
        kind.setStretch(0, 1)
        kind.setStretch(1, 1)
        self.setLayout(form(("Masks from", place), ("Format", kind)))
        self._rest = QTimer(self, singleShot=True, interval=TYPING_MS)
        self._rest.timeout.connect(self._tell)
        self.path.textEdited.connect(lambda _text: self._rest.start())
        self.path.returnPressed.connect(self._tell)
        self.format.activated.connect(self._format_chosen)

    # -- what is chosen -----------------------------------------------------------------------------------

    @property
    def source(self) -> Path | None:
        """The file or folder; None where none is named."""
        text = self.path.text().strip()
        return Path(text).expanduser() if text else None

    @property
    def format_name(self) -> str:
        """The format's name; "" where none is chosen."""
        return str(self.format.currentData() or "")

    def offer(self, formats: Sequence[tuple[str, str]]) -> None:
        """Offer these formats, name and title."""
        chosen = self.format_name
        with QSignalBlocker(self.format):
            self.format.clear()
            for name, title in formats:
                self.format.addItem(title, name)
            self.format.setCurrentIndex(self.format.findData(chosen) if chosen else -1)

    def offer_recent(self, sources: Sequence[str], start: Path) -> None:
        """List where masks came from before. start: where choosing begins."""
        self._start = start
        menu = self.recent.menu()
        menu.clear()
        for source in sources:
            shown = source if len(source) <= LONGEST else f"…{source[-LONGEST:]}"
            action = QAction(shown.replace("&", "&&"), menu)
            action.setToolTip(source)
            action.triggered.connect(lambda _checked=False, source=source: self.take(source))
            menu.addAction(action)
        self.recent.setVisible(bool(sources))

    def take(self, source: str | Path) -> None:
        """Import from there."""
        self.path.setText(str(source))
        self._tell()

    def _tell(self) -> None:
        """Another source counts from now on."""
        self._rest.stop()
        text = self.path.text().strip()
        if text == self._told and not self.absent:
            return
        self._told, self._by_hand, self.absent = text, False, False
        self.waiting = bool(text)
        self.how.setText("Looking which format it is…" if text else "")
        self.format.setCurrentIndex(-1)
        if text:
            self.recognisable.emit(text)
        self.changed.emit()

    def recognised(self, source: str, names: Sequence[str] | None) -> None:
        """The formats that a source may be of, the likeliest first; a person's own choice stays.

        None: there is no such file or folder.
        """
        if source != self._told or self._by_hand:
            return
        self.waiting = False
        if names is None:
            self.absent = True
            self.how.setText("There is no such file or folder")
            self.changed.emit()
            return
        place = self.format.findData(names[0]) if names else -1
        self.format.setCurrentIndex(place)
        if place >= 0:
            others = len(names) - 1
            self.how.setText("Recognised" if not others else f"Likely; {others} other would do too")
        else:
            self.how.setText("Not recognised: choose it")
        self.changed.emit()

    def _format_chosen(self, _place: int) -> None:
        self._by_hand, self.waiting = True, False
        self.how.setText("")
        self.changed.emit()

    # -- choosing -----------------------------------------------------------------------------------------

    def choose_file(self) -> None:
        """Ask for a file."""
        self._ask(QFileDialog.FileMode.ExistingFile, "File of Masks")

    def choose_folder(self) -> None:
        """Ask for a folder."""
        self._ask(QFileDialog.FileMode.Directory, "Folder of Masks")

    def _ask(self, mode: QFileDialog.FileMode, title: str) -> None:
        source = self.source
        start = source.parent if source is not None and source.parent.is_dir() else self._start
        dialog = QFileDialog(self, title, str(start))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(mode)
        if mode is QFileDialog.FileMode.Directory:
            dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        else:
            dialog.setNameFilters(FILTERS)
        dialog.fileSelected.connect(self.take)
        dialog.open()


class DropPage(QFrame):
    """What the box shows before a source is named."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("role", "card")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(40, 30, 40, 30)
        layout.setSpacing(10)
        layout.addStretch(1)
        layout.addWidget(IconLabel("tray-arrow-down", "muted", 48), alignment=Qt.AlignmentFlag.AlignHCenter)
        heading = label("Drop a folder or a file of masks here", "heading")
        text = label(
            "You see first which masks belong to which images, what their classes become and how they fit. "
            "Nothing is written before you press Import, and an import can be undone.",
            "muted",
        )
        for widget in (heading, text):
            widget.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            layout.addWidget(widget)
        layout.addStretch(2)


def dropped_path(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """The first file or folder of this computer that is dragged."""
    urls = event.mimeData().urls()
    return next((Path(url.toLocalFile()) for url in urls if url.isLocalFile()), None)
