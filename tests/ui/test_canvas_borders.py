"""Borders and marks against their definition, pixel for pixel, however they are cut and scrolled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtGui import QColor

from tests.ui.canvas_session import make_document
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.geometry import Rect
from unet_studio.core.pyramid import Pyramid
from unet_studio.core.render import argb_table
from unet_studio.ui.canvas.borders import HATCH, line_width, paint_borders
from unet_studio.ui.canvas.frame import Frame
from unet_studio.ui.canvas.picture import Picture
from unet_studio.ui.canvas.tiles import Composer
from unet_studio.ui.canvas.view import View

SHAPE = (400, 500)
BACKGROUND = QColor(10, 20, 30)
FOREVER = 1e9
CLASSES = ClassTable(
    (
        PixelClass(0, "background", "#000000"),
        PixelClass(1, "red", "#ff0000"),
        PixelClass(2, "green", "#00ff00"),
    ),
    0,
)
COLORS = argb_table(CLASSES.palette(), 0.5, {0})
LINES = argb_table(CLASSES.palette(), 1.0, {0})

views = st.tuples(st.floats(0.05, 20), st.integers(-300, 200), st.integers(-300, 150)).map(
    lambda numbers: View(numbers[0], float(numbers[1]), float(numbers[2]))
)
ratios = st.sampled_from([1.0, 1.25, 2.0])


def labels_of(shape, seed=0):
    """Blobs of three classes, fine and coarse, that cross the tiles' edges."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 3, (shape[0] // 23 + 1, shape[1] // 23 + 1))
    labels = np.kron(coarse, np.ones((23, 23), dtype=int))[: shape[0], : shape[1]].astype(np.uint8)
    fine = random.integers(0, 3, (40, 40))
    labels[236:276, 236:276] = fine
    return labels


def composer_of(shape=SHAPE, marked=False, lines=LINES, labels=True):
    image = np.full((*shape, 3), 100, dtype=np.uint8)
    document = make_document(shape, image, labels_of(shape) if labels else None)
    with document.annotation.edit() as mask:
        mask.write(Rect(50, 60, 120, 300), 0)
        mask.write(Rect(200, 200, 300, 330), 2)
    composer = Composer(document, Pyramid.build(image), COLORS)
    composer.lines, composer.marked = lines, marked
    return composer


def pixels_of(image):
    return np.frombuffer(image.constBits(), np.uint32).reshape(image.height(), image.width()).copy()


def rgb(pixels):
    return np.stack([pixels >> 16 & 255, pixels >> 8 & 255, pixels & 255], axis=-1).astype(int)


def places(count, first, offset, zoom, length):
    where = np.floor((np.arange(first, first + count) + 0.5 - offset) / zoom).astype(int)
    return np.clip(where, 0, length - 1)


def area_of(view, shape=SHAPE, size=(200, 300)):
    """The device px of a frame of that size, (height, width), that lie on the image."""
    top, left = round(view.y), round(view.x)
    bottom = int(np.ceil(view.y + shape[0] * view.zoom - 0.5))
    right = int(np.ceil(view.x + shape[1] * view.zoom - 0.5))
    return Rect(top, left, bottom, right).clip(size)


def overlay_of(rect, view, composer, ratio):
    out = np.full((rect.height, rect.width), 77, dtype=np.uint32)
    level = view.level(len(composer.pyramid.levels))
    drawn = paint_borders(rect, view, level, composer, ratio, out)
    assert drawn or not out.any()
    return out


@settings(max_examples=60, deadline=None)
@given(st.floats(1, 20), st.integers(-300, 100), st.integers(-300, 100), ratios)
def test_a_border_is_where_a_neighbour_on_screen_has_another_class(zoom, x, y, ratio):
    composer, view = composer_of(), View(zoom, float(x), float(y))
    area = area_of(view)
    if area.empty:
        return
    reach = line_width(ratio)
    rows = places(area.height + 2 * reach, area.top - reach, view.y, zoom, SHAPE[0])
    columns = places(area.width + 2 * reach, area.left - reach, view.x, zoom, SHAPE[1])
    seen = composer.document.mask()[rows][:, columns]
    own = seen[reach:-reach, reach:-reach]
    edge = np.zeros(own.shape, dtype=bool)
    for far in range(1, reach + 1):
        for axis in (0, 1):
            for sign in (-far, far):
                edge |= own != np.roll(seen, sign, axis)[reach:-reach, reach:-reach]
    np.testing.assert_array_equal(overlay_of(area, view, composer, ratio), np.where(edge, LINES[own], 0))


