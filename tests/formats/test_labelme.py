"""labelme: what its own converters make of its files, masks without loss, and files that are wrong."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tests.helpers import SHAPE, make_folder
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.formats.exporting import ExportOptions, export_masks
from unet_studio.formats.importing import ImportOptions, import_masks, undo_import
from unet_studio.formats.labelme import read_labelme, write_labelme, write_labelme_polygons
from unet_studio.formats.sample import Outgoing, Sample


def write(folder: Path, shapes: list[Any], name: str = "a.json", **others: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    value = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": "a.png", "imageData": None}
    (folder / name).write_text(json.dumps({**value, "imageHeight": 5, "imageWidth": 7, **others}))


def polygon(label: str, *points: tuple[float, float], **others: Any) -> dict[str, Any]:
    return {
        "label": label,
        "points": points,
        "group_id": None,
        "shape_type": "polygon",
        "flags": {},
        **others,
    }


def test_a_mask_is_written_as_labelme_reads_it(tmp_path: Path) -> None:
    labels = np.zeros((5, 7), np.uint8)
    labels[1:4, 2:5] = 1
    labels[2, 3] = 0
    labels[0, 6] = 255
    out = Outgoing("set", ClassTable.binary("cell"), ["sub/a.jpg"], lambda: [Sample("sub/a.jpg", labels)])
    assert write_labelme(tmp_path, out) == {"sub/a.jpg": "sub/a.json"}
    assert (tmp_path / "labels.txt").read_text().split() == ["__ignore__", "background", "cell"]
    value = json.loads((tmp_path / "sub" / "a.json").read_text())
    assert (value["imagePath"], value["imageHeight"], value["imageWidth"]) == ("a.jpg", 5, 7)
    cell, ignored = value["shapes"]
    assert (cell["label"], cell["shape_type"], cell["points"]) == ("cell", "mask", [[2, 1], [4, 3]])
    assert (ignored["label"], ignored["points"]) == ("__ignore__", [[6, 0], [6, 0]])
    incoming = read_labelme(tmp_path)
    assert incoming.keys == ("sub/a",)
    np.testing.assert_array_equal(incoming.read("sub/a", (5, 7)), labels)


def test_polygons_hold_their_border_and_later_shapes_lie_on_top(tmp_path: Path) -> None:
    write(
        tmp_path,
        [polygon("low", (1, 1), (4, 1), (4, 3), (1, 3)), polygon("top", (2, 2), (3, 2), (3, 3), (2, 3))],
    )
    expected = np.zeros((5, 7), int)
    expected[1:4, 1:5] = 1
    expected[2:4, 2:4] = 2
    assert read_labelme(tmp_path).read("a", (5, 7)).tolist() == expected.tolist()


def test_a_shape_without_a_type_is_a_polygon_and_unknown_keys_do_no_harm(tmp_path: Path) -> None:
    shape = polygon("a", (1, 1), (4, 1), (4, 3), (1, 3), attributes={}, score=0.5)
    del shape["shape_type"]
    write(tmp_path, [shape], mystery=[1, 2], imagePath="..\\images\\a.png")
    assert read_labelme(tmp_path).read("a", (5, 7)).sum() == 12


def test_shapes_without_area_are_named_and_an_image_with_none_else_is_blank(tmp_path: Path) -> None:
    write(tmp_path, [{"label": "a", "points": [[1, 1]], "shape_type": "point"}])
    incoming = read_labelme(tmp_path)
    assert incoming.notes == ("1 point shapes have no area and are passed over.",)
    assert incoming.is_blank("a")


def test_labels_txt_says_the_order(tmp_path: Path) -> None:
    write(tmp_path, [polygon("b", (1, 1), (4, 1), (4, 3))])
    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\na\nb\n")
    incoming = read_labelme(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 a, 2 b"
    assert read_labelme(tmp_path / "a.json").keys == ("a",)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (polygon("a", (1, 1), (2, 2)), "it has 2 points and needs 3"),
        (polygon("a", (1, 1), (2, 2), (1e9, 3)), "far outside"),
        ({"label": "a", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": "AAAA"}, "is no PNG"),
        ({"label": "a", "points": [[1, 1], [2, 2]], "shape_type": "mask", "mask": "§"}, "malformed"),
        ({"label": "a", "points": [[1, 1], [2, 2]], "shape_type": "mask"}, "'mask'"),
        ({"label": "a", "points": None, "shape_type": "polygon"}, "malformed"),
    ],
)
def test_malformed_shapes_are_named(tmp_path: Path, shape: dict[str, Any], problem: str) -> None:
    write(tmp_path, [shape])
    with pytest.raises(StudioError, match=rf"a\.json is not a usable labelme file: .*{problem}"):
        read_labelme(tmp_path).read("a", (5, 7))


@pytest.mark.parametrize(
    ("others", "problem"),
    [
        ({"imageHeight": "5"}, "not whole numbers"),
        ({"imageHeight": True}, "not whole numbers"),
        ({"imageWidth": 1 << 30}, "impossible size"),
    ],
)
def test_impossible_sizes_are_named(tmp_path: Path, others: dict[str, Any], problem: str) -> None:
    write(tmp_path, [polygon("a", (1, 1), (4, 1), (4, 3))], **others)
    with pytest.raises(StudioError, match=problem):
        read_labelme(tmp_path).read("a", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"shapes": ', "can't be read"),
        ('{"shapes": 3}', 'no list of "shapes"'),
        ('{"shapes": [3]}', "has no label"),
        ('{"shapes": [{"label": "a", "shape_type": "spiral"}]}', "'spiral' is no type of shape"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StudioError, match=problem):
        read_labelme(tmp_path)


def test_a_folder_without_any_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"images": []}')
    with pytest.raises(StudioError, match="holds no labelme file"):
        read_labelme(tmp_path)


@pytest.mark.parametrize("kind", ["semantic_segmentation", "instance_segmentation"])
def test_the_pixels_are_those_of_labelmes_own_converter(data: Path, kind: str) -> None:
    folder = data / "interop" / "labelme" / kind
    incoming = read_labelme(folder / "data_annotated")
    assert incoming.classes is not None
    names = (folder / "data_dataset_voc" / "class_names.txt").read_text().split("\n")
    lut = np.full(256, 255, np.uint8)
    for entry in incoming.classes.active:
        lut[entry.index] = names.index(entry.name) if entry.index else 0
    differing = []
    for key in incoming.keys:
        truth = np.asarray(Image.open(folder / "data_dataset_voc" / "SegmentationClass" / f"{key}.png"))
        differing.append(int((lut[incoming.read(key, truth.shape)] != truth).sum()))
    assert differing == [0, 1, 0]  # that one pixel is Pillow's: its polygons were drawn otherwise in 2019


def test_polygons_are_drawn_by_labelme_to_the_very_pixels(tmp_path: Path) -> None:
    labels = np.zeros((40, 60), np.uint8)
    labels[5:35, 5:55] = 1  # a hole of background, with an island in it, a row of pixels and a single one
    labels[10:30, 10:50] = 0
    labels[15:20, 15:20] = 2
    labels[2, 3:9] = 255
    labels[38, 58] = labels[39, 59] = 2
    table = ClassTable.binary("cell").add("wall")
    write_labelme_polygons(tmp_path, Outgoing("set", table, ["a.jpg"], lambda: [Sample("a.jpg", labels)]))
    shapes = json.loads((tmp_path / "a.json").read_text())["shapes"]
    listed = (tmp_path / "labels.txt").read_text().split()
    assert listed == ["__ignore__", "background", "cell", "wall"]
    assert {shape["shape_type"] for shape in shapes} == {"polygon"}
    assert min(len(shape["points"]) for shape in shapes) == 3
    drawn = np.zeros(labels.shape, np.int64)
    for shape in shapes:  # what labelme's shape_to_mask and shapes_to_label do
        picture = Image.fromarray(np.zeros(labels.shape, dtype=np.uint8))
        points = [tuple(point) for point in shape["points"]]
        ImageDraw.Draw(picture).polygon(xy=points, outline=1, fill=1)
        drawn[np.array(picture, dtype=bool)] = listed.index(shape["label"]) - 1
    drawn[drawn == -1] = 255
    assert np.array_equal(drawn, labels)


def test_the_size_is_known_before_pixels_are_read(tmp_path: Path) -> None:
    write(tmp_path, [polygon("a", (1, 1), (4, 1), (4, 3))])
    write(tmp_path, [polygon("a", (1, 1), (4, 1), (4, 3))], "old.json", imageHeight=None, imageWidth=None)
    incoming = read_labelme(tmp_path)
    assert (incoming.size("a"), incoming.size("old")) == ((5, 7), None)
    assert incoming.read("old", (6, 8)).shape == (6, 8)


def test_shapes_of_one_label_and_group_are_one_object(tmp_path: Path) -> None:
    triangle = ((1, 1), (4, 1), (4, 3))
    shapes = [polygon(label, *triangle, group_id=group) for label, group in (("a", 0), ("a", None), ("b", 0))]
    write(tmp_path, [*shapes, shapes[0]])
    scene = read_labelme(tmp_path).scene
    assert scene is not None
    first, alone, other, again = (region.instance for region in scene("a", None).regions)
    assert first == again != other
    assert first
    assert alone == ""


def project_with(tmp_path: Path, **others: Any) -> Project:
    """Three pictures, the first with a labelme file."""
    make_folder(tmp_path / "images", 3)
    corners = ((10, 10), (40, 10), (40, 30), (10, 30))
    one = polygon("cell", *corners, group_id=4, score=0.5, description="left", flags={"sure": True})
    two = polygon(
        "cell", *[(x + 50, y + 50) for x, y in corners], group_id=5, score=0.5, flags={"sure": True}
    )
    point = {"label": "seed", "points": [[3, 4]], "shape_type": "point", "flags": {}, "note": "here"}
    height, width = SHAPE
    whole = {"imageHeight": height, "imageWidth": width, "imagePath": "..\\images\\0.png", **others}
    write(tmp_path / "json", [one, two, point], "0.json", flags={"day": True}, reviewer={"id": 7}, **whole)
    return Project.open(tmp_path / "images")


def exported(project: Project, folder: Path, **options: Any) -> Any:
    export_masks(project, "labelme", folder, ExportOptions(which="all", **options))
    return json.loads((folder / "0.json").read_text())


def test_what_a_file_says_beside_its_masks_comes_out_again(tmp_path: Path) -> None:
    project = project_with(tmp_path)
    import_masks(project, "labelme", tmp_path / "json", ImportOptions(add_classes=True))
    value = exported(project, tmp_path / "out")
    assert (value["flags"], value["reviewer"]) == ({"day": True}, {"id": 7})
    assert (value["imagePath"], value["imageData"]) == ("../images/0.png", None)
    cell, seed = value["shapes"]
    assert cell["shape_type"] == "mask"
    # Two objects have become one mask: what they agreed on is true of it, the rest is not.
    assert (cell["score"], cell["flags"], cell["group_id"]) == (0.5, {"sure": True}, None)
    assert cell["description"] == ""
    assert seed == {"label": "seed", "points": [[3, 4]], "shape_type": "point", "flags": {}, "note": "here"}


def test_the_image_is_embedded_again_where_it_was_and_images_go_out(tmp_path: Path) -> None:
    project = project_with(tmp_path, imageData="AAAA")
    import_masks(project, "labelme", tmp_path / "json", ImportOptions(add_classes=True))
    assert exported(project, tmp_path / "plain")["imageData"] is None
    data = exported(project, tmp_path / "whole", with_images=True)["imageData"]
    assert base64.b64decode(data) == (tmp_path / "images" / "0.png").read_bytes()


def test_an_import_that_is_undone_leaves_no_remainder(tmp_path: Path) -> None:
    project = project_with(tmp_path)
    report = import_masks(project, "labelme", tmp_path / "json", ImportOptions(add_classes=True))
    kept = project.folder / "foreign" / "labelme" / "0.png.json"
    assert kept.is_file()
    assert report.snapshot is not None
    undo_import(project, report.snapshot)
    assert not kept.exists()


@pytest.mark.parametrize(
    "text", ["{", "3", '{"top": 3, "shapes": [], "kept": {}}', '{"shapes": {"cell": 1}}']
)
def test_a_remainder_that_was_changed_by_hand_does_no_harm(tmp_path: Path, text: str) -> None:
    project = project_with(tmp_path)
    import_masks(project, "labelme", tmp_path / "json", ImportOptions(add_classes=True))
    (project.folder / "foreign" / "labelme" / "0.png.json").write_text(text)
    value = exported(project, tmp_path / "out")
    assert (value["flags"], value["imagePath"]) == ({}, "0.png")
    assert [shape["label"] for shape in value["shapes"]] == ["cell"]


def test_a_file_of_another_name_is_found_by_its_imagepath(tmp_path: Path) -> None:
    project = project_with(tmp_path)
    (tmp_path / "json" / "0.json").rename(tmp_path / "json" / "annotator 1.json")
    report = import_masks(project, "labelme", tmp_path / "json", ImportOptions(add_classes=True))
    assert report.imported == ("0.png",)
    assert report.unused == ()
