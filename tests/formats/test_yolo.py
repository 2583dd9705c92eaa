"""YOLO segmentation: rows as Ultralytics writes them, holes, other tools' files, and files that are wrong."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats.sample import Labels, Outgoing, Sample
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
        (2.25 / 8, 1.25 / 4),
        (2.25 / 8, 2.75 / 4),
        (5.75 / 8, 1.25 / 4),
        (5.75 / 8, 2.75 / 4),
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
    assert incoming.notes == (
        "1 rows are boxes without a mask and are passed over.",
        "There is no data.yaml or classes.txt: the classes are called by their numbers.",
    )


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


NAMES = "names: [a, b]\n"
TRIANGLE = "1 0 0 1 0 1 1 0 1\n"


@pytest.mark.parametrize(
    ("files", "facts", "keys"),
    [
        # Ultralytics: parts below labels; a file beside the parts is one of an image beside them.
        (
            ["labels/train/a.txt", "labels/val/s/b.txt", "labels/c.txt"],
            "path: .\ntrain: images/train\n",
            "a c s/b",
        ),
        # Roboflow: labels below parts, and a data.yaml that leads one folder up.
        (
            ["train/labels/a.txt", "valid/labels/b.txt", "test/labels/c.txt"],
            "train: ../train/images\n",
            "a b c",
        ),
        # Where data.yaml says, and how Windows writes it.
        (["set/my/labels/a.txt"], "path: set\ntrain: my/images\n", "a"),
        (["set/labels/a.txt"], "train: [set\\images]\n", "a"),
        # An absolute path of the machine that it was made on says nothing here.
        (["labels/train/a.txt"], "path: /datasets/coco\ntrain: images/train\n", "a"),
        (["labels/train/a.txt"], "path: ../../other\ntrain: ../../../images\n", "a"),
        # Two images of one name in two parts keep their folders.
        (["train/labels/a.txt", "valid/labels/a.txt"], "", "train/images/a valid/images/a"),
        (["a.txt", "s/b.txt", "train.txt", "README.roboflow.txt"], "", "a s/b"),
    ],
)
def test_the_layouts_of_data_sets(tmp_path: Path, files: list[str], facts: str, keys: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(TRIANGLE)
    (tmp_path / "data.yaml").write_text(facts + NAMES)
    for source in (tmp_path, tmp_path / "data.yaml"):
        incoming = read_yolo(source)
        assert sorted(incoming.keys) == keys.split()
        assert incoming.classes.describe() == "0 background, 1 a, 2 b"
        assert (incoming.read(incoming.keys[0], (2, 2)) == 2).all()
        assert incoming.notes == ()


def test_a_part_of_a_data_set_takes_the_names_from_around_it(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        (tmp_path / part / "labels").mkdir(parents=True)
        (tmp_path / part / "labels" / f"{part}1.txt").write_text(TRIANGLE)
    (tmp_path / "data.yaml").write_text(NAMES)
    for source in (tmp_path / "valid", tmp_path / "valid" / "labels"):
        incoming = read_yolo(source)
        assert incoming.keys == ("valid1",)
        assert incoming.classes.describe() == "0 background, 1 a, 2 b"
    assert read_yolo(tmp_path).also("valid1") == "valid/images/valid1"


def test_a_data_set_of_poses_is_refused(tmp_path: Path) -> None:
    write(tmp_path, TRIANGLE)
    (tmp_path / "data.yaml").write_text(NAMES + "kpt_shape: [17, 3]\n")
    with pytest.raises(StudioError, match="describes poses"):
        read_yolo(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "a: &a {x: 1}\n" + "".join(f"b{n}: &b{n} {{<<: [*a, *a]}}\n" for n in range(3)) + "names: [*a]\n",
        "x0: &x0 [a, a]\n"
        + "".join(f"x{n}: &x{n} [{', '.join(9 * [f'*x{n - 1}'])}]\n" for n in range(1, 30))
        + "names: *x29\n",
        "<<: &a {<<: *a}\nnames: [[a]]\n",
        "names: {0: {a: b}}\n",
        "names: {x: y}\n",
        "names: " + "[" * 5000,
        "names: [a]\n#" + "x" * (1 << 20),
    ],
)
def test_a_yaml_bomb_is_refused(tmp_path: Path, text: str) -> None:
    write(tmp_path, TRIANGLE)
    (tmp_path / "data.yaml").write_text(text)
    with pytest.raises(StudioError, match="names can't be read"):
        read_yolo(tmp_path)


def test_merged_keys_are_not_copied(tmp_path: Path) -> None:
    """PyYAML's SafeLoader would make 2**40 pairs of this."""
    write(tmp_path, TRIANGLE)
    bomb = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 41))
    (tmp_path / "data.yaml").write_text(bomb + NAMES)
    assert read_yolo(tmp_path).classes.describe() == "0 background, 1 a, 2 b"


