"""Thresholds in the session: shown at once, stored soon, and the same for window, approval and export."""

import json

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document_files import IMAGE_HASH, load_document
from unet_studio.core.geometry import Rect
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.exporting import export_masks

# The left half is foreground and the right half background, surer from top to bottom: 0.5 to 1.
SURE = np.linspace(128, 255, SHAPE[0]).astype(np.uint8)[:, None].repeat(SHAPE[1], axis=1)
SAID = (np.arange(SHAPE[1]) < SHAPE[1] // 2).astype(np.uint8)[None].repeat(SHAPE[0], axis=0)


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path / "images")


def begin(session, qtbot, folder, images=("0.png", "1.png"), third=False):
    """Open the folder, with predictions of images stored."""
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    project = session.project
    if third:
        session.class_editor.add("third")
    project.set_model("m")
    for name in images:
        facts = load_document(project, name, None).facts
        project.write_prediction(name, Prediction(SAID, SURE, "m", {IMAGE_HASH: facts[IMAGE_HASH]}))
    session.predictor.model = ModelEntry("m", project.models_folder / "m", None)
    for name in images:
        session.read_again(name)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    assert session.document.under is not None
    return project


def stored(folder):
    return json.loads((folder / "unet-studio/project.json").read_text())["thresholds"]


def test_a_threshold_is_seen_at_once_and_stored_a_moment_later(session, folder, qtbot):
    begin(session, qtbot, folder)
    rects, said = [], []
    session.maskChanged.connect(rects.append)
    session.thresholds.changed.connect(lambda: said.append(session.thresholds.value(1)))
    session.thresholds.set(1, 0.8)
    expected = (SAID == 1) & (SURE >= 204)
    assert np.array_equal(session.document.mask(), expected.astype(np.uint8))
    assert (rects, said) == ([Rect.of(SHAPE)], [0.8])
    assert stored(folder) == {}
    qtbot.waitUntil(lambda: stored(folder) == {"1": 0.8}, timeout=20_000)
    session.thresholds.set(1, 0.8)
    assert len(said) == 1


def test_a_threshold_below_one_half_shows_more_foreground_than_the_model_says(session, folder, qtbot):
    begin(session, qtbot, folder)
    session.thresholds.set(1, 0.3)
    expected = (SAID == 1) | (round(255 * 0.3) <= 255 - SURE)
    assert np.array_equal(session.document.mask(), expected.astype(np.uint8))
    session.thresholds.set(1, 0.5)
    assert session.thresholds.now.values == {}  # what the model says, anyway
    assert np.array_equal(session.document.mask(), SAID)


def test_of_several_classes_each_has_a_threshold_or_all_have_one(session, folder, qtbot):
    begin(session, qtbot, folder, third=True)
    assert session.thresholds.exact is None
    session.thresholds.set(1, 0.9)
    shown = np.where((SAID == 1) & (round(255 * 0.9) > SURE), UNLABELLED, SAID)
    assert np.array_equal(session.document.mask(), shown)
    session.thresholds.set(None, 0.7)
    assert session.thresholds.now.values == {0: 0.7, 1: 0.7, 2: 0.7}
    assert np.array_equal(session.document.mask(), np.where(round(255 * 0.7) > SURE, UNLABELLED, SAID))
    session.thresholds.set(0, 0)
    assert session.thresholds.now.values == {1: 0.7, 2: 0.7}
    session.thresholds.reset()
    assert np.array_equal(session.document.mask(), SAID)


def test_they_hold_in_images_opened_later_and_when_the_project_is_opened_again(session, folder, qtbot):
    begin(session, qtbot, folder)
    session.thresholds.set(1, 0.8)
    session.open_image("1.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "1.png", timeout=20_000)
    expected = ((SAID == 1) & (SURE >= 204)).astype(np.uint8)
    assert np.array_equal(session.document.mask(), expected)
    session.close_project()  # before they were stored
    assert stored(folder) == {"1": 0.8}
    project = Project.open(folder, writable=False)
    assert np.array_equal(load_document(project, "0.png", "m").mask(), expected)


def test_window_approval_and_export_show_the_same(session, folder, qtbot, tmp_path):
    project = begin(session, qtbot, folder)
    session.thresholds.set(1, 0.8)
    window = session.document.mask()
    session.editor.approve()
    assert session.document.approved
    qtbot.waitUntil(lambda: not session._dirty(), timeout=20_000)
    finished, _ = read_index_png(folder / "unet-studio/approved/0.png.png")
    qtbot.waitUntil(lambda: stored(folder) == {"1": 0.8}, timeout=20_000)
    export_masks(project, "index-png", tmp_path / "out", ExportOptions(which="all", model="m"))
    for name in ("0.png", "1.png"):
        found = next((tmp_path / "out").rglob(name))
        assert np.array_equal(read_index_png(found)[0], window)
    assert np.array_equal(finished, window)
    assert 0 < window.sum() < SAID.sum()


def test_approved_images_and_painted_pixels_stay_as_they_are(session, folder, qtbot):
    begin(session, qtbot, folder)
    session.editor.set_active_class(1)
    session.editor.set_brush_radius(4)
    session.editor.pointer("press", 10.0, 10.0)
    session.editor.pointer("release", 10.0, 10.0)
    painted = session.document.annotation.pixels == 1
    assert painted.any()
    session.thresholds.set(1, 0.99)
    assert (session.document.mask()[painted] == 1).all()
    assert not (session.document.mask()[~painted & (SURE < 252)] == 1).any()
    session.thresholds.set(1, 0.8)
    session.editor.approve()
    before, rects = session.document.mask(), []
    session.maskChanged.connect(rects.append)
    session.thresholds.set(1, 0.6)
    assert np.array_equal(session.document.mask(), before)
    assert rects == []
    session.editor.unapprove()
    assert not np.array_equal(session.document.mask(), before)
    session.editor.undo()
    assert np.array_equal(session.document.mask(), before)


def test_how_much_of_the_image_becomes_another_class(session, folder, qtbot):
    begin(session, qtbot, folder)
    session.thresholds.watch(True)
    qtbot.waitUntil(lambda: session.thresholds.turned == {}, timeout=20_000)
    session.thresholds.set(1, 0.8)
    lost = ((SAID == 1) & (SURE < 204)).mean()
    assert session.thresholds.turned == {0: pytest.approx(lost)}  # without counting again
    session.editor.approve()
    assert session.thresholds.turned is None


def test_in_a_project_for_reading_only_they_are_tried_and_not_stored(session, folder, qtbot):
    project = begin(session, qtbot, folder)
    project.read_only = "Somebody else has it."
    before = stored(folder)
    session.thresholds.set(1, 0.8)
    assert np.array_equal(session.document.mask(), ((SAID == 1) & (SURE >= 204)).astype(np.uint8))
    qtbot.wait(600)
    session.close_project()
    assert stored(folder) == before


def test_no_threshold_is_so_high_or_low_that_it_could_hide_what_is_certain(session, folder, qtbot):
    begin(session, qtbot, folder)
    session.thresholds.set(1, 1.0)
    assert session.thresholds.value(1) == 0.99
    session.thresholds.set(1, 0.0)
    assert session.thresholds.value(1) == 0.01
    assert (session.document.mask()[SURE == 255] == SAID[SURE == 255]).all()
