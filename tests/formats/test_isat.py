"""ISAT: the very pixels of its own masks, layers, groups, and files that are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.errors import StudioError
from unet_studio.formats.isat import read_isat

SQUARE = [[1, 1], [4, 1], [4, 3], [1, 3]]


def write(folder: Path, *objects: dict[str, Any], name: str = "a.json", **info: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    about = {"description": "ISAT", "folder": "/x", "name": "a.jpg", "width": 7, "height": 5, "depth": 3}
    whole = [{"category": "cell", "group": 1, "layer": 1.0, "iscrowd": False, **item} for item in objects]
    (folder / name).write_text(json.dumps({"info": {**about, **info}, "objects": whole}))


def test_the_pixels_are_those_of_isats_own_masks(data: Path) -> None:
    folder = data / "interop" / "isat"
    incoming = read_isat(folder / "images")
    names = (folder / "semantic" / "classification.txt").read_text().split("\n")
    assert incoming.classes is not None
    assert incoming.scene is not None
    assert [entry.name for entry in incoming.classes.active[1:]] == names[1:-1]
    assert incoming.classes.get(1).color == "#ef2929"
    number = {entry.index: names.index(entry.name) if entry.index else 0 for entry in incoming.classes.active}
    lut = np.array([number.get(index, 255) for index in range(256)], dtype=np.uint8)
    assert len(incoming.keys) == 6
    for key in incoming.keys:
        truth = np.asarray(Image.open(folder / "semantic" / f"{key}.png"))
        assert incoming.size(key) == truth.shape
        assert np.array_equal(lut[incoming.read(key, truth.shape)], truth)
        instances = np.zeros(truth.shape, dtype=np.int64)
        for region in incoming.scene(key, None).regions:
            rect, stencil = region.draw(truth.shape)
            instances[rect.slices][stencil] = int(region.instance or names.index(region.name))
        assert np.array_equal(instances, np.asarray(Image.open(folder / "instance" / f"{key}.png")))


def test_a_polygon_holds_what_lies_on_its_edges_and_coordinates_are_cut(tmp_path: Path) -> None:
    write(tmp_path, {"segmentation": [[0.9, 0.9], [4.9, 0.1], [0.2, 4.7]]})
    expected = np.add.outer(np.arange(5), np.arange(7)) <= 4
    assert np.array_equal(read_isat(tmp_path).read("a", (5, 7)), expected)


def test_where_edges_cross_on_a_pixel_the_even_odd_rule_goes_on(tmp_path: Path) -> None:
    write(tmp_path, {"segmentation": [[0, 0], [4, 4], [4, 0], [0, 4]]})
    columns, rows = np.arange(7), np.arange(5)[:, None]
    hourglass = (columns <= 4) & (
        ((columns <= rows) & (columns <= 4 - rows)) | ((columns >= rows) & (columns >= 4 - rows))
    )
    found = read_isat(tmp_path).read("a", (5, 7)) == 1
    # scikit-image 0.26 leaves the middle in: seen with draw.polygon, which ISAT calls.
    assert np.array_equal(found, hourglass)


def test_the_higher_layer_lies_on_top_whatever_the_files_order(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"segmentation": [[2, 2], [3, 2], [3, 3]], "layer": 5.0, "category": "top"},
        {"segmentation": SQUARE, "layer": 1.0},
    )
    labels = read_isat(tmp_path).read("a", (5, 7))
    assert labels[1:4, 1:5].tolist() == [[2, 2, 2, 2], [2, 1, 1, 2], [2, 2, 1, 2]]


def test_an_image_without_objects_is_blank_and_lists_say_the_classes(tmp_path: Path) -> None:
    write(tmp_path / "sub")
    (tmp_path / "classification.txt").write_text("__background__\nwall\ncell\n")
    incoming = read_isat(tmp_path)
    assert incoming.keys == ("sub/a",)
    assert incoming.is_blank("sub/a")
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 wall, 2 cell"


@pytest.mark.parametrize(
    "text",
    [
        "label: &a [*a, *a]",
        "label: !!python/object/apply:os.system ['touch x']",
        "label: {",
        "label: 3",
        "[" * 5000,
    ],
)
def test_a_list_of_classes_that_is_no_list_is_passed_over(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"segmentation": SQUARE})
    (tmp_path / "isat.yaml").write_text(text)
    incoming = read_isat(tmp_path / "a.json")
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 cell"


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"segmentation": [[1, 1], [2, 2]]}, "fewer than three points"),
        ({"segmentation": [[1, 1], [2, 2], [1e9, 3]]}, "far outside"),
        ({"segmentation": [[1, 1], [2, 2], [float("nan"), 3]]}, "far outside"),
        ({"segmentation": SQUARE, "layer": float("nan")}, "a layer is no number"),
        ({"segmentation": None}, "an object is malformed"),
    ],
)
def test_malformed_objects_are_named(tmp_path: Path, item: dict[str, Any], problem: str) -> None:
    write(tmp_path, item)
    with pytest.raises(StudioError, match=rf"a\.json is not a usable ISAT file: .*{problem}"):
        read_isat(tmp_path).read("a", (5, 7))


@pytest.mark.parametrize(
    ("info", "problem"),
    [
        ({"width": "7"}, "not whole numbers"),
        ({"height": 1 << 40}, "impossible size"),
        ({"description": "other"}, "does not say that it is of ISAT"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path: Path, info: dict[str, Any], problem: str) -> None:
    write(tmp_path, {"segmentation": SQUARE}, **info)
    with pytest.raises(StudioError, match=problem):
        read_isat(tmp_path)


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no ISAT file"):
        read_isat(tmp_path)
