"""Boundary F1 against a slow oracle that measures every distance, and cases drawn by hand."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_studio.core import boundary
from unet_studio.core.boundary import TOLERANCE, boundary_f1, outlines

SHAPE = (9, 7)
CLASSES = (0, 3, 7)
shapes = st.tuples(st.integers(1, 12), st.integers(1, 12))
reaches = st.sampled_from([0.0, 1.0, 1.5, 2.0, 2.9, 3.0, 20.0])  # px


def of_reach(reach: float, shape) -> float:
    """The tolerance that is so many px in an image of this shape."""
    return reach / math.hypot(*shape)


def outline(mask, known, index) -> list[tuple[int, int]]:
    found = []
    for row, column in np.argwhere((mask == index) & known).tolist():
        for down, across in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            there = row + down, column + across
            inside = 0 <= there[0] < mask.shape[0] and 0 <= there[1] < mask.shape[1]
            if inside and known[there] and mask[there] != index:
                found.append((row, column))
                break
    return found


def slow(truth, labels, classes, reach) -> np.ndarray:
    known = truth != 255
    unknown = np.argwhere(~known).tolist()
    rows = []
    for index in classes:
        true, said = outline(truth, known, index), outline(labels, known, index)
        row = []
        for one, other in ((true, said), (said, true)):
            judged = [place for place in one if all(math.dist(place, far) > reach for far in unknown)]
            met = [place for place in judged if any(math.dist(place, near) <= reach for near in other)]
            row += [len(judged), len(met)]
        rows.append(row)
    return np.array(rows)


@settings(deadline=None)
@given(st.data(), shapes, reaches, st.sampled_from([0.0, 0.1, 0.6]))
def test_counts_agree_with_measuring_every_distance(data, shape, reach, unknown):
    values = st.sampled_from([0, 3, 7])
    truth = data.draw(hnp.arrays(np.uint8, shape, elements=values))
    labels = data.draw(hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 3, 7, 9, 255])))
    chance = np.random.default_rng(data.draw(st.integers(0, 99))).random(shape)
    truth = np.where(chance < unknown, np.uint8(255), truth)
    found = outlines(truth, labels, CLASSES, tolerance=of_reach(reach, shape))
    assert found.tolist() == slow(truth, labels, CLASSES, reach).tolist()


@settings(deadline=None)
@given(st.integers(0, 99), reaches, st.integers(1, 60))
def test_looking_in_bands_changes_nothing(seed, reach, band):
    random = np.random.default_rng(seed)
    truth, labels = random.choice([0, 3, 7, 255], (2, 40, 5), p=[0.5, 0.2, 0.2, 0.1]).astype(np.uint8)
    tolerance = of_reach(reach, truth.shape)
    whole = outlines(truth, labels, CLASSES, tolerance=tolerance)
    before = boundary.BAND
    boundary.BAND = band
    try:
        assert np.array_equal(outlines(truth, labels, CLASSES, tolerance=tolerance), whole)
    finally:
        boundary.BAND = before


@pytest.mark.parametrize("count", [8, 9, 16, 17, 33, 64, 65, 150])
def test_any_number_of_classes_is_looked_for_at_once(count):
    random = np.random.default_rng(count)
    truth = random.integers(0, count, (12, 30)).astype(np.uint8)
    labels = np.where(random.random(truth.shape) < 0.3, np.roll(truth, 1, 0), truth)
    classes = tuple(range(count))
    found = outlines(truth, labels, classes, tolerance=of_reach(1.5, truth.shape))
    assert found.tolist() == slow(truth, labels, classes, 1.5).tolist()


def square(top: int, left: int, side: int = 4, size: int = 12) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[top : top + side, left : left + side] = 1
    return mask


def test_a_shifted_square_by_hand():
    truth, labels = square(4, 4), square(4, 5)
    # The outline of a square of 4 x 4 px has 12 px. Of one moved by a column, 3 px of the upper and 3 of the
    # lower edge fall on the first one's; no pixel of the sides does.
    exact = outlines(truth, labels, (1,), tolerance=0.0)
    assert exact.tolist() == [[12, 6, 12, 6]]
    assert boundary_f1(exact).tolist() == [0.5]
    assert boundary_f1(outlines(truth, labels, (1,), tolerance=of_reach(1, truth.shape))).tolist() == [1.0]


def test_precision_and_recall_by_hand():
    truth, labels = square(1, 1), square(1, 1)
    labels[9:11, 9:11] = 1  # four px of a false object: precision 12 / 16, recall 1
    found = outlines(truth, labels, (1,))
    assert found.tolist() == [[12, 12, 16, 12]]
    assert boundary_f1(found)[0] == pytest.approx(2 * 0.75 / 1.75)


def test_the_tolerance_is_a_share_of_the_diagonal():
    assert TOLERANCE == 0.0075
    truth, labels = (np.zeros((300, 400), np.uint8) for _ in range(2))  # a diagonal of 500 px: 3.75 px
    truth[:, :200] = 1
    labels[:, :203] = 1
    assert boundary_f1(outlines(truth, labels, (0, 1))).tolist() == [1.0, 1.0]
    labels[:, :204] = 1
    assert boundary_f1(outlines(truth, labels, (0, 1))).tolist() == [0.0, 0.0]


def test_distances_are_euclidean():
    truth, labels = (np.zeros((30, 30), np.uint8) for _ in range(2))
    truth[10, 10] = labels[13, 14] = 1  # 5 px
    for reach, met in ((4.9, 0), (5.0, 1)):
        found = outlines(truth, labels, (1,), tolerance=of_reach(reach, truth.shape))
        assert found.tolist() == [[1, met, 1, met]]


def test_the_edge_of_the_image_is_no_outline():
    full = np.ones((5, 5), np.uint8)
    assert outlines(full, full, (0, 1)).sum() == 0
    assert np.isnan(boundary_f1(outlines(full, full, (0, 1)))).all()


def test_one_outline_alone_scores_nothing():
    nothing, there = np.zeros((12, 12), np.uint8), square(4, 4)
    assert boundary_f1(outlines(there, nothing, (1,))).tolist() == [0.0]
    assert boundary_f1(outlines(nothing, there, (1,))).tolist() == [0.0]


def test_outlines_beside_the_unknown_do_not_count():
    truth, labels = square(4, 4), square(4, 4)
    truth[:, 6:] = 255  # the right half: what is left there are 2 + 2 + 2 px
    found = outlines(truth, labels, (1,), tolerance=0.0)
    assert found.tolist() == [[6, 6, 6, 6]]
    # Within 1 px of the unknown, a counterpart may lie in it: two px less.
    assert outlines(truth, labels, (1,), tolerance=of_reach(1, truth.shape)).tolist() == [[4, 4, 4, 4]]
    labels[:, 6:] = 9  # whatever is said there
    assert outlines(truth, labels, (1,), tolerance=0.0).tolist() == [[6, 6, 6, 6]]


@given(st.integers(0, 99), reaches)
def test_what_is_predicted_on_unknown_pixels_changes_nothing(seed, reach):
    random = np.random.default_rng(seed)
    truth = random.choice([0, 3, 7, 255], SHAPE).astype(np.uint8)
    one, other = random.choice([0, 3, 7], (2, *SHAPE)).astype(np.uint8)
    other = np.where(truth == 255, other, one)
    tolerance = of_reach(reach, SHAPE)
    first = outlines(truth, one, CLASSES, tolerance=tolerance)
    assert np.array_equal(first, outlines(truth, other, CLASSES, tolerance=tolerance))


@given(st.integers(0, 99), reaches)
def test_a_perfect_prediction_scores_one(seed, reach):
    truth = np.random.default_rng(seed).choice([0, 3, 7, 255], SHAPE, p=[0.4, 0.3, 0.2, 0.1]).astype(np.uint8)
    score = boundary_f1(outlines(truth, truth, CLASSES, tolerance=of_reach(reach, SHAPE)))
    assert set(score[~np.isnan(score)].tolist()) <= {1.0}


@given(st.integers(0, 99))
def test_a_wider_tolerance_meets_more(seed):
    random = np.random.default_rng(seed)
    truth, labels = random.choice([0, 3, 7], (2, *SHAPE)).astype(np.uint8)
    counts = [
        outlines(truth, labels, CLASSES, tolerance=of_reach(reach, SHAPE)) for reach in (0, 1, 2, 5, 50)
    ]
    for narrow, wide in pairwise(counts):
        assert (narrow[:, [1, 3]] <= wide[:, [1, 3]]).all()
        assert (narrow[:, [0, 2]] == wide[:, [0, 2]]).all()


def test_any_value_may_mean_void_or_none():
    truth = square(4, 4)
    truth[0, 0] = 9
    assert outlines(truth, square(4, 4), (0, 1), ignore=9, tolerance=0.0)[1].tolist() == [12, 12, 12, 12]
    assert outlines(truth, square(4, 4), (0, 1, 9), ignore=None, tolerance=0.0)[2].tolist() == [1, 0, 0, 0]
