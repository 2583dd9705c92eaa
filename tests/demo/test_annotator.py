"""The simulated person: few strokes, real improvement, never the truth itself."""

import cv2
import numpy as np
import pytest

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document import Document
from unet_studio.core.mask import Mask
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.prediction import Prediction
from unet_studio.demo.annotator import Habits, correct, largest_error, see
from unet_studio.demo.generator import SAMPLE, generate

CELLS = ClassTable.binary("cell")


def document(image, labels):
    """A document with that prediction and nothing painted."""
    confidence = np.full(labels.shape, 200, np.uint8)
    blank = Mask.full(labels.shape, UNLABELLED)
    return Document("cells.jpg", image, blank, CELLS, Prediction(labels, confidence, "threshold"))


def by_threshold(image):
    """A prediction that misses faint cells and takes debris for cells, uint8 (H, W)."""
    return (cv2.GaussianBlur(image[..., 1], (0, 0), 1.5) > 75).astype(np.uint8)


@pytest.mark.parametrize("seed", [101, 102])
def test_a_few_strokes_repair_much_of_the_error(seed):
    image, truth = generate(seed, SAMPLE)
    labels = by_threshold(image)
    opened = document(image, labels)
    strokes = correct(opened, truth, seed)
    before, after = (foreground_dice(truth, mask, CELLS) for mask in (labels, opened.mask()))
    assert 0 < strokes <= 15
    assert 1 - after < 0.75 * (1 - before)
    assert after < 1.0


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_never_more_strokes_than_allowed_and_each_is_one_undo_step(limit):
    image, truth = generate(102, SAMPLE)
    opened = document(image, by_threshold(image))
    assert correct(opened, truth, 0, Habits(strokes=limit)) == limit
    steps = 0
    while opened.undo() is not None:
        steps += 1
    assert steps == limit
    assert not opened.painted


def test_strokes_are_round_and_short_not_copies_of_the_truth():
    """All of an image is wrong: a stroke covers no more than its tip swept over its length."""
    truth = np.ones((300, 300), np.uint8)
    opened = document(np.zeros((300, 300, 3), np.uint8), np.zeros_like(truth))
    habits = Habits(strokes=1)
    assert correct(opened, truth, 0, habits) == 1
    radius = habits.tips[1]
    most = np.pi * (radius + 1) ** 2 + 2 * (radius + 1) * (habits.length + 20)
    painted = int((opened.annotation.pixels == 1).sum())
    assert np.pi * radius**2 < painted <= most


def test_nothing_is_painted_where_all_is_right():
    image, truth = generate(103, SAMPLE, (200, 240))
    opened = document(image, truth.copy())
    assert correct(opened, truth, 0) == 0
    assert not opened.painted


def test_the_largest_error_is_found_and_thin_rims_are_not_seen():
    seen = np.zeros((100, 100), np.uint8)
    seen[10:40, 10:40] = 1
    mask = np.zeros_like(seen)
    mask[60:70, 60:70] = 1  # too much: 100 px; missing: 900 px
    value, region = largest_error(mask, seen, Habits())
    assert value == 1
    assert region[20, 20]
    assert not region[65, 65]
    grown = cv2.dilate(seen, np.ones((3, 3), np.uint8))
    assert largest_error(grown, seen, Habits()) is None


def test_borders_are_seen_a_little_displaced():
    _, truth = generate(104, SAMPLE)
    seen = see(np.random.default_rng(0), truth, 1.2)
    assert set(np.unique(seen)) <= {0, 1}
    wrong = seen != truth
    assert 0.001 < wrong.mean() < 0.05
    border = cv2.morphologyEx(truth, cv2.MORPH_GRADIENT, np.ones((13, 13), np.uint8)) > 0
    assert border[wrong].mean() > 0.99


def test_the_same_seed_paints_the_same_strokes():
    image, truth = generate(102, SAMPLE)
    masks = []
    for _ in range(2):
        opened = document(image, by_threshold(image))
        correct(opened, truth, 5, Habits(strokes=4))
        masks.append(opened.mask())
    assert np.array_equal(*masks)
