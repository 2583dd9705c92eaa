"""The canvas: shows the document's image with its mask, and hands the pointer to the session's tool."""

import math
from dataclasses import replace

from PySide6.QtCore import QEvent, QRect, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QRegion, QResizeEvent
from PySide6.QtWidgets import QWidget

from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.session import Session
from unet_studio.ui.canvas.corners import Corners
from unet_studio.ui.canvas.decor import paint_message, paint_ring, ring_region
from unet_studio.ui.canvas.hand import Hand
from unet_studio.ui.canvas.layers import LAYERS
from unet_studio.ui.canvas.memory import ViewMemory
from unet_studio.ui.canvas.outlines import Outlines
from unet_studio.ui.canvas.overlay import Overlay
from unet_studio.ui.canvas.picture import Picture
from unet_studio.ui.canvas.versus import Versus
from unet_studio.ui.canvas.view import View
from unet_studio.ui.canvas.viewed import ViewedWidget
from unet_studio.ui.theme import theme

SMALL_RING = 4.0  # logical px; a smaller ring needs a cross to be found

Cursor = Qt.CursorShape


class Canvas(ViewedWidget):
    """The image and its mask at any zoom, the brush's ring, and messages.

    pointerMoved(row, column): where the pointer is, in image px, also beside the image; pointerLeft: nowhere.
    zoomChanged(zoom): device px an image px. viewChanged: another part is in view.

    A paint event copies a ready frame; what a person changes costs the pixels that changed, and a new view
    costs the pixels on screen, whatever the size of the image.
    """

    pointerMoved = Signal(float, float)
    pointerLeft = Signal()
    zoomChanged = Signal(float)
    viewChanged = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("canvas")
        self.setAccessibleName("Image with mask")
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setTabletTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setMinimumSize(160, 120)
        self.session = session
        self.hand = Hand(self)
        self._picture = Picture(self.devicePixelRatioF())
        self._seen = View()  # the view that was announced last
        self._ring: QRegion | None = None  # where a ring is, or was asked to be painted
        self._dirty = QRect()  # what the next paint event is asked for, in parts
        self._overlay = Overlay()
        self._peeking = False
        self._message = ("", "")
        self.memory = ViewMemory()
        self.corners = Corners(self)
        self.outlines = Outlines(self)
        self.versus: Versus | None = None  # what lays two model versions over the image, where there is one
        session.projectChanged.connect(self.memory.clear)
        session.documentChanged.connect(self._document_changed)
        session.displayChanged.connect(self._display_changed)
        session.maskChanged.connect(self._mask_changed)
        session.predictor.predicted.connect(self._prediction_changed)
        session.predictor.staleChanged.connect(self._restyle)
        session.classesChanged.connect(self._restyle)
        session.editor.toolChanged.connect(self._tool_changed)
        session.editor.landing.changed.connect(self._tool_changed)
        theme().changed.connect(self._redraw)
        self._document_changed()

    # -- what is shown ------------------------------------------------------------------------------------

    @property
    def picture(self) -> Picture:
        """The picture behind the widget: its view, in device px, and its tiles."""
        return self._picture

    @property
    def overlay(self) -> Overlay:
        """What lies over the image, and how."""
        return self._overlay

    @property
    def layer(self) -> str:
        """The layer over the image; "image" for none."""
        return self._overlay.layer

    @property
    def opacity(self) -> float:
        """How much the layer covers the image, 0..1."""
        return self._overlay.opacity

    @property
    def mask_visible(self) -> bool:
        """Whether the layer is shown, apart from a key held to peek under it."""
        return self._overlay.visible

    def set_overlay(self, overlay: Overlay) -> None:
        """Lay something else over the image."""
        if overlay != self._overlay:
            self._overlay = overlay
            self._restyle()

    def set_show(self, layer: str) -> None:
        """Show a layer of LAYERS, or the "image" alone."""
        self.set_overlay(replace(self._overlay, layer=layer))

    def set_opacity(self, opacity: float) -> None:
        """Set how much the mask covers the image, 0..1."""
        self.set_overlay(replace(self._overlay, opacity=opacity))

    def set_mask_visible(self, visible: bool) -> None:
        """Show or hide the mask, apart from a key held to peek under it."""
        self.set_overlay(replace(self._overlay, visible=visible))

    def set_hidden_classes(self, indices: frozenset[int]) -> None:
        """Classes that are not shown, beside the background, which never is."""
        self.set_overlay(replace(self._overlay, hidden=frozenset(indices)))

    def foresee(self, document: Document | None) -> None:
        """Show the mask as it would become, see Foreseen, or again as it is. Tools work on what is."""
        composer = self._picture.composer
        if composer is not None:
            composer.foresee(document)
            self._redraw()

    def compare(self) -> None:
        """Two model versions are to be seen, other ones, or none any more: see Versus."""
        self._restyle()
        self._choose_cursor()
        self._move_ring()

    def recolor(self, rect: Rect) -> None:
        """What lies over a part of the image is another: draw what of it is on screen."""
        for area in self._picture.mask_changed(rect):
            self.repaint_part(QRegion(self._logical(area)))

    def set_overview(self, wanted: bool) -> None:
        """Show the map while a part of the image is out of view, or never."""
        self.corners.map_wanted = wanted
        self.corners.view_changed()

    @property
    def message(self) -> tuple[str, str]:
        """Title and detail of the message on the canvas."""
        return self._message

    def set_message(self, title: str, detail: str = "") -> None:
        """Show a message over the picture: loading, broken, nothing here. Two empty texts take it away."""
        self._message = (title, detail)
        self.corners.view_changed()
        self.update()

    # -- where it is shown --------------------------------------------------------------------------------

    def view_changed(self) -> None:
        """Repaint and announce where the view is another one."""
        before, self._seen = self._seen, self._picture.view
        if self._seen == before:
            return
        self.corners.view_changed()
        self.update()
        self._choose_cursor()
        self._move_ring()
        if self._seen.zoom != before.zoom:
            self.zoomChanged.emit(self._seen.zoom)
        self.viewChanged.emit()
        if self.hand.at is not None:
            self.pointerMoved.emit(*self.to_image(self.hand.at))

    # -- what the session says ----------------------------------------------------------------------------

    @Slot()
    def _document_changed(self) -> None:
        """Show another document; the same one anew keeps its view."""
        self.hand.abandon()
        document, pyramid = self.session.document, self.session.pyramid
        shown = self._picture.composer
        if shown is not None and shown.document is not document:
            self.memory.leave(shown.document.name, self._picture.place)
        if document is None or pyramid is None:
            self._picture.close()
        elif shown is None or shown.document is not document:
            layer = self._overlay.layer if self._overlay.layer in LAYERS else "mask"
            self._picture.open(document, pyramid, self._overlay.colors(self.session.classes), layer)
            place = self.memory.recall(document.name, document.shape)
            if place is not None:
                self._picture.go_to(place)
        self._restyle()
        self.view_changed()
        self._redraw()
        self._choose_cursor()

    @Slot()
    def _display_changed(self) -> None:
        """The same picture with other brightness, contrast or channels."""
        composer, pyramid = self._picture.composer, self.session.pyramid
        if composer is not None and pyramid is not None:
            composer.show_picture(pyramid)
            self.corners.overview.all_changed()
            self._redraw()

    @Slot(object)
    def _mask_changed(self, rect: Rect) -> None:
        self.corners.overview.changed(rect)
        self.recolor(rect)

    @Slot(str)
    def _prediction_changed(self, name: str) -> None:
        composer = self._picture.composer
        if composer is not None and composer.document.name == name:
            composer.forget()
            self.corners.restyled()
            self._redraw()

    @Slot()
    def _restyle(self) -> None:
        """What is shown, its colours or their opacity changed."""
        self._peeking = self.hand.peeking
        composer = self._picture.composer
        if composer is not None:
            versus = self.versus.layer if self.versus is not None else None
            if versus is not None:
                self._overlay.apply_instead(composer, versus, self.session.classes, self._peeking)
            else:
                composer.compare_no_more()
                self._overlay.apply(
                    composer, self.session.classes, self._peeking, self.session.predictor.stale
                )
            self._redraw()
        self.corners.restyled()

    @Slot()
    def _tool_changed(self) -> None:
        self._choose_cursor()
        self._move_ring()

    @Slot()
    def _redraw(self) -> None:
        """Draw the whole frame anew at the next paint event."""
        self._picture.redraw()
        self.update()

    # -- painting -----------------------------------------------------------------------------------------

    def repaint_part(self, region: QRegion) -> None:
        """Ask for a paint event of one rectangle around this and what was asked for before.

        Qt copies a rectangle ten times as fast a pixel as a region of several.
        """
        part = region.intersected(self.rect()).boundingRect()
        if not part.isEmpty():
            self._dirty = self._dirty.united(part)
            self.update(self._dirty)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Bring the frame up to date and copy it; then the ring and the message."""
        look = theme().tokens
        self._dirty = QRect()
        # First of all: an error while a painter is at work ends the program.
        image = self._picture.image(QColor(look.canvas))
        radius, at = self._ring_radius(), self.hand.at
        with QPainter(self) as painter:
            painter.drawImage(0, 0, image)
            self.outlines.paint(painter, event.rect())
            if self.versus is not None:
                self.versus.paint(painter)
            if radius is not None and at is not None:
                paint_ring(painter, at, radius, self._picture.ratio)
                self._ring = self._ring or ring_region(at, radius)  # in a new view nobody asked for it
            if any(self._message):
                paint_message(painter, self.rect(), self.font(), *self._message, look)
        if not self._picture.finished:
            QTimer.singleShot(0, self.update)

    def finish(self) -> None:
        """Draw now to the end what may take several frames; for those who take pictures of the window."""
        self._picture.image(QColor(theme().tokens.canvas), math.inf)
        self.update()

    def _logical(self, rect: Rect) -> QRect:
        """The logical px around device px."""
        ratio = self._picture.ratio
        left, top = math.floor(rect.left / ratio), math.floor(rect.top / ratio)
        return QRect(left, top, math.ceil(rect.right / ratio) - left, math.ceil(rect.bottom / ratio) - top)

    # -- ring and cursor ----------------------------------------------------------------------------------

    def _ring_radius(self) -> float | None:
        """The radius of the ring in logical px, or None where none is shown."""
        hand = self.hand
        if hand.at is None or hand.panning or hand.space or hand.instead is not None:
            return None
        radius = self.session.editor.cursor_radius
        return None if radius is None else radius * self.zoom / self._picture.ratio

    def _move_ring(self) -> None:
        """Repaint where the ring was and where it is."""
        radius, at = self._ring_radius(), self.hand.at
        before, self._ring = self._ring, None
        if before is not None:
            self.repaint_part(before)
        if radius is not None and at is not None:
            self._ring = ring_region(at, radius)
            self.repaint_part(self._ring)

    def _choose_cursor(self) -> None:
        radius = self._ring_radius()
        if self.hand.panning:
            wanted = Cursor.ClosedHandCursor
        elif self.hand.space:
            wanted = Cursor.OpenHandCursor
        elif self.session.document is None:
            wanted = Cursor.ArrowCursor
        elif self.versus is not None and self.versus.on:
            wanted = Cursor.SplitHCursor if self.versus.splits else Cursor.OpenHandCursor
        elif self.session.editor.landing.under_way:
            wanted = Cursor.BusyCursor
        elif radius is None or radius < SMALL_RING:
            wanted = Cursor.CrossCursor
        else:
            wanted = Cursor.BlankCursor
        if self.cursor().shape() != wanted:
            self.setCursor(wanted)

    # -- events -------------------------------------------------------------------------------------------

    def pointed(self) -> None:
        """After every event of the pointer: its ring, its cursor, its position."""
        self._choose_cursor()
        self._move_ring()
        if self.hand.at is not None and self._picture.composer is not None:
            self.pointerMoved.emit(*self.to_image(self.hand.at))

    def hold_changed(self) -> None:
        """A key may be held or let go: peeking, panning."""
        if self._peeking != self.hand.peeking:
            self._restyle()
        self._choose_cursor()
        self._move_ring()

    def leaveEvent(self, event: QEvent) -> None:
        """The pointer left for another widget."""
        self.pointer_gone()

    @Slot()
    def pointer_gone(self) -> None:
        """The ring goes, unless a stroke goes on outside."""
        if not self.hand.drawing:
            self.hand.at = None
            self._move_ring()
            self.pointerLeft.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep in view what was there."""
        self._measure()

    def event(self, event: QEvent) -> bool:
        """A screen with other pixels is another size."""
        if event.type() == QEvent.Type.DevicePixelRatioChange:
            self._measure()
        return super().event(event)

    def _measure(self) -> None:
        """Fit the picture to the widget and its screen."""
        ratio = self.devicePixelRatioF()
        self._picture.resize(math.ceil(self.width() * ratio), math.ceil(self.height() * ratio), ratio)
        self.corners.view_changed()
        self.view_changed()
