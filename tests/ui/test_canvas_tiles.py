"""Tiles and frame against plain numpy: what is drawn, how little is drawn again, how much is kept."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QColor

from tests.ui.canvas_session import make_document
from unet_studio.core.classes import ClassTable
from unet_studio.core.display import Display
from unet_studio.core.geometry import Rect
from unet_studio.core.pyramid import Pyramid
from unet_studio.core.render import argb_table
from unet_studio.ui.canvas.frame import Frame
from unet_studio.ui.canvas.tiles import Composer, TileCache
from unet_studio.ui.canvas.view import View

BACKGROUND = QColor(10, 20, 30)
FOREVER = 1e9
COLORS = argb_table(ClassTable.binary().recolored(1, "#ff0000").palette(), 0.5, {0})
SHAPE = (700, 900)


def noise(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), dtype=np.uint8)


def blobs(shape):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return ((rows // 40 + columns // 70) % 2).astype(np.uint8)


def composer_of(shape=SHAPE, labels=True):
    document = make_document(shape, noise(shape), blobs(shape) if labels else None)
    return Composer(document, Pyramid.build(document.image), COLORS)


def rgb(pixels):
    """uint32 0xffRRGGBB as int (H, W, 3)."""
    return np.stack([pixels >> 16 & 255, pixels >> 8 & 255, pixels & 255], axis=-1).astype(int)


def blended(image, labels):
    """The definition: half red where the class is 1."""
    out = image.astype(float)
    red = labels == 1
    out[red] = out[red] * (127 / 255) + np.array([128, 0, 0])
    return out


def paint(document, rect, value):
    with document.annotation.edit() as mask:
        mask.write(rect, value)


def test_a_region_is_the_image_with_the_classes_over_it():
    composer = composer_of()
    rect = Rect(200, 100, 600, 800)  # over several tiles
    expected = blended(composer.document.image, composer.document.mask())[rect.slices]
    np.testing.assert_allclose(rgb(composer.region(0, rect).pixels), expected, atol=1.01)


def test_levels_sample_the_mask_over_the_halved_image():
    composer = composer_of((701, 903))
    level, step = 2, 4
    whole = Rect.of(composer.pyramid.level_shape(level))
    labels = composer.document.mask()[::step, ::step]
    expected = blended(composer.pyramid.pixels(level, whole), labels)
    np.testing.assert_allclose(rgb(composer.region(level, whole).pixels), expected, atol=1.01)


def test_plain_shows_the_image_alone_and_comes_back_without_work():
    composer = composer_of()
    whole = Rect.of(SHAPE)
    composer.region(0, whole)
    made = composer.composed
    composer.plain = True
    np.testing.assert_array_equal(rgb(composer.region(0, whole).pixels), composer.document.image)
    composer.plain = False
    composer.region(0, whole)
    assert composer.composed == made == 12


def test_other_layers_show_their_own_pixels():
    composer = composer_of()
    document, whole = composer.document, Rect.of(SHAPE)
    paint(document, Rect(0, 0, 300, 300), 0)
    paint(document, Rect(300, 300, 600, 600), 1)
    for layer, labels in (
        ("annotation", document.annotation.pixels),
        ("prediction", document.prediction.labels),
        ("mask", document.mask()),
    ):
        composer.show(layer, COLORS)
        expected = blended(document.image, labels)
        np.testing.assert_allclose(rgb(composer.region(0, whole).pixels), expected, atol=1.01)


def test_a_change_mends_the_visible_tiles_it_touches_and_no_other():
    composer = composer_of((2048, 2048))
    whole = Rect.of((2048, 2048))
    composer.region(0, whole)
    composer.composed = 0
    changed = Rect(250, 250, 262, 262)  # a corner of four tiles
    paint(composer.document, changed, 0)
    assert len(composer.changed(changed, whole)) == 4
    assert composer.composed == 4
    expected = blended(composer.document.image, composer.document.mask())
    np.testing.assert_allclose(rgb(composer.region(0, whole).pixels), expected, atol=1.01)
    assert composer.composed == 4


def test_a_change_out_of_sight_costs_nothing_until_it_is_seen():
    composer = composer_of((2048, 2048))
    composer.region(0, Rect.of((2048, 2048)))
    composer.composed = 0
    paint(composer.document, Rect(1500, 1500, 1520, 1520), 1)
    composer.changed(Rect(1500, 1500, 1520, 1520), Rect(0, 0, 500, 500))
    assert composer.composed == 0
    seen = rgb(composer.region(0, Rect(1500, 1500, 1520, 1520)).pixels)
    assert composer.composed == 1
    np.testing.assert_allclose(
        seen, blended(composer.document.image, composer.document.mask())[1500:1520, 1500:1520], atol=1.01
    )


def test_of_a_dab_only_what_is_new_is_drawn_again():
    composer = composer_of((1024, 1024), labels=False)
    whole = Rect.of((1024, 1024))
    composer.region(0, whole)
    composer.composed = 0
    paint(composer.document, Rect(300, 300, 500, 500), 1)
    composer.changed(Rect(290, 290, 520, 520), whole)
    assert composer.composed == 1
    paint(composer.document, Rect(310, 300, 510, 500), 1)
    assert composer.changed(Rect(290, 290, 520, 520), whole) == [Rect(500, 300, 510, 500)]
    assert composer.changed(Rect(290, 290, 520, 520), whole) == []
    assert composer.composed == 2
    expected = blended(composer.document.image, composer.document.mask())
    np.testing.assert_allclose(rgb(composer.region(0, whole).pixels), expected, atol=1.01)


def test_marks_and_hidden_masks_ask_for_what_they_need():
    composer = composer_of((1024, 1024))
    whole, rect = Rect.of((1024, 1024)), Rect(0, 0, 30, 60)
    composer.region(0, whole)
    paint(composer.document, rect, 0)  # as predicted: the same colour, but painted
    assert composer.changed(rect, whole) == []
    composer.marked = True
    assert composer.changed(rect, whole) == [rect]
    composer.marked, composer.plain = False, True
    paint(composer.document, rect, 1)
    assert composer.changed(rect, whole) == []
    composer.lines = COLORS
    paint(composer.document, rect, 0)
    assert composer.changed(rect, whole) == [rect]
    composer.lines, composer.plain = None, False
    expected = blended(composer.document.image, composer.document.mask())
    np.testing.assert_allclose(rgb(composer.region(0, whole).pixels), expected, atol=1.01)


def test_levels_that_are_not_shown_learn_of_changes_when_they_are():
    composer = composer_of((1024, 1024), labels=False)
    composer.region(0, Rect.of((1024, 1024)))
    composer.region(1, Rect.of((512, 512)))
    paint(composer.document, Rect(100, 100, 200, 200), 1)
    composer.changed(Rect(100, 100, 200, 200), Rect.of((1024, 1024)))
    for level in (0, 2, 1):
        whole = Rect.of(composer.pyramid.level_shape(level))
        labels = composer.document.mask()[:: 2**level, :: 2**level]
        expected = blended(composer.pyramid.pixels(level, whole), labels)
        np.testing.assert_allclose(rgb(composer.region(level, whole).pixels), expected, atol=1.01)


def test_the_cache_is_bounded_in_bytes_and_drops_what_was_used_longest_ago():
    cache = TileCache(limit=10 * 256 * 256 * 4)
    made = [cache.make((0, 0, number), 256, 256) for number in range(10)]
    cache.get((0, 0, 0))
    again = cache.make((0, 0, 10), 256, 256)
    assert again is made[1]  # its memory is used again
    assert cache.nbytes == 10 * 256 * 256 * 4
    assert (0, 0, 0) in cache
    assert (0, 0, 1) not in cache
    assert cache.make((0, 0, 10), 10, 10).pixels.shape == (10, 10)
    assert cache.nbytes == 9 * 256 * 256 * 4 + 400
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_looking_at_all_of_a_large_image_keeps_the_caches_small():
    document = make_document((6000, 6000), np.zeros((6000, 6000), dtype=np.uint8))
    composer = Composer(document, Pyramid.build(document.image), COLORS)
    composer.make_room(800 * 600)
    for top in range(0, 6000, 500):
        composer.region(0, Rect(top, 0, top + 500, 6000))
        assert composer.tiles.nbytes <= composer.tiles.limit
    assert composer.tiles.limit < 6000 * 6000 * 4 / 2


views = st.tuples(st.floats(0.02, 40), st.integers(-300, 500), st.integers(-300, 500))


@settings(max_examples=40, deadline=None)
@given(views)
def test_zoomed_in_every_device_pixel_shows_the_pixel_under_its_centre(numbers):
    composer = composer_of((60, 80))
    view = View(max(numbers[0], 1.0), *numbers[1:])
    frame = Frame(300, 200, 1.0)
    frame.draw(frame.bounds, view, composer, BACKGROUND)
    rows = np.floor((np.arange(200) + 0.5 - view.y) / view.zoom)
    columns = np.floor((np.arange(300) + 0.5 - view.x) / view.zoom)
    inside = ((rows >= 0) & (rows < 60))[:, None] & ((columns >= 0) & (columns < 80))
    picture = rgb(composer.region(0, Rect.of((60, 80))).pixels)
    expected = np.full((200, 300, 3), [10, 20, 30])
    looked_up = picture[np.clip(rows, 0, 59).astype(int)][:, np.clip(columns, 0, 79).astype(int)]
    expected[inside] = looked_up[inside]
    np.testing.assert_array_equal(rgb(pixels_of(frame)), expected)


@settings(max_examples=25, deadline=None)
@given(views, st.integers(0, 250), st.integers(0, 150), st.integers(1, 200), st.integers(1, 200))
def test_a_part_is_drawn_as_the_whole_would_be(numbers, left, top, width, height):
    composer = composer_of((400, 500))
    view = View(*numbers)
    whole, parts = Frame(300, 200, 1.0), Frame(300, 200, 1.0)
    whole.draw(whole.bounds, view, composer, BACKGROUND)
    parts.draw(parts.bounds, View(1.0, 7, 7), composer, BACKGROUND)
    area = Rect(top, left, top + height, left + width).clip((200, 300))
    parts.draw(area, view, composer, BACKGROUND)
    difference = np.abs(rgb(pixels_of(parts)) - rgb(pixels_of(whole)))[area.slices]
    assert difference.max() <= (0 if view.zoom >= 1 else 6)


@settings(max_examples=25, deadline=None)
@given(views, st.integers(-350, 350), st.integers(-250, 250))
def test_scrolling_gives_what_drawing_anew_gives(numbers, right, down):
    composer = composer_of((400, 500))
    view = View(*numbers)
    moved = View(view.zoom, view.x + right, view.y + down)
    scrolled, anew = Frame(300, 200, 1.0), Frame(300, 200, 1.0)
    scrolled.draw(scrolled.bounds, view, composer, BACKGROUND)
    scrolled.view = view
    scrolled.show(moved, composer, BACKGROUND, FOREVER)
    anew.draw(anew.bounds, moved, composer, BACKGROUND)
    assert scrolled.view == moved
    difference = np.abs(rgb(pixels_of(scrolled)) - rgb(pixels_of(anew)))
    assert difference.max() <= (0 if view.zoom >= 1 else 6)


@pytest.mark.parametrize("zoom", [0.3, 1.0, 3.0])
def test_a_view_without_time_stands_in_and_is_finished_in_later_frames(zoom, monkeypatch):
    monkeypatch.setattr("unet_studio.ui.canvas.frame.STRIP", 300 * 50)
    composer = composer_of((400, 500))
    view, next_view = View(zoom, 5, 7), View(zoom * 2, 5, 7)
    hurried, patient = Frame(300, 200, 1.0), Frame(300, 200, 1.0)
    hurried.show(view, composer, BACKGROUND, FOREVER)
    before = rgb(pixels_of(hurried))
    hurried.show(next_view, composer, BACKGROUND, 0.0)
    assert not hurried.finished
    stand_in = rgb(pixels_of(hurried))
    rows, columns = 7 + (np.arange(7, 200) - 7) // 2, 5 + (np.arange(5, 300) - 5) // 2
    old = before[rows][:, columns]
    same = (np.abs(stand_in[7:, 5:] - old).max(axis=2) == 0).mean(axis=1)
    assert (same > 0.9).sum() >= 100  # rows of the old view, twice as large
    calls = 0
    while not hurried.finished:
        hurried.show(next_view, composer, BACKGROUND, 0.0)
        calls += 1
    assert 1 <= calls <= 4 + 4  # a strip, or a tile for one, with every call
    patient.show(next_view, composer, BACKGROUND, FOREVER)
    assert np.abs(rgb(pixels_of(hurried)) - rgb(pixels_of(patient))).max() <= (0 if zoom >= 1 else 6)


def test_a_pan_while_a_view_is_unfinished_loses_nothing(monkeypatch):
    monkeypatch.setattr("unet_studio.ui.canvas.frame.STRIP", 300 * 50)
    composer = composer_of((400, 500))
    hurried, patient = Frame(300, 200, 1.0), Frame(300, 200, 1.0)
    for step in range(4):
        hurried.show(View(2.0, -40 - 30 * step, -20 - 25 * step), composer, BACKGROUND, 0.0)
        assert not hurried.finished
    last = View(2.0, -130, -95)
    hurried.show(last, composer, BACKGROUND, FOREVER)
    patient.show(last, composer, BACKGROUND, FOREVER)
    assert hurried.finished
    np.testing.assert_array_equal(rgb(pixels_of(hurried)), rgb(pixels_of(patient)))


@pytest.mark.parametrize("zoom", [0.97, 0.73, 0.61, 0.5, 0.37, 0.26, 0.1])
def test_zoomed_out_there_are_no_seams_between_tiles_and_strips(zoom):
    """A ramp stays a ramp: no step is larger than twice the ramp's own, wherever tiles meet."""
    ramp = np.linspace(0, 250, 1500)
    image = np.repeat((ramp[:, None] / 2 + ramp[None, :] / 2).astype(np.float32)[..., None], 1, axis=2)
    document = make_document((1500, 1500), image)
    composer = Composer(document, Pyramid.build(document.image, Display(((0.0, 250.0),), (0,))), COLORS)
    frame = Frame(1500, 1500, 1.0)
    frame.draw(frame.bounds, View(zoom, 3, 5), composer, BACKGROUND)
    side = int(1500 * zoom) - 2
    shown = rgb(pixels_of(frame))[5 : 5 + side, 3 : 3 + side, 0]
    allowed = 2 * (125 / 1500 / zoom) + 1.01
    assert np.abs(np.diff(shown, axis=0)).max() <= allowed
    assert np.abs(np.diff(shown, axis=1)).max() <= allowed
    assert shown[-1, -1] > 240


def test_smooth_drawing_is_the_mean_at_a_half():
    image = noise((512, 512))
    document = make_document((512, 512), image)
    composer = Composer(document, Pyramid.build(image), COLORS)
    frame = Frame(256, 256, 1.0)
    frame.draw(frame.bounds, View(0.5, 0, 0), composer, BACKGROUND)
    means = image.reshape(256, 2, 256, 2, 3).astype(float).mean(axis=(1, 3))
    np.testing.assert_allclose(rgb(pixels_of(frame)), means, atol=1.01)


def pixels_of(frame):
    return np.frombuffer(frame.image.constBits(), np.uint32).reshape(frame.bounds.bottom, frame.bounds.right)
