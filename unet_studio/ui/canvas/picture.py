"""The picture in the canvas: a document's tiles, the view of them, and the frame that shows both.

All positions here are device px. Nothing is drawn on the frame before image() asks for it: many changes
between two paint events cost one update.
"""

import math

from PySide6.QtGui import QColor, QImage

from unet_studio.core.document import Document
from unet_studio.core.geometry import EMPTY, Rect
from unet_studio.core.pyramid import Pyramid
from unet_studio.ui.canvas.borders import line_width
from unet_studio.ui.canvas.frame import Frame
from unet_studio.ui.canvas.layers import Table
from unet_studio.ui.canvas.memory import Place
from unet_studio.ui.canvas.tiles import Composer, TileCache
from unet_studio.ui.canvas.view import View, zoom_range

SPREAD = 3  # device px around a changed pixel that smooth scaling may touch
MANY = 32  # changes between two frames that are looked at one by one
LOOSE = 1.5  # so much larger may one rectangle be than the few that it stands for
ROOM = 4  # px of a level that a device px may need, at most
PAINT_SECONDS = 0.009  # for what a new view brings; the rest of it is drawn in the next frames


class Picture:
    """What is shown where. size: (width, height). fitted: whether the whole image stays in view."""

    def __init__(self, ratio: float) -> None:
        self.composer: Composer | None = None
        self.fitted = True
        self.size = (1, 1)
        self.ratio = ratio
        self.exact = View()
        self._frame = Frame(1, 1, ratio)
        self._caches = TileCache(coded=True), TileCache()
        # Of the image, since the last frame: what looks different, and the changes not looked at yet.
        self._different: list[Rect] = []
        self._changed = EMPTY
        self._changes = 0

    def open(self, document: Document, pyramid: Pyramid, colors: Table, layer: str) -> None:
        """Show a document, all of it."""
        self.composer = Composer(document, pyramid, colors, layer, self._caches)
        self._forget_changes()
        self.fit()
        self._frame.view = None

    def close(self) -> None:
        """Show nothing."""
        self.composer = None
        for cache in self._caches:
            cache.clear()
        self._forget_changes()
        self._frame.view = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the image in px; (1, 1) without one."""
        return self.composer.pyramid.shape if self.composer else (1, 1)

    @property
    def view(self) -> View:
        """Where the image lies, on whole device px, as it is painted and pointed at."""
        return self.exact.snapped()

    @property
    def visible(self) -> Rect:
        """The pixels of the image that are on screen."""
        return self.view.visible(self.shape, self.size) if self.composer else EMPTY

    def fit(self) -> None:
        """Show the whole image, also when the size changes."""
        self.exact = View.fit(self.shape, self.size)
        self.fitted = True

    @property
    def place(self) -> Place:
        """What is shown, to come back to it later."""
        row, column = self.exact.to_image(self.size[0] / 2, self.size[1] / 2)
        return Place(self.shape, self.exact.zoom, row, column, self.fitted)

    def go_to(self, place: Place) -> None:
        """Show what was shown then; in an image of another size, what lies there in proportion."""
        if place.fitted:
            self.fit()
            return
        smallest, largest = zoom_range(self.shape, self.size)
        middle = place.row * self.shape[0] / place.shape[0], place.column * self.shape[1] / place.shape[1]
        self._set(View(min(max(place.zoom, smallest), largest)).centred(middle, self.size))

    def centre_on(self, row: float, column: float) -> None:
        """Move an image position to the middle."""
        self._set(self.exact.centred((row, column), self.size))

    def zoom_to(self, zoom: float, x: float, y: float) -> None:
        """Zoom within sensible limits, keeping what is at (x, y) there."""
        smallest, largest = zoom_range(self.shape, self.size)
        factor = min(max(zoom, smallest), largest) / self.exact.zoom
        self._set(self.exact.zoomed(factor, x, y))

    def pan(self, dx: float, dy: float) -> None:
        """Move the image."""
        self._set(self.exact.moved(dx, dy))

    def resize(self, width: int, height: int, ratio: float) -> None:
        """Keep the whole image in view where it was, else what is in the middle, at the same logical size."""
        middle = self.exact.to_image(self.size[0] / 2, self.size[1] / 2)
        self.exact = View(self.exact.zoom * ratio / self.ratio)
        self.size, self.ratio = (width, height), ratio
        self._frame = Frame(width, height, ratio)
        if self.fitted:
            self.fit()
        else:
            self._set(self.exact.centred(middle, self.size))

    def mask_changed(self, rect: Rect) -> list[Rect]:
        """The mask changed in rect, in px of the image. Returns the device px that look different now.

        Of a large brush that is a crescent, which is much less to paint. After many changes between two
        frames nobody looks any more: they are mended together in the next one.
        """
        if self.composer is None:
            return []
        self._changes += 1
        if self._changes > MANY:
            self._changed = self._changed.union(rect)
            different = [rect]
        else:
            different = _few(self.composer.changed(rect, self.visible))
            self._different += different
        areas = [self._on_screen(one) for one in different]
        return [area for area in areas if not area.empty]

    def redraw(self) -> None:
        """Draw the whole frame anew, beginning when it is next asked for."""
        self._frame.invalidate()

    @property
    def finished(self) -> bool:
        """Whether the frame that was asked for last is drawn to the end."""
        return self._frame.finished

    def image(self, background: QColor, seconds: float = PAINT_SECONDS) -> QImage:
        """The frame, not to be kept: with all changes of the mask, and of a new view what the time allows."""
        frame, view, composer = self._frame, self.view, self.composer
        different = self._different
        if composer is not None:
            composer.make_room(ROOM * self.size[0] * self.size[1])
            if not self._changed.empty:
                different = [*different, *composer.changed(self._changed, self.visible)]
        self._forget_changes()
        frame.show(view, composer, background, seconds)
        for rect in _few(different):
            frame.draw(self._on_screen(rect), view, composer, background)
        return frame.image

    def _forget_changes(self) -> None:
        self._different, self._changed, self._changes = [], EMPTY, 0

    def _set(self, view: View) -> None:
        self.exact = view.clamped(self.shape, self.size)
        self.fitted = False

    def _on_screen(self, rect: Rect) -> Rect:
        view, composer = self.view, self.composer
        left, top = view.to_screen(rect.top, rect.left)
        right, bottom = view.to_screen(rect.bottom, rect.right)
        spread = SPREAD if view.zoom < 1 else 0
        if composer is not None and composer.lines is not None:
            spread += line_width(self.ratio)
        area = Rect(math.floor(top), math.floor(left), math.ceil(bottom), math.ceil(right))
        return area.expand(spread).clip((self.size[1], self.size[0]))


def _few(rects: list[Rect]) -> list[Rect]:
    """The rectangles, or one around all of them where that is hardly larger."""
    around = EMPTY
    for rect in rects:
        around = around.union(rect)
    together = sum(rect.height * rect.width for rect in rects)
    return [around] if 0 < around.height * around.width <= LOOSE * together else rects