def test_a_border_is_one_device_pixel_on_each_side_at_every_zoom():
    labels = np.ones((400, 500), dtype=np.uint8)
    labels[:, 250:] = 2
    image = np.zeros((400, 500, 3), dtype=np.uint8)
    composer = Composer(make_document(SHAPE, image, labels), Pyramid.build(image), COLORS)
    composer.lines = LINES
    for zoom in (0.13, 0.5, 0.8, 1.0, 2.5, 16.0):
        view = View(zoom, round(150 - 250 * zoom), 0.0)
        out = overlay_of(area_of(view), view, composer, 1.0)
        assert (out != 0).sum(axis=1).tolist() == [2] * len(out), zoom
        row = out[len(out) // 2]
        assert set(row[row != 0].tolist()) == {int(LINES[1]), int(LINES[2])}
        doubled = overlay_of(area_of(view), view, composer, 2.0)
        assert (doubled != 0).sum(axis=1).tolist() == [4] * len(doubled), zoom


def test_no_border_runs_along_the_rim_of_the_image():
    labels = np.ones(SHAPE, dtype=np.uint8)
    image = np.zeros((*SHAPE, 3), dtype=np.uint8)
    composer = Composer(make_document(SHAPE, image, labels), Pyramid.build(image), COLORS)
    composer.lines = LINES
    for view in (View(0.3, 5, 5), View(1.0, 0, 0), View(3.0, -1100, -900)):
        assert not overlay_of(area_of(view), view, composer, 1.0).any()


@settings(max_examples=60, deadline=None)
@given(views, ratios, st.booleans(), st.data())
def test_any_part_is_cut_from_the_same_whole(view, ratio, marked, data):
    """No seams, at tiles' edges or anywhere: the overlay of a part is the part of the overlay."""
    composer, area = composer_of(marked=marked), area_of(view)
    if area.empty:
        return
    whole = overlay_of(area, view, composer, ratio)
    top = data.draw(st.integers(0, area.height - 1))
    left = data.draw(st.integers(0, area.width - 1))
    bottom = data.draw(st.integers(top + 1, area.height))
    right = data.draw(st.integers(left + 1, area.width))
    part = Rect(area.top + top, area.left + left, area.top + bottom, area.left + right)
    np.testing.assert_array_equal(overlay_of(part, view, composer, ratio), whole[top:bottom, left:right])


@settings(max_examples=60, deadline=None)
@given(
    views,
    ratios,
    st.booleans(),
    st.lists(
        st.tuples(
            st.integers(0, 380),
            st.integers(0, 480),
            st.integers(1, 60),
            st.integers(1, 60),
            st.sampled_from([0, 1, 2, 255]),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_what_a_stroke_redraws_is_all_that_changes(view, ratio, fill, strokes):
    composer = composer_of(marked=True)
    picture = Picture(ratio)
    picture.open(composer.document, composer.pyramid, COLORS, "mask")
    picture.resize(300, 200, ratio)
    picture.exact, picture.fitted = view, False
    picture.composer.lines, picture.composer.marked, picture.composer.plain = LINES, True, not fill
    picture.image(BACKGROUND, FOREVER)
    for top, left, height, width, value in strokes:
        rect = Rect(top, left, top + height, left + width).clip(SHAPE)
        with composer.document.annotation.edit() as mask:
            mask.write(rect, value)
        picture.mask_changed(rect)
    mended = pixels_of(picture.image(BACKGROUND, FOREVER))
    picture.redraw()
    anew = pixels_of(picture.image(BACKGROUND, FOREVER))
    assert np.abs(rgb(mended) - rgb(anew)).max() <= (0 if view.zoom >= 1 else 6)


@settings(max_examples=30, deadline=None)
@given(views, st.integers(-250, 250), st.integers(-150, 150), ratios)
def test_scrolled_borders_and_marks_are_those_drawn_anew(view, right, down, ratio):
    composer = composer_of(marked=True)
    moved = View(view.zoom, view.x + right, view.y + down)
    scrolled, anew = Frame(300, 200, ratio), Frame(300, 200, ratio)
    scrolled.show(view, composer, BACKGROUND, FOREVER)
    scrolled.show(moved, composer, BACKGROUND, FOREVER)
    anew.show(moved, composer, BACKGROUND, FOREVER)
    difference = np.abs(rgb(pixels_of(scrolled.image)) - rgb(pixels_of(anew.image)))
    assert difference.max() <= (0 if view.zoom >= 1 else 6)


def test_borders_lie_over_the_fill_and_over_the_bare_image():
    composer = composer_of()
    frame, view = Frame(300, 200, 1.0), View(4.0, -700, -700)
    for plain in (False, True):
        composer.plain = plain
        frame.draw(frame.bounds, view, composer, BACKGROUND)
        shown, over = rgb(pixels_of(frame.image)), overlay_of(frame.bounds, view, composer, 1.0)
        assert (shown[over != 0] == rgb(over)[over != 0]).all()
        rest = shown[over == 0]
        assert ((rest == 100).all(axis=1).all()) == plain
    assert (over != 0).sum() > 500


def test_marks_tell_painted_from_predicted_and_background_from_nothing():
    composer = composer_of(marked=True, lines=None, labels=False)
    view = View(1.0, 0, 0)
    out = overlay_of(area_of(view), view, composer, 1.0)
    painted = composer.document.annotation.pixels[:200, :300] != UNLABELLED
    hatched = (out[painted] != 0).mean()
    assert hatched == pytest.approx(2 / HATCH, abs=0.03)
    dotted = (out[~painted] != 0).mean()
    assert 0.005 < dotted < 0.03
    with_model = composer_of(marked=True, lines=None)
    out = overlay_of(area_of(view), view, with_model, 1.0)
    assert not out[~painted].any()  # the model says something everywhere
    assert (out[painted] != 0).mean() == hatched
    with_model.show("difference", COLORS)
    assert not overlay_of(area_of(view), view, with_model, 1.0).any()


def test_marks_have_the_same_size_on_screen_at_every_zoom():
    for zoom in (0.4, 1.0, 7.0):
        composer = composer_of(marked=True, lines=None)
        composer.document.annotation.begin()
        composer.document.annotation.write(Rect.of(SHAPE), 1)
        view = View(zoom, 0, 0)
        out = overlay_of(Rect(0, 0, 90, 90), view, composer, 1.0)
        np.testing.assert_array_equal(out[:81], out[HATCH:][:81])
        np.testing.assert_array_equal(out[:, :81], out[:, HATCH:][:, :81])
        assert (out[0] != 0).sum() == 2 * 90 // HATCH
