"""Undo across images that leave the memory and come back: as if they had stayed, or not at all."""

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Approval, Document
from unet_studio.core.document_files import digest
from unet_studio.core.geometry import Rect
from unet_studio.core.kept_histories import Histories
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction

SHAPE = (270, 300)
NAMES = ("a", "b", "c")


def predicted(seed, model="m"):
    chance = np.random.default_rng(seed)
    return Prediction(
        chance.integers(0, 2, SHAPE, np.uint8), chance.integers(200, 256, SHAPE, np.uint8), model
    )


def read(name, annotation=None, finished=None, stored=None):
    """A document as it is read from disk; an approved one pins its finished mask."""
    mask = Mask.full(SHAPE, UNLABELLED) if annotation is None else Mask(annotation)
    found = Document(name, np.zeros(SHAPE, np.uint8), mask, ClassTable.binary(), prediction=stored)
    if finished is not None:
        sure = np.full(SHAPE, 255, np.uint8)
        found.approval = Approval(Prediction(finished, sure, stored.model if stored else ""), "", None)
    return found


class Stored:
    """The files of one image, and the model of its history: whole copies of every state."""

    def __init__(self, seed):
        self.prediction = predicted(seed)
        self.annotation, self.finished = None, None
        self.states = [(np.full(SHAPE, UNLABELLED, np.uint8), False)]
        self.place = 0


class LeaveAndReturn(RuleBasedStateMachine):
    """Paints, approves, walks and evicts three images."""

    @initialize()
    def begin(self):
        self.histories = Histories()
        self.files = {name: Stored(number) for number, name in enumerate(NAMES)}
        self.memory = {}

    def document(self, name):
        if name not in self.memory:
            files = self.files[name]
            self.memory[name] = read(name, files.annotation, files.finished, files.prediction)
            self.histories.enter(self.memory[name])
        return self.memory[name]

    def done(self, name):
        files, document = self.files[name], self.memory[name]
        del files.states[files.place + 1 :]
        files.states.append((document.annotation.pixels.copy(), document.approved))
        files.place += 1

    @rule(name=st.sampled_from(NAMES), top=st.integers(0, 260), left=st.integers(0, 290),
          size=st.integers(1, 200), value=st.sampled_from([0, 1, UNLABELLED]))  # fmt: skip
    def stroke(self, name, top, left, size, value):
        document = self.document(name)
        document.begin("Brush")
        rect = Rect(top, left, top + size, left + size)
        document.annotation.paint(rect, np.ones((size, size), bool), value)
        if document.commit() is not None:
            self.done(name)

    @rule(name=st.sampled_from(NAMES))
    def approve(self, name):
        if self.document(name).approve() is not None:
            self.done(name)

    @rule(name=st.sampled_from(NAMES), to=st.floats(0, 1))
    def walk(self, name, to):
        files, document = self.files[name], self.document(name)
        place = round(to * (len(files.states) - 1))
        document.jump(place)
        files.place = place

    @precondition(lambda self: self.memory)
    @rule(data=st.data())
    def evict(self, data):
        name = data.draw(st.sampled_from(sorted(self.memory)))
        files, document = self.files[name], self.memory.pop(name)
        files.annotation = document.annotation.pixels.copy()
        files.finished = document.mask() if document.approved else None
        if len(document.history):
            document.saved_as = digest(files.annotation)
        self.histories.leave(document)

    @invariant()
    def every_image_is_where_its_model_is(self):
        for name, document in getattr(self, "memory", {}).items():
            files = self.files[name]
            pixels, approved = files.states[files.place]
            assert np.array_equal(document.annotation.pixels, pixels)
            assert document.approved == approved
            assert (len(document.history), document.history.place) == (len(files.states) - 1, files.place)
            shown = files.prediction.labels
            assert np.array_equal(document.mask(), np.where(pixels == UNLABELLED, shown, pixels))


TestLeaveAndReturn = LeaveAndReturn.TestCase
TestLeaveAndReturn.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)


def left(histories, approve=False):
    """A document with three steps that left the memory, and its files."""
    stored = predicted(1)
    document = read("a", stored=stored)
    histories.enter(document)
    for value in (1, 0, 1):
        document.begin("Brush")
        document.annotation.paint(Rect(0, 0, 50, 20 + value), np.ones((50, 20 + value), bool), value)
        document.commit()
    if approve:
        document.approve()
    annotation, finished = document.annotation.pixels.copy(), document.mask() if approve else None
    document.saved_as = digest(annotation)
    histories.leave(document)
    return annotation, finished, stored


def returned(histories, *files):
    document = read("a", *files)
    histories.enter(document)
    return len(document.history)


def test_another_annotation_begins_a_new_history():
    histories = Histories()
    annotation, finished, stored = left(histories)
    annotation[0, 0] ^= 1
    assert returned(histories, annotation, finished, stored) == 0


def test_the_same_annotation_gets_its_history_back_once():
    histories = Histories()
    files = left(histories)
    assert returned(histories, *files) == 3
    assert returned(histories, *files) == 0


def test_an_approval_that_came_or_went_begins_a_new_history():
    histories = Histories()
    annotation, _, stored = left(histories, approve=True)
    assert returned(histories, annotation, None, stored) == 0
    annotation, _, stored = left(histories)
    assert returned(histories, annotation, annotation, stored) == 0


def test_another_prediction_under_an_approval_begins_a_new_history():
    histories = Histories()
    annotation, finished, _ = left(histories, approve=True)
    assert returned(histories, annotation, finished, predicted(2)) == 0
    annotation, finished, _ = left(histories, approve=True)
    assert returned(histories, annotation, finished, None) == 0
    annotation, finished, stored = left(histories, approve=True)
    finished = finished.copy()
    finished[200, 200] ^= 1
    assert returned(histories, annotation, finished, stored) == 0
    files = left(histories, approve=True)
    assert returned(histories, *files) == 4


def test_a_kept_history_holds_no_picture():
    histories = Histories()
    left(histories, approve=True)
    (kept,) = histories._kept.values()
    assert all(found.labels.size == 0 for step in kept.history.steps for found in step.pinned)
    assert kept.approval.prediction.labels.size == 0
    histories.clear()
    assert not histories._kept


def test_predictions_that_steps_alone_hold_are_counted():
    document = read("a", stored=predicted(1))
    document.approve()
    document.unapprove()
    assert document.history.nbytes < 10_000
    document.set_prediction(predicted(2))
    assert document.history.nbytes > 2 * SHAPE[0] * SHAPE[1]
    histories = Histories()
    document.saved_as = digest(document.annotation.pixels)
    histories.leave(document)
    assert not histories._kept  # nobody could bring the first prediction back
