"""One image with the mask that would come in over it, so that a person sees whether it fits."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QVBoxLayout, QWidget

from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import button, label, row

# What the list of orders offers: text, and what hovering explains.
ORDERS = {
    "file": ("As the format says", "The order of the file, as the tool that wrote it shows it"),
    "reversed": ("The other way round", "What the format puts on top comes to lie below"),
    "smallest": ("Smallest on top", "Where two regions overlap, the one of fewer pixels is seen"),
    "classes": ("Later class on top", "Where two overlap, the class further down in the list is seen"),
}


class Fitted(QWidget):
    """Paints a picture as large as it fits, or says why there is none."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: QImage | None = None
        self._text = ""
        self.setObjectName("import_picture")
        self.setAccessibleName("Image with the mask that would come in")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    @property
    def picture(self) -> QImage | None:
        """What is shown."""
        return self._picture

    @property
    def text(self) -> str:
        """What is said instead."""
        return self._text

    def show_picture(self, picture: QImage | None, text: str = "") -> None:
        """Show a picture, or else a text."""
        self._picture, self._text = picture, text
        self.setAccessibleDescription(text)
        self.update()

    def sizeHint(self) -> QSize:
        """A good size."""
        return QSize(380, 300)

    def minimumSizeHint(self) -> QSize:
        """The least at which anything can be seen."""
        return QSize(160, 90)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw it."""
        tokens = theme().tokens
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(tokens.canvas))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        if self._picture is None:
            painter.setPen(QColor(tokens.muted))
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(16, 8, -16, -8), int(flags), self._text)
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(self._target(), self._picture)
        painter.end()

    def _target(self) -> QRectF:
        """Where the picture lies: as large as it fits, small ones at most eight times as large."""
        room, picture = self.rect().adjusted(4, 4, -4, -4), self._picture
        if picture is None:
            return QRectF(room)
        scale = min(room.width() / picture.width(), room.height() / picture.height(), 8.0)
        width, height = picture.width() * scale, picture.height() * scale
        middle = QRectF(room).center()
        return QRectF(middle.x() - width / 2, middle.y() - height / 2, width, height)


class PicturePane(QWidget):
    """asked(name): another image is to be shown. orderChanged(): another order was chosen."""

    asked = Signal(str)
    orderChanged = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: Sequence[str] = ()
        self._place = 0
        self._wanted: str | None = None  # shown once it can be
        self._images: tuple[QImage | None, QImage | None] = (None, None)  # with the mask, and without
        self.canvas = Fitted()
        self.before = button("", "Image before", lambda: self.step(-1), "chevron-left")
        self.after = button("", "Image after", lambda: self.step(1), "chevron-right")
        self.name = label("", wrap=False)
        self.name.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.name.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.mask_box = QCheckBox("Mask")
        self.mask_box.setChecked(True)
        self.mask_box.setToolTip("Show the mask over the image")
        self.mask_box.toggled.connect(lambda _on: self._show())
        self.order = QComboBox()
        self.order.setObjectName("import_order")
        self.order.setAccessibleName("What lies on top where regions overlap")
        for value, (text, tip) in ORDERS.items():
            self.order.addItem(text, value)
            self.order.setItemData(self.order.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.order.currentIndexChanged.connect(lambda _place: self.orderChanged.emit())
        self.order.setToolTip("What is seen where regions overlap")
        self.order_line = QWidget()
        order = row(label("On top", wrap=False), self.order, spacing=10)
        order.setStretch(1, 1)
        self.order_line.setLayout(order)
        self.words = label("", "muted")
        line = row(self.before, self.name, self.after, self.mask_box)
        line.setStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.canvas, 1)
        layout.addLayout(line)
        layout.addWidget(self.words)
        layout.addWidget(self.order_line)
        self.clear()

    def clear(self, text: str = "") -> None:
        """Show no image."""
        self._names, self._place, self._images = (), 0, (None, None)
        self.canvas.show_picture(None, text)
        self.words.setText("")
        self._say_name()

    def prefer(self, name: str) -> None:
        """Show this image as soon as it is one of those that are browsed."""
        self._wanted = name

    def set_names(self, names: Sequence[str]) -> None:
        """Browse through these images; the one that is shown stays where it is among them."""
        before, self._wanted = self._wanted if self._wanted in names else self.current, None
        self._names = names
        self._place = names.index(before) if before in names else 0
        if names:
            self._ask()
        else:
            self.clear("No mask belongs to an image")

    @property
    def current(self) -> str | None:
        """The image that is to be shown."""
        return self._names[self._place] if self._place < len(self._names) else None

    def step(self, by: int) -> None:
        """Go to another image."""
        if self._names:
            self._place = (self._place + by) % len(self._names)
            self._ask()

    def go_to(self, name: str) -> None:
        """Show this image, if it is one of those that are browsed."""
        if name != self.current and name in self._names:
            self._place = self._names.index(name)
            self._ask()

    def _ask(self) -> None:
        self._say_name()
        if self.current is not None:
            self.asked.emit(self.current)

    def _say_name(self) -> None:
        name, many = self.current or "", len(self._names)
        place = f" · {self._place + 1:,} of {many:,}" if name else ""
        room = self.name.width() - self.fontMetrics().horizontalAdvance(place)
        self.name.setText(self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideMiddle, room) + place)
        self.name.setToolTip(name)
        for step in (self.before, self.after):
            step.setEnabled(many > 1)

    def resizeEvent(self, event: object) -> None:
        """The name takes the room there is."""
        self._say_name()

    def show_images(self, masked: QImage | None, plain: QImage | None, words: str) -> None:
        """Show an image with its mask; words: about it, or why there is none."""
        self._images = masked, plain
        self.words.setText(words)
        self._show()

    def _show(self) -> None:
        masked, plain = self._images
        chosen = masked if self.mask_box.isChecked() else plain
        self.canvas.show_picture(chosen, "" if chosen is not None else "No picture")

    def set_order(self, value: str) -> None:
        """Choose an order without announcing it."""
        with QSignalBlocker(self.order):
            self.order.setCurrentIndex(max(0, self.order.findData(value)))
