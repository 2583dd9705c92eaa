"""Colour masks: tables of many tools, colours without a table, and pictures that are no masks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageFilter

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats import color_masks
from unet_studio.formats.color_masks import distinct, read_color_masks, write_color_png
from unet_studio.formats.known_palettes import CAMVID, CITYSCAPES, known_palettes
from unet_studio.formats.sample import Outgoing, Sample

RED, GREEN, BLUE, BLACK, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def save(path: Path, *colors: tuple[int, ...]) -> None:
    """A picture of one row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array([colors], np.uint8)).save(path)


def outgoing(labels: dict[str, Any], table: ClassTable) -> Outgoing:
    return Outgoing("x", table, list(labels), lambda: (Sample(name, found) for name, found in labels.items()))


def read_row(folder: Path) -> tuple[str, list[int], tuple[str, ...]]:
    """The classes, the labels of the mask a, and the notes."""
    incoming = read_color_masks(folder)
    labels = incoming.read("a", None)
    assert incoming.size("a") == labels.shape
    assert incoming.classes is not None
    return incoming.classes.describe(), labels[0].tolist(), incoming.notes


# Two classes and a background, or one that nobody knows, as each tool's table says it.
TABLES = {
    "label_colors.txt": "0 0 0 background\n255 0 0 cat\n# remark\n0 255 0\ta big dog\n",
    "label_color.txt": "0,0,0,background\n255,0,0,cat\n0,255,0,a big dog\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\n"
    "cat:255,0,0::\nbackground:0,0,0::\na big dog:0,255,0::\n",
    "mask_color_map.json": '{"type": "rgb", "colors": {"cat": [255, 0, 0], "a big dog": [0, 255, 0]}}',
    "dataset_meta.json": '{"label_map": {"0": "background", "1": "cat", "2": "a big dog"}, '
    '"segmentation_colors": [[0, 0, 0], [255, 0, 0], [0, 255, 0]]}',
    "class_dict.csv": "name,r,g,b\nbackground,0,0,0\ncat,255,0,0\na big dog,0,255,0\n",
    "labelmap.csv": "background,0,0,0\ncat,255,0,0\na big dog,0,255,0\n",
}


@pytest.mark.parametrize("name", TABLES)
def test_tables_of_other_tools(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(TABLES[name])
    save(tmp_path / "a.png", BLACK, RED, GREEN)
    described, labels, _ = read_row(tmp_path)
    assert described == "0 background, 1 cat, 2 a big dog"
    assert labels == [0, 1, 2]


@pytest.mark.parametrize("name", [name for name in TABLES if name != "classes.json"])
def test_tables_that_are_broken_are_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path / "a.png", BLACK, RED, GREEN)
    for content in (
        "",
        "x",
        "[]",
        "{}",
        "cat:1,2:::",
        "1 2 cat",
        "300 0 0 cat",
        '{"colors": {"cat": "red"}}',
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(StudioError, match=f"{name}"):
            read_color_masks(tmp_path)


def test_a_table_may_not_lead_out_of_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "masks" / "a.png", RED)
    (tmp_path / "secret.txt").write_text("255 0 0 cat\n")
    (tmp_path / "masks" / "label_colors.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(StudioError, match="leads outside"):
        read_color_masks(tmp_path / "masks")


def test_a_table_may_not_give_two_classes_one_colour(tmp_path: Path) -> None:
    save(tmp_path / "a.png", RED)
    (tmp_path / "label_colors.txt").write_text("255 0 0 cat\n255 0 0 dog\n")
    with pytest.raises(StudioError, match="two classes the same colour or name"):
        read_color_masks(tmp_path)


def test_names_that_mean_nobody_knows_are_unlabelled(tmp_path: Path) -> None:
    (tmp_path / "label_colors.txt").write_text("0 0 0 Void\n255 0 0 cat\n")
    save(tmp_path / "a.png", BLACK, RED)
    assert read_row(tmp_path) == ("0 cat", [UNLABELLED, 0], ())


def test_black_that_a_table_leaves_out_is_background(tmp_path: Path) -> None:
    (tmp_path / "label_colors.txt").write_text("255 0 0 cat\n")
    save(tmp_path / "a.png", BLACK, RED)
    described, labels, notes = read_row(tmp_path)
    assert (described, labels) == ("0 background, 1 cat", [0, 1])
    assert notes == ("label_colors.txt does not name black: it is taken for the background.",)


def test_the_void_of_our_own_list_is_unlabelled(tmp_path: Path) -> None:
    classes = [
        {"index": 4, "name": "cat", "color": "#ff0000"},
        {"index": 9, "name": "no", "color": "#00ff00"},
    ]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes, "ignore_index": 9}))
    save(tmp_path / "a.png", RED, GREEN)
    assert read_row(tmp_path)[:2] == ("4 cat", [4, UNLABELLED])


