"""Predictions on disk are kept within a limit; nothing goes that somebody works on or that was imported."""

import os

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core.document_files import MODEL
from unet_studio.core.imported import write_marker
from unet_studio.core.prediction import Prediction
from unet_studio.core.prediction_files import read_made
from unet_studio.core.prediction_store import keep_within, stored_predictions
from unet_studio.core.project import Project

NOTHING = 1  # a limit, in bytes, that nothing fits into


@pytest.fixture
def project(tmp_path):
    opened = Project.open(make_folder(tmp_path / "images", 4))
    random = np.random.default_rng(0)
    for place, (model, name) in enumerate(
        (model, f"{number}.png") for model in ("old", "new") for number in range(4)
    ):
        labels = random.integers(0, 2, SHAPE, dtype=np.uint8)
        opened.write_prediction(name, Prediction(labels, labels, model, {"mode": "fast"}))
        os.utime(opened.prediction_path(model, name), (1000 + place, 1000 + place))
    yield opened
    opened.close()


def left(project, model):
    return sorted(one.name for one in stored_predictions(project) if one.model == model)


def test_within_the_limit_all_stay(project):
    total = sum(one.size for one in stored_predictions(project))
    found = keep_within(project, total, {"new"})
    assert (found.removed, found.left) == (0, total)


def test_the_oldest_of_models_not_in_use_go_first_and_those_in_use_stay(project):
    total = sum(one.size for one in stored_predictions(project))
    found = keep_within(project, total - 1, {"new"})
    assert 0 < found.removed < 4
    assert left(project, "old") == [f"{number}.png" for number in range(found.removed, 4)]
    keep_within(project, NOTHING, {"new"})
    assert left(project, "old") == []
    assert len(left(project, "new")) == 4


def test_what_lies_under_painted_or_approved_pixels_stays(project):
    painted = np.full(SHAPE, 255, np.uint8)
    painted[:4] = 1
    project.write_annotation("0.png", painted, {MODEL: "old"})
    project.write_approved("1.png", np.zeros(SHAPE, np.uint8), {MODEL: "old"})
    project.write_annotation("2.png", painted, {MODEL: "new"})
    keep_within(project, NOTHING, {"new"})
    assert left(project, "old") == ["0.png", "1.png"]


def test_where_a_mask_does_not_say_what_it_rests_on_everything_stays(project):
    painted = np.full(SHAPE, 255, np.uint8)
    painted[:4] = 1
    project.write_annotation("0.png", painted, {})
    project.journal_path("1.png").parent.mkdir(parents=True, exist_ok=True)
    project.journal_path("1.png").write_bytes(b"unsaved")
    project.look_again("1.png")
    keep_within(project, NOTHING, {"new"})
    assert left(project, "old") == ["0.png", "1.png"]


def test_open_images_and_imported_masks_stay(project):
    write_marker(project.folder, "old", {"source": "elsewhere"})
    keep_within(project, NOTHING, {"new"})
    assert project.prediction_path("old", "0.png").is_file()
    keep_within(project, NOTHING, set(), held=lambda name: name == "3.png")
    assert left(project, "new") == ["3.png"]


def test_a_full_disk_frees_what_it_needs_also_within_the_limit(project):
    found = keep_within(project, 1 << 60, {"new"}, need=1)
    assert found.removed == 1
    assert found.freed > 0


def test_how_a_prediction_was_made_is_read_without_its_pixels(project):
    path = project.prediction_path("old", "0.png")
    assert read_made(path) == ("old", {"mode": "fast"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert read_made(path) is None
    path.write_bytes(b"nothing")
    assert read_made(path) is None
    path.unlink()
    assert read_made(path) is None
