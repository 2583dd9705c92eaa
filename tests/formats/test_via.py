"""VIA: its versions, which attribute is the class, an independent rasteriser, and files that are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.errors import StudioError
from unet_studio.formats.via import read_via

SQUARE = {"name": "rect", "x": 1, "y": 1, "width": 2, "height": 1}
# As VIA's own test of its CSV import has it, but for the coordinates.
HEADER = (
    "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
)
CAPTION = '"{""caption"":""+-08374*&$£*""}"'
ROWS = (
    f'a, b.jpg,129855,{CAPTION},2,0,"{{""name"":""rect"",""x"":1,""y"":1,""width"":2,""height"":1}}",'
    + '"{""name"":""rectangle \'black\'""}"',
    f'a, b.jpg,129855,{CAPTION},2,1,"{{""name"":""point"",""cx"":51,""cy"":37}}",'
    + r'"{""name"":""red \""dot\""""}"',
    'c.jpg,7,"{}",0,0,"{}","{}"',
)
CSV = "\n".join((HEADER, *(row.replace("a, b.jpg", '"a, b.jpg"') for row in ROWS))) + "\n"


def region(attributes: dict[str, Any], shape: dict[str, Any] = SQUARE) -> dict[str, Any]:
    return {"shape_attributes": shape, "region_attributes": attributes}


def save(folder: Path, *regions: Any, **options: Any) -> Path:
    """An export of VIA 2, or where its attributes have options, a project."""
    images = {"a.jpg12": {"filename": "a.jpg", "size": 12, "regions": list(regions), "file_attributes": {}}}
    attributes = {name: {"type": "radio", "options": dict.fromkeys(of, "")} for name, of in options.items()}
    project = {"_via_settings": {}, "_via_img_metadata": images, "_via_attributes": {"region": attributes}}
    path = folder / "via.json"
    path.write_text(json.dumps(project if options else images))
    return path


def drawn(folder: Path, shape: dict[str, Any], size: tuple[int, int] = (4, 6)) -> list[list[int]]:
    save(folder, region({"class": "x"}, shape))
    return read_via(folder).read("a.jpg", size).tolist()


def test_shapes_cover_the_pixels_whose_centres_they_hold(tmp_path: Path) -> None:
    expected = np.zeros((4, 6), int)
    expected[1, 1:3] = 1
    assert drawn(tmp_path, SQUARE) == expected.tolist()
    corners = {"name": "polygon", "all_points_x": [1, 3, 3, 1], "all_points_y": [1, 1, 2, 2]}
    assert drawn(tmp_path, corners) == expected.tolist()
    expected[0:3, 1] = expected[1, 0:3] = 1
    assert drawn(tmp_path, {"name": "circle", "cx": 1.5, "cy": 1.5, "r": 1.2}) == expected.tolist()
    # An ellipse's theta is in radians, clockwise on the screen.
    ellipse = {"name": "ellipse", "cx": 3, "cy": 2, "rx": 2.4, "ry": 0.6, "theta": np.pi / 4}
    turned = np.array(drawn(tmp_path, ellipse))
    assert turned[0, 1] == turned[3, 4] == 1
    assert turned[3, 1] == turned[0, 4] == 0


def test_csv_and_both_versions_of_json_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "via.csv"
    for text in (CSV, CSV.removeprefix("#"), "\ufeff" + CSV, CSV.replace("\n", "\r\n")):
        path.write_bytes(text.encode())
        incoming = read_via(tmp_path)
        assert incoming.keys == ("a, b.jpg", "c.jpg")
        assert incoming.classes is not None
        assert incoming.classes.describe() == "0 background, 1 rectangle 'black'"
        assert incoming.read("a, b.jpg", (4, 6))[1].tolist() == [0, 1, 1, 0, 0, 0]
        assert [incoming.is_blank(key) for key in incoming.keys] == [False, True]
        assert incoming.notes == (
            "1 point regions have no area and are passed over.",
            "The class is the attribute 'name', which 1 of 1 regions have.",
        )
    numbered = {"0": region({"name": "u"}), "1": region({"name": "v"})}
    first = {"fileref": "", "size": 3, "filename": "a.jpg", "base64_img_data": "", "regions": numbered}
    (tmp_path / "one.json").write_text(json.dumps({"a.jpg3": first}))
    incoming = read_via(tmp_path / "one.json")
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 u, 2 v"
    assert incoming.read("a.jpg", (4, 6))[1].tolist() == [0, 2, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("attributes", "options", "chosen", "classes"),
    [
        ([{"kind": "a", "id": "1"}, {"kind": "b", "id": "2"}], {"kind": ["b", "a", "c"]}, "kind", "b, a, c"),
        ([{"note": "q", "label": "a"}, {"note": "r", "label": "b"}], {}, "label", "a, b"),
        ([{"class": "a", "who": "me"}, {"who": "me"}, {"who": "you"}], {}, "who", "me, you"),
        ([{"t": {"cat": True, "dog": False}}, {"t": {"dog": True}}], {"t": ["dog", "cat"]}, "t", "dog, cat"),
        ([{"class": ""}, {"class": {}}, {"class": "x"}], {}, "class", "object, x"),
        ([{"n": 3}, {"n": 4}], {}, "n", "3, 4"),
    ],
)
def test_the_attribute_that_is_the_class_is_found_and_named(
    tmp_path: Path, attributes: list[Any], options: dict[str, Any], chosen: str, classes: str
) -> None:
    save(tmp_path, *map(region, attributes), **options)
    incoming = read_via(tmp_path)
    assert incoming.classes is not None
    assert ", ".join(entry.name for entry in incoming.classes.classes[1:]) == classes
    assert f"The class is the attribute {chosen!r}" in incoming.notes[-1]


