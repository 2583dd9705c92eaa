"""Takes the documentation's pictures of the real window, on the sample project with its real model.

QT_QPA_PLATFORM=offscreen python docs/pictures/take.py
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from unet_studio.core.events import Validated
from unet_studio.demo.annotator import Habits, largest_error, plan_stroke, see
from unet_studio.demo.sample import install_sample, sample_truth
from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences

HERE = Path(__file__).parent
SIZE = (1440, 900)
PATIENCE = 600  # seconds


def wait(condition: Callable[[], bool]) -> None:
    """Let the window work until the condition holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            sys.exit("That took too long.")
        QApplication.processEvents()
        time.sleep(0.01)


def show(session: Session, name: str) -> None:
    """Open an image and wait for its prediction."""
    session.open_image(name)
    wait(lambda: session.document is not None and session.document.name == name)
    wait(lambda: session.document is not None and session.document.prediction is not None)


def correct(session: Session, name: str, strokes: int) -> None:
    """Repair the mask as the simulated person does."""
    rng, habits = np.random.default_rng(0), Habits()
    seen = see(rng, sample_truth(name), habits.blur)
    for _ in range(strokes):
        assert session.document is not None
        error = largest_error(session.document.mask(), seen, habits)
        if error is None:
            return
        value, region = error
        radius, path = plan_stroke(rng, session.document.mask(), seen, value, region, habits)
        session.editor.set_active_class(value)
        session.editor.set_brush_radius(round(radius))
        session.editor.pointer("press", *path[0])
        for point in path[1:]:
            session.editor.pointer("move", *point)
        session.editor.pointer("release", *path[-1])
    session.editor.set_active_class(1)


@contextmanager
def opened(theme: str, folder: Path) -> Iterator[MainWindow]:
    """The window with a folder, its first image on screen."""
    with tempfile.TemporaryDirectory() as place:
        preferences = Preferences(QSettings(f"{place}/window.ini", QSettings.Format.IniFormat))
        preferences.theme = theme
        session = Session()
        window = MainWindow(session, preferences)
        window.resize(*SIZE)
        window.show()
        window.open_folder(folder)
        wait(lambda: session.document is not None)
        yield window
        window.close()
        session.shut_down()


def rest(seconds: float = 1.5) -> None:
    """Let the window settle."""
    end = time.monotonic() + seconds
    wait(lambda: time.monotonic() > end)


def take(window: MainWindow, name: str) -> None:
    """Write what the window shows."""
    rest()
    window.canvas.finish()
    window.grab().save(str(HERE / name))
    with Image.open(HERE / name) as picture:
        small = picture.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(HERE / name, optimize=True)


def main() -> None:
    """Walk through a first round of corrections and training, and take a picture of each part."""
    app = QApplication([])
    with (
        tempfile.TemporaryDirectory() as place,
        opened("light", install_sample(Path(place) / "Sample project")) as window,
    ):
        session = window.session
        for name in session.images[:3]:
            show(session, name)
            correct(session, name, 15)
            session.editor.approve()
        fourth = session.images[3]
        show(session, fourth)
        correct(session, fourth, 6)
        session.editor.set_brush_radius(14)
        take(window, "window.png")
        session.trainer.start({"minutes": 2.0})
        wait(lambda: sum(isinstance(event, Validated) for event in session.trainer.events) >= 3)
        window.commands.choose_theme("dark")
        take(window, "training.png")
        window.commands.choose_theme("light")
        session.trainer.stop()
        wait(lambda: session.trainer.verdict is not None)
        session.predictor.set_model("v1")
        wait(lambda: session.document is not None and session.document.prediction is not None)
        session.comparer.begin("sample-cells", "v1")
        wait(lambda: not any(side.waiting for side in session.comparer.sides))
        take(window, "versus.png")
    app.quit()


if __name__ == "__main__":
    main()
