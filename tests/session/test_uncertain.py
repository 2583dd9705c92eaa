"""From one uncertain region to the next, back, and on to the next uncertain image."""

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core.document_files import IMAGE_HASH, load_document
from unet_studio.core.geometry import Rect
from unet_studio.core.index import FactIndex
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.prediction import Prediction

SPOTS = (Rect(10, 10, 40, 40), Rect(60, 20, 80, 40), Rect(50, 80, 60, 90))


@pytest.fixture
def places(session):
    """What the session said: (rect, place, total)."""
    said = []
    session.uncertain.found.connect(lambda region, place, total: said.append((region.rect, place, total)))
    return said


@pytest.fixture
def words(session):
    said = []
    session.message.connect(said.append)
    return said


def predict(session, name, spots, model="m"):
    """Store and note a prediction that is unsure in these places alone, as the prediction thread does."""
    project = session.project
    confidence = np.full(SHAPE, 255, np.uint8)
    for spot in spots:
        confidence[spot.slices] = 120
    facts = load_document(project, name, None).facts
    made = {IMAGE_HASH: facts[IMAGE_HASH]}
    prediction = Prediction(np.zeros(SHAPE, np.uint8), confidence, model, made)
    project.write_prediction(name, prediction)
    session.browser.note(name, prediction)
    session.predictor.stored.emit(name)


@pytest.fixture
def project(session, qtbot, tmp_path):
    """Four images: 0.png with three spots, 1.png sure, 2.png with one, 3.png without a prediction."""
    folder = make_folder(tmp_path / "images")
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    project = session.project
    project.prepare()
    session.predictor.model = ModelEntry("m", project.models_folder / "m", None)
    session.predictor.modelChanged.emit()
    for name, spots in (("0.png", SPOTS), ("1.png", ()), ("2.png", SPOTS[:1])):
        with qtbot.waitSignal(session.browser.factsFound, timeout=20_000):
            predict(session, name, spots)
    for name in ("0.png", "1.png", "2.png"):
        session.read_again(name)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    assert session.document.under is not None
    return project


def step(session, qtbot, by=1):
    with qtbot.waitSignal(session.message, timeout=20_000):
        session.uncertain.step(by)


def paint(session, row, column):
    session.editor.set_tool("brush")
    session.editor.set_brush_radius(25)
    session.editor.pointer("press", row, column)
    session.editor.pointer("release", row, column)


def test_there_and_back_again(session, project, qtbot, places, words):
    for by in (1, 1, -1, -1, -1, 1, 1, 1):
        step(session, qtbot, by)
    order = [(spot, place, 3) for place, spot in enumerate(SPOTS, 1)]
    assert places == [order[place] for place in (0, 1, 0, 1, 2)]
    assert words[3] == "There is no uncertain region before this one."
    assert words[-1].startswith("No uncertain region is left")


def test_what_is_painted_meanwhile_is_passed_over(session, project, qtbot, places):
    step(session, qtbot)
    paint(session, 70.0, 30.0)
    step(session, qtbot)
    assert places == [(SPOTS[0], 1, 3), (SPOTS[2], 2, 2)]


def test_after_the_last_one_comes_the_next_uncertain_image(session, project, qtbot, places, words):
    for _ in range(4):
        step(session, qtbot)
    assert session.current == "0.png"
    session.uncertain.step(1)
    assert session.current == "2.png"  # not 1.png, of which the model is sure
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    step(session, qtbot)
    assert places[-1] == (SPOTS[0], 1, 1)


def test_painting_after_the_last_one_looks_again(session, project, qtbot, words):
    for _ in range(4):
        step(session, qtbot)
    paint(session, 70.0, 30.0)
    step(session, qtbot)
    assert session.current == "0.png"
    assert words[-1].startswith("No uncertain region is left")


def test_another_prediction_begins_anew(session, project, qtbot, places):
    step(session, qtbot)
    other = np.full(SHAPE, 255, np.uint8)
    other[5:9, 5:9] = 100
    session.document.set_prediction(Prediction(np.zeros(SHAPE, np.uint8), other, "m", {}))
    step(session, qtbot)
    assert places[-1] == (Rect(5, 5, 9, 9), 1, 1)


def test_where_there_is_nothing_to_look_at_it_says_so_and_goes_on(session, project, qtbot, words):
    session.editor.approve()
    step(session, qtbot)
    assert words[-1].startswith("This image is approved.")
    session.uncertain.step(1)
    assert session.current == "2.png"
    session.open_image("3.png")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == "3.png", timeout=20_000)
    step(session, qtbot)
    assert words[-1].startswith("This image has no prediction.")


def test_images_that_are_all_sure_are_said_to_be(session, project, qtbot, words):
    predict(session, "2.png", ())
    predict(session, "3.png", ())
    qtbot.waitUntil(lambda: session.browser._uncertain.get("3.png") == 0, timeout=20_000)
    session.browser.step_uncertain(1)
    assert session.current == "0.png"
    assert words[-1] == "No other image in the list is uncertain."


def test_what_is_stored_is_in_the_index_at_once_by_model(session, project, qtbot):
    found = FactIndex(project.index_file).all("m")
    shares = {name: (one.confidence, one.uncertain) for name, one in found.items()}
    low = 900 / (SHAPE[0] * SHAPE[1])
    assert shares["1.png"] == (1.0, 0.0)
    assert shares["2.png"] == (pytest.approx(1 - low * 135 / 255), pytest.approx(low))
    told = []
    session.browser.factsFound.connect(told.append)
    predict(session, "1.png", SPOTS, "other")  # not the chosen model
    qtbot.waitUntil(lambda: "1.png" in FactIndex(project.index_file).all("other"), timeout=20_000)
    assert FactIndex(project.index_file).all("m")["1.png"].uncertain == 0.0
    assert told == []


def test_a_deleted_index_is_made_again_of_the_predictions(session, project, qtbot):
    before = FactIndex(project.index_file).all("m")
    folder = project.image_root
    session.close_project()
    (folder / "unet-studio" / "index.sqlite").unlink()
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.document is not None, timeout=20_000)
    session.predictor.model = ModelEntry("m", project.models_folder / "m", None)
    session.browser.want_facts()
    qtbot.waitUntil(lambda: FactIndex(session.project.index_file).all("m") == before, timeout=20_000)