def test_regions_without_attributes_are_objects(tmp_path: Path) -> None:
    save(tmp_path, region({}))
    incoming = read_via(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 object"
    (note,) = incoming.notes
    assert note == "The regions have no attribute that could be a class; they are called 'object'."


def test_the_size_of_the_image_is_needed(tmp_path: Path) -> None:
    save(tmp_path, region({}))
    with pytest.raises(StudioError, match=r"does not say how large a\.jpg is"):
        read_via(tmp_path).read("a.jpg", None)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1]}, "2 x and 1 y"),
        ({"name": "polygon", "all_points_x": [1, 2], "all_points_y": [1, 2]}, "too few points"),
        ({"name": "polygon", "all_points_x": ["q", 2, 3], "all_points_y": [1, 2, 3]}, "could not convert"),
        ({"name": "circle", "cx": 1, "cy": 1, "r": 1e99}, "far larger than its image"),
        ({"name": "circle", "cx": 1e300, "cy": 1, "r": 1}, "far outside"),
        ({"name": "ellipse", "cx": 1, "cy": 1, "rx": float("nan"), "ry": 1}, "far larger than its image"),
        ({"name": "rect", "x": 1}, "'y'"),
    ],
)
def test_malformed_regions_are_named(tmp_path: Path, shape: dict[str, Any], problem: str) -> None:
    save(tmp_path, region({}, shape))
    with pytest.raises(StudioError, match=rf"a region of a\.jpg is malformed: .*{problem}"):
        read_via(tmp_path).read("a.jpg", (4, 6))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting"),
        ("[]", "."),
        ("{}", "lists no image"),
        ('{"a": 3}', "."),
        ("[" * 100_000, "."),
        ('{"project": {}, "metadata": {}}', "VIA 3"),
        ('{"a": {"regions": []}}', "filename"),
        ('{"a": {"filename": 3, "regions": []}}', "no file name"),
        ('{"a": {"filename": "x", "regions": []}, "b": {"filename": "x", "regions": []}}', "called x"),
        ('{"a": {"filename": "x", "regions": [{"shape_attributes": {"name": "star"}}]}}', "'star'"),
        ('{"a": {"filename": "x", "regions": [3]}}', "."),
        (CSV.replace("2,0", "2"), "not enough values"),
        (CSV.replace('""x"":1', '""x""'), "delimiter"),
        (CSV + '"', "."),
        ("\x00", "."),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StudioError, match=rf"a\.json is not a usable file of VIA: .*{problem}"):
        read_via(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="one JSON or CSV file"):
        read_via(tmp_path)
    with pytest.raises(StudioError, match="one JSON or CSV file"):
        read_via(tmp_path / "x")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe")
    with pytest.raises(StudioError, match="can't be read"):
        read_via(tmp_path)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_vias_own_export_is_what_pycocotools_draws(data: Path) -> None:
    from pycocotools import mask as coco

    folder = data / "interop" / "via"
    incoming = read_via(folder)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 cat, 2 test_shape, 3 dog"
    assert incoming.notes == (
        "3 point regions have no area and are passed over.",
        "1 polyline regions have no area and are passed over.",
        "The class is the attribute 'type', which 8 of 8 regions have.",
    )
    for entry in json.loads((folder / "vgg_test.json").read_text()).values():
        with Image.open(folder / entry["filename"]) as picture:
            width, height = picture.size
        found = incoming.read(entry["filename"], (height, width))
        (first, *_) = (item["shape_attributes"] for item in entry["regions"])
        points = np.array([first["all_points_x"], first["all_points_y"]], float).T.ravel().tolist()
        meant = coco.decode(coco.frPyObjects([points], height, width))[..., 0].astype(bool)
        both = (np.isin(found, (1, 3)) & meant).sum()
        assert both / (np.isin(found, (1, 3)) | meant).sum() > 0.997  # the circle covers a little of a cat
