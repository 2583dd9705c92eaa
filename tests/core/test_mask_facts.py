"""What is known of masks without opening images: classes, pixels, confidence; and the index that keeps it."""

import sqlite3

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.index import FactIndex
from unet_studio.core.mask_facts import MaskFacts, look, names_with_masks, stamp
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project

HALF = SHAPE[0] // 2
ALL = SHAPE[0] * SHAPE[1]


@pytest.fixture
def project(tmp_path):
    opened = Project.open(make_folder(tmp_path / "images"))
    opened.set_classes(opened.classes.add("roof"))
    yield opened
    opened.close()


def paint(project, name, value, rows=slice(None)):
    labels = np.full(SHAPE, UNLABELLED, dtype=np.uint8)
    labels[rows] = value
    project.write_annotation(name, labels, {})


def predict(project, name, value=0, sure=204, model="m"):
    labels, confidence = np.full(SHAPE, value, np.uint8), np.full(SHAPE, sure, np.uint8)
    project.write_prediction(name, Prediction(labels, confidence, model, {}))


def test_the_mask_is_counted_as_people_see_it(project):
    paint(project, "0.png", 2, slice(HALF))
    predict(project, "0.png", 1)
    found = look(project, "0.png", "m")
    assert found.shown == {1: ALL - HALF * SHAPE[1], 2: HALF * SHAPE[1]}
    assert found.truth == {2: HALF * SHAPE[1]}
    assert (found.confidence, found.uncertain) == (pytest.approx(0.8), 0.0)
    in_memory = Prediction(np.ones(SHAPE, np.uint8), np.full(SHAPE, 51, np.uint8), "m")
    assert look(project, "0.png", "m", in_memory).uncertain == 1.0
    assert look(project, "0.png", None).shown == {2: HALF * SHAPE[1]}
    assert look(project, "1.png", "m") == MaskFacts("1.png", stamp(project, "1.png", "m"), {}, {}, None)


def test_what_is_approved_counts_and_not_what_is_predicted(project):
    predict(project, "0.png", 1)
    project.write_approved("0.png", np.full(SHAPE, 2, np.uint8), {})
    found = look(project, "0.png", "m")
    assert found.shown == found.truth == {2: ALL}


def test_a_threshold_hides_what_the_model_is_not_sure_of(project):
    predict(project, "0.png", 1, sure=100)
    before = stamp(project, "0.png", "m")
    project.set_thresholds({1: 0.5})
    assert look(project, "0.png", "m").shown == {}
    assert stamp(project, "0.png", "m") != before


def test_a_merged_class_is_what_it_became(project):
    paint(project, "0.png", 2)
    before = stamp(project, "0.png", "m")
    project.retire_class(2, 1)
    assert look(project, "0.png", "m").shown == {1: ALL}
    assert stamp(project, "0.png", "m") != before


def test_a_broken_mask_has_no_facts(project):
    paint(project, "0.png", 2)
    project.annotation_path("0.png").write_bytes(b"no mask")
    assert look(project, "0.png", "m").shown == {}


def test_only_images_with_something_to_look_at_are_named(project):
    paint(project, "1.png", 2)
    predict(project, "2.png")
    predict(project, "3.png", model="other")
    predict(project, "gone.png")
    assert names_with_masks(project, "m") == ["1.png", "2.png"]
    assert names_with_masks(project, None) == ["1.png"]


def test_the_index_keeps_facts_and_forgets_what_makes_no_sense(tmp_path):
    path = tmp_path / "index.sqlite"
    facts = [
        MaskFacts("a.png", "1 2 3", {0: 7, 254: 1}, {}, 0.25),
        MaskFacts("caf\udce9.png", "4", {}, {1: 2}, None),
    ]
    index = FactIndex(path)
    assert index.all() == {}
    assert not path.exists()
    index.put(facts)
    index.put([MaskFacts("a.png", "9", {1: 1}, {}, None)])
    index.close()
    again = FactIndex(path)
    assert again.all() == {"a.png": MaskFacts("a.png", "9", {1: 1}, {}, None), "caf\udce9.png": facts[1]}
    assert again.all("m") == {}
    again.put([MaskFacts("a.png", "7", {2: 3}, {}, 0.5, 0.125)], "m")  # another model: both are kept
    assert again.all("m") == {"a.png": MaskFacts("a.png", "7", {2: 3}, {}, 0.5, 0.125)}
    assert again.all()["a.png"].stamp == "9"
    again.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE masks SET shown = 'nonsense' WHERE stamp = '9'")
    connection.commit()
    connection.close()
    assert list(FactIndex(path).all()) == ["caf\udce9.png"]