def test_what_is_transparent_is_unlabelled(tmp_path: Path) -> None:
    save(tmp_path / "a.png", (*BLACK, 255), (*RED, 255), (*GREEN, 0), (*RED, 120))
    described, labels, notes = read_row(tmp_path)
    assert (described, labels) == ("0 background, 1 #ff0000", [0, 1, UNLABELLED, 1])
    assert notes[-1] == "What is wholly transparent becomes unlabelled."


def test_palettes_and_their_transparent_colour_count(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([*BLACK, *RED, *GREEN])
    image.save(tmp_path / "a.png", transparency=2)
    assert read_row(tmp_path)[:2] == ("0 background, 1 #ff0000", [0, 1, UNLABELLED])


def test_colours_without_a_table_are_called_after_themselves(tmp_path: Path) -> None:
    save(tmp_path / "a.png", BLACK, RED, (1, 2, 3))
    described, labels, notes = read_row(tmp_path)
    assert (described, labels) == ("0 background, 1 #010203, 2 #ff0000", [0, 2, 1])
    assert notes == (
        "No table of colours was found: the classes are called after them, "
        "#000000 background, #010203, #ff0000.",
    )


def test_colours_of_a_known_palette_get_its_names(tmp_path: Path) -> None:
    save(tmp_path / "a.png", BLACK, (128, 0, 0), (0, 128, 0), (0, 0, 128))
    described, labels, notes = read_row(tmp_path)
    assert (described, labels) == ("0 background, 1 boat, 2 bicycle, 3 aeroplane", [0, 3, 2, 1])
    assert "all are in Pascal VOC's palette, whose names are taken (#000000 background" in notes[0]
    save(tmp_path / "a.png", BLACK, (128, 64, 128), (244, 35, 232), (70, 70, 70))
    described, labels, notes = read_row(tmp_path)
    assert described == "0 building, 1 road, 2 sidewalk"
    assert labels == [UNLABELLED, 1, 2, 0]
    assert "unlabelled: #000000" in notes[0]
    save(tmp_path / "a.png", BLACK, (128, 0, 0), (128, 128, 0), (64, 0, 128))
    assert "CamVid and CamVid of SegNet would fit as well." in read_row(tmp_path)[2][0]


def test_a_few_colours_prove_no_palette(tmp_path: Path) -> None:
    save(tmp_path / "a.png", BLACK, RED, (0, 0, 142))  # a rider and a car?
    assert read_row(tmp_path)[0] == "0 background, 1 #00008e, 2 #ff0000"


def test_smoothed_and_lossy_pictures_are_refused(tmp_path: Path) -> None:
    disk = (np.hypot(*np.mgrid[-40:40, -40:40]) < 25)[..., None] * np.array([90, 200, 30], np.uint8)
    Image.fromarray(disk).save(tmp_path / "a.jpg")
    with pytest.raises(StudioError, match=r"more than 254 colours.*lossy format.*PNG"):
        read_color_masks(tmp_path)
    (tmp_path / "label_colors.txt").write_text("90 200 30 disk\n")
    with pytest.raises(StudioError, match=r"colours that are no class.*JPEG or WebP"):
        read_color_masks(tmp_path).read("a", None)
    soft = Image.fromarray(disk).filter(ImageFilter.GaussianBlur(2))
    (tmp_path / "a.jpg").unlink()
    soft.save(tmp_path / "a.png")
    with pytest.raises(StudioError, match=r"pixels of \d+ colours that are no class: #"):
        read_color_masks(tmp_path).read("a", None)


def test_photographs_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 30, 3), np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(StudioError, match=r"more than 254 colours.*smoothed edges"):
        read_color_masks(tmp_path)


