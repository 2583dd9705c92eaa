"""Islands: another class, away, or alone."""

import numpy as np
import pytest

from tests.tools.hands import click, context, make_document
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.tools.component import DELETE, FORGET, KEEP, Component
from unet_studio.tools.rule import PaintRule

SHAPE = (600, 700)
A, B, C = (slice(20, 60), slice(20, 60)), (slice(60, 90), slice(60, 90)), (slice(240, 300), slice(400, 640))


@pytest.fixture
def islands():
    """A and B touch at a corner, C is in four tiles; half of B and all of D, another class, are painted."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[A] = labels[B] = labels[C] = 1
    annotation = np.full(SHAPE, UNLABELLED, dtype=np.uint8)
    annotation[60:75, 60:90] = 1
    annotation[300:310, 400:640] = 2  # D, next to C
    return make_document(np.zeros((*SHAPE, 3), np.uint8), annotation, labels)


def tool_for(action=None, clear=None):
    tool = Component()
    if action:
        tool.values["action"] = action
    if clear:
        tool.values["clear"] = clear
    return tool


def test_a_click_gives_the_whole_island_the_active_class(islands):
    before = islands.annotation.pixels.copy()
    click(tool_for(), context(islands, active=2), 30, 30)
    after = islands.mask()
    assert (after[A] == 2).all()
    assert (after[B] == 2).all()
    assert (after[C] == 1).all()
    assert islands.history.undo_name == "Component"
    islands.undo()
    np.testing.assert_array_equal(islands.annotation.pixels, before)


@pytest.mark.parametrize("modifiers", [("alt",), ("right",), ("eraser",), ()])
def test_alt_or_the_setting_takes_it_away(islands, modifiers):
    tool = tool_for(None if modifiers else DELETE)
    click(tool, context(islands, active=2), 250, 500, *modifiers)
    assert (islands.mask()[C] == 0).all()
    assert (islands.mask()[300:310, 400:640] == 2).all()
    assert (islands.mask()[A] == 1).all()


def test_taking_away_can_mean_to_forget(islands):
    click(tool_for(clear=FORGET), context(islands), 305, 500, "alt")
    assert (islands.annotation.pixels[300:310, 400:640] == UNLABELLED).all()
    assert (islands.mask()[300:310, 400:640] == 0).all()


def test_without_a_background_it_is_forgotten(islands):
    click(tool_for(), context(islands, background=None), 305, 500, "alt")
    assert (islands.annotation.pixels[300:310, 400:640] == UNLABELLED).all()


def test_keep_only_this_clears_the_others_of_its_class(islands):
    click(tool_for(KEEP), context(islands), 80, 80)
    after = islands.mask()
    assert (after[A] == 1).all()
    assert (after[B] == 1).all()
    assert (after[C] == 0).all()
    assert (after[300:310, 400:640] == 2).all()


@pytest.mark.parametrize(("at", "active"), [((500, 500), 2), ((30, 30), 1)])
def test_says_why_nothing_happens(islands, at, active):
    said = []
    assert click(tool_for(), context(islands, active=active, say=said.append), *at) == []
    assert len(said) == 1
    assert islands.history.undo_name is None


def test_unlabelled_pixels_are_no_island():
    said = []
    document = make_document(np.zeros((9, 9), np.uint8))
    assert click(tool_for(), context(document, say=said.append), 4, 4) == []
    assert len(said) == 1


def test_where_there_is_no_background_every_class_has_islands(islands):
    click(tool_for(), context(islands, active=2, background=None), 500, 500)
    assert islands.mask()[500, 500] == 2
    assert (islands.mask()[A] == 1).all()


def test_the_rule_holds(islands):
    rule = PaintRule("unlabelled")
    click(tool_for(), context(islands, active=2, rule=rule), 30, 30)
    assert (islands.mask()[A] == 2).all()
    assert (islands.mask()[60:75, 60:90] == 1).all()
    click(tool_for(), context(islands, active=2, rule=PaintRule(locked=frozenset({1}))), 250, 500)
    assert (islands.mask()[C] == 1).all()


def test_escape_leaves_no_trace(islands):
    tool, ctx = tool_for(), context(islands)
    tool.press(ctx, 30.5, 30.5)
    tool.cancel(ctx)
    assert tool.release(ctx, 30.5, 30.5) is None
    assert islands.history.undo_name is None


def test_a_huge_island_lands_from_elsewhere():
    labels = np.zeros((2048, 4096), dtype=np.uint8)
    labels[:, 100:4000] = 1
    document = make_document(np.zeros((2048, 4096), np.uint8), labels=labels)
    landed = []
    ctx = context(document, landing=lambda name, work: landed.append((name, work)))
    assert click(tool_for(), ctx, 1000, 2000) == []
    name, work = landed[0]
    assert document.land(name, work(lambda _: None)).rect.intersect(Rect.of(document.shape)) is not None
    np.testing.assert_array_equal(document.mask(), labels * 2)
