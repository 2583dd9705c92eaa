"""YOLO segmentation: rows as Ultralytics writes them, holes, other tools' files, and files that are wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.yolo import read_yolo, write_yolo

TABLE = ClassTable.binary("cell").add('a: "b"')


def write(folder: Path, rows: str, name: str = "a.txt") -> Path:
    path = folder / "labels" / "train" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(rows)
    return folder


def test_rows_and_yaml_are_as_ultralytics_reads_them(tmp_path: Path) -> None:
    labels = np.zeros((4, 8), np.uint8)
    labels[1:3, 2:6] = 2
    out = Outgoing(
        "set", TABLE, ["s/a.jpg", "b.jpg"], lambda: [Sample("s/a.jpg", labels)], {"s/a.jpg": "val"}
    )
    files = write_yolo(tmp_path, out)
    assert files == {"s/a.jpg": "labels/val/s/a.txt", "b.jpg": "labels/train/b.txt"}
    words = (tmp_path / "labels" / "val" / "s" / "a.txt").read_text().split()
    assert words[0] == "1"
    assert sorted(zip(map(float, words[1::2]), map(float, words[2::2]), strict=True)) == [
        (0.25, 0.25),
        (0.25, 0.75),
        (0.75, 0.25),
        (0.75, 0.75),
    ]
    value = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert value["names"] == {0: "cell", 1: 'a: "b"'}
    assert (value["train"], value["val"]) == ("images/train", "images/val")


def test_a_hole_and_odd_sizes_come_back(tmp_path: Path) -> None:
    labels = np.zeros((977, 1013), np.uint8)
    labels[100:900, 33:1001] = 1
    labels[300:500, 200:777] = 2
    labels[310:320, 210:220] = 0
    labels[976, 1012] = 1
    write_yolo(tmp_path, Outgoing("set", TABLE, ["a.jpg"], lambda: [Sample("a.jpg", labels)]))
    np.testing.assert_array_equal(read_yolo(tmp_path).read("a", labels.shape), labels)


def test_an_empty_file_is_background_and_one_of_boxes_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, "")
    write(tmp_path, "0 0.5 0.5 0.2 0.2\n", "b.txt")
    incoming = read_yolo(tmp_path)
    assert not incoming.is_blank("a")
    assert incoming.is_blank("b")
    assert not incoming.read("a", (3, 3)).any()
    assert incoming.notes == ("1 rows are boxes without a mask and are passed over.",)


def test_names_come_from_a_list_too_or_are_numbers(tmp_path: Path) -> None:
    write(tmp_path, "1 0 0 1 0 1 1 0 1\n")
    assert read_yolo(tmp_path).classes.describe() == "0 background, 1 class 1"
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert read_yolo(tmp_path).classes.describe() == "0 background, 1 cat, 2 dog"
    (tmp_path / "data.yaml").write_text("names: [owl, fox]\n")
    incoming = read_yolo(tmp_path / "labels")
    assert incoming.classes.describe() == "0 background, 1 owl, 2 fox"
    assert (incoming.read("a", (2, 2)) == 2).all()


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("x 0 0 1 0 1 1", "'x' is no class number"),
        ("0 0 0 1 0 1", "a row has 5 coordinates"),
        ("0 0 0 1 0 1 7", "not between 0 and 1"),
        ("0 0 0 1 0 1 nan", "not between 0 and 1"),
        ("0 0 0 1 0 1 y", "could not convert"),
        ("0 0 0 1 0 1 ä", "codec"),
    ],
)
def test_malformed_rows_are_named(tmp_path: Path, row: str, problem: str) -> None:
    with pytest.raises(StudioError, match=rf"a\.txt is not a usable YOLO label file: .*{problem}"):
        read_yolo(write(tmp_path, row))


@pytest.mark.parametrize("text", ["names: 3", "train: x", "names: !!python/object:os.system x", "a: [", "3"])
def test_a_yaml_file_never_runs_anything_and_is_named_where_it_is_broken(tmp_path: Path, text: str) -> None:
    write(tmp_path, "0 0 0 1 0 1 1\n")
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(StudioError, match="names can't be read"):
        read_yolo(tmp_path)


def test_the_size_of_the_image_is_needed(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="does not say its image's size"):
        read_yolo(write(tmp_path, "")).read("a", None)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no text files"):
        read_yolo(tmp_path)
    with pytest.raises(StudioError, match="is not a folder"):
        read_yolo(tmp_path / "x")


def test_what_another_tool_exported_is_near_its_own_mask(data: Path) -> None:
    folder = data / "interop" / "xanylabeling" / "segmentation"
    incoming = read_yolo(folder / "instance_segmentation")
    labels = incoming.read("cat_dog", (810, 1440))
    picture = folder / "multiclass_semantic_segmentation"
    colors = json.loads((picture / "mask_color_map.json").read_text())["colors"]
    truth = np.asarray(Image.open(picture / "masks" / "cat_dog.png").convert("RGB"))
    for name, color in colors.items():
        meant = (truth == color).all(axis=-1)
        found = labels == incoming.classes.named(name).index
        # That tool draws its contour with cv2, half a pixel wider than its polygon is.
        assert (meant & found).sum() / (meant | found).sum() > 0.99
