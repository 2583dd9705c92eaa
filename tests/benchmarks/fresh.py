"""What can only be measured in a process of its own: `python -m tests.benchmarks.fresh WHAT ...` prints JSON.

folder FOLDER SETTINGS           the first image painted, pauses while the list is scrolled
memory FOLDER SETTINGS [torch]   memory of a large image
dab FOLDER SETTINGS ZOOM         dabs of radius 50, as napari_dab.py times them
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import QPointF
from PySide6.QtWidgets import QApplication

from tests.benchmarks import places
from tests.benchmarks.stage import Stage

DABS = 300


class Pauses:
    """How long the window's thread is busy at a time, ms. clock: the processor's, of one or all threads."""

    def __init__(self, clock=time.thread_time):
        self.times, self.cpu, self.clock = [], [], clock

    def run(self, act):
        start, cpu = time.perf_counter(), self.clock()
        act()
        self.times.append(1000 * (time.perf_counter() - start))
        self.cpu.append(1000 * (self.clock() - cpu))

    def summary(self):
        return {
            "max": max(self.times),
            "p99": float(np.percentile(self.times, 99)),
            "median": float(np.median(self.times)),
            "cpu_max": max(self.cpu),
            "cpu_median": float(np.median(self.cpu)),
            "n": len(self.times),
        }


def folder(place, settings):
    """Open a folder in a window that is there already, then scroll its list from end to end."""
    stage = Stage(settings)
    opening, scrolling = Pauses(), Pauses()
    start, cpu = time.perf_counter(), time.process_time()
    before = []  # how often the canvas was painted when the image came
    stage.session.documentChanged.connect(lambda: stage.document and before.append(stage.watch.painted))
    opening.run(lambda: stage.window.open_folder(place))
    while not before or stage.watch.painted == before[0]:
        opening.run(QApplication.processEvents)
    first, first_cpu = time.perf_counter() - start, time.process_time() - cpu
    stage.assert_shown(QPointF(stage.canvas.width() / 2, stage.canvas.height() / 2))
    end = time.perf_counter() + 1.0
    while time.perf_counter() < end:
        opening.run(QApplication.processEvents)
        time.sleep(0.001)
    view = stage.window.panels["files"].view
    bar = view.verticalScrollBar()
    # A drag of the scroll bar: through everything in 400 steps, then slowly, while pictures come in.
    steps = [round(bar.maximum() * part / 400) for part in range(401)]
    steps += [round(bar.maximum() / 2) + 17 * part for part in range(400)]
    for value in steps:
        scrolling.run(lambda value=value: (bar.setValue(value), QApplication.processEvents()))
        time.sleep(0.004)
        scrolling.run(QApplication.processEvents)
    return {
        "first": first,
        "first_cpu": first_cpu,
        "images": len(stage.session.images),
        "opening": opening.summary(),
        "scrolling": scrolling.summary(),
    }


def status(field):
    """A field of this process's status that is in kB, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return 1024 * int(line.split()[1])
    raise LookupError(field)


def forget_peak():
    """Let VmHWM count from now on."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(place, settings, torch=""):
    """Open a large image, look at it at several zooms, paint on it and save it."""
    if torch:
        import_torch()
    stage = Stage(settings)
    before = status("VmRSS")
    forget_peak()
    start = time.perf_counter()
    stage.open(place)
    seconds = time.perf_counter() - start
    peak = status("VmHWM")
    for zoom in ("fit", 1.0, 4.0):
        stage.zoom(zoom)
        stage.assert_all_shown()
    assert stage.document.under is not None
    assert stage.document.painted
    stage.rest(1000)
    rss = status("VmRSS")
    forget_peak()
    points = stage.walk()
    stage.editor.set_active_class(places.PAINTED)
    for _ in range(20):
        stage.press(next(points))
        for _ in range(10):
            at = next(points)
            stage.move(at)
        stage.frame()
        stage.release(at)
        QApplication.processEvents()
    stage.wait(lambda: stage.window.status.saved.text() == "Saved")
    stage.rest(500)
    return {
        "before": before,
        "rss": rss,
        "stroked": status("VmRSS"),
        "peak": peak,
        "saving": status("VmHWM"),
        "seconds": seconds,
        "torch": "torch" in sys.modules,
    }


def import_torch():
    """Have torch in memory as the program has it after a prediction: one with the bundled model."""
    from unet_studio.core.model_card import list_models
    from unet_studio.core.resources import resources
    from unet_studio.model import PredictSettings, load_model

    entry = list_models(resources() / "models")[0]
    picture = np.zeros((512, 512, 3), dtype=np.uint8)
    load_model(entry.folder).predict(picture, None, PredictSettings())


def dab(place, settings, zoom):
    """Dabs of radius 50, as napari_dab.py times them."""
    stage = Stage(settings)
    stage.open(place)
    stage.editor.set_tool("brush")
    stage.editor.set_active_class(places.PAINTED)
    stage.editor.set_brush_radius(50)
    stage.zoom("fit" if zoom == "fit" else float(zoom))
    points = stage.walk()
    stage.press(next(points))
    stage.frame()
    pauses = Pauses(time.process_time)

    def one():
        stage.move(next(points))
        stage.frame()

    for _ in range(DABS + 5):
        pauses.run(one)
    pauses.times, pauses.cpu = pauses.times[5:], pauses.cpu[5:]
    stage.release(next(points))
    stage.assert_all_shown()
    return {**pauses.summary(), "platform": QApplication.platformName()}


WHAT = {"folder": folder, "memory": memory, "dab": dab}

if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication(sys.argv[:1])
    print(json.dumps(WHAT[sys.argv[1]](*sys.argv[2:])), flush=True)
    os._exit(0)  # nothing is left to be saved
