"""Supervisely: its SDK's own bytes, its drawing, its project, and files that are wrong."""

import base64
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.errors import StudioError
from unet_studio.formats.supervisely import decode_bitmap, read_supervisely

# From the documentation of supervisely.Bitmap.base64_2_data, which says that it is a ring of 3 x 3 px.
RING = (
    "eJzrDPBz5+WS4mJgYOD19HAJAtLMIMwIInOeqf8BUmwBPiGuQPr///9Lb86/C2QxlgT5BTM4PLuRBuTwebo4hlTMSa44sKHhISMD"
    "uxpTYrr03F6gDIOnq5/LOqeEJgDM5ht6"
)
META = {"classes": [{"title": "b", "shape": "any", "color": "#0000FF"}, {"title": "line", "shape": "line"}]}


def item(
    kind: str, exterior: Any = (), interior: Any = (), title: str = "a", **others: Any
) -> dict[str, Any]:
    points = {"exterior": list(exterior), "interior": list(interior)}
    return {"geometryType": kind, "classTitle": title, "points": points, **others}


def bitmap(data: str, x: int = 0, y: int = 0, title: str = "a") -> dict[str, Any]:
    return {"geometryType": "bitmap", "classTitle": title, "bitmap": {"data": data, "origin": [x, y]}}


def packed(picture: Image.Image, **options: Any) -> str:
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    return base64.b64encode(zlib.compress(stream.getvalue())).decode()


def save(folder: Path, *objects: Any, size: Any = (5, 7), meta: Any = META) -> Path:
    place = folder / "ds" / "ann"
    place.mkdir(parents=True, exist_ok=True)
    (folder / "meta.json").write_text(json.dumps(meta))
    value = {"size": {"height": size[0], "width": size[1]}, "objects": list(objects), "tags": []}
    (place / "x.png.json").write_text(json.dumps(value))
    return folder


def drawn(folder: Path, *objects: Any) -> Any:
    labels = read_supervisely(save(folder, *objects)).read("ds/img/x.png", (5, 7))
    return (labels == 2).astype(int).tolist()


def test_the_bitmap_of_the_sdks_documentation(tmp_path: Path) -> None:
    ring = [[True, True, True], [True, False, True], [True, True, True]]
    assert decode_bitmap(RING, (3, 3)).tolist() == ring
    expected = np.zeros((5, 7), int)
    expected[1:4, 2:5] = np.array(ring)
    assert drawn(tmp_path, bitmap(RING, 2, 1)) == expected.tolist()


@pytest.mark.parametrize("mode", ["P", "P with alpha", "L", "1", "RGBA", "LA", "RGB"])
def test_bitmaps_of_every_kind_of_png(mode: str) -> None:
    wanted = np.array([[0, 1, 1], [1, 0, 0]], bool)
    whole = Image.fromarray(wanted.astype(np.uint8))
    options: dict[str, Any] = {}
    if mode.startswith("P"):
        whole.putpalette([0, 0, 0, 255, 255, 255])
        options = {"transparency": 0} if "alpha" in mode else {}
        picture = whole
    elif mode in ("RGBA", "LA"):
        picture = Image.new(mode, (3, 2))
        picture.putalpha(Image.fromarray(wanted.astype(np.uint8) * 255))
    else:
        picture = Image.fromarray(wanted.astype(np.uint8) * 255).convert(mode)
    assert decode_bitmap(packed(picture, **options), (2, 3)).tolist() == wanted.tolist()
    stream = io.BytesIO()
    picture.save(stream, "PNG", **options)
    plain = base64.b64encode(stream.getvalue()).decode()
    assert decode_bitmap(plain, (2, 3)).tolist() == wanted.tolist()


def test_polygons_and_rectangles_cover_their_corners(tmp_path: Path) -> None:
    square = np.zeros((5, 7), int)
    square[0:5, 1:6] = 1
    outer = [[1, 0], [5, 0], [5, 4], [1, 4]]
    assert drawn(tmp_path, item("polygon", outer)) == square.tolist()
    assert drawn(tmp_path, item("rectangle", [[5, 4], [1, 0]])) == square.tolist()
    # The SDK draws a hole as it draws a polygon: with its corners.
    square[1:4, 2:5] = 0
    assert drawn(tmp_path, item("polygon", outer, [[[2, 1], [4, 1], [4, 3], [2, 3]]])) == square.tolist()
    # What lies outside of the image is cut off; what lies beside it altogether is nothing.
    assert drawn(tmp_path, item("rectangle", [[-9, -9], [9, 9]])) == np.ones((5, 7), int).tolist()
    assert drawn(tmp_path, item("polygon", [[8, 0], [9, 0], [9, 4]])) == np.zeros((5, 7), int).tolist()


