"""How little of the canvas is painted again: crescents of large brushes, bands around rings."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QColor

from tests.ui.canvas_session import make_document
from unet_studio.core.classes import ClassTable
from unet_studio.core.geometry import Rect
from unet_studio.core.pyramid import Pyramid
from unet_studio.core.render import argb_table
from unet_studio.ui.canvas.decor import ring_region
from unet_studio.ui.canvas.picture import MANY, Picture

BACKGROUND = QColor(10, 20, 30)
COLORS = argb_table(ClassTable.binary().palette(), 0.5, {0})
SIDE = 1000


@pytest.fixture
def picture():
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    document = make_document((SIDE, SIDE), image)
    made = Picture(1.0)
    made.resize(800, 600, 1.0)
    made.open(document, Pyramid.build(document.image), COLORS, "mask")
    made.zoom_to(1.0, 400, 300)
    made.image(BACKGROUND, math.inf)
    return made


def paint(picture, rect, value=1):
    with picture.composer.document.annotation.edit() as mask:
        mask.write(rect, value)


def assert_drawn(picture):
    """The frame is what drawing it anew makes of it; smooth scaling rounds here and there."""
    mended = channels(picture.image(BACKGROUND, math.inf))
    picture.redraw()
    anew = channels(picture.image(BACKGROUND, math.inf))
    assert np.abs(mended - anew).max() <= (0 if picture.view.zoom >= 1 else 6)


def channels(image):
    return np.frombuffer(image.constBits(), np.uint8).astype(int)


def test_only_what_looks_different_is_painted_again(picture):
    large = Rect(200, 200, 700, 800)
    paint(picture, Rect(500, 300, 510, 420))
    area = picture.view
    left, top = area.to_screen(500, 300)
    assert picture.mask_changed(large) == [Rect(int(top), int(left), int(top) + 10, int(left) + 120)]
    assert picture.mask_changed(large) == []
    assert_drawn(picture)


def test_far_corners_are_painted_apart_and_near_ones_together(picture):
    paint(picture, Rect(300, 300, 310, 310))
    paint(picture, Rect(700, 700, 710, 710))
    areas = picture.mask_changed(Rect(200, 200, 800, 800))
    assert [(area.height, area.width) for area in areas] == [(10, 10), (10, 10)]
    assert_drawn(picture)
    paint(picture, Rect(500, 500, 530, 530))  # over the corner of four tiles
    assert [(area.height, area.width) for area in picture.mask_changed(Rect(490, 490, 540, 540))] == [
        (30, 30)
    ]
    assert_drawn(picture)


def test_after_many_changes_between_two_frames_they_are_mended_together(picture):
    composer = picture.composer
    composer.composed = 0
    for number in range(3 * MANY):
        rect = Rect(300 + number, 300, 301 + number, 400)
        paint(picture, rect)
        assert picture.mask_changed(rect)
    assert composer.composed <= MANY
    assert_drawn(picture)


def test_a_change_between_two_views_is_drawn_in_the_new_one(picture):
    moves = (lambda: picture.pan(30, -20), lambda: picture.zoom_to(3.0, 400, 300), picture.fit)
    for value, move in enumerate(moves):
        paint(picture, Rect(450, 450, 470, 480), 1 - value % 2)
        assert picture.mask_changed(Rect(440, 440, 480, 490))
        move()
        assert_drawn(picture)


@settings(max_examples=200, deadline=None)
@given(st.floats(0.5, 900), st.floats(-50, 50), st.floats(-50, 50))
def test_all_of_a_ring_is_covered_and_little_else(radius, x, y):
    region = ring_region(QPointF(x, y), radius)
    for angle in np.linspace(0, 2 * np.pi, 500):
        for reach in (radius - 2.5, radius, radius + 2.5):
            if reach > 0:
                place = QPointF(x + reach * np.cos(angle), y + reach * np.sin(angle))
                assert region.contains(QPoint(math.floor(place.x()), math.floor(place.y())))
    area = sum(rect.width() * rect.height() for rect in region)
    assert radius < 100 or area < 0.3 * (2 * radius) ** 2
