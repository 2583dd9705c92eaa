"""Folders of COCO files: one set of several parts, and the files of other kinds beside them."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unet_studio.core.errors import StudioError
from unet_studio.formats.coco_reader import read_coco
from unet_studio.formats.matching import match

SQUARE = [[0, 0, 1, 0, 1, 1, 0, 1]]


def put(path: Path, name: str, category: str = "cell", **annotation: Any) -> None:
    """A COCO file of one image of 2 x 2 px, its first pixel of a category."""
    value = {
        "categories": [{"id": 3, "name": category}],
        "images": [{"id": 1, "file_name": name, "width": 2, "height": 2}],
        "annotations": [{"id": 8, "image_id": 1, "category_id": 3, "segmentation": SQUARE, **annotation}],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def test_the_parts_of_a_set_are_read_as_one(tmp_path: Path) -> None:
    put(tmp_path / "annotations" / "instances_train2017.json", "a.jpg", "cell")
    put(tmp_path / "annotations" / "instances_val2017.json", "b.jpg", "wall")
    incoming = read_coco(tmp_path)
    assert incoming.keys == ("a.jpg", "b.jpg")
    assert incoming.classes is not None
    assert [entry.name for entry in incoming.classes.active] == ["background", "cell", "wall"]
    assert incoming.read("a.jpg", (2, 2)).tolist() == [[1, 0], [0, 0]]
    assert incoming.read("b.jpg", (2, 2)).tolist() == [[2, 0], [0, 0]]
    assert incoming.notes == (
        "instances_train2017.json (train): 1 images.",
        "instances_val2017.json (val): 1 images.",
    )
    assert read_coco(tmp_path / "annotations").keys == ("a.jpg", "b.jpg")


def test_an_image_of_one_name_in_two_parts_is_called_after_its_part(tmp_path: Path) -> None:
    put(tmp_path / "set_train.json", "a.jpg")
    put(tmp_path / "set_test.json", "a.jpg")
    assert read_coco(tmp_path).keys == ("test/a.jpg", "train/a.jpg")


def test_folders_that_each_hold_a_part(tmp_path: Path) -> None:
    put(tmp_path / "train" / "_annotations.coco.json", "a.jpg")
    put(tmp_path / "valid" / "_annotations.coco.json", "sub/a.jpg")
    incoming = read_coco(tmp_path)
    assert incoming.keys == ("train/a.jpg", "valid/sub/a.jpg")
    assert match(incoming.keys, ["train/a.jpg", "valid/sub/a.jpg"]).missing == ()


def test_files_of_other_kinds_are_passed_over_by_name(tmp_path: Path) -> None:
    put(tmp_path / "annotations" / "instances_val.json", "a.jpg")
    put(tmp_path / "annotations" / "person_keypoints_val.json", "a.jpg", keypoints=[0, 0, 0])
    put(tmp_path / "annotations" / "captions_val.json", "a.jpg", caption="a cell")
    put(tmp_path / "annotations" / "panoptic_val.json", "a.jpg", segments_info=[])
    put(tmp_path / "annotations" / "stuff_val.json", "a.jpg", "sky")
    incoming = read_coco(tmp_path)
    assert incoming.keys == ("a.jpg",)
    (note,) = incoming.notes
    assert note == (
        "Passed over: captions_val.json (captions file), panoptic_val.json (panoptic file), "
        "person_keypoints_val.json (keypoints file), stuff_val.json."
    )


def test_a_folder_of_other_kinds_alone_says_what_they_are(tmp_path: Path) -> None:
    put(tmp_path / "panoptic_val.json", "a.jpg", segments_info=[])
    with pytest.raises(StudioError, match=r"panoptic_val\.json \(panoptic file\)"):
        read_coco(tmp_path)


@pytest.mark.parametrize(
    ("key", "kind"), [("segments_info", "a COCO panoptic file"), ("caption", "a COCO captions file")]
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, key: str, kind: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(
        json.dumps({"images": [], "categories": [], "annotations": [{"image_id": 1, "id": 1, key: []}]})
    )
    with pytest.raises(StudioError, match=kind):
        read_coco(path)


def test_a_broken_file_is_named_rather_than_passed_over(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"images": [{"id": 1}, oops')
    (tmp_path / "classes.json").write_text("{}")
    with pytest.raises(StudioError, match=r"x\.json is not a usable COCO file"):
        read_coco(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "keys"),
    [("coco_instances", {"a.jpg", "b.jpg"}), ("coco_roboflow", {"train/a.jpg", "val/b.jpg"})],
)
def test_datumaro_layouts(data: Path, folder: str, keys: set[str]) -> None:
    incoming = read_coco(data / "interop" / "datumaro_layouts" / "coco" / folder)
    assert set(incoming.keys) == keys
    name = next(key for key in keys if key.endswith("b.jpg"))
    assert np.bincount(incoming.read(name, (10, 5)).ravel(), minlength=3)[2] == 20


@pytest.mark.data
def test_a_panoptic_folder_is_refused_by_name(data: Path) -> None:
    with pytest.raises(StudioError, match=r"panoptic_train\.json \(panoptic file\)"):
        read_coco(data / "interop" / "datumaro_layouts" / "coco" / "coco_panoptic")
