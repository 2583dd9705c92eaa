"""Asks what the pixels of a class become before it is deleted or merged, and says how many they are."""

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QColor, QIcon, QPixmap
from PySide6.QtWidgets import QComboBox, QDialog, QVBoxLayout, QWidget

from unet_studio.core.mask_facts import MaskFacts
from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.ui.widgets import button, label, row

UNDOING = "This can't be undone, and undo begins anew in every image."
FATES = {
    True: "They become unlabelled, so the model's prediction shows there again. Approved images that hold "
    "them become unfinished; whatever else they show stays as it is. ",
    False: "Whatever is {old} in any image, painted or approved, is {new} from then on, and so is what "
    "models predict as {old}. Approved images stay approved. ",
}


class DeleteClassDialog(QDialog):
    """chosen(class index, index that its pixels get, or None for unlabelled)."""

    chosen = Signal(int, object)

    def __init__(
        self, session: Session, index: int, merge: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._session, self._index = session, index
        self._pixels: dict[str, int] = {}
        self._done, self._total = 0, -1
        self._name = session.classes.get(index).name
        self.setWindowTitle(f"Merge {self._name}" if merge else f"Delete {self._name}")
        self.into = QComboBox()
        self.into.setAccessibleName("What its pixels become")
        self.into.setToolTip("What every pixel of this class becomes, in all images")
        self.into.setMaxVisibleItems(20)
        if not merge:
            self.into.addItem("Unlabelled: the model's prediction shows again", None)
        for entry in session.classes.active:
            if entry.index != index:
                self.into.addItem(_swatch(entry.color), entry.name, entry.index)
        self.into.currentIndexChanged.connect(self._say)
        self.heading = label("", "heading")
        self.count = label("", "value")
        self.text = label("", "muted")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        question = f"Merge “{self._name}” into" if merge else f"Delete “{self._name}”: its pixels become"
        self.heading.setText(question)
        for widget in (self.heading, self.into, self.count, self.text):
            layout.addWidget(widget)
        self.button = button("", "", self._choose, role="primary")
        layout.addLayout(row(None, button("Cancel", "Change nothing", self.reject), self.button))
        self.setMinimumWidth(460)
        session.browser.factsFound.connect(self._found)
        session.browser.factsProgressed.connect(self._progressed)
        session.savedChanged.connect(self._count)
        self._counting = False
        self._say()
        self._count()

    @Slot()
    def _count(self, *_: object) -> None:
        """Count what is in the files, once the last strokes are."""
        if not self._counting and self._session.saved_soon():
            self._counting = True
            self._session.browser.want_facts()

    @Slot(object)
    def _found(self, facts: list[MaskFacts]) -> None:
        for one in facts:
            self._pixels[one.name] = one.truth.get(self._index, 0)
        self._say()

    @Slot(int, int)
    def _progressed(self, done: int, total: int) -> None:
        self._done, self._total = done, total
        self._say()

    @Slot()
    def _say(self, *_: object) -> None:
        """Say what would happen, as far as is counted."""
        into = self.into.currentData()
        new = "unlabelled" if into is None else f"“{self._session.classes.get(into).name}”"
        self.text.setText(FATES[into is None].format(old=f"“{self._name}”", new=new) + UNDOING)
        images = [name for name, number in self._pixels.items() if number]
        pixels = sum(self._pixels.values())
        approved = sum(self._session.status(name) is Status.APPROVED for name in images)
        words = (
            f"{pixels:,} px in {len(images):,} image{'' if len(images) == 1 else 's'}, {approved:,} approved"
            if pixels
            else "No pixel is painted or approved as this class"
        )
        counting = self._total < 0 or self._done < self._total
        share = f" ({self._done:,} of {self._total:,} masks)" if self._total > 0 else ""
        self.count.setText(f"{words} so far{share}…" if counting else f"{words}.")
        self.button.setText(
            f"Merge into {self._session.classes.get(into).name}" if into is not None else "Delete Class"
        )
        self.button.setToolTip("Change the pixels in all images, and take the class off the list")

    def _choose(self) -> None:
        self.chosen.emit(self._index, self.into.currentData())
        self.accept()


def _swatch(color: str) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(color))
    return QIcon(pixmap)
