"""Thresholds: which labels are shown, what they turn into what, and that approval pins them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.document_files import IMAGE_HASH, digest, load_document, save_document
from unet_studio.core.kept_histories import Histories
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction, Thresholds
from unet_studio.core.project import Project
from unet_studio.core.threshold_effect import becomes, count

SHAPE = (40, 60)
shares = st.integers(1, 99).map(lambda percent: percent / 100)
bytes_ = arrays(np.uint8, (5, 7))
labels_ = arrays(np.uint8, (5, 7), elements=st.sampled_from([0, 1, 2, 3, 254, UNLABELLED]))


def plainly(thresholds, label, confidence):
    """The rule, one pixel at a time."""
    if not thresholds.values or label == UNLABELLED:
        return label
    if thresholds.binary is not None:
        background, foreground = thresholds.binary
        probability = confidence if label == foreground else 255 - confidence
        least = round(255 * thresholds.values.get(foreground, 0.5))
        return foreground if probability >= least else background
    return label if confidence >= round(255 * thresholds.values.get(label, 0)) else UNLABELLED


@given(
    labels_,
    bytes_,
    st.dictionaries(st.sampled_from([0, 1, 2, 254]), shares)
    | st.dictionaries(st.integers(0, 254), shares, min_size=9, max_size=20)
    | st.builds(lambda number, share: dict.fromkeys(range(number), share), st.integers(1, 4), shares),
    st.sampled_from([None, (0, 1), (1, 0), (2, 254)]),
)
def test_every_pixel_follows_the_rule(labels, confidence, values, binary):
    thresholds = Thresholds(values, binary)
    shown = thresholds.shown(labels, confidence)
    assert shown.dtype == np.uint8
    pairs = zip(labels.ravel().tolist(), confidence.ravel().tolist(), strict=True)
    assert shown.ravel().tolist() == [plainly(thresholds, *pair) for pair in pairs]
    assert np.array_equal(thresholds.shown(labels[::2, ::2], confidence[::2, ::2]), shown[::2, ::2])


def document(random, thresholds=None, painted=None):
    labels = random.integers(0, 3, SHAPE, dtype=np.uint8)
    confidence = random.integers(80, 256, SHAPE, dtype=np.uint8)
    annotation = np.full(SHAPE, UNLABELLED, np.uint8)
    if painted is not None:
        annotation[:painted] = 2
    table = ClassTable.binary().add("third")
    prediction = Prediction(labels, confidence, "m", {})
    return Document(
        "a.png",
        np.zeros((*SHAPE, 3), np.uint8),
        Mask(annotation),
        table,
        prediction,
        thresholds=thresholds or Thresholds(),
    )


@pytest.mark.parametrize("thresholds", [Thresholds({1: 0.7, 2: 0.9}), Thresholds({1: 0.7}, (0, 1))])
def test_counts_tell_what_thresholds_turn_into_what(thresholds):
    opened = document(np.random.default_rng(0), thresholds, painted=10)
    shown, said = opened.mask(), opened.prediction.labels
    turned = (shown != said) & (opened.annotation.pixels == UNLABELLED)
    expected = {int(index): int((shown[turned] == index).sum()) for index in np.unique(shown[turned])}
    assert becomes(count(opened), thresholds) == expected
    assert becomes(count(opened), Thresholds()) == {}


def test_nothing_is_counted_where_thresholds_have_no_say():
    opened = document(np.random.default_rng(0))
    opened.approve()
    assert count(opened) is None
    opened.unapprove()
    assert count(opened) is not None
    opened.set_prediction(None)
    assert count(opened) is None


def test_other_thresholds_leave_what_a_person_approved_as_it_is():
    opened = document(np.random.default_rng(1), Thresholds({1: 0.4}))
    opened.fill_rest(0)
    before = opened.mask()
    opened.approve()
    assert not opened.set_thresholds(Thresholds({1: 0.9, 2: 0.9}))
    assert np.array_equal(opened.mask(), before)
    opened.unapprove()
    assert not np.array_equal(opened.mask(), before)
    assert opened.undo() is not None  # the approval is back, and with it what was approved
    assert np.array_equal(opened.mask(), before)


def test_a_judgement_from_before_other_thresholds_is_not_believed():
    opened = document(np.random.default_rng(1))
    judgement = opened.judge()
    assert opened.set_thresholds(Thresholds({1: 0.99}))
    with pytest.raises(Exception, match="no class yet"):
        opened.approve(judgement)


@pytest.fixture
def project(tmp_path):
    random = np.random.default_rng(2)
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(random.integers(0, 256, (*SHAPE, 3), dtype=np.uint8)).save(folder / "a.png")
    opened = Project.open(folder)
    opened.set_model("m")
    yield opened
    opened.close()


def stored(project):
    """The image with a prediction of every label and confidence; (labels, confidence)."""
    loaded = load_document(project, "a.png", None)
    random = np.random.default_rng(3)
    labels = random.integers(0, 2, SHAPE, dtype=np.uint8)
    confidence = random.integers(128, 256, SHAPE, dtype=np.uint8)
    made = {IMAGE_HASH: loaded.facts[IMAGE_HASH]}
    project.write_prediction("a.png", Prediction(labels, confidence, "m", made))
    return labels, confidence


def test_what_was_approved_and_saved_stays_whatever_thresholds_come_later(project):
    labels, confidence = stored(project)
    project.set_thresholds({1: 0.8})
    opened = load_document(project, "a.png", "m")
    finished = ((labels == 1) & (confidence >= 204)).astype(np.uint8)
    assert np.array_equal(opened.mask(), finished)
    opened.approve()
    project.set_thresholds({1: 0.01})
    opened.set_thresholds(project.thresholds)
    save_document(project, opened)
    assert np.array_equal(project.read_approved("a.png")[0], finished)
    assert np.array_equal(load_document(project, "a.png", "m").mask(), finished)


def test_the_history_of_what_was_approved_is_found_again_after_other_thresholds(project):
    labels, _ = stored(project)
    project.set_thresholds({1: 0.8})
    histories = Histories()
    opened = load_document(project, "a.png", "m")
    histories.enter(opened)
    opened.approve()
    save_document(project, opened)
    finished = opened.mask()
    opened.saved_as = digest(opened.annotation.pixels)
    project.set_thresholds({})
    histories.leave(opened)
    again = load_document(project, "a.png", "m")
    histories.enter(again)
    assert np.array_equal(again.mask(), finished)
    assert again.undo() is not None
    assert np.array_equal(again.mask(), labels)


def test_thresholds_that_are_tried_hold_and_are_stored_later(project):
    project.set_name("Roots")
    project.try_thresholds({1: 0.6})
    assert project.thresholds.values == {1: 0.6}
    assert project.content.thresholds == {}
    project.set_name("Leaves")  # any other change leaves them alone
    assert project.thresholds.values == {1: 0.6}
    project.set_thresholds(project.thresholds.values)
    assert project.content.thresholds == {1: 0.6}
    project.try_thresholds({1: 0.7})
    project.set_thresholds({1: 0.6})  # a write that comes late
    assert project.thresholds.values == {1: 0.7}
    project.close()
    assert Project.open(project.image_root, writable=False).thresholds.values == {1: 0.6}
