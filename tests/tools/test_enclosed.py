"""Filling what an outline goes around."""

import numpy as np
import pytest

from tests.tools.hands import click, context, make_document
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.tools.enclosed import FillEnclosed
from unet_studio.tools.rule import PaintRule

SHAPE = (300, 400)


@pytest.fixture
def outlined():
    """Half of an outline painted, half of it predicted, and another class inside."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[50, 50:301] = labels[50:251, 50] = 2
    annotation = np.full(SHAPE, UNLABELLED, dtype=np.uint8)
    annotation[250, 50:301] = annotation[50:251, 300] = 2
    annotation[100:120, 100:120] = 1
    return make_document(np.zeros((*SHAPE, 3), np.uint8), annotation, labels)


def test_fills_the_inside_with_all_that_lies_in_it(outlined):
    before = outlined.annotation.pixels.copy()
    outside = np.ones(SHAPE, dtype=bool)
    outside[50:251, 50:301] = False
    click(FillEnclosed(), context(outlined), 200, 200)
    assert (outlined.mask()[50:251, 50:301] == 2).all()
    np.testing.assert_array_equal(outlined.annotation.pixels[outside], before[outside])
    assert outlined.history.undo_name == "Fill enclosed"
    outlined.undo()
    np.testing.assert_array_equal(outlined.annotation.pixels, before)


def test_an_outline_that_touches_at_corners_alone_encloses():
    image = np.zeros((21, 21), np.uint8)
    annotation = np.full((21, 21), UNLABELLED, dtype=np.uint8)
    rows, columns = np.mgrid[:21, :21]
    diamond = np.abs(rows - 10) + np.abs(columns - 10)
    annotation[diamond == 6] = 2
    document = make_document(image, annotation)
    click(FillEnclosed(), context(document), 10, 10)
    np.testing.assert_array_equal(document.annotation.pixels == 2, diamond <= 6)


@pytest.mark.parametrize("gap", [(50, 120), (250, 299), (200, 300)])
def test_an_outline_with_a_gap_does_not_and_says_so(outlined, gap):
    with outlined.annotation.edit() as mask:
        mask.write(Rect(gap[0], gap[1], gap[0] + 1, gap[1] + 1), 0)
    said, before = [], outlined.annotation.pixels.copy()
    assert click(FillEnclosed(), context(outlined, say=said.append), 200, 200) == []
    assert "does not enclose" in said[0]
    np.testing.assert_array_equal(outlined.annotation.pixels, before)
    assert outlined.history.undo_name is None
    assert not outlined.editing


def test_an_area_at_the_border_is_enclosed_on_request_alone(outlined):
    with outlined.annotation.edit() as mask:
        mask.write(Rect(0, 350, 300, 351), 2)
    tool, said = FillEnclosed(), []
    click(tool, context(outlined, say=said.append), 10, 390)
    assert len(said) == 1
    tool.values["edge"] = True
    click(tool, context(outlined, say=said.append), 10, 390)
    assert (outlined.mask()[:, 350:] == 2).all()
    assert outlined.mask()[10, 340] == 0
    assert len(said) == 1


def test_a_click_on_the_outline_itself_says_so(outlined):
    said = []
    assert click(FillEnclosed(), context(outlined, say=said.append), 50, 60) == []
    assert "inside" in said[0]


def test_alt_erases_the_inside_and_keeps_the_outline(outlined):
    click(FillEnclosed(), context(outlined), 200, 200, "right")
    assert (outlined.mask()[51:250, 51:300] == 0).all()
    assert (outlined.mask()[50, 50:301] == 2).all()


def test_the_rule_holds(outlined):
    rule = PaintRule(locked=frozenset({1}))
    click(FillEnclosed(), context(outlined, rule=rule), 200, 200)
    assert (outlined.mask()[100:120, 100:120] == 1).all()
    assert outlined.mask()[99, 99] == 2


def test_escape_leaves_no_trace(outlined):
    tool, ctx = FillEnclosed(), context(outlined)
    tool.press(ctx, 200.5, 200.5)
    tool.cancel(ctx)
    assert tool.release(ctx, 200.5, 200.5) is None
    assert outlined.history.undo_name is None


def test_a_large_open_area_is_told_from_the_thread():
    document = make_document(np.zeros((4096, 2048), np.uint8), labels=np.zeros((4096, 2048), np.uint8))
    landed, said = [], []
    ctx = context(document, landing=lambda name, work: landed.append(work), say=said.append)
    click(FillEnclosed(), ctx, 2000, 1000)
    if landed:  # it needs not, where the border is near
        assert landed[0](lambda _: None) is None
    assert len(said) == 1
    assert document.history.undo_name is None
