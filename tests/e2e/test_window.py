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
from unet_studio.core.events import Progress
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png
from unet_studio.demo.annotator import Habits, largest_error, plan_stroke, see
from unet_studio.demo.sample import SAMPLE_SEEDS, install_sample, sample_truth
from unet_studio.formats.export_options import ExportOptions
from unet_studio.session.exporter import ExportWish

LEFT = Qt.MouseButton.LeftButton
STEPS = 16  # of the training; enough to be surely better on five images


@pytest.fixture
def sample(tmp_path):
    """Eight images; five are finished, as by somebody before, and kept to check with."""
    folder = install_sample(tmp_path / "sample", list(SAMPLE_SEEDS)[:8])
    project = Project.open(folder)
    checked = project.images[:5]
    for name in checked:
        project.write_approved(name, sample_truth(name), {})
    project.set_split(checked, "val")
    project.close()
    return folder


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


def paint_while_it_learns(qtbot, window):
    """Draw rows until the training is over; all are there then. Returns the window's longest pause, ms."""
    session = window.session
    beat, rows, steps = Beat(), [], 0
    end = time.monotonic() + 240
    while session.trainer.under_way and time.monotonic() < end:
        if len(rows) < 40 and steps < STEPS // 2:
            rows.append(50 + 7 * len(rows))
            drag(window, [(rows[-1] + 0.5, 100.5), (rows[-1] + 0.5, 300.5)])
        qtbot.wait(50)
        steps = sum(isinstance(event, Progress) for event in session.trainer.events)
    pauses = beat.take()
    beat.stop()
    assert steps == STEPS
    painted = session.document.annotation.pixels[rows, 200]
    assert len(np.unique(painted)) == 1
    assert painted[0] in session.classes.indices
    return pauses["longest"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_from_a_folder_to_a_better_model_and_back(qtbot, window, new_window, sample, tmp_path, capsys):
    session, panel = window.session, window.panels["training"]
    window.open_folder(sample)
    *_, first, second, canvas = session.images
    qtbot.waitUntil(lambda: session.predictor.model_name == "sample-cells", timeout=20_000)
    before, after = [], []
    for name in (first, second):
        session.open_image(name)
        ready(qtbot, session, name)
        truth = sample_truth(name)
        before.append(foreground_dice(truth, session.document.mask(), session.classes))
        correct(window, truth)
        after.append(foreground_dice(truth, session.document.mask(), session.classes))
        QTest.keyClick(window.canvas, Qt.Key.Key_Return)
        assert session.status(name) is Status.APPROVED
    assert np.mean(after) > np.mean(before)

    session.open_image(canvas)
    ready(qtbot, session, canvas)
    predicted = session.document.prediction.labels
    panel.form.minutes.setValue(0)
    panel.form.steps.setValue(STEPS)
    qtbot.waitUntil(
        lambda: "Learns from 2 approved images, is checked on 5" in panel.plan.text(), timeout=20_000
    )
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)
    QTest.mouseClick(panel.start, LEFT)
    qtbot.waitUntil(lambda: session.trainer.state == "running", timeout=60_000)
    longest = paint_while_it_learns(qtbot, window)
    with capsys.disabled():
        print(f"\nlongest pause of the window while training: {longest:.0f} ms")

    qtbot.waitUntil(lambda: session.predictor.model_name == "v1", timeout=60_000)
    verdict = session.trainer.verdict
    assert (verdict.outcome, verdict.rival, verdict.interval.images) == ("promoted", "sample-cells", 5)
    assert verdict.after > verdict.before
    assert panel.state.text() == "Finished: better"
    assert session.predictor.model.card.base == "sample-cells"

    while session.document.painted:  # so that what the model says is shown again
        QTest.keyClick(window.canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    window.action_table["predict"].trigger()
    qtbot.waitUntil(lambda: session.document.prediction.model == "v1", timeout=60_000)
    assert not np.array_equal(session.document.prediction.labels, predicted)
    computed = []
    session.predictor.stored.connect(computed.append)
    assert panel.result.note.button.text() == "Go Back to sample-cells"
    QTest.mouseClick(panel.result.note.button, LEFT)
    assert session.predictor.model_name == "sample-cells"
    qtbot.waitUntil(lambda: session.document.prediction.model == "sample-cells", timeout=20_000)
    assert np.array_equal(session.document.prediction.labels, predicted)
    assert canvas not in computed  # it was kept, and only read

    with qtbot.waitSignal(session.exporter.exported, timeout=60_000) as caught:
        session.exporter.run(ExportWish("index-png", tmp_path / "out", ExportOptions()))
    assert caught.args[0].report.proof.exact
    labels, _ = read_index_png((tmp_path / "out" / first).with_suffix(".png"))
    assert foreground_dice(sample_truth(first), labels, session.classes) == pytest.approx(after[0])

    window.close()
    session.shut_down()
    again = new_window()
    again.open_folder(sample)
    assert again.session.trainer.run.name == "v1"
    result = again.panels["training"]
    qtbot.waitUntil(lambda: result.state.text() == "Finished: better", timeout=20_000)
    assert again.session.predictor.model_name == "sample-cells"
    assert {entry.name for entry in again.session.predictor.models()} >= {"v1", "sample-cells"}
    assert again.session.project.counts()[Status.APPROVED] == 7
    assert result.result.note.button.text() == "Use v1"


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
