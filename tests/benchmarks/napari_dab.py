"""How long a dab of radius 50 takes in napari: `NAPARI_PYTHON napari_dab.py SIDE ZOOM` prints JSON.

Runs in napari's own environment (`pip install "napari[pyqt6]"`) on a display with OpenGL; Xvfb with Mesa's
software renderer will do. A window of 1600 x 1000, an RGB image and a Labels layer with labels everywhere, a
brush of 101 px. Every round sends one real mouse move to the native canvas and ends when the canvas was
drawn, the graphics library has finished and Qt has composed the window. ZOOM: "fit" or screen px an image px.
"""

import json
import os
import sys
import time

import napari
import numpy as np
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication

SIZE = 1600, 1000
ROUNDS, WARMUP = 200, 5
STEP = 12.0  # screen px between two moves
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class Painter:
    """napari's window with a brush in hand."""

    def __init__(self, side, zoom):
        noise = np.random.default_rng(0).integers(90, 210, (1024, 1024, 3), dtype=np.uint8)
        image = np.tile(noise, (side // 1024, side // 1024, 1))
        rows, columns = np.arange(side) // 97, np.arange(side) // 83
        labels = ((rows[:, None] + columns) % 2).astype(np.uint8)
        self.viewer = napari.Viewer(show=False)
        self.window = self.viewer.window._qt_window
        self.window.resize(*SIZE)
        self.viewer.window.show()
        self.viewer.add_image(image, name="image")
        self.layer = self.viewer.add_labels(labels, name="labels")
        self.layer.mode = "paint"
        self.layer.brush_size = 101
        self.layer.selected_label = 2
        self.canvas = self.viewer.window._qt_viewer.canvas
        self.native = self.canvas.native
        self.drawn = 0
        self.canvas.events.draw.connect(self._count, position="last")
        self.rest()
        self.viewer.reset_view()
        if zoom != "fit":
            self.scene().camera.zoom = float(zoom)
        self.rest()

    def scene(self):
        """Where the camera is; until 0.9 it was the viewer's own."""
        return getattr(self.viewer, "scene", self.viewer)

    def renderer(self):
        """What draws: Mesa's llvmpipe is the processor itself."""
        from OpenGL import GL

        self.native.makeCurrent()
        return GL.glGetString(GL.GL_RENDERER).decode()

    def _count(self, _event):
        self.drawn += 1

    def rest(self, seconds=1.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            QApplication.processEvents()
            time.sleep(0.005)

    def mouse(self, kind, at, button, held):
        place = QPointF(*at)
        QApplication.sendEvent(
            self.native,
            QMouseEvent(
                kind, place, self.native.mapToGlobal(place), button, held, Qt.KeyboardModifier.NoModifier
            ),
        )

    def frame(self):
        """Until the canvas is drawn and the window composed."""
        before = self.drawn
        end = time.monotonic() + 30
        while self.drawn == before:
            QApplication.processEvents()
            if time.monotonic() > end:
                raise RuntimeError("the canvas was not drawn")
        from OpenGL import GL

        self.native.makeCurrent()
        GL.glFinish()

    def walk(self):
        """The points that stage.py's walk makes, on this canvas."""
        random = np.random.default_rng(1)
        width, height = self.native.width(), self.native.height()
        x, y, angle = width / 2, height / 2, 0.0
        while True:
            angle += random.normal(0, 0.4)
            x, y = x + STEP * np.cos(angle), y + STEP * np.sin(angle)
            if not (0.2 * width < x < 0.8 * width and 0.15 * height < y < 0.85 * height):
                angle += np.pi / 2
                x = min(max(x, 0.2 * width), 0.8 * width)
                y = min(max(y, 0.15 * height), 0.85 * height)
            yield float(x), float(y)

    def under(self):
        """The image position (row, column) of the pointer, as napari tells."""
        return tuple(round(value) for value in self.viewer.cursor.position[-2:])

    def shown(self, at):
        """The pixel that is on the canvas at a point."""
        picture = self.native.grabFramebuffer()
        ratio = self.native.devicePixelRatioF()
        return picture.pixelColor(int(at[0] * ratio), int(at[1] * ratio)).getRgb()[:3]


def main(side, zoom):
    painter = Painter(side, zoom)
    points = painter.walk()
    first = at = next(points)
    before = np.array(painter.shown(first))
    painter.mouse(QEvent.Type.MouseMove, at, NONE, NONE)
    painter.mouse(QEvent.Type.MouseButtonPress, at, LEFT, LEFT)
    painter.frame()
    times, cpu = [], []
    colour = np.array(painter.layer.get_color(2)[:3]) * 255 * painter.layer.opacity
    for _ in range(ROUNDS + WARMUP):
        at = next(points)
        start, used = time.perf_counter(), time.process_time()
        painter.mouse(QEvent.Type.MouseMove, at, NONE, LEFT)
        painter.frame()
        times.append(1000 * (time.perf_counter() - start))
        cpu.append(1000 * (time.process_time() - used))
        row, column = painter.under()
        assert painter.layer.data[row, column] == 2, (row, column)
    # What is painted shows: every channel at least the label's share, which the image alone need not have.
    for place in (first, at):
        after = np.array(painter.shown(place))
        assert (after >= colour - 6).all(), (after, colour)
    assert np.abs(np.array(painter.shown(first)) - before).max() > 20, before
    painter.mouse(QEvent.Type.MouseButtonRelease, at, LEFT, NONE)
    times, cpu = times[WARMUP:], cpu[WARMUP:]
    return {
        "median": float(np.median(times)),
        "p99": float(np.percentile(times, 99)),
        "max": max(times),
        "cpu_median": float(np.median(cpu)),
        "n": len(times),
        "painted": int((painter.layer.data == 2).sum()),
        "renderer": painter.renderer(),
        "version": napari.__version__,
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])), flush=True)
    os._exit(0)  # napari's own end takes seconds
