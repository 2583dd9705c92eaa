"""The list behind the files panel: names, states and pictures of many images, and how a row looks."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    QSizeF,
    QStringListModel,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QImage, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from unet_studio.core.catalogue import BROKEN, STATES, Catalogue, ImageOrder, Wish
from unet_studio.core.project import Status
from unet_studio.core.split import Split
from unet_studio.ui.icons import icons
from unet_studio.ui.theme import Tokens, theme

Index = QModelIndex | QPersistentModelIndex

STATE_ROLE = Qt.ItemDataRole.UserRole + 1
SPLIT_ROLE = Qt.ItemDataRole.UserRole + 2
OPEN_ROLE = Qt.ItemDataRole.UserRole + 3
NOTE_ROLE = Qt.ItemDataRole.UserRole + 4
SURE_ROLE = Qt.ItemDataRole.UserRole + 5
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
FILTERS: dict[str, frozenset[str] | None] = {
    "All": None,
    "Unfinished": frozenset({Status.UNLABELLED.value, Status.PAINTED.value}),
    "Not started": frozenset({Status.UNLABELLED.value}),
    "Painted": frozenset({Status.PAINTED.value}),
    "Approved": frozenset({Status.APPROVED.value}),
    "Broken": frozenset({BROKEN}),
}
PARTS: dict[Split, str] = {"train": "Train", "val": "Validation", "test": "Test"}
CHIPS: dict[Split, str] = {"train": "Train", "val": "Val", "test": "Test"}
KEPT_PICTURES = 600
THUMB = 44  # px of the square picture in a row
ROW = 56  # px a row
METER = (64, 3)  # width and height in px of the bar that says how sure the model is
UNSURE = 0.5  # the mean confidence at which, and below which, that bar is empty


class FileList(QStringListModel):
    """The images that the filter lets through, in the order that is asked for.

    A list of (empty) strings, because the view asks for the number of rows twice a row when it lays a list
    out: in C++ that takes milliseconds for 100,000 rows, in Python most of a second. For the same reason
    touched(row) says what is to be drawn anew: dataChanged makes the view lay out all rows again.

    state: asks for the state of an image by name. codes: asks for those of all, places in STATES; without
    it, state is asked for each where a filter needs it. split: asks for the part that an image is in.
    """

    touched = Signal(int)

    def __init__(
        self,
        state: Callable[[str], str],
        codes: Callable[[], NDArray[np.uint8]] | None = None,
        split: Callable[[str], Split | None] = lambda _name: None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._state = state
        self._codes = codes
        self._split = split
        self.catalogue = Catalogue()
        self.wish = Wish()
        self.order = ImageOrder()
        self._open: str | None = None
        self._pictures: OrderedDict[str, QPixmap] = OrderedDict()

    def set_names(self, names: Sequence[str], places: Mapping[str, int] | None = None) -> None:
        """Show other images; pictures and facts of those that are still there stay. places: of every name."""
        self.catalogue.set_names(names, places)
        self.arrange()

    def set_wish(self, wish: Wish) -> None:
        """Filter and sort as a person wishes."""
        self.wish = wish
        self.arrange()

    def arrange(self) -> bool:
        """Filter and sort again, after states or facts changed. Returns whether the list is another one."""
        order = self.catalogue.order(self.wish, self._codes_if_needed())
        if not self._differs(order):
            return False
        self.order = order
        self.setStringList([""] * len(order))
        return True

    @property
    def outdated(self) -> bool:
        """Whether arrange() would make another list."""
        return self._differs(self.catalogue.order(self.wish, self._codes_if_needed()))

    def _differs(self, order: ImageOrder) -> bool:
        return order.names is not self.order.names or not np.array_equal(order.shown, self.order.shown)

    def _codes_if_needed(self) -> NDArray[np.uint8]:
        if self.wish.states is None and self.wish.sort != "status":
            return np.zeros(0, dtype=np.uint8)
        if self._codes is not None:
            return self._codes()
        return np.array([STATES.index(self._state(name)) for name in self.catalogue.names], dtype=np.uint8)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Name, tooltip, picture, state and part of the split of a row."""
        if not index.isValid():
            return None
        name = self.order.name(index.row())
        if role == Qt.ItemDataRole.DisplayRole:
            return name
        if role == STATE_ROLE:
            return self._state(name)
        if role == SPLIT_ROLE:
            return self._split(name)
        if role == OPEN_ROLE:
            return name == self._open
        if role == NOTE_ROLE:
            return self._note(name)
        if role == SURE_ROLE:
            return self.catalogue.confidence(name)
        if role == Qt.ItemDataRole.DecorationRole:
            return self._pictures.get(name)
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole):
            part = self._split(name)
            return "\n".join(
                [name, WORDS[self._state(name)]]
                + ([f"For {PARTS[part].lower()}"] if part else [])
                + self._certainty(name)
            )
        return None

    def _note(self, name: str) -> str:
        """How sure the model is, where the list is sorted by that."""
        sure = self.catalogue.confidence(name) if self.wish.sort in ("least_sure", "surest") else None
        return "" if sure is None else f"{100 * sure:.1f} % sure"

    def _certainty(self, name: str) -> list[str]:
        """How sure the model is, in words, where that is known."""
        sure, uncertain = self.catalogue.confidence(name), self.catalogue.uncertain(name)
        words = [] if sure is None else [f"Prediction {100 * sure:.1f} % sure"]
        return words + ([] if uncertain is None else [f"{100 * uncertain:.1f} % of its pixels are uncertain"])

    def name(self, row: int) -> str:
        """The image of a row."""
        return self.order.name(row)

    def index_of(self, name: str | None) -> QModelIndex:
        """The row of an image; an invalid index where the filter hides it."""
        row = self.order.row(name)
        return QModelIndex() if row is None else self.index(row, 0)

    def find(self, text: str, start: int) -> int | None:
        """The first row from start on, and then from the top, whose file name begins with text."""
        wanted, folded, shown = text.casefold(), self.catalogue.folded, self.order.shown.tolist()
        for row in chain(range(start, len(shown)), range(min(start, len(shown)))):
            name = folded[shown[row]]
            if wanted in name and name.startswith(wanted, name.rfind("/") + 1):
                return row
        return None

    def set_open(self, name: str | None) -> None:
        """Mark the image that is on screen."""
        before, self._open = self._open, name
        for one in {before, name} - {None}:
            self.touch(str(one))

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

    def forget_picture(self, name: str) -> None:
        """The file of an image may be another one."""
        self._pictures.pop(name, None)
        self.touch(name)

    def forget_pictures(self) -> None:
        """Another folder is open."""
        self._pictures.clear()

    def touch(self, name: str) -> None:
        """Draw a row anew."""
        row = self.order.row(name)
        if row is not None:
            self.touched.emit(row)


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
        if index.data(OPEN_ROLE):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(tokens.accent))
            painter.drawRoundedRect(QRectF(rect.left() + 4, rect.top() + 12, 3, ROW - 24), 1.5, 1.5)
        thumb = QRect(rect.left() + 12, rect.top() + (ROW - THUMB) // 2, THUMB, THUMB)
        _draw_picture(painter, thumb, index.data(Qt.ItemDataRole.DecorationRole), state == BROKEN, tokens)
        badge = QRectF(rect.right() - 28, rect.top() + 10, 16, 16)
        draw_badge(painter, badge, state, tokens)
        part = index.data(SPLIT_ROLE)
        chip = draw_chip(painter, rect, CHIPS[part], tokens, view.font) if part else 0
        left = thumb.right() + 10
        first = QRect(left, rect.top() + 8, int(badge.left()) - left - 6, 20)
        second = QRect(left, rect.top() + 29, rect.right() - 12 - chip - left, 18)
        self._draw_text(painter, first, second, view, index, state)
        sure = index.data(SURE_ROLE)
        if sure is not None:
            draw_meter(painter, QRectF(left, rect.top() + 49, *METER), sure, tokens)
        painter.restore()

    def _draw_text(
        self, painter: QPainter, first: QRect, second: QRect, view: Any, index: Index, state: str
    ) -> None:
        tokens = theme().tokens
        folder, _, name = str(index.data()).rpartition("/")
        metrics = view.fontMetrics
        left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        middle = Qt.TextElideMode.ElideMiddle
        painter.setFont(view.font)
        painter.setPen(QColor(tokens.text))
        painter.drawText(first, left, metrics.elidedText(name, middle, first.width()))
        painter.setPen(QColor(getattr(tokens, TOKENS[state])))
        words = " · ".join([part for part in (index.data(NOTE_ROLE) or WORDS[state], folder) if part])
        painter.drawText(second, left, metrics.elidedText(words, middle, second.width()))


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


def draw_chip(painter: QPainter, row: QRect, text: str, tokens: Tokens, font: QFont) -> int:
    """A word in a box at the lower right of a row; returns its width with the gap before it, in px."""
    small = QFont(font)
    small.setPointSizeF(max(6.0, font.pointSizeF() * 0.85))
    painter.setFont(small)
    width = painter.fontMetrics().horizontalAdvance(text) + 10
    chip = QRectF(row.right() - 12 - width, row.top() + 30, width, 16)
    painter.setPen(QPen(QColor(tokens.strong_border), 1))
    painter.setBrush(QColor(tokens.field))
    painter.drawRoundedRect(chip, 4, 4)
    painter.setPen(QColor(tokens.muted))
    painter.drawText(chip, text, Qt.AlignmentFlag.AlignCenter)
    return width + 6


def draw_meter(painter: QPainter, rect: QRectF, sure: float, tokens: Tokens) -> None:
    """A bar that is full where the model is certain and empty where it might as well guess. sure: 0..1."""
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(tokens.strong_border))
    painter.drawRoundedRect(rect, 1.5, 1.5)
    share = min(max((sure - UNSURE) / (1 - UNSURE), 0.0), 1.0)
    if share > 0:
        painter.setBrush(QColor(tokens.muted))
        painter.drawRoundedRect(QRectF(rect.topLeft(), QSizeF(share * rect.width(), rect.height())), 1.5, 1.5)


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
