"""Documents: the two layers, their composite and approval, against an oracle of whole copies."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document, UnfinishedError
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction, Thresholds

SHAPE = (270, 300)


def prediction(seed, model="m"):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, SHAPE, dtype=np.uint8)
    return Prediction(labels, random.integers(128, 256, SHAPE, dtype=np.uint8), model)


def document(**fields):
    image = np.zeros((*SHAPE, 3), np.uint8)
    return Document("a.png", image, Mask.full(SHAPE, UNLABELLED), ClassTable.binary(), **fields)


class TwoLayers(RuleBasedStateMachine):
    """Paints, predicts, approves, undoes and redoes on a document and on plain copies of its layers."""

    def __init__(self):
        super().__init__()
        self.document = document()
        self.annotation = np.full(SHAPE, UNLABELLED, np.uint8)
        self.predicted = None
        self.pinned = None
        self.approved = False
        self.done, self.undone = [], []

    def state(self):
        return self.annotation.copy(), self.approved, self.pinned

    def expected_mask(self):
        under = self.pinned if self.approved else self.predicted
        base = np.full(SHAPE, UNLABELLED, np.uint8) if under is None else under.labels
        return np.where(self.annotation == UNLABELLED, base, self.annotation)

    def leave_approval(self):
        if self.approved and self.pinned is not None:
            self.predicted = self.pinned
        self.approved = False

    @rule(top=st.integers(0, 260), left=st.integers(0, 290), size=st.integers(1, 200),
          value=st.sampled_from([0, 1, UNLABELLED]), keep=st.booleans())  # fmt: skip
    def stroke(self, top, left, size, value, keep):
        before = self.state()
        self.document.begin("Brush")
        rect = Rect(top, left, top + size, left + size)
        self.document.annotation.paint(rect, np.ones((size, size), bool), value)
        if not keep:
            self.document.rollback()
            return
        after = self.annotation.copy()
        after[top : top + size, left : left + size] = value
        change = self.document.commit()
        assert (change is None) == np.array_equal(after, self.annotation)
        if change is not None:
            self.annotation = after
            self.leave_approval()
            self.done.append((before, self.state()))
            self.undone.clear()

    @rule(seed=st.integers(0, 5))
    def predict(self, seed):
        found = prediction(seed)
        self.document.set_prediction(found)
        self.predicted = found

    @rule()
    def approve(self):
        if self.approved:
            assert self.document.approve() is None
            return
        if (self.expected_mask() == UNLABELLED).any():
            with pytest.raises(StudioError, match="no class yet"):
                self.document.approve()
            return
        before = self.state()
        shown = self.predicted
        change = self.document.approve()
        assert change is not None
        assert change.approval_changed
        self.approved, self.pinned = True, shown
        approval = self.document.approval
        if shown is None:
            assert approval.corrective_dice is None
        else:
            mask, guess = self.expected_mask() == 1, shown.labels == 1
            total = mask.sum() + guess.sum()
            dice = 2 * (mask & guess).sum() / total if total else 1.0
            assert approval.corrective_dice == pytest.approx(dice)
            assert approval.model == shown.model
        self.done.append((before, self.state()))
        self.undone.clear()

    @precondition(lambda self: self.approved)
    @rule()
    def unapprove(self):
        before = self.state()
        assert self.document.unapprove() is not None
        self.leave_approval()
        self.done.append((before, self.state()))
        self.undone.clear()

    @rule()
    def undo(self):
        change = self.document.undo()
        assert (change is None) == (not self.done)
        if self.done:
            step = self.done.pop()
            self.restore(step[0])
            self.undone.append(step)

    @rule()
    def redo(self):
        change = self.document.redo()
        assert (change is None) == (not self.undone)
        if self.undone:
            step = self.undone.pop()
            self.restore(step[1])
            self.done.append(step)

    def restore(self, state):
        was_approved = self.approved
        annotation, approved, pinned = state
        if was_approved and not approved:
            self.leave_approval()
        self.annotation, self.approved, self.pinned = annotation.copy(), approved, pinned

    @invariant()
    def the_layers_agree(self):
        whole = Rect.of(SHAPE)
        assert np.array_equal(self.document.annotation.pixels, self.annotation)
        assert np.array_equal(self.document.mask(), self.expected_mask())
        assert self.document.approved == self.approved
        assert self.document.painted == bool((self.annotation != UNLABELLED).any())
        part = Rect(3, 5, 200, 251)
        assert np.array_equal(self.document.mask_region(part, 4), self.expected_mask()[3:200:4, 5:251:4])
        assert self.document.annotation_region(whole).shape == SHAPE


TestTwoLayers = TwoLayers.TestCase
TestTwoLayers.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_approving_copies_no_pixel():
    found = prediction(0)
    opened = document(prediction=found)
    opened.approve()
    assert opened.approval is not None
    assert opened.approval.prediction is found


def test_a_new_prediction_does_not_change_an_approved_mask():
    opened = document(prediction=prediction(0))
    opened.approve()
    before = opened.mask()
    opened.set_prediction(prediction(1))
    assert np.array_equal(opened.mask(), before)


def test_a_judgement_of_an_older_version_is_made_again():
    opened = document(prediction=prediction(0))
    early = opened.judge()
    opened.begin("Brush")
    opened.annotation.paint(Rect(0, 0, 100, 100), np.ones((100, 100), bool), 1)
    opened.commit()
    opened.approve(early)
    assert opened.approval is not None
    assert opened.approval.corrective_dice != early.corrective_dice


def test_filling_the_rest_labels_what_has_no_class_and_nothing_else():
    opened = document()
    opened.prediction = None
    opened.begin("Brush")
    opened.annotation.paint(Rect(0, 0, 260, 20), np.ones((260, 20), bool), 1)
    opened.commit()
    with pytest.raises(UnfinishedError):
        opened.approve()
    assert opened.fill_rest(0) is not None
    assert (opened.mask()[:260, :20] == 1).all()
    assert (opened.mask()[:, 20:] == 0).all()
    assert opened.fill_rest(0) is None
    assert opened.approve() is not None
    opened.undo()
    opened.undo()
    assert (opened.mask()[:, 20:] == UNLABELLED).all()


def test_forget_all_is_one_step():
    opened = document()
    opened.begin("Brush")
    opened.annotation.paint(Rect(0, 0, 270, 300), np.ones(SHAPE, bool), 1)
    opened.commit()
    opened.forget_all()
    assert not opened.painted
    opened.undo()
    assert (opened.mask() == 1).all()


def test_sizes_must_fit():
    with pytest.raises(ValueError, match="does not fit"):
        Document("a", np.zeros((4, 4), np.uint8), Mask.full((3, 3), 0), ClassTable.binary())
    with pytest.raises(ValueError, match="does not fit"):
        document().set_prediction(Prediction(np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8)))
    with pytest.raises(RuntimeError):
        document().commit()


@given(st.integers(0, 255), st.sampled_from([0, 1]), st.floats(0, 1))
def test_the_threshold_of_two_classes_is_exact(confidence, label, threshold):
    thresholds = Thresholds({1: threshold}, binary=(0, 1))
    shown = thresholds.shown(np.array([[label]], np.uint8), np.array([[confidence]], np.uint8))
    probability = confidence if label == 1 else 255 - confidence
    assert shown[0, 0] == (1 if probability >= round(255 * threshold) else 0)


def test_what_a_prediction_leaves_unlabelled_stays_so_under_every_threshold():
    labels, confidence = np.array([[255, 1, 0]], np.uint8), np.array([[0, 255, 255]], np.uint8)
    for thresholds in (Thresholds({1: 0.4}, binary=(0, 1)), Thresholds({1: 0.4}), Thresholds()):
        assert thresholds.shown(labels, confidence).tolist() == [[255, 1, 0]]


def test_the_threshold_of_many_classes_unlabels_what_is_uncertain():
    thresholds = Thresholds({1: 0.9, 2: 0.5})
    labels = np.array([[0, 1, 1, 2, 2]], np.uint8)
    confidence = np.array([[10, 229, 230, 127, 128]], np.uint8)
    assert thresholds.shown(labels, confidence).tolist() == [[0, 255, 1, 255, 2]]
    assert Thresholds().shown(labels, confidence) is labels


def test_thresholds_change_the_mask_but_not_the_annotation():
    opened = document(prediction=prediction(0), thresholds=Thresholds({1: 1.0}, binary=(0, 1)))
    assert (opened.mask() == 1).sum() < (prediction(0).labels == 1).sum()


def test_landing_a_plan_is_one_step_that_ends_the_approval():
    doc = document(prediction=prediction(1))
    doc.approve()
    plan = doc.annotation.plan([((1, 1), np.full((14, 44), 7, np.uint8))])
    change = doc.land("Polygon", plan)
    assert (change.step.name, change.approval_changed, change.rect) == ("Polygon", True, Rect.of(SHAPE))
    assert not doc.approved
    assert (doc.annotation.pixels == 7).sum() == 14 * 44
    doc.undo()
    assert doc.approved
    assert not doc.painted
    assert doc.land("Polygon", None) is None
