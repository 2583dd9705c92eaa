"""The list behind the files panel: names, states and pictures of many images, and how a row looks."""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
)
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from unet_studio.core.project import Status
from unet_studio.ui.icons import icons
from unet_studio.ui.theme import Tokens, theme

Index = QModelIndex | QPersistentModelIndex

BROKEN = "broken"
STATE_ROLE = Qt.ItemDataRole.UserRole + 1
WORDS = {
    Status.UNLABELLED.value: "not started",
    Status.PAINTED.value: "painted",
    Status.APPROVED.value: "approved",
    BROKEN: "can't be read",
}
TOKENS = {
    Status.UNLABELLED.value: "muted",
    Status.PAINTED.value: "warning",
    Status.APPROVED.value: "good",
    BROKEN: "danger",
}
# What the filter offers: text -> the states that it lets through.
FILTERS: dict[str, frozenset[str]] = {
    "All": frozenset(WORDS),
    "Unfinished": frozenset({Status.UNLABELLED.value, Status.PAINTED.value}),
    "Not started": frozenset({Status.UNLABELLED.value}),
    "Painted": frozenset({Status.PAINTED.value}),
    "Approved": frozenset({Status.APPROVED.value}),
    "Broken": frozenset({BROKEN}),
}
KEPT_PICTURES = 600
THUMB = 44  # px of the square picture in a row
ROW = 56  # px a row


