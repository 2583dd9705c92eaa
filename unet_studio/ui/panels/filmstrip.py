"""The filmstrip of a training: how the model saw one image at the start and after every validation."""

from collections.abc import Callable

from PySide6.QtCore import QPoint, QPointF, QRectF, QSignalBlocker, QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QImage, QMouseEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QListView, QListWidget, QListWidgetItem, QSizePolicy, QVBoxLayout, QWidget

from unet_studio.core.pinned import Frame
from unet_studio.session import Session
from unet_studio.session.strip import THUMB
from unet_studio.ui.theme import theme
from unet_studio.ui.widgets import button, label, row

HEIGHT = 200  # px of the picture
_STEP = Qt.ItemDataRole.UserRole


class FilmStrip(QWidget):
    """One frame in large, all of them below it; hidden while the training has no pinned image.

    Left and Right, Home and End go through the frames, so does dragging over the frames or over the picture.
    Who looks at the last one sees the next as soon as it is there.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._follows = True
        self._shown: list[Frame] = []
        self._name: str | None = None
        self.title = label("Pinned image", "heading", wrap=False)
        self.open = button("", "Open this image", self._open, role="link")
        self.picture = FramePicture()
        self.caption = label("", "muted")
        self.frames = FrameList()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(row(self.title, None, self.open))
        for widget in (self.picture, self.caption, self.frames):
            layout.addWidget(widget)
        self.picture.scrubbed.connect(self._scrub)
        self.frames.currentRowChanged.connect(self._choose)
        session.strip.changed.connect(self.refresh)
        session.strip.pictured.connect(self._pictured)
        self.refresh()

    @property
    def step(self) -> int | None:
        """The step that is shown."""
        item = self.frames.currentItem()
        return None if item is None else int(item.data(_STEP))

    @Slot()
    def refresh(self, *_: object) -> None:
        """Show the frames there are now."""
        strip, frames, kept = self._session.strip, self._session.strip.frames, self.step
        self.setVisible(bool(frames))
        if not frames:
            self._follows = True
        if frames != self._shown:
            with QSignalBlocker(self.frames):
                self.frames.show_frames(frames, self._shown, strip.thumb)
            self._shown = frames
        self.frames.mark(strip.best)
        self._name_image()
        places = [frame.step for frame in frames]
        place = len(places) - 1 if self._follows or kept not in places else places.index(kept)
        with QSignalBlocker(self.frames):
            self.frames.setCurrentRow(place)
        self._show()

    def _name_image(self) -> None:
        """Whose frames they are; a click opens it where it is one of the project's images."""
        project, path = self._session.project, self._session.strip.image
        if project is None or path is None:
            return
        self._name = None
        if path.is_relative_to(project.image_root):
            name = path.relative_to(project.image_root).as_posix()
            self._name = name if project.table.place(name) is not None else None
        self.open.setText(self.open.fontMetrics().elidedText(path.name, Qt.TextElideMode.ElideMiddle, 150))
        self.open.setEnabled(self._name is not None)
        self.open.setAccessibleName(f"Open {path.name}")
        self.open.setToolTip(f"Open {self._name}" if self._name else str(path))

    def _open(self) -> None:
        if self._name is not None:
            self._session.open_image(self._name)

    @Slot(int)
    def _choose(self, place: int) -> None:
        """A person goes to a frame."""
        self._follows = place == self.frames.count() - 1
        self._show()

    @Slot(float)
    def _scrub(self, share: float) -> None:
        """To the frame at this share of the strip, 0..1."""
        self.frames.setCurrentRow(min(self.frames.count() - 1, int(share * self.frames.count())))

    def _show(self) -> None:
        step = self.step
        frame = next((one for one in self._shown if one.step == step), None)
        if frame is None:
            self.picture.show_image(QImage(), "")
            return
        self.frames.scrollToItem(self.frames.currentItem())
        text = told(frame, self._session.strip.best)
        self.caption.setText(text)
        found = self._session.strip.picture(frame.step)
        self.picture.show_image(found or self._session.strip.thumb(frame.step), text)

    @Slot(int)
    def _pictured(self, step: int) -> None:
        if step == self.step:
            self._show()


