"""What is painted on top of the picture: the ring around the pointer, and messages."""

import math
from functools import lru_cache

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen, QRegion

from unet_studio.ui.theme import Tokens

BRIGHT, DARK = QColor(255, 255, 255, 235), QColor(0, 0, 0, 190)  # together seen on every background
REACH = 4  # px that a ring may reach beyond its radius, on both sides
BANDS = 24  # of rectangles that a large ring is covered with
MESSAGE_WIDTH = 460
PADDING = 24
GAP = 8
STAMP = 600.0  # device px, the radius up to which a ring is kept as a picture
STEPS = 4  # radii of such pictures a device px


def ring_region(centre: QPointF, radius: float) -> QRegion:
    """What a ring covers, in few rectangles; all in logical px."""
    return _ring_cover(math.ceil(radius)).translated(math.floor(centre.x()), math.floor(centre.y()))


@lru_cache(maxsize=64)
def _ring_cover(radius: int) -> QRegion:
    """What rings of radius - 1 to radius px cover whose centre lies in the pixel at the origin."""
    outer, inner = radius + REACH + 1, radius - REACH - 2
    height = max(math.ceil(2 * outer / BANDS), 8)
    region = QRegion()
    for top in range(-outer, outer, height):
        bottom = min(top + height, outer)
        near, far = max(top, -bottom, 0), max(-top, bottom)
        reach = math.ceil(math.sqrt(outer**2 - near**2))
        hole = math.floor(math.sqrt(inner**2 - far**2)) if inner > far else 0
        region += QRect(-reach, top, reach - hole, bottom - top)
        region += QRect(hole, top, reach - hole, bottom - top)
    return region


def paint_ring(painter: QPainter, centre: QPointF, radius: float, ratio: float) -> None:
    """A circle of that radius in logical px, white between two dark ones.

    A small one is a picture, drawn once: copying it takes a tenth of the time of three smooth circles.
    """
    device = round(radius * ratio * STEPS) / STEPS
    if device > STAMP:
        _draw_ring(painter, centre, radius, ratio)
        return
    stamp = _ring_stamp(device, ratio)
    half = stamp.width() / 2 / ratio
    corner = QPointF(round((centre.x() - half) * ratio) / ratio, round((centre.y() - half) * ratio) / ratio)
    painter.drawImage(corner, stamp)


@lru_cache(maxsize=2)
def _ring_stamp(device: float, ratio: float) -> QImage:
    """A picture of a ring with a radius in device px, its centre in the middle."""
    side = 2 * (int(device) + 2 * round(ratio) + 4)
    stamp = QImage(side, side, QImage.Format.Format_ARGB32_Premultiplied)
    stamp.setDevicePixelRatio(ratio)
    stamp.fill(Qt.GlobalColor.transparent)
    painter = QPainter(stamp)
    _draw_ring(painter, QPointF(side / 2 / ratio, side / 2 / ratio), device / ratio, ratio)
    painter.end()
    return stamp


def _draw_ring(painter: QPainter, centre: QPointF, radius: float, ratio: float) -> None:
    """Lines of one device px, several on a fine screen: Qt draws them seven times as fast as a wide pen."""
    width = max(1, round(ratio))
    lines = [(color, row) for color, row in ((DARK, -1), (DARK, 1), (BRIGHT, 0)) for _ in range(width)]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for number, (color, row) in enumerate(lines):
        pen = QPen(color, 1)
        pen.setCosmetic(True)
        painter.setPen(pen)
        reach = max(radius + (row * width + number % width - (width - 1) / 2) / ratio, 0.5)
        painter.drawEllipse(centre, reach, reach)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)


def paint_message(painter: QPainter, area: QRect, font: QFont, title: str, detail: str, look: Tokens) -> None:
    """A title and a sentence on a card in the middle of area."""
    bold = QFont(font)
    bold.setBold(True)
    bold.setPointSizeF(font.pointSizeF() * 1.25)
    flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)
    room = QRect(0, 0, min(MESSAGE_WIDTH, max(area.width() - 4 * PADDING, 80)), 10_000)
    parts = [(text, face) for text, face in ((title, bold), (detail, font)) if text]
    boxes = [QFontMetrics(face).boundingRect(room, flags, text) for text, face in parts]
    height = sum(box.height() for box in boxes) + GAP * (len(boxes) - 1)
    width = max(box.width() for box in boxes)
    card = QRectF(0, 0, width + 2 * PADDING, height + 2 * PADDING)
    card.moveCenter(QRectF(area).center())
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(look.border), 1))
    painter.setBrush(QColor(look.surface))
    painter.drawRoundedRect(card, 8, 8)
    top = card.top() + PADDING
    for (text, face), box, color in zip(parts, boxes, (look.text, look.muted), strict=False):
        painter.setFont(face)
        painter.setPen(QColor(color))
        place = QRectF(card.center().x() - room.width() / 2, top, room.width(), box.height() + 2)
        painter.drawText(place, flags, text)
        top += box.height() + GAP
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