class FileList(QAbstractListModel):
    """The images that the filter lets through. state: asks for the state of an image by name."""

    def __init__(self, state: Callable[[str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._names: list[str] = []
        self._shown: list[str] = []
        self._rows: dict[str, int] = {}
        self._text = ""
        self._filter = "All"
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()

    def set_names(self, names: Iterable[str]) -> None:
        """Show other images; pictures of images that are still there stay."""
        self._names = list(names)
        self._filter_now()

    def set_filter(self, text: str, states: str) -> None:
        """Show the names that contain text, without regard to case, in a state of FILTERS[states]."""
        self._text, self._filter = text.casefold(), states
        self._filter_now()

    def _filter_now(self) -> None:
        self.beginResetModel()
        shown = self._names
        if self._text:
            shown = [name for name in shown if self._text in name.casefold()]
        if self._filter != "All":
            wanted = FILTERS[self._filter]
            shown = [name for name in shown if self._state(name) in wanted]
        self._shown = list(shown)
        self._rows = {name: row for row, name in enumerate(self._shown)}
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:
        """How many images are shown."""
        return 0 if parent is not None and parent.isValid() else len(self._shown)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, tooltip, picture and state of a row."""
        if not index.isValid():
            return None
        name = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == STATE_ROLE:
            return self._state(name)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._pictures.get(name)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            return f"{name}\n{WORDS[self._state(name)]}"
        return None

    def name(self, row: int) -> str:
        """The image of a row."""
        return self._shown[row]

    def index_of(self, name: str | None) -> QModelIndex:
        """The row of an image; an invalid index where the filter hides it."""
        row = self._rows.get(name) if name is not None else None
        return QModelIndex() if row is None else self.index(row, 0)

    def has_picture(self, name: str) -> bool:
        """Whether its picture need not be asked for."""
        return name in self._pictures

    def set_picture(self, name: str, picture: QImage) -> None:
        """Show the picture of an image; the ones shown longest ago are forgotten."""
        ratio = theme().device_ratio
        self._pictures[name] = _square(picture, round(THUMB * ratio), ratio)
        self._pictures.move_to_end(name)
        while len(self._pictures) > KEPT_PICTURES:
            self._pictures.popitem(last=False)
        self.touch(name)

    def forget_pictures(self) -> None:
        """Another folder is open."""
        self._pictures.clear()

    def touch(self, name: str) -> None:
        """Draw a row anew."""
        index = self.index_of(name)
        if index.isValid():
            self.dataChanged.emit(index, index)


def _square(picture: QImage, size: int, ratio: float) -> QPixmap:
    """The middle of a picture, filling a square of size device px."""
    fill = picture.scaled(
        size,
        size,
        Qt.AspectRatioMode.KeepAspectRatioByExpanding,
        Qt.TransformationMode.SmoothTransformation,
    )
    left, top = (fill.width() - size) // 2, (fill.height() - size) // 2
    pixmap = QPixmap.fromImage(fill.copy(left, top, size, size))
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


class FileRow(QStyledItemDelegate):
    """Draws a row: picture, name, folder and state, with the state's badge at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """All rows are as high."""
        return QSize(120, ROW)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        view: Any = option
        tokens = theme().tokens
        rect: QRect = view.rect
        state = str(index.data(STATE_ROLE))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        selected = bool(view.state & QStyle.StateFlag.State_Selected)
        hovered = bool(view.state & QStyle.StateFlag.State_MouseOver)
        if selected or hovered:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.selection if selected else tokens.hover))
            painter.drawRoundedRect(QRectF(rect).adjusted(4, 1, -4, -1), 7, 7)
        thumb = QRect(rect.left() + 10, rect.top() + (ROW - THUMB) // 2, THUMB, THUMB)
        _draw_picture(painter, thumb, index.data(Qt.ItemDataRole.DecorationRole), state == BROKEN, tokens)
        badge = QRectF(rect.right() - 28, rect.center().y() - 7.5, 16, 16)
        draw_badge(painter, badge, state, tokens)
        text = QRect(thumb.right() + 10, rect.top(), int(badge.left()) - thumb.right() - 16, ROW)
        self._draw_text(painter, text, view, PurePosixPath(str(index.data())), state)
        painter.restore()

    def _draw_text(self, painter: QPainter, rect: QRect, view: Any, path: PurePosixPath, state: str) -> None:
        tokens = theme().tokens
        metrics = view.fontMetrics
        first = QRect(rect.left(), rect.top() + 9, rect.width(), ROW // 2 - 9)
        second = QRect(rect.left(), first.bottom() + 2, rect.width(), ROW // 2 - 9)
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        painter.setFont(view.font)
        painter.setPen(QColor(tokens.text))
        painter.drawText(
            first, left, metrics.elidedText(path.name, Qt.TextElideMode.ElideMiddle, rect.width())
        )
        painter.setPen(QColor(getattr(tokens, TOKENS[state])))
        folder = "" if str(path.parent) == "." else f" · {path.parent}"
        words = metrics.elidedText(WORDS[state] + folder, Qt.TextElideMode.ElideMiddle, rect.width())
        painter.drawText(second, left, words)


def _draw_picture(
    painter: QPainter, rect: QRect, picture: QPixmap | None, broken: bool, tokens: Tokens
) -> None:
    shape = QPainterPath()
    shape.addRoundedRect(QRectF(rect), 5, 5)
    if picture is None:
        painter.fillPath(shape, QColor(tokens.hover))
        sign = icons().icon("image-off-outline" if broken else "image-outline", "faint")
        sign.paint(painter, rect.adjusted(12, 12, -12, -12))
        return
    painter.save()
    painter.setClipPath(shape)
    painter.drawPixmap(rect.topLeft(), picture)
    painter.restore()


def draw_badge(painter: QPainter, rect: QRectF, state: str, tokens: Tokens) -> None:
    """The sign of a state: an empty ring, a half-filled one, a tick, an exclamation mark."""
    color = QColor(getattr(tokens, TOKENS[state]))
    painter.setPen(QPen(color, 1.6))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    circle = rect.adjusted(2, 2, -2, -2)
    if state in (Status.APPROVED.value, BROKEN):
        painter.setBrush(color)
    painter.drawEllipse(circle)
    pen = QPen(QColor(tokens.surface), 1.8)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    middle = circle.center()
    if state == Status.PAINTED.value:
        painter.setBrush(color)
        painter.drawPie(circle, 90 * 16, 180 * 16)
    elif state == Status.APPROVED.value:
        painter.setPen(pen)
        corners = (QPointF(-2.8, 0.2), QPointF(-0.8, 2.2), QPointF(3.0, -2.0))
        painter.drawPolyline([middle + corner for corner in corners])
    elif state == BROKEN:
        painter.setPen(pen)
        painter.drawLine(middle + QPointF(0, -3), middle + QPointF(0, 0.4))
        painter.drawPoint(middle + QPointF(0, 3))