def test_links_out_of_a_data_set_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "in", TRIANGLE)
    (tmp_path / "b.txt").write_text(TRIANGLE)
    (tmp_path / "in" / "labels" / "b.txt").symlink_to(tmp_path / "b.txt")
    with pytest.raises(StudioError, match="leads outside"):
        read_yolo(tmp_path / "in")


def rings(folder: Path, shape: tuple[int, int]) -> list[tuple[int, NDArray[np.float64]]]:
    """Every row of a.txt: its class, and its points in px."""
    rows = (line.split() for line in (folder / "labels" / "train" / "a.txt").read_text().splitlines())
    size = shape[::-1]
    return [(int(row[0]), np.array(row[1:], float).reshape(-1, 2) * size) for row in rows]


def blobs(shape: tuple[int, int]) -> Labels:
    """Two classes of blobs with holes, islands in holes, and single pixels."""
    import cv2

    noise = np.random.default_rng(7).random(shape, np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 6)
    fine = cv2.GaussianBlur(noise, (0, 0), 2)
    return np.where(smooth > 0.51, 1, np.where(fine < 0.42, 2, 0)).astype(np.uint8)


def by_pycocotools(ring: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """As COCO's consumers draw a polygon."""
    from pycocotools import mask as coco

    decoded: NDArray[np.uint8] = coco.decode(coco.frPyObjects([ring.ravel().tolist()], *shape))
    return decoded[..., 0] == 1


def by_ultralytics(ring: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """As polygon2mask of ultralytics/data/utils.py draws: np.asarray(polygon, dtype=np.int32), cv2.fillPoly.

    It holds the points, in parts of the image, as float32.
    """
    import cv2

    size = np.array(shape[::-1], np.float32)
    points = ((ring / size).astype(np.float32) * size).astype(np.int32)
    drawn = np.zeros(shape, np.uint8)
    cv2.fillPoly(drawn, [points], (1,))
    return drawn == 1


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
@pytest.mark.parametrize("draw", [by_pycocotools, by_ultralytics])
@pytest.mark.parametrize("shape", [(301, 257), (1, 1), (7, 4000)])
def test_others_draw_the_very_mask(
    tmp_path: Path, draw: Callable[..., NDArray[np.bool_]], shape: tuple[int, int]
) -> None:
    labels = blobs(shape)
    write_yolo(tmp_path, Outgoing("set", TABLE, ["a.jpg"], lambda: [Sample("a.jpg", labels)]))
    drawn = np.zeros_like(labels)
    for number, ring in rings(tmp_path, labels.shape):
        drawn[draw(ring, shape)] = number + 1
    np.testing.assert_array_equal(drawn, labels)


@settings(max_examples=60, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.integers(0, 2)))
def test_ultralytics_draws_the_very_mask_of_anything(labels: Labels) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_yolo(Path(folder), Outgoing("set", TABLE, ["a.jpg"], lambda: [Sample("a.jpg", labels)]))
        drawn = np.zeros_like(labels)
        for number, ring in rings(Path(folder), labels.shape):
            drawn[by_ultralytics(ring, labels.shape)] = number + 1
    np.testing.assert_array_equal(drawn, labels)


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
