"""evaluate: scores by hand, classes by name, subsets, and what does not fit."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.commands.conftest import Run
from unet_studio.core.classes import ClassTable, PixelClass, write_classes_file
from unet_studio.core.storage import write_index_png

TABLE = ClassTable.binary("cell")


def write(folder: Path, **masks: list[list[int]]) -> Path:
    for name, values in masks.items():
        write_index_png(folder / f"{name}.png", np.array(values, np.uint8), TABLE.palette())
    return folder


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    folder = write(tmp_path / "truth", a=[[0, 0, 1, 1]], b=[[0, 0, 0, 1]])
    write_classes_file(folder / "classes.json", "t", TABLE)
    return folder


@pytest.fixture
def pred(tmp_path: Path) -> Path:
    return write(tmp_path / "pred", a=[[0, 1, 1, 1]], b=[[0, 0, 0, 1]])


def test_scores_by_hand(run: Run, truth: Path, pred: Path) -> None:
    done = run("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert done.status == 0
    assert done.value["images"] == 2
    mean, pooled = done.value["mean_over_images"], done.value["pooled"]
    cell = {"index": 1, "name": "cell", "iou": round((2 / 3 + 1) / 2, 6), "dice": 0.9, "boundary_f1": 0.5}
    assert mean["classes"][1] == cell
    assert pooled["classes"][1]["iou"] == 0.75
    assert pooled["pixel_accuracy"] == 7 / 8
    assert [entry["name"] for entry in done.value["per_image"]] == ["a", "b"]


def test_true_masks_in_color(run: Run, truth: Path, pred: Path, tmp_path: Path) -> None:
    """Their table of colours names them in another order than the predictions' classes.json."""
    colors = np.array([[0, 0, 255], [255, 0, 0]], np.uint8)
    for path in truth.glob("*.png"):
        Image.fromarray(colors[np.asarray(Image.open(path))]).save(path)
    (truth / "label_colors.txt").write_text("255 0 0 cell\n0 0 255 background\n")
    (truth / "classes.json").rename(pred / "classes.json")
    done = run("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert done.status == 0, done.err
    found = {one["name"]: one["iou"] for one in done.value["pooled"]["classes"]}
    assert found == {"background": 0.8, "cell": 0.75}


def test_the_table_names_both_averages(run: Run, truth: Path, pred: Path) -> None:
    done = run("evaluate", "--pred", pred, "--truth", truth)
    lines = [line.split("  ") for line in done.out.splitlines()]
    assert "IoU mean" in done.out
    assert "IoU pooled" in done.out
    cell = next(line for line in done.out.splitlines() if line.startswith("cell"))
    assert cell.split()[1:] == ["0.8333", "0.9000", "0.5000", "0.7500", "0.8571", "0.5000"]
    assert lines[0] == ["2 images"]
    head = done.out.splitlines()[1]
    assert head.split("  ")[-6:] == [
        f"{kind} {average}" for average in ("mean", "pooled") for kind in ("IoU", "Dice", "boundary F1")
    ]
    assert "Pixel accuracy 0.8750 mean over images, 0.8750 pooled" in done.out
    assert any(line.startswith("without background") for line in done.out.splitlines())


def test_json_holds_the_confusion_matrix(run: Run, truth: Path, pred: Path) -> None:
    found = run("evaluate", "--pred", pred, "--truth", truth, "--json").value["confusion"]
    assert found["classes"] == ["background", "cell"]
    assert found["pixels"] == [[4, 1, 0], [0, 3, 0]]
    assert found["row_shares"] == [[0.8, 0.2, 0.0], [0.0, 1.0, 0.0]]


def test_every_image_in_a_table(run: Run, truth: Path, pred: Path, tmp_path: Path) -> None:
    write(truth, c=[[255, 255, 255, 255]])
    (truth / "classes.json").write_text((truth / "classes.json").read_text().replace("null", "255"))
    write(pred, c=[[0, 0, 0, 0]])
    path = tmp_path / "images.csv"
    done = run("evaluate", "--pred", pred, "--truth", truth, "--per-image", path)
    assert str(path) in done.err
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert [row["image"] for row in rows] == ["a", "b", "c"]
    assert list(rows[0])[:4] == ["image", "known pixels", "pixel accuracy", "IoU: background"]
    assert len(rows[0]) == 3 + 3 * 4
    assert rows[0]["known pixels"] == "4"
    assert rows[0]["IoU: cell"] == rows[0]["IoU: without background"] == "0.6667"
    assert rows[0]["Dice: mean of classes"] == "0.7333"
    assert rows[0]["boundary F1: cell"] == "0.0000"
    assert rows[1]["boundary F1: cell"] == "1.0000"
    assert set(list(rows[2].values())[2:]) == {""}


def test_the_tolerance_of_outlines_is_a_setting(run: Run, truth: Path, pred: Path) -> None:
    words = ["evaluate", "--pred", pred, "--truth", truth, "--json"]
    wide = run(*words, "--boundary-tolerance", "0.25").value  # 1.03 px of these 4 x 1 px
    assert wide["boundary_tolerance"] == 0.25
    assert wide["mean_over_images"]["foreground_boundary_f1"] == 1.0
    assert run(*words).value["boundary_tolerance"] == 0.0075
    assert "can't be 2.0" in run(*words, "--boundary-tolerance", "2").err


def test_a_perfect_prediction_scores_one(run: Run, truth: Path) -> None:
    done = run("evaluate", "--pred", truth, "--truth", truth, "--json")
    assert done.value["pooled"]["mean_iou"] == done.value["mean_over_images"]["mean_dice"] == 1.0


def test_void_is_left_out(run: Run, tmp_path: Path, pred: Path) -> None:
    truth = write(tmp_path / "truth", a=[[0, 9, 1, 1]], b=[[0, 0, 0, 1]])
    done = run("evaluate", "--pred", pred, "--truth", truth, "--ignore", "9", "--json")
    assert done.value["pooled"]["pixel_accuracy"] == 1.0
    done = run("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert [entry["index"] for entry in done.value["pooled"]["classes"]] == [0, 1, 9]


def test_classes_are_matched_by_name(run: Run, truth: Path, tmp_path: Path) -> None:
    pred = write(tmp_path / "other", a=[[4, 4, 2, 2]], b=[[4, 4, 4, 2]])
    table = ClassTable((PixelClass(2, "Cell", "#ffffff"), PixelClass(4, "rest", "#000000")), 4)
    write_classes_file(pred / "classes.json", "p", table)
    done = run("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert done.value["pooled"]["mean_iou"] == 1.0


def test_a_class_that_the_truth_lacks_is_wrong_everywhere(run: Run, truth: Path, tmp_path: Path) -> None:
    pred = write(tmp_path / "other", a=[[0, 2, 1, 1]], b=[[0, 0, 0, 1]])
    write_classes_file(pred / "classes.json", "p", TABLE.add("ghost"))
    done = run("evaluate", "--pred", pred, "--truth", truth, "--json")
    assert done.value["pooled"]["pixel_accuracy"] == 7 / 8


def test_a_missing_prediction_is_an_error(run: Run, truth: Path, pred: Path) -> None:
    (pred / "b.png").unlink()
    done = run("evaluate", "--pred", pred, "--truth", truth)
    assert done.status == 1
    assert "1 of 2 true masks have no prediction" in done.err


def test_a_part_of_the_split(run: Run, truth: Path, pred: Path, tmp_path: Path) -> None:
    (pred / "b.png").unlink()
    split = tmp_path / "split.json"
    split.write_text(json.dumps({"train": ["b.jpg"], "val": [], "test": ["a.jpg"]}))
    words = ["evaluate", "--pred", pred, "--truth", truth, "--split", split]
    done = run(*words, "--subset", "test", "--json")
    assert [entry["name"] for entry in done.value["per_image"]] == ["a"]
    assert run(*words, "--subset", "train").status == 1
    assert "no val images" in run(*words, "--subset", "val").err
    assert "belong together" in run(*words).err
    split.write_text(json.dumps({"test": ["a.jpg", "zebra.jpg"]}))
    assert "zebra" in run(*words, "--subset", "test").err


def test_a_size_that_does_not_fit_names_the_file(run: Run, truth: Path, pred: Path) -> None:
    write(pred, b=[[0, 0]])
    done = run("evaluate", "--pred", pred, "--truth", truth)
    assert done.status == 1
    assert f"{pred / 'b.png'} is 2 x 1 px, but its image is 4 x 1 px" in done.err


@pytest.mark.data
def test_the_truth_of_a_data_set_against_itself(run: Run, data: Path) -> None:
    folder = data / "em_vnc"
    words = ["--split", folder / "split.json", "--subset", "test"]
    done = run("evaluate", "--pred", folder / "masks", "--truth", folder / "masks", *words, "--json")
    assert done.value["images"] == 3
    assert done.value["pooled"]["mean_iou"] == 1.0
    assert done.value["pooled"]["foreground_iou"] == 1.0
