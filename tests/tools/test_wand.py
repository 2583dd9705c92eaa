"""The wand: what is like the colour under it, and how a drag changes that."""

import numpy as np
import pytest

from tests.tools.hands import Slow, click, context, make_document
from tests.tools.test_regions import walked
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import Cancelled
from unet_studio.core.geometry import Rect
from unet_studio.tools.rule import PaintRule
from unet_studio.tools.wand import Wand

SHAPE = (290, 330)


def steps():
    """Bands of 20 px whose grey rises by 10 from the left to the right, in three channels that differ."""
    columns = np.arange(SHAPE[1]) // 20 * 10
    image = np.stack([columns, columns // 2, 0 * columns], axis=-1).astype(np.uint8)
    return np.broadcast_to(image, (*SHAPE, 3)).copy()


def plain_wand(**values):
    tool = Wand()
    tool.values.update({"sample": 0, "smooth": 0, **values})
    return tool


def painted(document, value=2):
    return document.annotation.pixels == value


def test_takes_what_differs_no_more_than_the_tolerance_in_any_channel():
    document = make_document(steps())
    click(plain_wand(tolerance=10), context(document), 100, 50)  # of the band that is 20 light
    expected = np.zeros(SHAPE, dtype=bool)
    expected[:, 20:80] = True
    np.testing.assert_array_equal(painted(document), expected)
    assert document.history.undo_name == "Wand"
    document.undo()
    assert (document.annotation.pixels == UNLABELLED).all()
    click(plain_wand(tolerance=9), context(document), 100, 50)
    assert painted(document).sum() == SHAPE[0] * 20


@pytest.mark.parametrize("contiguous", [True, False])
def test_on_noise_it_is_what_a_walk_over_the_pixels_finds(contiguous):
    image = np.random.default_rng(1).integers(0, 256, (*SHAPE, 3), dtype=np.uint8)
    document = make_document(image)
    click(plain_wand(tolerance=140, contiguous=contiguous), context(document), 128, 256)
    alike = (np.abs(image.astype(int) - image[128, 256].astype(int)) <= 140).all(axis=2)
    expected = walked(alike, (128, 256), False) if contiguous else alike
    np.testing.assert_array_equal(painted(document), expected)


def test_the_colour_is_the_mean_around_the_click():
    image = np.full((*SHAPE, 3), 100, np.uint8)
    image[50, 50] = 145  # one bright pixel, by chance under the pointer: the mean of 3 x 3 is 105
    document = make_document(image)
    click(plain_wand(tolerance=5, sample=1), context(document), 50, 50)
    assert painted(document).all() or painted(document).sum() == painted(document).size - 1
    document.undo()
    click(plain_wand(tolerance=5, sample=0), context(document), 50, 50)
    assert painted(document).sum() == 1


def test_smoothing_fills_pinholes():
    image = np.full((*SHAPE, 3), 100, np.uint8)
    image[40:200:10, 40:200:10] = 255
    document = make_document(image)
    click(plain_wand(tolerance=5, smooth=1), context(document), 5, 5)
    assert painted(document).all()


def test_a_drag_to_the_right_or_up_takes_more_and_back_less():
    document = make_document(steps())
    tool, ctx = plain_wand(tolerance=10), context(document, reach=4.0)
    tool.press(ctx, 100.0, 50.0)
    widths = [painted(document)[0].sum()]
    for row, column in [
        (100.0, 60.0),
        (90.0, 60.0),
        (90.0, 80.0),
        (100.0, 50.0),
        (100.0, 44.0),
        (110.0, 44.0),
    ]:
        tool.move(ctx, row, column)
        widths.append(painted(document)[0].sum())
    assert widths == [60, 100, 120, 160, 60, 20, 20]
    tool.release(ctx, 110.0, 44.0)
    assert painted(document)[0].sum() == 20
    assert document.history.undo_name == "Wand"
    document.undo()
    assert document.history.undo_name is None
    assert (document.annotation.pixels == UNLABELLED).all()


def test_a_drag_leaves_its_tolerance_to_the_next_click_and_escape_does_not():
    document = make_document(steps())
    tool, ctx = plain_wand(tolerance=10), context(document, reach=4.0)
    tool.press(ctx, 100.0, 50.0)
    tool.move(ctx, 100.0, 65.0)
    tool.cancel(ctx)
    assert tool.values["tolerance"] == 10
    tool.press(ctx, 100.0, 50.0)
    tool.move(ctx, 100.0, 65.0)
    tool.release(ctx, 100.0, 65.0)
    assert tool.values["tolerance"] == 25


@pytest.mark.parametrize("far", [-5000.0, 5000.0])
def test_the_tolerance_stays_within_its_limits(far):
    document = make_document(steps())
    tool, ctx = plain_wand(tolerance=10), context(document)
    tool.press(ctx, 100.0, 50.0)
    tool.move(ctx, 100.0, far)
    tool.release(ctx, 100.0, far)
    assert tool.values["tolerance"] == (255 if far > 0 else 0)
    assert painted(document).sum() == (painted(document).size if far > 0 else SHAPE[0] * 20)


def test_what_changed_is_told_also_where_the_area_shrinks():
    document = make_document(steps())
    tool, ctx = plain_wand(tolerance=40), context(document, reach=4.0)
    before = document.annotation.pixels.copy()
    for act, row, column in [
        (tool.press, 100.0, 50.0),
        (tool.move, 100.0, 10.0),
        (tool.release, 100.0, 10.0),
    ]:
        rect = act(ctx, row, column)
        changed = document.annotation.pixels != before
        if rect is not None:
            changed[rect.slices] = False
        assert not changed.any()
        before = document.annotation.pixels.copy()


@pytest.mark.parametrize("modifier", ["alt", "right", "eraser"])
def test_alt_erases(modifier):
    document = make_document(steps(), np.full(SHAPE, 1, np.uint8))
    click(plain_wand(tolerance=0), context(document), 100, 50, modifier)
    assert (document.annotation.pixels[:, 40:60] == 0).all()
    assert (document.annotation.pixels[:, 60:] == 1).all()


@pytest.mark.parametrize(
    "rule", [PaintRule("unlabelled"), PaintRule("class", 1), PaintRule(locked=frozenset({1}))]
)
def test_the_rule_holds_while_the_area_grows_and_shrinks(rule):
    annotation = np.full(SHAPE, UNLABELLED, np.uint8)
    annotation[50:80] = 1
    document = make_document(steps(), annotation, np.zeros(SHAPE, np.uint8))
    allowed = rule.allowed(document, Rect.of(SHAPE))
    tool, ctx = plain_wand(tolerance=10), context(document, rule=rule, reach=4.0)
    tool.press(ctx, 100.0, 50.0)
    for column in (200.0, 50.0, 60.0):
        tool.move(ctx, 100.0, column)
    tool.release(ctx, 100.0, 60.0)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[:, 0:100] = True
    changed = document.annotation.pixels != annotation
    np.testing.assert_array_equal(changed, expected & allowed & (annotation != 2))


def test_escape_leaves_no_trace():
    document = make_document(steps())
    tool, ctx = Wand(), context(document)
    tool.press(ctx, 100.0, 50.0)
    assert painted(document).any()
    assert tool.cancel(ctx) is not None
    assert (document.annotation.pixels == UNLABELLED).all()
    assert document.history.undo_name is None
    assert not document.editing
    assert tool.release(ctx, 100.0, 50.0) is None


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1)])
def test_small_images(shape):
    document = make_document(np.full(shape, 7, np.uint8))
    click(Wand(), context(document), 0, 0)
    assert painted(document).all()


