"""Metrics against a pixel-by-pixel oracle, and their conventions at the edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.metrics import Evaluation, confusion, foreground_dice, mean_iou, scores

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
    assert value["pooled"]["classes"][2] == {"index": 7, "name": "wall", "iou": None, "dice": None}
    assert value["mean_over_images"]["foreground_iou"] == 1.0
    assert value["per_image"][0]["name"] == "a"


def test_dice_of_the_foreground_wants_the_right_class():
    truth = np.array([[0, 3, 7, 255]], np.uint8)
    assert foreground_dice(truth, truth, THREE) == 1.0
    assert foreground_dice(truth, np.array([[0, 3, 3, 3]], np.uint8), THREE) == 0.5
    assert foreground_dice(np.zeros((2, 2), np.uint8), np.zeros((2, 2), np.uint8), THREE) == 1.0
    assert mean_iou(truth, np.array([[0, 3, 3, 3]], np.uint8), THREE) == 0.25
