"""The accept brush: the same mask, but a person's."""

import numpy as np
import pytest

from tests.tools.hands import click, context, make_document
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.core.prediction import Thresholds
from unet_studio.tools.accept import Accept
from unet_studio.tools.brush import Brush
from unet_studio.tools.rule import PaintRule

SHAPE = (300, 400)


@pytest.fixture
def document():
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[:, 200:] = 1
    labels[140:, 200:] = 2
    confidence = np.full(SHAPE, 200, dtype=np.uint8)
    confidence[:, 230:] = 90
    annotation = np.full(SHAPE, UNLABELLED, dtype=np.uint8)
    annotation[130:135, 190:210] = 2
    return make_document(np.zeros((*SHAPE, 3), np.uint8), annotation, labels, confidence)


def under_the_tip(document, row, column, radius):
    """The pixels that a brush paints there, in a document of its own."""
    other = make_document(document.image)
    click(Brush(), context(other, active=1, radius=radius), row, column)
    return other.annotation.pixels == 1


def test_what_is_predicted_under_the_tip_becomes_painted_and_the_mask_stays(document):
    before, shown = document.annotation.pixels.copy(), document.mask()
    tip = under_the_tip(document, 140, 200, 30.0)
    click(Accept(), context(document, radius=30.0), 140, 200)
    expected = np.where(tip & (before == UNLABELLED), document.prediction.labels, before)
    np.testing.assert_array_equal(document.annotation.pixels, expected)
    np.testing.assert_array_equal(document.mask(), shown)
    assert document.history.undo_name == "Accept brush"
    document.set_prediction(None)
    assert (document.mask()[tip] != UNLABELLED).all()
    document.undo()
    np.testing.assert_array_equal(document.annotation.pixels, before)


def test_pixels_below_their_threshold_show_nothing_to_accept(document):
    document.thresholds = Thresholds({0: 0.5, 1: 0.5, 2: 0.5})
    click(Accept(), context(document, radius=5.0), 50, 230)
    assert (document.annotation.pixels[50, 230:234] == UNLABELLED).all()
    assert (document.annotation.pixels[50, 226:230] == 1).all()


def test_without_a_prediction_nothing_happens():
    document = make_document(np.zeros(SHAPE, np.uint8))
    assert click(Accept(), context(document), 50, 50) == []
    assert document.history.undo_name is None
    assert not document.editing


@pytest.mark.parametrize("modifier", ["alt", "right", "eraser"])
def test_alt_erases(document, modifier):
    click(Accept(), context(document), 50, 300, modifier)
    assert document.annotation.pixels[50, 300] == 0


@pytest.mark.parametrize(
    "rule", [PaintRule("class", 1), PaintRule(locked=frozenset({2})), PaintRule("unlabelled")]
)
def test_the_rule_holds(document, rule):
    allowed = rule.allowed(document, Rect.of(SHAPE))
    before = document.annotation.pixels.copy()
    click(Accept(), context(document, radius=30.0, rule=rule), 140, 200)
    changed = document.annotation.pixels != before
    assert changed.any()
    assert not changed[~allowed].any()


def test_escape_leaves_no_trace(document):
    before = document.annotation.pixels.copy()
    tool, ctx = Accept(), context(document, radius=20.0)
    tool.press(ctx, 140.0, 200.0)
    tool.move(ctx, 100.0, 100.0)
    tool.cancel(ctx)
    np.testing.assert_array_equal(document.annotation.pixels, before)
    assert document.history.undo_name is None


def test_a_stroke_over_the_border_and_on_one_pixel():
    document = make_document(np.zeros((1, 1), np.uint8), labels=np.ones((1, 1), np.uint8))
    click(Accept(), context(document, radius=50.0), 0, 0)
    assert document.annotation.pixels.tolist() == [[1]]
