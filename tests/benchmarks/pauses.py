"""How long the window stands still while it predicts: `python -m tests.benchmarks.pauses FOLDER SETTINGS`.

Prints JSON: phase -> figures in ms, see tests/benchmarks/beat.py.
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

from PySide6.QtWidgets import QApplication

from tests.benchmarks.beat import Beat
from tests.benchmarks.stage import Stage
from tests.helpers import make_folder
from unet_studio.core.resources import resources
from unet_studio.ui.garbage import Garbage

IMAGES = 12


def prepare(folder):
    """Images to predict, and two copies of the bundled model."""
    make_folder(folder, IMAGES, (512, 512))
    model = next(path for path in sorted((resources() / "models").iterdir()) if path.is_dir())
    for name in ("first", "second"):
        shutil.copytree(model, folder / "unet-studio" / "models" / name)


def measure(folder, settings):
    stage = Stage(settings)
    session, predictor = stage.session, stage.session.predictor
    garbage = Garbage(stage.window)
    stage.open(folder)
    predictor.set_model("first")
    session.class_editor.adopt_model_classes()
    stage.rest(2000)
    assert "torch" not in sys.modules
    beat, found = Beat(), {}

    def phase(name, act, until):
        beat.take()
        act()
        stage.wait(until)
        found[name] = beat.take()

    def shown(model):
        prediction = session.document.prediction
        return prediction is not None and prediction.model == model

    def idle():
        queue = predictor._queue
        return not queue.active and predictor._tasks.idle and queue.current is None

    def choose_second():
        predictor.set_model("second")
        predictor.predict_current()

    files = folder / "unet-studio" / "predictions" / "second"
    began = time.perf_counter()
    phase("nothing", lambda: None, lambda: time.perf_counter() > began + 2)
    phase("torch imported, model loaded, one image", predictor.predict_current, lambda: shown("first"))
    phase("another model loaded, one image", choose_second, lambda: shown("second"))
    phase("folder", predictor.predict_all, lambda: idle() and len(list(files.glob("*.png"))) == IMAGES)
    garbage.stop()
    return found


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    application = QApplication(sys.argv[:1])
    prepare(Path(sys.argv[1]))
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2])), flush=True)
    os._exit(0)  # nothing is left to be saved
