"""The corrective Dice of approved images as their files tell it, in the order of approval."""

import os

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core import document as document_module
from unet_studio.core.document import Approval
from unet_studio.core.document_files import (
    APPROVED,
    DICE,
    MODEL,
    instant,
    load_document,
    save_document,
    snapshot,
)
from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_texts
from unet_studio.core.trust import (
    Correction,
    by_model,
    in_order,
    read_correction,
    read_corrections,
    running_mean,
)

NOON = "2026-05-04T12:00:00+00:00"


@pytest.fixture
def project(tmp_path):
    made = Project.open(make_folder(tmp_path / "images"))
    made.prepare()
    yield made
    made.close()


def approve(project, name, texts):
    project.write_approved(name, np.ones(SHAPE, np.uint8), texts)


def test_approving_stores_dice_model_and_time(project):
    document = load_document(project, "0.png")
    labels = np.ones(SHAPE, np.uint8)
    document.set_prediction(Prediction(labels, np.full_like(labels, 200), "v1", {}))
    document.approve()
    when = document.approval.when
    save_document(project, document)
    found = read_correction(project, "0.png")
    assert (found.name, found.model, found.dice) == ("0.png", "v1", 1.0)
    assert found.when == int(when)
    again = load_document(project, "0.png")
    assert again.approval.when == int(when)
    again.set_prediction(again.prediction)  # another version, so that it is written again
    save_document(project, again)
    assert read_correction(project, "0.png") == found


def half_right(project, name, model):
    """The document of an image of which a model says half of what is true."""
    document = load_document(project, name)
    labels = np.zeros(SHAPE, np.uint8)
    labels[: SHAPE[0] // 2] = 1
    document.set_prediction(Prediction(labels, np.full_like(labels, 200), model, {}))
    paint(document, np.s_[:], 1)
    return document


def paint(document, where, index):
    document.begin("Paint")
    pixels = np.zeros(SHAPE, bool)
    pixels[where] = True
    document.annotation.paint(Rect.of(SHAPE), pixels, index)
    document.commit()


def test_mending_a_finished_image_says_nothing_new_of_the_model(project):
    """Its mask lies under the annotation by then, and would be found nearly right."""
    document = half_right(project, "0.png", "v1")
    document.approve()
    save_document(project, document)
    found = read_correction(project, "0.png")
    assert found.dice == pytest.approx(2 / 3, abs=1e-6)
    again = load_document(project, "0.png")
    paint(again, np.s_[:2, :2], 0)
    assert not again.approved
    again.approve()
    assert again.approval.corrective_dice == found.dice
    save_document(project, again)
    assert read_correction(project, "0.png") == found


def test_a_model_that_has_learnt_from_an_image_is_not_measured_on_it(project):
    document = half_right(project, "0.png", "v1")
    document.approve()
    save_document(project, document)
    found = read_correction(project, "0.png")
    again = load_document(project, "0.png")
    again.unapprove()
    save_document(project, again)
    assert read_correction(project, "0.png") is None
    later = load_document(project, "0.png")
    later.set_prediction(Prediction(np.ones(SHAPE, np.uint8), np.full(SHAPE, 200, np.uint8), "v2", {}))
    later.approve()
    save_document(project, later)
    assert read_correction(project, "0.png") == found
    assert read_index_texts(project.approved_path("0.png"))[0][MODEL] == "v2"


def test_what_was_painted_without_a_model_never_measures_one(project):
    document = load_document(project, "0.png")
    paint(document, np.s_[:], 1)
    document.approve()
    save_document(project, document)
    later = load_document(project, "0.png")
    later.unapprove()
    later.set_prediction(Prediction(np.ones(SHAPE, np.uint8), np.full(SHAPE, 200, np.uint8), "v1", {}))
    later.approve()
    assert later.approval.corrective_dice is None


def test_an_approval_that_was_a_slip_is_none(project, monkeypatch):
    document = half_right(project, "0.png", "v1")
    document.undo()
    document.approve()
    assert document.approval.corrective_dice == 1.0
    document.undo()
    paint(document, np.s_[:], 1)
    document.approve()
    assert document.approval.corrective_dice == pytest.approx(2 / 3, abs=1e-6)
    monkeypatch.setattr(document_module, "SLIP", -1.0)
    paint(document, np.s_[:2, :2], 0)  # after a while
    document.approve()
    assert document.approval.corrective_dice == pytest.approx(2 / 3, abs=1e-6)


def test_what_is_taken_back_has_no_time_any_more(project):
    document = load_document(project, "0.png")
    labels = np.ones(SHAPE, np.uint8)
    document.set_prediction(Prediction(labels, np.full_like(labels, 200), "v1", {}))
    document.approve()
    save_document(project, document)
    again = load_document(project, "0.png")
    again.unapprove()
    assert APPROVED not in snapshot(again).facts
    save_document(project, again)
    assert read_correction(project, "0.png") is None


def test_of_files_without_a_time_the_files_own_counts(project):
    approve(project, "1.png", {DICE: "0.5", MODEL: "old"})
    os.utime(project.approved_path("1.png"), (1000, 1000))
    assert read_corrections(project) == {"1.png": Correction("1.png", 1000.0, "old", 0.5)}
    os.utime(project.approved_path("1.png"), (-1000, -1000))
    assert read_correction(project, "1.png").when == 0.0


@pytest.mark.parametrize("dice", ["nan", "inf", "-0.1", "1.1", "much", ""])
def test_a_dice_that_is_none_is_passed_over(project, dice):
    approve(project, "1.png", {DICE: dice, APPROVED: NOON})
    assert read_corrections(project) == {}


def test_images_without_a_prediction_and_broken_files_are_passed_over(project):
    approve(project, "0.png", {APPROVED: NOON})
    approve(project, "1.png", {DICE: "0.5", APPROVED: NOON})
    path = project.approved_path("1.png")
    path.write_bytes(path.read_bytes()[:-8])
    assert read_corrections(project) == {}


def test_reading_many_can_be_cancelled(project):
    approve(project, "1.png", {DICE: "0.5", APPROVED: NOON})

    def cancel(_fraction):
        raise Cancelled

    with pytest.raises(Cancelled):
        read_corrections(project, cancel)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-05-04T12:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59Z"]
)
def test_a_time_that_is_none_is_unknown(text):
    assert instant(text) is None


def test_times_of_all_zones_are_the_same_instant():
    assert instant(NOON) == instant("2026-05-04T14:00:00+02:00")


def test_order_models_and_running_mean():
    made = [
        Correction(name, when, model, 0.5) for name, when, model in zip("cab", (3, 1, 2), "yxy", strict=True)
    ]
    assert [one.name for one in in_order(made)] == ["a", "b", "c"]
    assert {model: [one.name for one in own] for model, own in by_model(made).items()} == {
        "x": ["a"],
        "y": ["b", "c"],
    }
    assert list(by_model(made)) == ["x", "y"]
    assert running_mean([0.0, 1.0, 1.0, 0.0], 2) == [0.0, 0.5, 1.0, 0.5]
    assert running_mean([]) == []


def test_an_approval_of_unknown_time_equals_another():
    assert Approval(None, "", None) == Approval(None, "", None, when=5.0)
