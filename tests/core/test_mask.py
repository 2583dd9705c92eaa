"""Masks: every edit against a whole-copy oracle."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.core.geometry import Rect, tile_rect
from unet_studio.core.history import History
from unet_studio.core.mask import Mask, TileDiff

SHAPE = (300, 520)  # two rows and three columns of tiles, the last ones cut


@st.composite
def dabs(draw, count=6):
    """Rectangles with stencils and values, also over the border."""
    found = []
    for _ in range(draw(st.integers(1, count))):
        top, left = draw(st.integers(-40, 310)), draw(st.integers(-40, 530))
        height, width = draw(st.integers(1, 80)), draw(st.integers(1, 80))
        seed = draw(st.integers(0, 2**16))
        stencil = np.random.default_rng(seed).random((height, width)) < 0.6
        found.append((Rect(top, left, top + height, left + width), stencil, draw(st.integers(0, 255))))
    return found


def paint_on_copy(pixels, rect, stencil, value):
    for row in range(rect.top, rect.bottom):
        for column in range(rect.left, rect.right):
            inside = 0 <= row < pixels.shape[0] and 0 <= column < pixels.shape[1]
            if inside and stencil[row - rect.top, column - rect.left]:
                pixels[row, column] = value


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(dabs(), st.booleans()), max_size=6), st.lists(st.booleans(), max_size=12))
def test_edits_undo_and_redo_equal_whole_copies(strokes, walk):
    mask = Mask.full(SHAPE, 255)
    copies, diffs = [mask.pixels.copy()], []
    for stroke, keep in strokes:
        mask.begin()
        expected = copies[-1].copy()
        touched = []
        for rect, stencil, value in stroke:
            touched.append(mask.paint(rect, stencil, value))
            paint_on_copy(expected, rect, stencil, value)
        assert np.array_equal(mask.pixels, expected)
        if not keep:
            mask.rollback()
            assert np.array_equal(mask.pixels, copies[-1])
            continue
        diff = mask.commit()
        changed = expected != copies[-1]
        assert (diff is None) == (not changed.any())
        if diff is not None:
            outside = changed.copy()
            outside[diff.rect.slices] = False
            assert not outside.any()
            diffs.append(diff)
            copies.append(expected)
    place = len(diffs)
    for back in walk:
        if back and place:
            place -= 1
            mask.apply(diffs[place])
        elif not back and place < len(diffs):
            mask.apply(diffs[place])
            place += 1
        assert np.array_equal(mask.pixels, copies[place])


def test_pixels_are_read_only_and_edits_need_to_be_opened():
    mask = Mask.full((4, 4), 0)
    with pytest.raises(ValueError, match="read-only"):
        mask.pixels[0, 0] = 1
    with pytest.raises(RuntimeError):
        mask.paint(Rect(0, 0, 1, 1), np.ones((1, 1), bool), 1)
    with pytest.raises(RuntimeError):
        mask.commit()
    with pytest.raises(RuntimeError):
        mask.rollback()
    mask.begin()
    with pytest.raises(RuntimeError):
        mask.begin()
    with pytest.raises(RuntimeError):
        mask.apply(TileDiff(Rect(0, 0, 1, 1), {}))


def test_the_source_array_is_not_shared():
    source = np.zeros((3, 3), np.uint8)
    mask = Mask(source)
    source[:] = 9
    assert not mask.pixels.any()
    with pytest.raises(ValueError, match="two dimensions"):
        Mask(np.zeros((2, 2, 3), np.uint8))


def test_an_exception_rolls_back():
    mask = Mask.full((10, 10), 3)

    def fail():
        with mask.edit():
            mask.paint(Rect(0, 0, 5, 5), np.ones((5, 5), bool), 1)
            raise KeyError("midway")

    with pytest.raises(KeyError):
        fail()
    assert (mask.pixels == 3).all()
    assert not mask.editing


def test_a_block_commits():
    mask = Mask.full((10, 10), 3)
    with mask.edit():
        mask.write(Rect(2, 2, 4, 4), 7)
    assert (mask.pixels == 7).sum() == 4
    assert not mask.editing


def test_a_stroke_costs_its_tiles_and_not_the_mask():
    mask = Mask.full((8192, 8192), 0)
    mask.begin()
    rows, columns = np.ogrid[-50:51, -50:51]
    disc = rows**2 + columns**2 <= 2500
    for column in range(1000, 2000, 10):
        mask.paint(Rect(4000, column, 4101, column + 101), disc, 1)
    diff = mask.commit()
    assert diff is not None
    assert len(diff.tiles) <= 2 * 6
    assert diff.nbytes < 20_000


def test_tiles_read_after_an_edit_restore_it_elsewhere():
    mask, other = Mask.full(SHAPE, 255), Mask.full(SHAPE, 255)
    watch = mask.watch()
    with mask.edit():
        mask.paint(Rect(250, 500, 300, 520), np.ones((50, 20), bool), 4)
    tiles = {}
    assert mask.read_changes(watch, tiles.update, lambda: "at that moment") == "at that moment"
    assert sorted(tiles) == [(0, 1), (0, 2), (1, 1), (1, 2)]
    other.restore_tiles(tiles)
    assert np.array_equal(mask.pixels, other.pixels)
    with pytest.raises(ValueError, match="does not fit"):
        other.restore_tiles({(9, 9): np.zeros((1, 1), np.uint8)})


class Step:
    def __init__(self, name, nbytes):
        self.name, self.nbytes = name, nbytes


def test_history_is_bounded_in_bytes_and_keeps_the_newest():
    history = History(limit=100)
    for number in range(10):
        history.push(Step(str(number), 30))
    assert history.nbytes == 90
    assert [history.undo().name for _ in range(3)] == ["9", "8", "7"]
    assert history.undo() is None
    history.push(Step("big", 1000))
    assert history.undo_name == "big"
    assert history.redo_name is None
    assert history.last is not None
    assert history.nbytes == 1000


def test_history_forgets_what_was_undone_when_something_new_is_done():
    history = History()
    for name in "abc":
        history.push(Step(name, 1))
    history.undo()
    history.undo()
    assert (history.undo_name, history.redo_name) == ("a", "b")
    assert history.redo().name == "b"
    history.push(Step("d", 1))
    assert history.redo() is None
    assert history.nbytes == 3
    history.clear()
    assert history.nbytes == 0
    assert history.last is None


@settings(max_examples=30, deadline=None)
@given(dabs(), dabs())
def test_a_plan_lands_as_the_edit_it_stands_for(first, second):
    edited, planned = Mask.full(SHAPE, 255), Mask.full(SHAPE, 255)
    for mask in (edited, planned):
        with mask.edit():
            for rect, stencil, value in first:
                mask.paint(rect, stencil, value)
    edited.begin()
    for rect, stencil, value in second:
        edited.paint(rect, stencil, value)
    done = edited.commit()
    before = planned.pixels.copy()
    whole = Rect.of(SHAPE)
    plan = planned.plan((key, edited.pixels[tile_rect(*key, SHAPE).slices]) for key in whole.tiles())
    np.testing.assert_array_equal(planned.pixels, before)  # planning changes nothing
    if done is None:
        assert plan is None
        return
    diff = planned.land(plan)
    assert diff.tiles == done.tiles
    np.testing.assert_array_equal(planned.pixels, edited.pixels)
    planned.apply(diff)
    np.testing.assert_array_equal(planned.pixels, before)


def test_a_plan_does_not_land_in_an_open_edit():
    mask = Mask.full(SHAPE, 255)
    plan = mask.plan([((0, 0), np.zeros((256, 256), np.uint8))])
    mask.begin()
    with pytest.raises(RuntimeError, match="open"):
        mask.land(plan)
