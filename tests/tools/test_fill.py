"""The bucket for the mask."""

import numpy as np
import pytest

from tests.tools.hands import click, context, make_document
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.tools.fill import Fill
from unet_studio.tools.rule import PaintRule


@pytest.fixture
def document():
    labels = np.zeros((300, 400), dtype=np.uint8)
    labels[50:100, 50:350] = 1
    labels[200:250, 50:350] = 1
    annotation = np.full((300, 400), UNLABELLED, dtype=np.uint8)
    annotation[60:70, 60:70] = 1  # the same class, said by a person
    annotation[80:90, 40:200] = 2
    return make_document(np.zeros((300, 400, 3), np.uint8), annotation, labels)


def test_fills_the_connected_area_of_one_class_over_both_layers(document):
    before = document.mask()
    changed = click(Fill(), context(document, active=2), 55, 55)
    after = document.mask()
    assert (after[50:100, 50:350] == 2).all()
    np.testing.assert_array_equal(after[100:], before[100:])
    np.testing.assert_array_equal(after[:50], before[:50])
    assert document.history.undo_name == "Fill"
    assert changed[-1].intersect(Rect(50, 50, 100, 350)) == Rect(50, 50, 100, 350)
    document.undo()
    np.testing.assert_array_equal(document.mask(), before)
    assert document.annotation.pixels[65, 65] == 1


def test_an_area_ends_where_another_class_cuts_it(document):
    with document.annotation.edit() as mask:
        mask.write(Rect(50, 180, 100, 190), 2)
    click(Fill(), context(document, active=0), 55, 55)
    assert (document.mask()[50:80, 50:180] == 0).all()
    assert (document.mask()[50:80, 190:350] == 1).all()


def test_can_fill_all_of_a_class(document):
    tool = Fill()
    tool.values["contiguous"] = False
    click(tool, context(document, active=2), 55, 55)
    assert not (document.mask() == 1).any()
    assert (document.mask()[200:250, 50:350] == 2).all()


def test_fills_what_has_no_class_yet():
    document = make_document(np.zeros((9, 9), np.uint8))
    click(Fill(), context(document, active=1), 4, 4)
    assert (document.annotation.pixels == 1).all()


def test_alt_erases(document):
    click(Fill(), context(document, active=2), 55, 55, "alt")
    assert (document.mask()[50:80, 50:350] == 0).all()


def test_says_that_there_is_nothing_to_do(document):
    said = []
    assert click(Fill(), context(document, active=1, say=said.append), 55, 55) == []
    assert len(said) == 1
    assert document.history.undo_name is None
    assert not document.editing


def test_nothing_happens_before_the_release_nor_after_escape(document):
    tool, ctx = Fill(), context(document)
    assert tool.press(ctx, 55.5, 55.5) is None
    assert document.history.undo_name is None
    tool.cancel(ctx)
    assert tool.release(ctx, 55.5, 55.5) is None
    assert document.history.undo_name is None


def test_a_release_on_another_document_does_nothing(document):
    tool = Fill()
    tool.press(context(document), 55.5, 55.5)
    other = make_document(document.image)
    assert tool.release(context(other), 55.5, 55.5) is None
    assert other.history.undo_name is None


@pytest.mark.parametrize(
    "rule", [PaintRule("unlabelled"), PaintRule("class", 2), PaintRule(locked=frozenset({1}))]
)
def test_paints_where_the_rule_allows_alone(rule, document):
    allowed = rule.allowed(document, Rect.of(document.shape))
    before = document.annotation.pixels.copy()
    click(Fill(), context(document, active=2, rule=rule), 55, 55)
    assert not (document.annotation.pixels != before)[~allowed].any()


def test_a_setting_that_changes_while_a_large_area_is_worked_out_is_for_the_next_click():
    labels = np.zeros((2048, 2048), np.uint8)
    labels[:, 1500] = 1
    document, landed, tool = make_document(labels, labels=labels), [], Fill()
    ctx = context(document, active=2, landing=lambda name, work: landed.append((name, work)))
    click(tool, ctx, 1000, 10)
    tool.values["contiguous"] = False
    name, work = landed[0]
    document.land(name, work(lambda _: None))
    assert (document.annotation.pixels[:, :1500] == 2).all()
    assert (document.annotation.pixels[:, 1500:] == UNLABELLED).all()


def test_a_large_area_is_worked_out_elsewhere_and_lands_as_one_step():
    document = make_document(np.zeros((2048, 2048), np.uint8), labels=np.zeros((2048, 2048), np.uint8))
    landed = []
    ctx = context(document, active=1, landing=lambda name, work: landed.append((name, work)))
    assert click(Fill(), ctx, 1000, 1000) == []
    assert (document.annotation.pixels == UNLABELLED).all()
    (name, work), told = landed[0], []
    change = document.land(name, work(told.append))
    assert change.step.name == "Fill"
    assert (document.annotation.pixels == 1).all()
    assert told == sorted(told)
    assert 0 <= told[0] <= told[-1] <= 1
    document.undo()
    assert (document.annotation.pixels == UNLABELLED).all()


def test_one_pixel_is_an_image_too():
    document = make_document(np.zeros((1, 1), np.uint8))
    click(Fill(), context(document, active=1), 0, 0)
    assert document.annotation.pixels.tolist() == [[1]]
