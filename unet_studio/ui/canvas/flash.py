"""A short flash around what the session draws attention to, once the canvas has brought it into view."""

from PySide6.QtCore import QPointF, QRectF, Qt, QTimer, Slot
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from unet_studio.core.geometry import Rect
from unet_studio.core.uncertain import Region
from unet_studio.session import Session
from unet_studio.ui.canvas.decor import BRIGHT, DARK
from unet_studio.ui.canvas.view import View
from unet_studio.ui.canvas.widget import Canvas
from unet_studio.ui.theme import theme

SHOWN_MS = 1400
SMALL, LARGE = 0.08, 0.6  # of the canvas's side: a region between these is seen well at the present zoom
WANTED = 0.3  # of the canvas's side, the size that a region gets otherwise
CLOSEST = 6.0  # device px an image px, the most that a region is zoomed in to
PADDING = 6.0  # logical px around the text


class Flash(QWidget):
    """Outline and number of an uncertain region, over the whole canvas. The pointer passes through it."""

    def __init__(self, session: Session, canvas: Canvas) -> None:
        super().__init__(canvas)
        self.setObjectName("flash")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._canvas = canvas
        self.region: Region | None = None
        self.text = ""
        self._over = QTimer(self, singleShot=True, interval=SHOWN_MS)
        self._over.timeout.connect(self.hide)
        self.hide()
        session.uncertain.found.connect(self.show_region)
        session.documentChanged.connect(self.hide)
        canvas.viewChanged.connect(self.update)

    @Slot(object, int, int)
    def show_region(self, region: Region, place: int, total: int) -> None:
        """Bring a region into the middle, as large as one wants to see it, and flash its outline."""
        self._bring_into_view(region.rect)
        self.region, self.text = region, f"{place} of {total}"
        self.setGeometry(self._canvas.rect())
        self.raise_()
        self.show()
        self.update()
        self._over.start()

    def _bring_into_view(self, rect: Rect) -> None:
        """The zoom stays where the region is neither tiny nor too large at it."""
        canvas, ratio = self._canvas, self._canvas.devicePixelRatioF()
        size = min(canvas.width(), canvas.height()) * ratio
        side = max(rect.height, rect.width)
        if not SMALL <= side * canvas.zoom / size <= LARGE:
            closest = max(CLOSEST * ratio, canvas.zoom)
            canvas.set_zoom(max(min(WANTED * size / side, closest), self._fitting_zoom()))
        canvas.centre_on((rect.top + rect.bottom) / 2, (rect.left + rect.right) / 2)

    def _fitting_zoom(self) -> float:
        """At which the whole image is seen: there is nothing more to see at a smaller one."""
        picture = self._canvas.picture
        return View.fit(picture.shape, picture.size).zoom

    def paintEvent(self, event: QPaintEvent) -> None:
        """The outline, bright on dark, and the number above it."""
        if self.region is None:
            return
        points = [self._canvas.to_widget(row, column) for row, column in self.region.contour]
        outline = QPolygonF(points)
        rect = self.region.rect
        box = QRectF(
            self._canvas.to_widget(rect.top, rect.left), self._canvas.to_widget(rect.bottom, rect.right)
        )
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        accent = QColor(theme().tokens.accent)
        around = box.adjusted(-8, -8, 8, 8)
        for color, width in ((DARK, 4.0), (BRIGHT, 2.0)):
            painter.setPen(QPen(color, width))
            painter.drawPolygon(outline)
        painter.setPen(QPen(DARK, 4.0))
        painter.drawRoundedRect(around, 6, 6)
        painter.setPen(QPen(accent, 2.0))
        painter.drawRoundedRect(around, 6, 6)
        self._paint_text(painter, around)
        painter.end()

    def _paint_text(self, painter: QPainter, around: QRectF) -> None:
        look = theme().tokens
        metrics = QFontMetricsF(self.font())
        width = metrics.horizontalAdvance(self.text) + 2 * PADDING
        height = metrics.height() + PADDING
        corner = QPointF(around.left(), max(around.top() - height - 4, 4.0))
        card = QRectF(corner.x(), corner.y(), width, height)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(look.accent))
        painter.drawRoundedRect(card, 4, 4)
        painter.setPen(QColor(look.on_accent))
        painter.drawText(card, Qt.AlignmentFlag.AlignCenter, self.text)
