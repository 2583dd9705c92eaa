"""Masks: every edit against a whole-copy oracle."""

import threading
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unet_studio.core import geometry, tile_codec
from unet_studio.core import mask as mask_module
from unet_studio.core.geometry import Rect, tile_rect
from unet_studio.core.mask import Mask, TileDiff

KEEPERS = {mask_module.__file__, tile_codec.__file__, geometry.__file__}
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


@pytest.mark.parametrize("shape", [SHAPE, (256 * 24, 256 * 24)])
def test_a_large_plan_lands_by_itself_and_its_way_back_too(shape):
    mask = Mask.full(shape, 255)
    watch = mask.watch()
    keys = list(Rect.of(shape).tiles())
    wanted = np.full((256, 256), 2, np.uint8)
    wanted[::3, 5:] = 1
    plan = mask.plan((key, wanted[tile_rect(0, 0, _tile_shape(key, shape)).slices]) for key in keys)
    assert (plan.pixels is not None) == (len(keys) >= 512)
    diff = mask.land(plan)
    assert (mask.pixels[:256, :256] == wanted).all()
    assert not mask.pixels.flags.writeable
    assert watch.peek() == set(keys)
    assert diff.pixels == int((mask.pixels != 255).sum())
    back = mask.plan_back([diff])
    mask.land(back)
    assert (mask.pixels == 255).all()
    mask.land(mask.plan_back([diff, diff, diff]))
    assert (mask.pixels[:256, :256] == wanted).all()


def _tile_shape(key, shape):
    rect = tile_rect(*key, shape)
    return rect.height, rect.width


def test_what_is_read_beside_painting_is_always_a_state_that_was():
    """One thread paints, takes back and undoes; another copies and follows the changes all the while."""
    mask = Mask.full((900, 900), 255)
    watch, chance = mask.watch(), np.random.default_rng(0)
    number, stop, found = 0, threading.Event(), []
    states = {(mask.pixels.tobytes(), number)}

    def read():
        followed = mask.pixels.copy()

        def put(tiles):
            for key, pixels in tiles.items():
                followed[tile_rect(*key, mask.shape).slices] = pixels

        while not stop.is_set():
            copied, moment = mask.copy(lambda: number)
            found.append((copied.tobytes(), moment))
            moment = mask.read_changes(watch, put, lambda: number)
            found.append((followed.tobytes(), moment))

    reader = threading.Thread(target=read)
    reader.start()
    diffs = []
    try:
        for turn in range(120):
            if diffs and chance.random() < 0.2:
                with mask.lock:
                    mask.apply(diffs.pop())
                    number = turn + 1
                    states.add((mask.pixels.tobytes(), number))
                continue
            mask.begin()
            for _ in range(3):
                top, left, size = chance.integers(0, 800, 3)
                rect = Rect(int(top), int(left), int(top + size), int(left + size))
                mask.paint(rect, np.ones((rect.height, rect.width), bool), int(chance.integers(0, 3)))
            if chance.random() < 0.3:
                mask.rollback()
                continue
            with mask.lock:
                diff = mask.commit()
                if diff is not None:
                    diffs.append(diff)
                number = turn + 1
                states.add((mask.pixels.tobytes(), number))
    finally:
        stop.set()
        reader.join()
    assert len(found) > 10
    assert set(found) <= states


def test_changes_that_were_read_in_vain_come_again():
    mask = Mask.full(SHAPE, 255)
    watch = mask.watch()
    with mask.edit():
        mask.write(Rect(0, 0, 2, 2), 1)

    def fail(_tiles):
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - whatever it is
        mask.read_changes(watch, fail, lambda: None)
    assert watch.peek() == {(0, 0)}
    tiles = {}
    mask.read_changes(watch, tiles.update, lambda: None)
    assert tiles[0, 0][1, 1] == 1
    assert not len(watch)


def test_a_step_says_what_it_takes():
    mask, chance = Mask.full((4096, 4096), 255), np.random.default_rng(1)
    diffs = []
    tracemalloc.start()
    try:
        for _ in range(150):
            mask.begin()
            for _ in range(4):
                top, left = chance.integers(0, 3900, 2)
                size = int(chance.integers(20, 190))
                rect = Rect(int(top), int(left), int(top) + size, int(left) + size)
                mask.paint(rect, chance.random((size, size)) < 0.9, 1)
            diffs.append(mask.commit())
        taken = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    real = sum(stat.size for stat in taken.statistics("filename") if stat.traceback[0].filename in KEEPERS)
    said = sum(diff.nbytes for diff in diffs)
    assert 0.8 * real < said < 1.3 * real


@pytest.mark.parametrize("step", [1, 4, 256])
def test_what_is_committed_is_read_beneath_an_open_edit(step):
    before = np.random.default_rng(0).integers(0, 9, SHAPE, dtype=np.uint8)
    mask = Mask(before)
    mask.begin()
    mask.write(Rect(100, 200, 280, 300), 77)
    for rect in (Rect(0, 0, *SHAPE), Rect(0, 256, 290, 511), Rect(256, 0, 257, 1)):
        expected = before[rect.top : rect.bottom : step, rect.left : rect.right : step]
        np.testing.assert_array_equal(mask.committed(rect, step), expected)
    mask.commit()
    assert mask.committed(Rect(100, 200, 101, 201)).item() == 77