def test_the_meta_says_the_order_and_the_colours_of_what_has_an_area(tmp_path: Path) -> None:
    save(tmp_path, item("rectangle", [[0, 0], [1, 1]]), item("line", [[0, 0]], title="line"))
    for source in (tmp_path, tmp_path / "ds", tmp_path / "ds" / "ann"):
        incoming = read_supervisely(source)
        assert incoming.classes is not None
        assert incoming.classes.describe() == "0 background, 1 b, 2 a"
        assert incoming.classes.get(1).color == "#0000FF"
        assert incoming.notes == ("1 line objects have no area and are passed over.",)
        assert incoming.keys[0].endswith("img/x.png")
        assert incoming.size(incoming.keys[0]) == (5, 7)
    (tmp_path / "meta.json").unlink()
    assert read_supervisely(tmp_path).classes.describe() == "0 background, 1 a"  # type: ignore[union-attr]


def test_images_without_areas_say_nothing(tmp_path: Path) -> None:
    save(tmp_path, item("point", [[1, 1]]))
    assert read_supervisely(tmp_path).is_blank("ds/img/x.png")


def test_other_sizes_are_refused(tmp_path: Path) -> None:
    save(tmp_path, item("rectangle", [[0, 0], [1, 1]]))
    with pytest.raises(StudioError, match="is 7 x 5 px, but its image is 5 x 7 px"):
        read_supervisely(tmp_path).read("ds/img/x.png", (7, 5))


BOMB = base64.b64encode(zlib.compress(bytes(1 << 26))).decode()


@pytest.mark.parametrize(
    ("object_", "problem"),
    [
        (bitmap("!!!"), "no PNG"),
        (bitmap(RING[:40]), "no PNG|truncated|broken"),
        (bitmap(base64.b64encode(b"\x89PNG...").decode()), "no PNG"),
        (bitmap(BOMB), "no PNG"),
        (bitmap(packed(Image.new("L", (9, 9)))), "9 x 9 px does not fit the image"),
        (bitmap(RING, 5, 3), "3 x 3 px at 5, 3 does not fit the image"),
        (bitmap(RING, -1, 0), "does not fit the image"),
        ({"geometryType": "bitmap", "classTitle": "a"}, "'bitmap'"),
        (item("polygon", [[1, 1], [2, float("nan")]]), "not pairs of numbers"),
        (item("polygon", [1, 2]), "not pairs of numbers"),
        (item("polygon", [[1e9, 1], [2, 2], [3, 3]]), "far outside"),
        (item("rectangle", [[1, 1]]), "1 corners"),
        ({**item("polygon"), "points": [[1, 1]]}, "."),
    ],
)
def test_malformed_objects_are_named(tmp_path: Path, object_: Any, problem: str) -> None:
    save(tmp_path, object_)
    with pytest.raises(StudioError, match=rf"x\.png\.json is not .*an object is malformed: .*({problem})"):
        read_supervisely(tmp_path).read("ds/img/x.png", (5, 7))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "Expecting"),
        ("[]", "."),
        ("{}", "size"),
        ('{"size": {"height": 0, "width": 3}, "objects": []}', "impossible size"),
        ('{"size": {"height": 3.5, "width": 3}, "objects": []}', "impossible size"),
        ('{"size": {"height": 3, "width": 3}}', "objects"),
        ('{"size": {"height": 3, "width": 3}, "objects": [3]}', "."),
        ('{"size": {"height": 3, "width": 3}, "objects": [{"geometryType": "polygon"}]}', "classTitle"),
        ("[" * 100_000, "."),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    save(tmp_path)
    (tmp_path / "ds" / "ann" / "x.png.json").write_text(text)
    with pytest.raises(StudioError, match=rf"x\.png\.json is not a usable file of Supervisely: .*{problem}"):
        read_supervisely(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="holds no folder ann"):
        read_supervisely(tmp_path)
    with pytest.raises(StudioError, match="is not a folder"):
        read_supervisely(tmp_path / "x")
    save(tmp_path, meta=[3])
    with pytest.raises(StudioError, match=r"meta\.json is not"):
        read_supervisely(tmp_path)


def test_superviselys_own_project_is_drawn_as_cv2_does(data: Path) -> None:
    import cv2

    folder = data / "interop" / "supervisely_polygon"
    incoming = read_supervisely(folder)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 cat, 2 dog2"
    assert incoming.notes == (
        "1 line objects have no area and are passed over.",
        "2 point objects have no area and are passed over.",
        "1 cuboid objects have no area and are passed over.",
    )
    assert [incoming.is_blank(key) for key in incoming.keys] == [False, True, False, False, True, False]
    for key in ("ds/img/dog1.jpg", "ds/img/dog3.jpg"):
        with Image.open(folder / key) as picture:
            assert incoming.size(key) == picture.size[::-1]
        whole = np.zeros(incoming.size(key) or (0, 0), np.uint8)
        name = key.replace("img", "ann") + ".json"
        for entry in json.loads((folder / name).read_text())["objects"]:
            cv2.fillPoly(whole, [np.array(entry["points"]["exterior"], np.int32)], (2,))
        np.testing.assert_array_equal(incoming.read(key, whole.shape), whole)
