"""The real window on a real project, events as the system sends them, and the pixels on the screen.

Events go to the native window, which finds the widget under them itself. A frame counts as painted when the
canvas has handled its paint event and Qt has flushed the window.
"""

import math
import time

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, QSettings, Qt
from PySide6.QtGui import QGuiApplication, QImage, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from unet_studio.core.geometry import Rect
from unet_studio.core.render import argb_table
from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences

SIZE = 1600, 1000
LEFT, MIDDLE, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.NoButton
NO_KEYS = Qt.KeyboardModifier.NoModifier


class Watch(QObject):
    """Counts the paint events that the canvas has handled."""

    def __init__(self, canvas):
        super().__init__(canvas)
        self.painted = 0
        canvas.installEventFilter(self)

    def eventFilter(self, watched, event):
        if event.type() == QEvent.Type.Paint:
            self.painted += 1
        return False


class Stage:
    """The window, shown. settings: an INI file of its own."""

    def __init__(self, settings):
        QApplication.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)
        preferences = Preferences(QSettings(str(settings), QSettings.Format.IniFormat))
        preferences.theme = "light"
        self.session = Session()
        self.session.predictor.auto = False
        self.window = MainWindow(self.session, preferences)
        self.window.resize(*SIZE)
        self.window.show()
        assert QTest.qWaitForWindowExposed(self.window)
        self.window.activateWindow()
        QTest.qWaitForWindowActive(self.window)
        self.canvas = self.window.canvas
        self.watch = Watch(self.canvas)

    @property
    def editor(self):
        return self.session.editor

    @property
    def document(self):
        return self.session.document

    def open(self, folder, name=None):
        """Open a folder, and wait until an image is on screen and everything has come to rest."""
        self.window.open_folder(folder)
        if name is not None:
            self.session.open_image(name)
        self.wait(lambda: self.document is not None and self.document.name == (name or self.session.current))
        self.rest()
        assert self.session.editable, self.session.read_only

    def close(self):
        assert self.session.shut_down()
        self.window.close()
        self.window.deleteLater()
        QApplication.processEvents()

    def wait(self, until, seconds=240.0):
        end = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < end, "it did not happen"
            QApplication.processEvents()
            time.sleep(0.002)

    def rest(self, milliseconds=100):
        """Let timers and threads finish what they do, and the canvas draw all of its view."""
        QTest.qWait(milliseconds)
        self.canvas.finish()
        QApplication.processEvents()

    def frame(self, since=None):
        """Let Qt do what is to be done until the canvas is painted, at once. Returns how often it was.

        since: how often it was painted before the event, where sending that paints by itself.
        """
        before = self.watch.painted if since is None else since
        for _ in range(100):
            QApplication.processEvents()
            if self.watch.painted > before:
                return self.watch.painted - before
        raise AssertionError("the canvas was not painted")

    def settle(self):
        """Let Qt do what is to be done. Returns how often the canvas was painted, 0 for no change."""
        before = self.watch.painted
        for _ in range(2):
            QApplication.processEvents()
            if self.watch.painted > before:
                break
        return self.watch.painted - before

    # -- what a person does -------------------------------------------------------------------------------

    def mouse(self, kind, at, button=NONE, held=NONE, keys=NO_KEYS):
        """An event of the mouse at a point of the canvas, in logical px."""
        place = QPointF(self.canvas.mapTo(self.window, QPoint(0, 0))) + at
        handle = self.window.windowHandle()
        QApplication.sendEvent(
            handle, QMouseEvent(kind, place, place, QPointF(handle.position()) + place, button, held, keys)
        )

    def press(self, at, button=LEFT):
        self.mouse(QEvent.Type.MouseButtonPress, at, button, button)

    def move(self, at, held=LEFT):
        self.mouse(QEvent.Type.MouseMove, at, NONE, held)

    def release(self, at, button=LEFT):
        self.mouse(QEvent.Type.MouseButtonRelease, at, button, NONE)

    def wheel(self, at, notches):
        place = QPointF(self.canvas.mapTo(self.window, QPoint(0, 0))) + at
        handle = self.window.windowHandle()
        event = QWheelEvent(
            place,
            QPointF(handle.position()) + place,
            QPoint(),
            QPoint(0, round(120 * notches)),
            NONE,
            NO_KEYS,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(handle, event)

    def leave(self):
        """The pointer goes: no ring, no cursor."""
        QApplication.sendEvent(self.canvas, QEvent(QEvent.Type.Leave))
        QApplication.processEvents()

    def zoom(self, zoom):
        """ "fit" or device px an image px; around the middle."""
        if zoom == "fit":
            self.canvas.fit()
        else:
            self.canvas.set_zoom(zoom)
        self.rest()

    def walk(self, seed=1, step=12.0):
        """Points that wander over the canvas, that many logical px a step."""
        random = np.random.default_rng(seed)
        width, height = self.canvas.width(), self.canvas.height()
        x, y, angle = width / 2, height / 2, 0.0
        while True:
            angle += random.normal(0, 0.4)
            x, y = x + step * np.cos(angle), y + step * np.sin(angle)
            if not (0.2 * width < x < 0.8 * width and 0.15 * height < y < 0.85 * height):
                angle += np.pi / 2
                x = min(max(x, 0.2 * width), 0.8 * width)
                y = min(max(y, 0.15 * height), 0.85 * height)
            yield QPointF(x, y)

    # -- what the screen shows ----------------------------------------------------------------------------

    def screen(self, left=0, top=0, width=-1, height=-1):
        """The canvas's pixels as they are on the screen, int (height, width, 3); logical px."""
        corner = self.canvas.mapTo(self.window, QPoint(left, top))
        width = self.canvas.width() - left if width < 0 else width
        height = self.canvas.height() - top if height < 0 else height
        screen = QGuiApplication.primaryScreen()
        grabbed = screen.grabWindow(self.window.winId(), corner.x(), corner.y(), width, height)
        image = grabbed.toImage().convertToFormat(QImage.Format.Format_RGB888)
        rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine())
        return rows[:, : 3 * image.width()].reshape(image.height(), image.width(), 3).astype(int)

    def expected(self, rows, columns):
        """What pixels of the image look like with the mask over them, float (len(rows), len(columns), 3).

        rows, columns: ascending, inside the image.
        """
        around = Rect(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
        place = np.ix_(rows - around.top, columns - around.left)
        picture = self.session.pyramid.region(0, around)[place].astype(float)
        labels = self.document.mask_region(around)[place]
        classes = self.session.classes
        hidden = () if classes.background is None else (classes.background,)
        table = argb_table(classes.palette(), self.canvas.opacity, hidden)[labels]
        over = np.stack([table >> shift & 255 for shift in (16, 8, 0)], axis=-1)
        return picture * (1 - (table >> 24)[..., None] / 255) + over

    def assert_shown(self, at, tolerance=3.0):
        """The screen shows at a point what the document holds; zoomed out, what lies close around it."""
        if self.canvas.childAt(at.toPoint()) is not None:
            return  # the overview map lies over it
        row, column = (int(value) for value in self.canvas.to_image(at))
        seen = self.screen(int(at.x()), int(at.y()), 1, 1)[0, 0]
        reach = math.ceil(2 / self.canvas.zoom) if self.canvas.zoom < 1 else 0
        rows, columns = (
            np.arange(max(0, value - reach), min(size, value + reach + 1))
            for value, size in zip((row, column), self.document.shape, strict=True)
        )
        near = self.expected(rows, columns).reshape(-1, 3)
        inside = (near.min(axis=0) - tolerance <= seen) & (seen <= near.max(axis=0) + tolerance)
        assert inside.all(), (at, self.canvas.zoom, seen, near.mean(axis=0))

    def assert_all_shown(self):
        """The screen shows everywhere what the document holds; zoomed out on average, in blocks."""
        self.leave()
        self.rest()
        seen, zoom = self.screen(), self.canvas.zoom
        left, top = self.canvas.to_widget(0, 0).x(), self.canvas.to_widget(0, 0).y()
        rows = np.floor((np.arange(seen.shape[0]) + 0.5 - top) / zoom).astype(int)
        columns = np.floor((np.arange(seen.shape[1]) + 0.5 - left) / zoom).astype(int)
        down = (rows >= 0) & (rows < self.document.shape[0])
        right = (columns >= 0) & (columns < self.document.shape[1])
        wrong = np.abs(seen[np.ix_(down, right)] - self.expected(rows[down], columns[right]))
        wrong[self._covered()[np.ix_(down, right)]] = 0
        if zoom >= 1:
            assert wrong.max() <= 3
            return
        # Smooth scaling and its levels show means, this a sample of single pixels: most of them are alike.
        assert np.median(wrong) < 40
        assert np.quantile(wrong.mean(axis=2), 0.9) < 80

    def _covered(self):
        """Where something lies over the canvas, such as the overview map; bool (height, width)."""
        covered = np.zeros((self.canvas.height(), self.canvas.width()), dtype=bool)
        for child in self.canvas.findChildren(QWidget):
            if child.isVisible():
                place = child.geometry()
                covered[place.top() : place.bottom() + 1, place.left() : place.right() + 1] = True
        return covered
