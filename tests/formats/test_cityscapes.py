"""Cityscapes: its layout and numbers, decoded by its rules; data sets as others make them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.cityscapes import image_place, read_cityscapes, write_cityscapes
from unet_studio.formats.regions import draw_scene
from unet_studio.formats.sample import Outgoing, Sample

TABLE = ClassTable(
    (PixelClass(3, "cell", "#ff0000"), PixelClass(7, "soil", "#000000"), PixelClass(254, "x y", "#00ff00")), 7
)
LABELS = np.array([[3, 7, 3, 3, 255], [254, 7, 7, 3, 255]], np.uint8)


def write(folder: Path, labels: dict[str, Any], split: dict[str, str] | None = None) -> dict[str, str]:
    samples = [Sample(name, found) for name, found in labels.items()]
    return dict(write_cityscapes(folder, Outgoing("set", TABLE, list(labels), lambda: samples, split or {})))


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def test_files_lie_where_cityscapes_has_them(tmp_path: Path) -> None:
    names = {
        "sub/a.jpg": "gtFine/val/sub/a",
        "b.png": "gtFine/train/_/b",
        "x/y/c_leftImg8bit.png": "gtFine/test/x%2Fy/c",
        "leftImg8bit/val/bonn/bonn_000000_000019_leftImg8bit.png": "gtFine/val/bonn/bonn_000000_000019",
        "_/50%.png": "gtFine/train/%5F/50%25",
        "sub/a.tif": "gtFine/train/sub/a.tif",
    }
    split = {"sub/a.jpg": "val", "x/y/c_leftImg8bit.png": "test"}
    names["sub/a.jpg"] += ".jpg"  # beside a.tif
    files = write(tmp_path, dict.fromkeys(names, LABELS), split)
    assert files == {name: f"{place}_gtFine_labelIds.png" for name, place in names.items()}
    for place in names.values():
        for kind in ("labelIds", "instanceIds", "color", "labelTrainIds"):
            assert (tmp_path / f"{place}_gtFine_{kind}.png").is_file()
    assert set(read_cityscapes(tmp_path).keys) == set(names)
    assert image_place("", files["b.png"]) == "leftImg8bit/train/_/b_leftImg8bit"


@settings(max_examples=30, deadline=None)
@given(
    arrays.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([3, 7, 254, UNLABELLED]),
    )
)
def test_pictures_decode_by_the_rules_of_cityscapes(
    tmp_path_factory: pytest.TempPathFactory, labels: Any
) -> None:
    folder = tmp_path_factory.mktemp("city")
    stem = folder / write(folder, {"s/a.jpg": labels})["s/a.jpg"].removesuffix("_labelIds.png")
    lines = [line.split(maxsplit=3) for line in (folder / "label_colors.txt").read_text().splitlines()]
    assert [line[3] for line in lines] == ["soil", "cell", "x y", "unlabeled"]
    assert lines[0][:3] == ["0", "0", "0"]
    wanted = {"unlabeled": UNLABELLED, "cell": 3, "soil": 7, "x y": 254}
    ids = pixels(Path(f"{stem}_labelIds.png"))
    objects = pixels(Path(f"{stem}_instanceIds.png"))
    trained = pixels(Path(f"{stem}_labelTrainIds.png"))
    colors = pixels(Path(f"{stem}_color.png"))
    assert (ids.dtype, objects.dtype, trained.dtype, colors.shape) == (
        np.uint8, np.uint16, np.uint8, (*labels.shape, 3),
    )  # fmt: skip
    for number, line in enumerate(lines):
        meant = labels == wanted[line[3]]
        assert np.array_equal(ids == number, meant)
        assert np.array_equal(np.where(objects < 1000, objects, objects // 1000) == number, meant)
        assert np.array_equal(trained == (255 if line[3] == "unlabeled" else number), meant)
        assert np.array_equal((colors == np.array(line[:3], np.uint8)).all(axis=2), meant)
    incoming = read_cityscapes(folder)
    assert incoming.scene is not None
    assert incoming.legend is not None
    back = incoming.read("s/a.jpg", labels.shape)
    assert np.array_equal(draw_scene(incoming.scene("s/a.jpg", None), incoming.legend), back)
    assert incoming.size("s/a.jpg") == labels.shape


def test_pieces_are_objects_and_the_background_is_none(tmp_path: Path) -> None:
    files = write(tmp_path, {"a.jpg": LABELS})
    objects = pixels(tmp_path / files["a.jpg"].replace("labelIds", "instanceIds"))
    assert objects.tolist() == [[1000, 0, 1001, 1001, 3], [2000, 0, 0, 1001, 3]]


def test_more_objects_than_numbers_are_not_told_apart(tmp_path: Path) -> None:
    dots = np.full((64, 128), 7, np.uint8)
    dots[::2, ::2] = 3
    files = write(tmp_path, {"a.jpg": dots})
    objects = pixels(tmp_path / files["a.jpg"].replace("labelIds", "instanceIds"))
    assert np.unique(objects).tolist() == [0, 1]


def test_without_a_background_unlabelled_is_black_and_0(tmp_path: Path) -> None:
    table = ClassTable((PixelClass(0, "a", "#000000"), PixelClass(9, "b", "#ff0000")), None)
    labels = np.array([[0, 9, 255]], np.uint8)
    files = write_cityscapes(tmp_path, Outgoing("set", table, ["a.jpg"], lambda: [Sample("a.jpg", labels)]))
    assert pixels(tmp_path / files["a.jpg"]).tolist() == [[1, 2, 0]]
    lines = (tmp_path / "label_colors.txt").read_text().splitlines()
    assert [line.split()[3] for line in lines] == ["unlabeled", "a", "b"]
    assert [line.startswith("0 0 0 ") for line in lines] == [True, False, False]
    incoming = read_cityscapes(tmp_path)
    assert incoming.read("a.jpg", None).tolist() == [[1, 2, UNLABELLED]]


def official(folder: Path, stem: str, kind: str, values: Any) -> None:
    path = folder / "gtFine" / "train" / "aachen" / f"{stem}_gtFine_{kind}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


STEM = "aachen_000000_000019"


def test_cityscapes_own_labels_and_touching_cars(tmp_path: Path) -> None:
    objects = np.array([[26000, 26000, 26001, 26, 7, 3, 0, 24003]], np.uint16)
    official(tmp_path, STEM, "instanceIds", objects)
    for source in (tmp_path, tmp_path / "gtFine"):
        incoming = read_cityscapes(source)
        assert incoming.keys == (f"aachen/{STEM}",)
        assert incoming.also(incoming.keys[0]) == f"aachen/{STEM}_leftImg8bit"
        assert incoming.classes is not None
        assert incoming.classes.get(26).name == "car"
        assert incoming.classes.named("ego vehicle") is None
        assert "ego vehicle, out of roi" in incoming.notes[0]
        assert incoming.read(incoming.keys[0], None).tolist() == [[26, 26, 26, 26, 7, 255, 255, 24]]
        assert incoming.scene is not None
        regions = incoming.scene(incoming.keys[0], (1, 8)).regions
        assert [(region.name, region.instance) for region in regions] == [
            ("unlabelled", ""), ("road", ""), ("car", ""), ("person", "24003"),
            ("car", "26000"), ("car", "26001"),
        ]  # fmt: skip


def test_ids_come_before_objects_and_train_ids(tmp_path: Path) -> None:
    official(tmp_path, STEM, "labelTrainIds", np.array([[0, 13, 255]], np.uint8))
    key = read_cityscapes(tmp_path).keys[0]
    assert read_cityscapes(tmp_path).read(key, None).tolist() == [[7, 26, UNLABELLED]]
    official(tmp_path, STEM, "labelIds", np.array([[8, 9, 4]], np.uint8))
    assert read_cityscapes(tmp_path).read(key, None).tolist() == [[8, 9, 4]]


def test_own_labels_count_by_line(tmp_path: Path) -> None:
    official(tmp_path, STEM, "labelIds", np.array([[0, 1, 2]], np.uint8))
    (tmp_path / "label_colors.txt").write_text("0 0 0 background\n255 0 0 cat\n0 255 0 void\n")
    incoming = read_cityscapes(tmp_path)
    assert incoming.classes is not None
    assert (incoming.classes.describe(), incoming.classes.background) == ("0 background, 1 cat", 0)
    assert incoming.read(incoming.keys[0], None).tolist() == [[0, 1, UNLABELLED]]
    (tmp_path / "label_colors.txt").write_text("0 0 0 background\n255 0 0 cat\n")
    with pytest.raises(StudioError, match=r"ids that are no labels: \[2\]"):
        read_cityscapes(tmp_path).read(incoming.keys[0], None)


def test_what_label_colors_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="means no class"):
        write_cityscapes(tmp_path, Outgoing("x", ClassTable.binary("Void"), [], list))
    many = ClassTable(tuple(PixelClass(index, f"c{index}", "#000000") for index in range(255)))
    with pytest.raises(StudioError, match="254 classes"):
        write_cityscapes(tmp_path, Outgoing("x", many, [], list))


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no"):
        read_cityscapes(tmp_path)
    with pytest.raises(StudioError, match="not a folder"):
        read_cityscapes(tmp_path / "nowhere")