@pytest.mark.parametrize(("dtype", "scale"), [("uint16", 200), ("float32", 0.01)])
def test_it_looks_at_the_picture_as_it_is_shown(dtype, scale):
    image = (np.arange(SHAPE[1]) // 30 * scale).astype(dtype)
    document = make_document(np.broadcast_to(image, SHAPE).copy())
    seen = context(document).picture(Rect.of(SHAPE)).astype(int)
    click(plain_wand(tolerance=30), context(document), 100, 150)
    expected = (np.abs(seen - seen[100, 150]) <= 30).all(axis=2)
    np.testing.assert_array_equal(painted(document), expected)
    assert 0 < expected.mean() < 1


@pytest.fixture
def large():
    """2048 x 2048 px of one colour but for a frame."""
    image = np.full((2048, 2048), 80, np.uint8)
    image[:5], image[:, :5] = 0, 0
    return make_document(image)


def test_a_large_area_is_previewed_by_the_thread_and_lands_as_one_step(large):
    slow, landed, told = Slow(), [], []
    ctx = context(
        large, later=slow, landing=lambda name, work: landed.append((name, work)), changed=told.append
    )
    tool = plain_wand(tolerance=10)
    assert tool.press(ctx, 1000.0, 1000.0).empty
    assert not painted(large).any()
    slow.answer()
    assert painted(large)[1000, 1000]
    assert not told[-1].empty
    tool.release(ctx, 1000.0, 1000.0)
    assert not painted(large).any()
    assert not large.editing
    (name, work), parts = landed[0], []
    large.land(name, work(parts.append))
    assert name == "Wand"
    assert painted(large).sum() == 2043**2
    assert parts == sorted(parts)
    large.undo()
    assert not painted(large).any()


def test_a_search_that_nobody_waits_for_any_more_ends(large):
    slow, tool = Slow(), plain_wand(tolerance=10)
    ctx = context(large, later=slow, reach=4.0)
    tool.press(ctx, 1000.0, 1000.0)
    compute, apply = slow.waiting
    tool.move(ctx, 1000.0, 1020.0)
    assert slow.waiting != (compute, apply)
    with pytest.raises(Cancelled):
        compute()
    tool.cancel(ctx)
    with pytest.raises(Cancelled):
        slow.answer()
    assert not painted(large).any()
    assert large.history.undo_name is None


def test_a_drag_that_narrows_a_large_area_to_a_small_one_paints_it_at_once(large):
    with_spot = large.image
    with_spot[500:510, 500:510] = 95
    slow, tool = Slow(), plain_wand(tolerance=20)
    ctx = context(large, later=slow, reach=4.0)
    tool.press(ctx, 505.0, 505.0)
    assert not painted(large).any()
    tool.move(ctx, 505.0, 490.0)
    assert painted(large).sum() == 100
    tool.release(ctx, 505.0, 490.0)
    assert large.history.undo_name == "Wand"
    with pytest.raises(Cancelled):
        slow.answer()
    assert painted(large).sum() == 100
