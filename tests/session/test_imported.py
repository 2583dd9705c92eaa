"""Masks imported as predictions in the session: shown, corrected, approved, and chosen again."""

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder, make_model, truth
from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import write_index_png
from unet_studio.formats.importing import ImportOptions, import_masks
from unet_studio.session import Session


@pytest.fixture
def session(tmp_path, qtbot):
    """Four images with imported predictions, and a small model beside them."""
    folder = make_folder(tmp_path / "images")
    make_model(folder / "unet-studio" / "models" / "small")
    for number in range(3):
        write_index_png(tmp_path / "masks" / f"{number}.png", truth(number), ClassTable.binary().palette())
    write_classes_file(tmp_path / "masks" / "classes.json", "m", ClassTable.binary())
    project = Project.open(folder)
    import_masks(project, "index-png", tmp_path / "masks", ImportOptions(layer="prediction", model="theirs"))
    project.close()
    opened = Session()
    opened.predictor.auto = False
    with qtbot.waitSignal(opened.documentChanged, timeout=20_000):
        opened.open_folder(folder)
    if opened.document is None:
        qtbot.waitUntil(lambda: opened.document is not None, timeout=20_000)
    yield opened
    opened.shut_down()


def test_they_are_shown_and_say_what_they_are(session):
    assert session.predictor.model_name == "theirs"
    assert session.predictor.problem == ""
    assert np.array_equal(session.document.mask(), truth(0))
    assert not session.predictor.stale
    assert [entry.name for entry in session.predictor.models()][-1] == "theirs"


def test_they_are_corrected_and_approved(session, qtbot):
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 60.0)
    session.editor.approve()
    assert session.document.approved
    assert session.document.approval.model == "theirs"
    assert 0 < session.document.approval.corrective_dice <= 1
    qtbot.waitUntil(lambda: session.project.approved_path("0.png").is_file(), timeout=20_000)
    assert session.project.status("0.png") is Status.APPROVED


def test_a_model_predicts_and_they_can_be_chosen_again(session, qtbot):
    session.predictor.auto = True
    with qtbot.waitSignal(session.predictor.predicted, timeout=60_000):
        session.predictor.set_model("small")
    assert session.document.prediction.model == "small"
    session.predictor.auto = False
    with qtbot.waitSignal(session.predictor.predicted, timeout=20_000):
        session.predictor.set_model("theirs")
    assert session.document.prediction.model == "theirs"
    assert np.array_equal(session.document.mask(), truth(0))
    stored = session.project.folder / "predictions"
    assert (stored / "theirs/0.png.png").is_file()
    assert (stored / "small/0.png.png").is_file()


def test_a_corrected_image_keeps_them_under_its_corrections(session, qtbot):
    session.editor.pointer("press", 20.0, 20.0)
    session.editor.pointer("release", 20.0, 60.0)
    session.predictor.auto = True
    session.predictor.set_model("small")
    qtbot.wait(300)
    assert session.document.prediction.model == "theirs"


def test_they_predict_nothing(session, qtbot):
    said = []
    session.failed.connect(lambda *words: said.append(words[0]))
    session.predictor.predict_all()
    assert "imported" in said[0]
    session.open_image("3.png")  # it has no imported mask
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "3.png", timeout=20_000)
    session.predictor.predict_current()
    qtbot.wait(200)
    assert session.document.prediction is None
    assert session.document.shape == SHAPE
