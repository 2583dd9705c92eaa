"""Five hundred images browsed with prediction on: memory stays what it was after the first fifty."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import make_folder, make_model

IMAGES, FIRST = 500, 50
MOST_GROWTH = 1.05
BROWSE = """
import sys, time
from pathlib import Path
from PySide6.QtCore import QSettings
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from unet_studio.session import Session
from unet_studio.session.prediction_shelf import Shelf
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences
from unet_studio.jobs import documents

folder, first = Path(sys.argv[1]), int(sys.argv[2])
documents.CACHE_BYTES = 20 << 20  # full long before the first reading, as a working day fills the real ones
app = QApplication([])
session = Session()
session.predictor._shelf = Shelf(2 << 20)
window = MainWindow(session, Preferences(QSettings(str(folder / "w.ini"), QSettings.Format.IniFormat)))
window.show()
window.open_folder(folder)
session.predictor.set_model("small")

def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, session.current
        QTest.qWait(5)

def memory():
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * 4096 / 2**20

for number, name in enumerate(session.images, 1):
    session.open_image(name)
    until(lambda: session.document is not None and session.document.prediction is not None)
    if number in (first, len(session.images)):
        until(lambda: not session.predictor._queue.active)
        QTest.qWait(300)
        print(f"{number} {memory():.1f}", flush=True)
session.shut_down()
window.close()
"""


def browse(folder: Path, images: int, first: int) -> tuple[float, float]:
    """The memory of the window, in MB, after the first images and after all."""
    make_folder(folder, images, (256, 256))
    make_model(folder / "unet-studio" / "models" / "small", tile=256)
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "MALLOC_ARENA_MAX": "2"}
    done = subprocess.run(
        [sys.executable, "-c", BROWSE, str(folder), str(first)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert done.returncode == 0, done.stderr
    before, after = (float(line.split()[1]) for line in done.stdout.splitlines())
    return before, after


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="the system doesn't say what memory is taken"
)
def test_memory_does_not_grow_while_browsing_with_prediction_on(tmp_path, record_property):
    before, after = browse(tmp_path / "images", IMAGES, FIRST)
    record_property("growth_percent", round(100 * (after / before - 1), 1))
    print(f"{before:.0f} MB after {FIRST} images, {after:.0f} MB after {IMAGES}")
    assert after <= MOST_GROWTH * before