class FrameList(QListWidget):
    """The frames beside each other, with step and Dice below each."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("filmstrip")
        self.setAccessibleName("Frames of the pinned image")
        self.setToolTip("Left and Right, Home and End, or drag: how the model learnt this image")
        self.setViewMode(QListView.ViewMode.IconMode)
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setMovement(QListView.Movement.Static)
        self.setUniformItemSizes(True)
        self.setIconSize(QSize(*THUMB))
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme().changed.connect(self._fit)
        self._fit()

    @Slot()
    def _fit(self) -> None:
        """As high as an icon, two lines and the scroll bar."""
        lines = 2 * self.fontMetrics().lineSpacing()
        self.setGridSize(QSize(THUMB[0] + 8, THUMB[1] + lines + 10))
        bar = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(THUMB[1] + lines + 12 + bar + 2 * self.frameWidth())

    def show_frames(self, frames: list[Frame], before: list[Frame], thumb: Callable[[int], QImage]) -> None:
        """Show these instead of those before; what is new at the end is added. thumb(step): QImage."""
        if frames[: len(before)] != before:
            self.clear()
            before = []
        for frame in frames[len(before) :]:
            item = QListWidgetItem(_icon(QPixmap.fromImage(thumb(frame.step))), "")
            item.setData(_STEP, frame.step)
            item.setTextAlignment(Qt.AlignmentFlag.AlignHCenter)
            item.setData(_STEP + 1, frame)
            self.addItem(item)

    def mark(self, best: int | None) -> None:
        """Say which is the best so far."""
        for place in range(self.count()):
            item = self.item(place)
            frame: Frame = item.data(_STEP + 1)
            score = "" if frame.dice is None else f"{frame.dice:.3f}"
            text = f"{frame.step}\n{'best ' if frame.step == best and score else ''}{score}"
            if item.text() != text:
                item.setText(text)
                item.setToolTip(told(frame, best))
                item.setData(Qt.ItemDataRole.AccessibleTextRole, told(frame, best))


class FramePicture(QWidget):
    """One frame, as large as there is room. scrubbed(share): a person drags to this share of its width."""

    scrubbed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self.setFixedHeight(HEIGHT)
        self.setMinimumWidth(80)
        self.setCursor(Qt.CursorShape.SizeHorCursor)
        self.setToolTip("Drag from left to right: from the start to the last validation")

    def show_image(self, image: QImage, text: str) -> None:
        """Show a picture; text says what it is to who can't see it."""
        self._image = image
        self.setAccessibleName(f"Pinned image: {text}" if text else "Pinned image")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The picture in the middle, its shape kept."""
        if self._image.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        size = self._image.size().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio)
        left, top = (self.width() - size.width()) / 2, (self.height() - size.height()) / 2
        painter.drawImage(QRectF(QPointF(left, top), size.toSizeF()), self._image)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin to drag."""
        self._drag(event.position().toPoint())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Drag on."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._drag(event.position().toPoint())

    def _drag(self, place: QPoint) -> None:
        self.scrubbed.emit(min(1.0, max(0.0, place.x() / max(1, self.width() - 1))))


def _icon(pixmap: QPixmap) -> QIcon:
    """A frame that keeps its colours when it is chosen."""
    icon = QIcon(pixmap)
    icon.addPixmap(pixmap, QIcon.Mode.Selected)
    return icon


def told(frame: Frame, best: int | None) -> str:
    """A frame in words."""
    step = "At the start" if frame.step == 0 else f"Step {frame.step:,}"
    if frame.dice is None:
        return f"{step}, not measured"
    return (
        f"{step}: Dice {frame.dice:.3f} on the validation images{', the best' if frame.step == best else ''}"
    )
