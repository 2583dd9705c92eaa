"""The whole program through its real window: mouse and keys in, files and a better model out.

Also measures that the window never pauses while a model is being fine-tuned beside it.
"""

import time
from itertools import pairwise

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialog

from tests.benchmarks.beat import Beat
from tests.helpers import make_folder
from unet_studio.core.document_files import load_document
from unet_studio.core.events import Progress
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png
from unet_studio.demo.annotator import Habits, largest_error, plan_stroke, see
from unet_studio.demo.sample import SAMPLE_SEEDS, install_sample, sample_truth
from unet_studio.formats.export_options import ExportOptions
from unet_studio.session import Session
from unet_studio.session.exporter import ExportWish

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def sample(tmp_path):
    return install_sample(tmp_path / "sample", list(SAMPLE_SEEDS)[:5])


def drag(window, path):
    """A stroke by mouse events on the canvas, through points (row, column) of the image."""
    canvas = window.canvas
    points = [canvas.to_widget(*point).toPoint() for point in path]
    QTest.mousePress(canvas, LEFT, Qt.KeyboardModifier.NoModifier, points[0])
    for before, after in pairwise(points):
        if before != after:
            QTest.mouseMove(canvas, after)
    QTest.mouseRelease(canvas, LEFT, Qt.KeyboardModifier.NoModifier, points[-1])


def correct(window, truth, strokes=15):
    """A person's strokes towards the truth, with brush and eraser chosen by their keys."""
    session = window.session
    habits = Habits(strokes=strokes)
    rng = np.random.default_rng(0)
    seen = see(rng, truth, habits.blur)
    for _ in range(strokes):
        error = largest_error(session.document.mask(), seen, habits)
        if error is None:
            return
        value, region = error
        radius, path = plan_stroke(rng, session.document.mask(), seen, value, region, habits)
        QTest.keyClick(window.canvas, Qt.Key.Key_B if value else Qt.Key.Key_E)
        session.editor.set_brush_radius(round(radius))
        drag(window, path)