def test_grey_numbers_are_index_masks(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(StudioError, match=r"are grey\. Import them with a format of index masks"):
        read_color_masks(tmp_path)
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "a.png")
    assert read_row(tmp_path)[:2] == ("0 background, 1 #ffffff", [0, 1])


def test_colours_that_turn_up_later_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(color_masks, "ENOUGH", 1)
    save(tmp_path / "a.png", BLACK, RED)
    save(tmp_path / "b.png", BLACK, GREEN)
    incoming = read_color_masks(tmp_path)
    assert incoming.notes[-1] == "1 of 2 masks were looked at for their colours."
    with pytest.raises(StudioError, match=r"1 pixels of 1 colours that are no class: #00ff00.*label_colors"):
        incoming.read("b", None)


def test_deep_colours_count_by_their_upper_byte(tmp_path: Path) -> None:
    import cv2

    deep = np.array([[BLACK, RED, BLUE]], np.uint16) * 257
    cv2.imwrite(str(tmp_path / "a.png"), deep[..., ::-1])
    assert (tmp_path / "a.png").read_bytes()[24] == 16
    assert read_row(tmp_path)[:2] == ("0 background, 1 #0000ff, 2 #ff0000", [0, 2, 1])


def test_colours_of_classes_are_told_apart() -> None:
    table = ClassTable(
        (PixelClass(0, "a", "#ff0000"), PixelClass(1, "b", "#ff0000"), PixelClass(2, "c", "#e0e0c0")), None
    )
    apart, colors = distinct(table)
    assert colors[0] == RED
    assert len(set(colors.values())) == len(colors) == 4
    assert [entry.color for entry in apart.active][::2] == ["#ff0000", "#e0e0c0"]


@settings(max_examples=20, deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([0, 1, 2, 255])
    )
)
def test_what_is_written_decodes_by_its_table(tmp_path_factory: pytest.TempPathFactory, labels: Any) -> None:
    folder = tmp_path_factory.mktemp("color")
    table = ClassTable.binary("big  cat").add("unlabelled", "#000000")
    assert write_color_png(folder, outgoing({"s/a.jpg": labels}, table)) == {"s/a.jpg": "s/a.png"}
    lines = [line.split(maxsplit=3) for line in (folder / "label_colors.txt").read_text().splitlines()]
    assert [line[3] for line in lines] == ["background", "big cat", "unlabelled", "unlabelled"]
    colors = np.array([line[:3] for line in lines], np.uint8)
    assert len(np.unique(colors, axis=0)) == 4
    with Image.open(folder / "s" / "a.png") as image:
        assert image.mode == "RGB"
        pixels = np.asarray(image)
    for index, color in zip((0, 1, 2, 255), colors, strict=True):
        assert np.array_equal((pixels == color).all(axis=2), labels == index)
    assert np.array_equal(read_color_masks(folder).read("s/a", labels.shape), labels)


def test_known_palettes_are_those_of_their_data_sets() -> None:
    assert len(CITYSCAPES) == 34
    assert sorted(label.train for label in CITYSCAPES if label.train != 255) == list(range(19))
    assert (CITYSCAPES[26].name, CITYSCAPES[26].color, CITYSCAPES[26].train) == ("car", (0, 0, 142), 13)
    assert len(CAMVID) == 32
    assert CAMVID[(192, 0, 64)] == "LaneMkgsNonDriv"
    assert list(known_palettes()) == ["Pascal VOC", "CamVid", "Cityscapes", "CamVid of SegNet"]


