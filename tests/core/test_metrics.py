"""Metrics against a pixel-by-pixel oracle, and their conventions at the edges."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.metrics import Evaluation, confusion, foreground_dice, mean_iou, row_shares, scores

CLASSES = (0, 3, 7)
THREE = ClassTable.from_json(
    {
        "classes": [
            {"index": 0, "name": "background", "color": "#000000"},
            {"index": 3, "name": "cell", "color": "#ff0000"},
            {"index": 7, "name": "wall", "color": "#00ff00"},
        ]
    }
)
MASK_SHAPE = (6, 5)
truths = hnp.arrays(np.uint8, MASK_SHAPE, elements=st.sampled_from([0, 3, 7, 255]))
answers = hnp.arrays(np.uint8, MASK_SHAPE, elements=st.sampled_from([0, 3, 7, 9, 255]))


@given(truths, answers)
def test_scores_agree_with_counting_sets_of_pixels(truth, labels):
    result = scores(confusion(truth, labels, CLASSES), CLASSES)
    known = truth != 255
    for index, iou, dice in zip(CLASSES, result.iou, result.dice, strict=True):
        true, found = (truth == index) & known, (labels == index) & known
        union = np.sum(true | found)
        if union == 0:
            assert math.isnan(iou)
            assert math.isnan(dice)
        else:
            assert iou == pytest.approx(np.sum(true & found) / union)
            assert dice == pytest.approx(2 * np.sum(true & found) / (np.sum(true) + np.sum(found)))
    if known.any():
        assert result.pixel_accuracy == pytest.approx(np.mean(truth[known] == labels[known]))


@given(truths)
def test_what_is_predicted_on_unlabelled_pixels_changes_nothing(truth):
    one = np.where(truth == 255, 3, truth)
    other = np.where(truth == 255, 7, truth)
    assert np.array_equal(confusion(truth, one, CLASSES), confusion(truth, other, CLASSES))


def test_a_prediction_that_is_no_class_is_an_error_of_the_true_class():
    matrix = confusion(np.array([[3, 3]]), np.array([[3, 255]]), CLASSES)
    assert matrix[1].tolist() == [0, 1, 0, 1]
    assert scores(matrix, CLASSES).iou_of(3) == 0.5


def test_unknown_truth_and_wrong_sizes_are_refused():
    with pytest.raises(StudioError, match=r"no class: \[4\]"):
        confusion(np.array([[4]]), np.array([[0]]), CLASSES)
    with pytest.raises(StudioError, match="same size"):
        confusion(np.zeros((2, 2), int), np.zeros((2, 3), int), CLASSES)


def test_void_may_have_any_value_or_none():
    truth, labels = np.array([[0, 3]], np.uint8), np.array([[0, 0]], np.uint8)
    assert scores(confusion(truth, labels, (0,), ignore=3), (0,)).pixel_accuracy == 1.0
    assert scores(confusion(truth, labels, (0, 3), ignore=None), (0, 3)).pixel_accuracy == 0.5


def test_two_classes_empty_against_empty_counts_one():
    empty = np.zeros((4, 4), np.uint8)
    assert scores(confusion(empty, empty, (0, 1)), (0, 1)).iou == (1.0, 1.0)
    assert math.isnan(scores(confusion(empty, empty, CLASSES), CLASSES).iou_of(7))


def test_mean_over_images_and_pooled_are_what_they_say():
    evaluation = Evaluation((0, 1))
    evaluation.add("small", np.array([[1, 0, 0, 0]]), np.array([[0, 0, 0, 0]]))
    evaluation.add("large", np.array([[1, 1, 1, 0]]), np.array([[1, 1, 1, 0]]))
    assert evaluation.mean_over_images().iou_of(1) == 0.5
    assert evaluation.pooled().iou_of(1) == 0.75
    assert [name for name, _ in evaluation.per_image] == ["small", "large"]


def test_an_absent_class_and_an_unlabelled_image_are_left_out_of_means():
    evaluation = Evaluation(CLASSES)
    evaluation.add("with", np.array([[7, 0]]), np.array([[7, 0]]))
    evaluation.add("without", np.array([[0, 0]]), np.array([[0, 3]]))
    evaluation.add("nothing known", np.array([[255, 255]]), np.array([[0, 3]]))
    mean = evaluation.mean_over_images()
    assert mean.iou_of(7) == 1.0
    assert mean.iou_of(3) == 0.0
    assert mean.pixel_accuracy == 0.75
    assert mean.mean_iou(without=0) == 0.5


def test_json_names_both_averages_and_writes_null_for_no_score():
    evaluation = Evaluation(CLASSES)
    evaluation.add("a", np.array([[0, 3]]), np.array([[0, 3]]))
    value = evaluation.to_json(THREE)
    assert value["images"] == 1
    nothing = {"iou": None, "dice": None, "boundary_f1": None}
    assert value["pooled"]["classes"][2] == {"index": 7, "name": "wall", **nothing}
    assert value["mean_over_images"]["foreground_iou"] == 1.0
    assert value["per_image"][0]["name"] == "a"
    assert value["per_image"][0]["pixels"] == 2
    assert value["boundary_tolerance"] == 0.0075
    assert value["confusion"]["classes"] == ["background", "cell", "wall"]
    assert value["confusion"]["pixels"] == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert value["confusion"]["row_shares"] == [[1, 0, 0, 0], [0, 1, 0, 0], [None] * 4]
    json.dumps(value, allow_nan=False)


def test_the_confusion_matrix_adds_up_and_its_rows_are_shares():
    evaluation = Evaluation((0, 1))
    evaluation.add("a", np.array([[1, 0, 0, 0]]), np.array([[0, 0, 0, 1]]))
    evaluation.add("b", np.array([[1, 1, 1, 0]]), np.array([[1, 1, 9, 0]]))
    assert evaluation.confusion().tolist() == [[3, 1, 0], [1, 2, 1]]
    assert row_shares(evaluation.confusion()).tolist() == [[0.75, 0.25, 0], [0.25, 0.5, 0.25]]
    assert np.isnan(row_shares(np.zeros((2, 3), np.int64))).all()
    assert Evaluation((0, 1)).confusion().tolist() == [[0, 0, 0]] * 2


def test_an_image_without_a_known_pixel_has_no_score_with_two_classes_either():
    evaluation = Evaluation((0, 1))
    unknown = evaluation.add("unknown", np.array([[255, 255]]), np.array([[0, 0]]))
    assert math.isnan(unknown.iou_of(1))
    assert math.isnan(unknown.pixel_accuracy)
    assert all(math.isnan(value) for value in evaluation.pooled().dice)
    evaluation.add("known", np.array([[1, 0]]), np.array([[0, 0]]))
    assert evaluation.mean_over_images().iou_of(1) == 0.0


def square(left: int) -> np.ndarray:
    mask = np.zeros((12, 12), np.uint8)
    mask[4:8, left : left + 4] = 1
    return mask


def test_boundary_f1_over_images_and_pooled():
    evaluation = Evaluation((0, 1), tolerance=0.0)
    evaluation.add("right", square(4), square(4))
    evaluation.add("half", square(4), square(5))  # see test_boundary
    assert evaluation.mean_over_images().boundary_f1[1] == 0.75
    assert evaluation.pooled().boundary_f1[1] == 18 / 24
    evaluation.add("small", np.array([[1, 0]]), np.array([[1, 0]]))
    assert evaluation.mean_over_images().boundary_f1[1] == pytest.approx((1 + 0.5 + 1) / 3)
    assert evaluation.pooled().boundary_f1[1] == 19 / 25
    assert math.isnan(Evaluation((0, 1), tolerance=None).add("a", square(4), square(4)).boundary_f1[1])


@pytest.mark.parametrize(
    ("truth", "labels", "two", "three"),
    [
        (0, 0, (math.nan, 1.0), (math.nan, math.nan)),  # nothing there, nothing found; the ground has no edge
        (0, 1, (0.0, 0.0), (0.0, 0.0)),  # all of it false: no outline, and no score to hide behind
        (1, 0, (0.0, 0.0), (0.0, 0.0)),
        (1, 1, (1.0, math.nan), (math.nan, math.nan)),
        (255, 0, (math.nan, math.nan), (math.nan, math.nan)),
    ],
)
def test_boundary_f1_where_there_is_no_outline(truth, labels, two, three):
    shape = (4, 4)
    masks = np.full(shape, truth, np.uint8), np.full(shape, labels, np.uint8)
    for classes, wanted in (((0, 1), two), ((0, 1, 2), (*three, math.nan))):
        found = Evaluation(classes).add("a", *masks).boundary_f1
        assert found == pytest.approx(wanted, nan_ok=True)


@given(truths, answers)
def test_no_score_leaves_0_to_1_and_only_a_perfect_mask_has_all_of_them(truth, labels):
    found = Evaluation(CLASSES).add("a", truth, labels)
    known = truth != 255
    for values in (found.iou, found.dice, found.boundary_f1):
        present = [value for value in values if not math.isnan(value)]
        assert all(0 <= value <= 1 for value in present)
    right = bool(known.any()) and bool((truth[known] == labels[known]).all())
    assert (found.mean_iou() == 1) == right
    if right:
        assert {1.0} >= {value for value in found.boundary_f1 if not math.isnan(value)}


def test_a_model_is_judged_by_the_classes_that_the_truth_shows():
    evaluation = Evaluation(CLASSES)
    evaluation.add("a", np.array([[0, 3, 3]]), np.array([[0, 3, 7]]))
    assert evaluation.measured(0) == (3,)
    assert evaluation.measured(None) == (0, 3)
    evaluation.add("b", np.array([[7, 255]]), np.array([[0, 0]]))
    assert evaluation.measured(0) == (3, 7)
    assert evaluation.image_dice(0) == pytest.approx([(2 / 3 + 0) / 2, 0.0])
    nothing = Evaluation(CLASSES)
    assert nothing.measured(0) == ()
    assert nothing.image_dice(0) == []
    assert math.isnan(nothing.mean_over_images().pixel_accuracy)
    assert math.isnan(nothing.pooled().iou_of(3))
    nothing.add("empty", np.array([[0, 0]]), np.array([[0, 7]]))
    assert nothing.measured(0) == (0,)


@given(truths, answers.map(lambda labels: np.where(labels > 7, 0, labels).astype(np.uint8)))
def test_figures_of_others_follow_from_ours_as_docs_metrics_says(truth, labels):
    found = Evaluation(CLASSES)
    one = found.add("a", truth, labels)
    for iou, dice in zip(one.iou, one.dice, strict=True):
        assert math.isnan(iou) or dice == pytest.approx(2 * iou / (1 + iou))
    known = truth != 255
    if known.any():  # "micro" IoU: the pixels of all classes as if they were of one
        sets = [((truth == index) & known, (labels == index) & known) for index in CLASSES]
        micro = sum((a & b).sum() for a, b in sets) / sum((a | b).sum() for a, b in sets)
        assert micro == pytest.approx(one.pixel_accuracy / (2 - one.pixel_accuracy))


def test_some_classes_alone():
    found = Evaluation(CLASSES).add("a", np.array([[0, 3, 7, 7]]), np.array([[0, 0, 7, 7]]))
    chosen = found.only((7, 0))
    assert chosen.classes == (0, 7)
    assert chosen.iou == (0.5, 1.0)
    assert chosen.pixel_accuracy == 0.75
    assert chosen.mean_iou() == 0.75


def test_dice_of_the_foreground_wants_the_right_class():
    truth = np.array([[0, 3, 7, 255]], np.uint8)
    assert foreground_dice(truth, truth, THREE) == 1.0
    assert foreground_dice(truth, np.array([[0, 3, 3, 3]], np.uint8), THREE) == 0.5
    assert foreground_dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), THREE) == 1.0
    assert mean_iou(truth, np.array([[0, 3, 3, 3]], np.uint8), THREE) == 0.25