def ready(qtbot, session, name):
    qtbot.waitUntil(
        lambda: (
            session.document is not None
            and session.document.name == name
            and session.document.prediction is not None
            and not session.predictor.stale
        ),
        timeout=120_000,
    )


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_folder_to_a_better_model_and_back(qtbot, window, sample, tmp_path, capsys):
    session = window.session
    window.open_folder(sample)
    names = list(session.images)
    ready(qtbot, session, names[0])
    first_model = session.predictor.model.name
    before, after = [], []
    for name in names[:3]:
        ready(qtbot, session, name)
        truth = sample_truth(name)
        before.append(foreground_dice(truth, session.document.mask(), session.classes))
        correct(window, truth)
        after.append(foreground_dice(truth, session.document.mask(), session.classes))
        QTest.keyClick(window.canvas, Qt.Key.Key_Return)
        assert session.status(name) is Status.APPROVED
        QTest.keyClick(window.canvas, Qt.Key.Key_D)
    assert np.mean(after) > np.mean(before)
    qtbot.waitUntil(
        lambda: (
            (session.trainer.plan().train, session.trainer.plan().val) == (2, 1)
            and session.trainer.plan().pixels is not None
        ),
        timeout=20_000,
    )

    panel = window.panels["training"]
    panel.begin()
    qtbot.waitUntil(lambda: session.trainer.state == "running", timeout=60_000)
    beat = Beat()
    ready(qtbot, session, names[3])
    rows, steps = set(), 0
    end = time.monotonic() + 240
    while session.trainer.state in ("starting", "running") and steps < 8 and time.monotonic() < end:
        row = 50 + 7 * (len(rows) % 50)
        drag(window, [(row + 0.5, 100.5), (row + 0.5, 300.5)])
        rows.add(row)
        qtbot.wait(50)
        steps = sum(isinstance(event, Progress) for event in session.trainer.events)
    pauses = beat.take()
    beat.stop()
    assert steps >= 8, "the curve has no points"
    session.trainer.stop()
    qtbot.waitUntil(lambda: "v1" in {entry.name for entry in session.predictor.models()}, timeout=120_000)
    qtbot.waitUntil(lambda: session.trainer.verdict is not None, timeout=20_000)
    assert session.trainer.verdict.rival == first_model
    assert session.trainer.verdict.outcome in ("candidate", "indicative")  # there is one validation image
    assert session.predictor.model.name == first_model
    session.predictor.set_model("v1")
    assert session.predictor.model.card.base == first_model
    painted = session.document.annotation.pixels[sorted(rows), 200]
    assert len(np.unique(painted)) == 1
    assert painted[0] in session.classes.indices
    with capsys.disabled():
        print(f"\nlongest pause of the window while training: {pauses['longest']:.0f} ms")

    session.predictor.set_model(first_model)
    assert session.predictor.model.name == first_model
    session.open_image(names[4])
    ready(qtbot, session, names[4])
    assert session.document.prediction.model == first_model

    with qtbot.waitSignal(session.exporter.exported, timeout=60_000) as caught:
        session.exporter.run(ExportWish("index-png", tmp_path / "out", ExportOptions()))
    assert caught.args[0].report.proof.exact
    labels, _ = read_index_png(tmp_path / "out" / "cells-01.png")
    assert foreground_dice(sample_truth(names[0]), labels, session.classes) == pytest.approx(after[0])

    window.close()
    again = Session()
    again.open_folder(sample)
    assert again.trainer.run is not None
    assert again.trainer.state in ("stopped", "finished")
    assert {entry.name for entry in again.predictor.models()} >= {"v1", first_model}
    assert again.project.counts()[Status.APPROVED] == 3
    again.shut_down()
    project = Project.open(sample, writable=False)
    assert load_document(project, names[0]).approved


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_painted_approved_and_exported_as_coco(qtbot, window, tmp_path):
    """Mouse and keys from an empty folder to a COCO file that pycocotools reads as it was painted."""
    from pycocotools.coco import COCO

    session = window.session
    window.open_folder(make_folder(tmp_path / "images"))
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    QTest.keyClick(window.canvas, Qt.Key.Key_B)
    session.editor.set_brush_radius(6)
    drag(window, [(20.5, 20.5), (20.5, 60.5)])
    drag(window, [(70.5, 30.5), (80.5, 100.5)])
    QTest.keyClick(window.canvas, Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(window.canvas, Qt.Key.Key_Return)
    painted = session.document.mask()
    assert session.document.approved
    QTest.keyClick(window.canvas, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier)
    dialog = export_dialog(qtbot, window)
    dialog.choices.format.setCurrentIndex(dialog.choices.format.findData("coco"))
    dialog.choices.set_place(str(tmp_path / "out" / "cells.json"))
    qtbot.waitUntil(
        lambda: dialog.start.text() == " Export 1 Mask" and dialog.start.isEnabled(), timeout=20_000
    )
    QTest.mouseClick(dialog.start, LEFT)
    qtbot.waitUntil(dialog.outcome.isVisible, timeout=20_000)
    coco = COCO(str(tmp_path / "out" / "cells.json"))
    (image,) = coco.loadImgs(coco.getImgIds())
    (category,) = (entry for entry in coco.loadCats(coco.getCatIds()) if entry["name"] == "object")
    found = np.zeros_like(painted)
    objects = coco.loadAnns(coco.getAnnIds(imgIds=image["id"], catIds=[category["id"]]))
    for entry in objects:
        found |= coco.annToMask(entry)
    assert image["file_name"] == "0.png"
    assert np.array_equal(found, painted == 1)
    assert len(objects) == 2
    dialog.close()


def export_dialog(qtbot, window):
    """The export assistant, once it is on screen: its modules load in a thread."""

    def found():
        return [box for box in window.findChildren(QDialog) if box.objectName() == "export_dialog"]

    qtbot.waitUntil(lambda: bool(found()), timeout=20_000)
    return found()[0]
