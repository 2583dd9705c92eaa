"""Label Studio: the SDK's own bytes, its files, and files that are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats.brush_runs import decode, encode
from unet_studio.formats.label_studio import read_label_studio, write_label_studio
from unet_studio.formats.sample import Outgoing, Sample

# 5 x 7, rows 1-3 columns 2-4 set but for the hole at (2, 3), and the single pixel (4, 6).
GOLDEN = np.zeros((5, 7), np.bool_)
GOLDEN[1:4, 2:5] = True
GOLDEN[2, 3] = False
GOLDEN[4, 6] = True
# What converter.brush.mask2rle of label-studio-sdk 2.1.2 makes of it.
GOLDEN_BYTES = [
    0, 0, 0, 140, 57, 27, 254, 35, 0, 183, 255, 124, 2,
    63, 248, 192, 35, 255, 190, 1, 111, 255, 15, 128, 71, 254,
]  # fmt: skip


def brush(label: str, rle: list[int], size: tuple[int, int] = (5, 7), **others: Any) -> dict[str, Any]:
    return {
        "type": "brushlabels",
        "original_height": size[0],
        "original_width": size[1],
        "value": {"format": "rle", "rle": rle, "brushlabels": [label]},
        **others,
    }


def shape(kind: str, label: str, **value: Any) -> dict[str, Any]:
    return {"type": kind, "original_height": 5, "original_width": 10, "value": {kind: [label], **value}}


def write(folder: Path, *results: Any, image: str = "a.png", **others: Any) -> None:
    task = {"data": {"image": image}, "annotations": [{"result": results}], **others}
    (folder / "tasks.json").write_text(json.dumps([task]))


def test_the_golden_vector() -> None:
    assert encode(GOLDEN) == GOLDEN_BYTES
    np.testing.assert_array_equal(decode(bytes(GOLDEN_BYTES), (5, 7)), GOLDEN)


@given(arrays.arrays(np.bool_, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.booleans()))
def test_run_lengths_come_back(stencil: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(decode(bytes(encode(stencil)), stencil.shape), stencil)


def test_long_runs_are_cut() -> None:
    stencil = np.zeros((300, 400), np.bool_)
    stencil[150:] = True
    np.testing.assert_array_equal(decode(bytes(encode(stencil)), stencil.shape), stencil)


def test_literal_values_are_read() -> None:
    # A block of 8 literal values (two RGBA pixels) after a header of sizes 3, 4, 8 and 16.
    bits = f"{8:032b}{7:05b}{2:04b}{3:04b}{7:04b}{15:04b}" + "0" + "00" + f"{7:03b}"
    bits += "".join(f"{value:08b}" for value in (9, 9, 9, 0, 9, 9, 9, 200))
    bits += "0" * (-len(bits) % 8)
    assert decode(int(bits, 2).to_bytes(len(bits) // 8, "big"), (1, 2)).tolist() == [[False, True]]


def test_what_is_written_is_a_list_of_tasks(tmp_path: Path) -> None:
    table = ClassTable.binary('a "b"')
    out = Outgoing("set", table, ["sub/ä.png"], lambda: [Sample("sub/ä.png", GOLDEN.astype(np.uint8))])
    assert write_label_studio(tmp_path / "out.json", out) == {"sub/ä.png": "out.json"}
    (task,) = json.loads((tmp_path / "out.json").read_text())
    (result,) = task["annotations"][0]["result"]
    assert task["data"] == {"image": "sub/ä.png"}
    assert result["value"] == {"format": "rle", "rle": GOLDEN_BYTES, "brushlabels": ['a "b"']}
    assert (result["original_width"], result["original_height"]) == (7, 5)
    assert "<Label value='a \"b\"'" in (tmp_path / "label_config.xml").read_text()


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("/data/upload/1/1a2b3c4d-b.png", "b.png"),
        ("/data/local-files/?d=set/x%20y.png", "set/x y.png"),
        ("s3://bucket/folder/c.png", "c.png"),
        ("https://example.org/d.png?sig=1", "d.png"),
        ("sub/e.png", "sub/e.png"),
    ],
)
def test_images_are_called_by_their_names(tmp_path: Path, address: str, key: str) -> None:
    write(tmp_path, image=address)
    assert read_label_studio(tmp_path).keys == (key,)


def test_shapes_are_in_percent_and_turn_around_their_corner(tmp_path: Path) -> None:
    write(
        tmp_path,
        shape("rectanglelabels", "a", x=10, y=20, width=30, height=40, rotation=0),
        shape("polygonlabels", "b", points=[[60, 0], [80, 0], [80, 40], [60, 40]]),
        shape("ellipselabels", "c", x=85, y=70, radiusX=12, radiusY=24, rotation=0),
        shape("keypointlabels", "d", x=1, y=1),
    )
    incoming = read_label_studio(tmp_path)
    expected = np.zeros((5, 10), int)
    expected[1:3, 1:4] = 1
    expected[0:2, 6:8] = 2
    expected[3, 7:10] = expected[2:5, 8] = 3
    assert incoming.read("a.png", (5, 10)).tolist() == expected.tolist()
    assert incoming.notes == ("1 keypointlabels results have no area and are passed over.",)
    write(tmp_path, shape("rectanglelabels", "a", x=50, y=20, width=30, height=40, rotation=90))
    turned = np.zeros((5, 10), int)
    turned[1:4, 3:5] = 1
    assert read_label_studio(tmp_path).read("a.png", (5, 10)).tolist() == turned.tolist()


def test_sizes_are_known_before_anything_is_drawn(tmp_path: Path) -> None:
    write(tmp_path, brush("a", GOLDEN_BYTES), brush("a", GOLDEN_BYTES))
    incoming = read_label_studio(tmp_path)
    assert incoming.size("a.png") == (5, 7)
    assert incoming.scene is not None
    assert len(incoming.scene("a.png", None).regions) == 2
    write(tmp_path, brush("a", GOLDEN_BYTES), brush("a", GOLDEN_BYTES, (9, 9)))
    incoming = read_label_studio(tmp_path)
    assert incoming.size("a.png") is None
    with pytest.raises(StudioError, match="of images of several sizes"):
        incoming.read("a.png", None)
    for results in ((), (brush("a", GOLDEN_BYTES, (0, 7)),)):
        write(tmp_path, *results)
        assert read_label_studio(tmp_path).size("a.png") is None


def test_a_file_is_never_held_whole(tmp_path: Path) -> None:
    """Tasks are found again by their place: names that are no ASCII must not shift it."""
    tasks = [
        {
            "data": {"image": f"ä{number}.png"},
            "annotations": [{"result": [brush(f"Zelle é{number}", GOLDEN_BYTES)]}],
        }
        for number in range(3)
    ]
    (tmp_path / "t.json").write_text(json.dumps(tasks, ensure_ascii=False, indent=2), encoding="utf-8")
    incoming = read_label_studio(tmp_path)
    for number, key in enumerate(incoming.keys):
        assert key == f"ä{number}.png"
        np.testing.assert_array_equal(incoming.read(key, (5, 7)), GOLDEN * (number + 1))


def test_skipped_annotations_and_predictions_stand_back(tmp_path: Path) -> None:
    first = {"was_cancelled": True, "result": [brush("x", GOLDEN_BYTES)]}
    second = {"result": [brush("y", GOLDEN_BYTES)]}
    task = {"data": {"image": "a.png"}, "annotations": [first, second, {"result": []}]}
    (tmp_path / "a.json").write_text(json.dumps([task]))
    incoming = read_label_studio(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 y"
    assert incoming.notes == ("1 tasks have several annotations; the first that was not skipped counts.",)
    task = {"data": {"image": "a.png"}, "annotations": [], "predictions": [second]}
    (tmp_path / "a.json").write_text(json.dumps([task, {"data": {"image": "b.png"}, "annotations": []}]))
    incoming = read_label_studio(tmp_path)
    assert incoming.read("a.png", (5, 7)).sum() == GOLDEN.sum()
    assert [incoming.is_blank(key) for key in incoming.keys] == [False, True]


def test_the_labelling_interface_says_the_order_and_the_colours(tmp_path: Path) -> None:
    write(tmp_path, brush("b", GOLDEN_BYTES))
    config = tmp_path / "label_config.xml"
    config.write_text(
        '<View><Label value="a" background="#0000ff"/><Label value="b" background="red"/></View>'
    )
    incoming = read_label_studio(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 a, 2 b"
    assert incoming.classes.get(1).color == "#0000ff"
    config.write_text("<!DOCTYPE x><View/>")
    assert read_label_studio(tmp_path).classes.describe() == "0 background, 1 b"


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        (brush("a", GOLDEN_BYTES[:-3]), "end early"),
        (brush("a", GOLDEN_BYTES, (7, 7)), "not of 7 x 7 px"),
        (brush("a", [256]), "bytes must be in range"),
        (brush("a", GOLDEN_BYTES, (5, 7), image_rotation=90), "turned while it was labelled"),
        (brush("a", GOLDEN_BYTES, (0, 7)), "impossible size"),
        (shape("ellipselabels", "a", x=1, y=1, radiusX=1e9, radiusY=1), "far larger"),
        (shape("polygonlabels", "a", points=[[1, 1]]), "too few points"),
        (shape("rectanglelabels", "a", x=1), "'width'"),
    ],
)
def test_malformed_regions_are_named(tmp_path: Path, result: dict[str, Any], problem: str) -> None:
    write(tmp_path, result)
    with pytest.raises(StudioError, match=f"region of a.png is malformed: .*{problem}"):
        read_label_studio(tmp_path).read("a.png", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "no list of tasks"),
        ("", "no list of tasks"),
        ("{}", "no list of tasks"),
        ("[] 3", "no list of tasks"),
        ("[" * 200_000, "can't be read"),
        ("[]", "holds no task"),
        ("[3]", "a task is malformed"),
        ('[{"data": {}}]', "a task is malformed"),
        ('[{"data": {"image": "a"}}, {"data": {"image": "a"}}]', "two tasks are of a"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(StudioError, match=problem):
        read_label_studio(tmp_path)


def test_masks_that_the_sdk_encoded_match_the_truth(data: Path) -> None:
    folder = data / "interop" / "labelstudio"
    incoming = read_label_studio(folder)
    assert incoming.classes is not None
    numbers = {"facade": 1, "street": 2, "vegetation": 3, "window": 10}
    lut = np.zeros(256, np.uint8)
    for entry in incoming.classes.active:
        lut[entry.index] = numbers.get(entry.name, 0)
    for path in sorted((folder / "truth").glob("*.png")):
        truth = np.asarray(Image.open(path))
        expected = np.where(np.isin(truth, list(numbers.values())), truth, 0)
        np.testing.assert_array_equal(lut[incoming.read(f"{path.stem}.jpg", truth.shape)], expected)


def test_exports_of_the_sdks_own_tests_are_read(data: Path) -> None:
    folder = data / "interop" / "labelstudio" / "sdk_tests"
    incoming = read_label_studio(folder / "export_coco" / "data.json")
    counts = np.bincount(incoming.read("test_image1.jpg", (320, 500)).ravel())
    assert counts.tolist() == [158743, 992, 265]