def test_names_a_line_take_the_colours_of_voc(tmp_path: Path) -> None:
    (tmp_path / "classification.txt").write_text("__background__\ncat\ndog\n")
    save(tmp_path / "a.png", BLACK, (0, 128, 0), (128, 0, 0))
    described, labels, notes = read_row(tmp_path)
    assert (described, labels) == ("0 __background__, 1 cat, 2 dog", [0, 2, 1])
    assert notes == ("classification.txt names no colours: those of Pascal VOC are taken in order.",)


# --- real files ---


@pytest.mark.data
def test_isats_masks_come_in_by_colour_as_by_number(data: Path) -> None:
    folder = data / "interop" / "isat" / "semantic"
    incoming = read_color_masks(folder)
    assert incoming.classes is not None
    assert incoming.classes.get(5).name == "giraffe"
    with Image.open(folder / "000000000144.png") as image:
        assert np.array_equal(incoming.read("000000000144", None), np.asarray(image))


@pytest.mark.data
def test_x_anylabelings_masks_come_in(data: Path) -> None:
    folder = data / "interop" / "xanylabeling" / "segmentation" / "multiclass_semantic_segmentation"
    incoming = read_color_masks(folder)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 cat, 2 dog"
    with Image.open(folder / "masks" / "cat_dog.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    labels = incoming.read("cat_dog", None)
    assert np.array_equal(labels == 1, (pixels == (85, 0, 255)).all(axis=2))
    assert np.array_equal(labels == 2, (pixels == (213, 42, 54)).all(axis=2))
    assert (labels == 1).any()
    assert (labels == 2).any()


@pytest.mark.data
def test_renderings_that_are_called_jpg_come_in_against_the_truth(data: Path) -> None:
    folder = data / "interop" / "cvat_images"
    incoming = read_color_masks(folder / "masks_by_author")
    assert len(incoming.keys) == 2
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 #3d3df5, 2 #3df53d, 3 #fa3253, 4 #ffcc33"
    key = "vladimir-wang-iC8Q1smXUeA-unsplash"
    labels = incoming.read(key, incoming.size(key))
    with Image.open(folder / "truth" / f"{key}.png") as image:
        truth = np.asarray(image)  # 1 road surface, 2 car, 3 pedestrian
    for theirs, index in ((1, 1), (2, 3), (3, 2)):
        assert np.array_equal(truth == theirs, labels == index)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("datumaro_layouts/camvid_dataset", "Bicyclist"),
        ("datumaro_layouts/common_semantic_segmentation_dataset/dataset", "Bicyclist"),
        ("datumaro_layouts/common_semantic_segmentation_dataset/non_standard_dataset", "SignSymbol"),
    ],
)
def test_datumaros_layouts_come_in(data: Path, folder: str, expected: str) -> None:
    incoming = read_color_masks(data / "interop" / folder)
    assert incoming.classes is not None
    assert incoming.classes.named(expected) is not None
    for key in incoming.keys:
        assert incoming.read(key, incoming.size(key)).shape == (1, 5)
    first = next(iter(incoming.keys))
    assert first.rpartition("/")[0] in ("", "test")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rgb_colour_coded.png", "0 background, 1 #00ff00, 2 #ff0000"),
        ("rgb_colour_coded_lossy.jpg", "more than 254 colours"),
        ("image.png", "more than 254 colours"),
        ("ok_gray_index.png", "are grey"),
        ("mask_in_alpha_only.png", "0 background"),
        ("palette_two_classes_same_colour.png", "0 background, 1 #"),
    ],
)
def test_masks_stored_in_right_and_wrong_ways(data: Path, tmp_path: Path, name: str, expected: str) -> None:
    path = data / "torture" / "synthetic_made_here" / "masks" / name
    (tmp_path / name).write_bytes(path.read_bytes())
    if "0 " not in expected:
        with pytest.raises(StudioError, match=expected):
            read_color_masks(tmp_path)
        return
    incoming = read_color_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe().startswith(expected)
    incoming.read(incoming.keys[0], None)
