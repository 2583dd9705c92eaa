"""Colour tables and what they stand for: differences from the model, confidence, pictures for files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect
from unet_studio.core.mask import Mask
from unet_studio.core.prediction import Prediction, Thresholds
from unet_studio.core.render import (
    ADDED,
    AGREED,
    CHANGED,
    NOTHING,
    REMOVED,
    argb_table,
    confidence_region,
    confidence_table,
    difference_region,
    difference_table,
    overlay_picture,
)

THREE = ClassTable(
    (PixelClass(0, "background", "#000000"), PixelClass(1, "a", "#ff0000"), PixelClass(2, "b", "#00ff00")), 0
)


def channels(table):
    """Alpha, red, green, blue, int (256,) each."""
    return [(table >> shift & 255).astype(int) for shift in (24, 16, 8, 0)]


def document(painted, predicted=None, confidence=None, classes=THREE):
    painted = np.atleast_2d(np.array(painted, dtype=np.uint8))
    prediction = None
    if predicted is not None:
        predicted = np.atleast_2d(np.array(predicted, dtype=np.uint8))
        sure = np.full(painted.shape, 255) if confidence is None else np.atleast_2d(confidence)
        prediction = Prediction(predicted, sure.astype(np.uint8), "model")
    image = np.zeros((*painted.shape, 3), dtype=np.uint8)
    return Document("a.png", image, Mask(painted), classes, prediction)


@given(st.floats(0, 1), st.sets(st.integers(0, 255)))
def test_a_table_is_premultiplied_and_clear_where_nothing_is_shown(opacity, hidden):
    palette = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
    alpha, *colors = channels(argb_table(palette, opacity, hidden))
    for index in range(256):
        shown = index != UNLABELLED and index not in hidden
        assert alpha[index] == (round(255 * opacity) if shown else 0)
        for channel in range(3):
            exact = palette[index, channel] * alpha[index] / 255
            assert abs(colors[channel][index] - exact) <= 0.51


@pytest.mark.parametrize(
    ("painted", "predicted", "code"),
    [
        (UNLABELLED, 1, NOTHING),
        (UNLABELLED, UNLABELLED, NOTHING),
        (1, 1, AGREED),
        (0, 0, AGREED),
        (1, 0, ADDED),
        (1, UNLABELLED, ADDED),
        (0, 1, REMOVED),
        (0, UNLABELLED, AGREED),
        (2, 1, CHANGED),
    ],
)
def test_a_difference_says_what_a_person_did(painted, predicted, code):
    found = difference_region(document([painted], [predicted]), Rect(0, 0, 1, 1))
    assert found.dtype == np.uint8
    assert found.tolist() == [[code]]


def test_without_background_or_prediction_there_is_still_a_difference():
    plain = ClassTable(THREE.classes, None)
    whole = Rect(0, 0, 1, 3)
    assert difference_region(document([0, 1, 255], [1, 1, 1], classes=plain), whole).tolist() == [
        [CHANGED, AGREED, NOTHING]
    ]
    assert difference_region(document([0, 1, 255]), whole).tolist() == [[AGREED, ADDED, NOTHING]]


def test_a_difference_is_to_the_prediction_as_shown():
    one = document([1, 1], [1, 1], [200, 100])
    one.thresholds = Thresholds({1: 0.5})
    assert difference_region(one, Rect(0, 0, 1, 2)).tolist() == [[AGREED, ADDED]]


def test_regions_take_every_step_th_pixel_of_the_rectangle():
    random = np.random.default_rng(1)
    painted, predicted = random.choice([0, 1, 2, 255], (2, 40, 50))
    one = document(painted, predicted, random.integers(0, 256, (40, 50)))
    whole = Rect(0, 0, 40, 50)
    for region in (difference_region, confidence_region):
        part = region(one, Rect(4, 8, 31, 45), 4)
        np.testing.assert_array_equal(part, region(one, whole)[4:31:4, 8:45:4])


def test_what_was_painted_is_certain():
    one = document([255, 1, 0], [1, 1, 1], [100, 100, 100])
    assert confidence_region(one, Rect(0, 0, 1, 3)).tolist() == [[100, 255, 255]]
    assert confidence_region(document([255, 1]), Rect(0, 0, 1, 2)).tolist() == [[255, 255]]


def test_heat_rises_with_doubt():
    alpha, red, green, blue = channels(confidence_table(1.0))
    assert alpha[255] == 0
    assert alpha[250] == 0
    assert (alpha[:128] == 255).all()
    assert (np.diff(alpha) <= 0).all()
    seen = slice(20, 240)
    strength = np.maximum(alpha, 1)
    light = (0.2126 * red + 0.7152 * green + 0.0722 * blue) * 255 / strength
    assert (np.diff(light[seen]) <= 3.0).all()  # the hotter the lighter, up to rounding of faint colours
    assert light[127] > light[180] + 40 > light[230] + 80
    half = channels(confidence_table(0.5))[0]
    assert half[0] == 128


def test_differences_have_four_colours_and_nothing_else_has_one():
    table = difference_table(1.0)
    assert len({int(table[code]) for code in (AGREED, ADDED, REMOVED, CHANGED)}) == 4
    assert table[NOTHING] == 0
    assert (table[CHANGED + 1 :] == 0).all()
    alpha = channels(table)[0]
    assert alpha[ADDED] == alpha[REMOVED] == alpha[CHANGED] == 255
    assert 0 < alpha[AGREED] < 128


def test_a_picture_with_its_overlay():
    picture = np.full((1, 3, 3), 100, dtype=np.uint8)
    labels = np.array([[0, 1, 255]], dtype=np.uint8)
    made = overlay_picture(picture, labels, THREE.palette(), 0.5, 0)
    assert made.tolist() == [[[100, 100, 100], [178, 50, 50], [100, 100, 100]]]
