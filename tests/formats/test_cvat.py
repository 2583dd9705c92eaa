"""CVAT for images: the golden vector, CVAT's own files, and files that are wrong."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats import run_lengths
from unet_studio.formats.cvat import read_cvat, write_cvat
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.table import format_named

# 5 x 7, rows 1-3 columns 2-4 set but for the hole at (2, 3), and the single pixel (4, 6).
GOLDEN = np.zeros((5, 7), np.uint8)
GOLDEN[1:4, 2:5] = 1
GOLDEN[2, 3] = 0
GOLDEN[4, 6] = 1
GOLDEN_MASK = 'rle="0, 3, 2, 1, 1, 1, 2, 3, 6, 1" left="2" top="1" width="5" height="4"'


def one_image(elements: str, head: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{head}<annotations><version>1.1</version>'
        f'<image id="0" name="a.png" width="7" height="5">{elements}</image></annotations>'
    )


def drawn(tmp_path: Path, elements: str) -> list[list[int]]:
    (tmp_path / "annotations.xml").write_text(one_image(elements))
    return read_cvat(tmp_path).read("a.png", (5, 7)).tolist()


def test_the_golden_vector(tmp_path: Path) -> None:
    out = Outgoing("set", ClassTable.binary("cell"), ["a.png"], lambda: [Sample("a.png", GOLDEN)])
    assert write_cvat(tmp_path, out) == {"a.png": "annotations.xml"}
    text = (tmp_path / "annotations.xml").read_text()
    assert GOLDEN_MASK in text
    assert text.count("<mask ") == 1
    assert drawn(tmp_path, f'<mask label="cell" {GOLDEN_MASK} z_order="0"/>') == GOLDEN.tolist()


def test_runs_go_row_by_row() -> None:
    stencil = np.array([[0, 1, 1], [1, 0, 0]], bool)
    assert run_lengths.encode(stencil) == [1, 3, 2]
    assert run_lengths.encode(~stencil) == [0, 1, 3, 2]
    np.testing.assert_array_equal(run_lengths.decode(np.array([1, 3, 2]), 2, 3), stencil)


def test_names_with_marks_come_back(tmp_path: Path) -> None:
    table = ClassTable.binary('<a> & "b"')
    out = Outgoing("<&>", table, ['x/"1" & <2>.png'], lambda: [Sample('x/"1" & <2>.png', GOLDEN)])
    write_cvat(tmp_path / "out.xml", out)
    incoming = read_cvat(tmp_path / "out.xml")
    assert incoming.keys == ('x/"1" & <2>.png',)
    assert incoming.classes is not None
    assert incoming.classes.get(1).name == '<a> & "b"'


def test_a_region_on_top_wins_by_its_order(tmp_path: Path) -> None:
    low = '<box label="low" xtl="0" ytl="0" xbr="7" ybr="5" z_order="1"/>'
    top = '<box label="top" xtl="1" ytl="1" xbr="3" ybr="2" z_order="2"/>'
    expected = np.full((5, 7), 2)
    expected[1, 1:3] = 1
    assert drawn(tmp_path, top + low) == expected.tolist()


def test_each_element_is_an_object_of_its_own_and_sizes_are_known(tmp_path: Path) -> None:
    """CVAT's group_id ties annotations together that mean something together, not parts of one object."""
    box = '<box label="a" xtl="0" ytl="0" xbr="7" ybr="5" group_id="1" z_order="0"/>'
    (tmp_path / "annotations.xml").write_text(one_image(2 * box))
    incoming = read_cvat(tmp_path)
    assert incoming.size("a.png") == (5, 7)
    assert incoming.scene is not None
    assert [region.instance for region in incoming.scene("a.png", None).regions] == ["", ""]


def test_an_ellipse_turns_clockwise(tmp_path: Path) -> None:
    found = drawn(tmp_path, '<ellipse label="a" cx="3" cy="2" rx="2.4" ry="0.6" rotation="45" z_order="0"/>')
    assert found[0][1] == found[3][4] == 1
    assert found[3][1] == found[0][4] == 0


def test_polygons_boxes_and_ellipses_have_pixels_and_the_others_are_named(tmp_path: Path) -> None:
    square = '<polygon label="a" points="1.00,1.00;4.00,1.00;4.00,3.00;1.00,3.00" z_order="0"/>'
    expected = np.zeros((5, 7), int)
    expected[1:3, 1:4] = 1
    assert drawn(tmp_path, square) == expected.tolist()
    turned = '<box label="a" xtl="1.5" ytl="0.5" xbr="3.5" ybr="3.5" rotation="90" z_order="0"/>'
    assert drawn(tmp_path, turned) == expected.tolist()
    round_one = '<ellipse label="a" cx="3.5" cy="2.5" rx="1.2" ry="1.2" z_order="0"/>'
    assert np.array(drawn(tmp_path, round_one)).sum() == 5
    (tmp_path / "annotations.xml").write_text(one_image('<points label="a" points="1,1"/>'))
    incoming = read_cvat(tmp_path)
    assert incoming.notes == ("1 points elements have no area and are passed over.",)
    assert incoming.is_blank("a.png")


def test_a_zip_file_holds_the_same(tmp_path: Path) -> None:
    read = format_named("cvat").read
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as packed:
        packed.writestr("annotations.xml", one_image(f'<mask label="cell" {GOLDEN_MASK}/>'))
    assert read(tmp_path / "task.zip").read("a.png", None).tolist() == GOLDEN.tolist()
    with zipfile.ZipFile(tmp_path / "task.zip", "w") as packed:
        packed.writestr("../annotations.xml", one_image(""))
    with pytest.raises(StudioError, match=r"annotations\.xml"):
        read(tmp_path / "task.zip")
    assert not (tmp_path.parent / "annotations.xml").exists()


@pytest.mark.parametrize(
    ("elements", "problem"),
    [
        ('<mask label="a" rle="1, 2" left="0" top="0" width="2" height="2"/>', "do not fill 2 x 2 px"),
        ('<mask label="a" rle="-1, 5" left="0" top="0" width="2" height="2"/>', "impossible number"),
        ('<mask label="a" rle="x" left="0" top="0" width="2" height="2"/>', "could not convert"),
        ('<mask label="a" rle="0.5, 3.5" left="0" top="0" width="2" height="2"/>', "whole numbers"),
        ('<mask label="a" rle="0" left="0" top="0" width="0" height="0"/>', "does not fit the image"),
        ('<mask label="a" rle="4" left="6" top="0" width="2" height="2"/>', "does not fit the image"),
        ('<mask label="a" rle="4" left="0" top="0" width="2"/>', "height"),
        ('<polygon label="a" points="1,1;2,2"/>', "too few points"),
        ('<polygon label="a" points="1,1;2,nan;3,3"/>', "too few points or lies far outside"),
        ('<polygon label="a" points="1;2;3"/>', "not enough values"),
        ('<ellipse label="a" cx="1" cy="1" rx="1e9" ry="1"/>', "far larger than its image"),
    ],
)
def test_malformed_regions_are_named(tmp_path: Path, elements: str, problem: str) -> None:
    (tmp_path / "annotations.xml").write_text(one_image(elements))
    incoming = read_cvat(tmp_path)
    with pytest.raises(StudioError, match=f"regions of a.png are malformed: .*{problem}"):
        incoming.read("a.png", (5, 7))


def test_an_image_that_is_only_claimed_to_be_huge_takes_no_memory(tmp_path: Path) -> None:
    side = 'width="1000000" height="1000000"'
    mask = f'<mask label="a" rle="1000000000000" left="0" top="0" {side}/>'
    text = one_image(mask).replace('width="7" height="5"', side)
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(StudioError, match="1000000 x 1000000 px does not fit into memory"):
        read_cvat(tmp_path).read("a.png", None)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (one_image("", '<!DOCTYPE a [<!ENTITY b "c">]>'), "declares a document type"),
        (one_image("").replace("</annotations>", ""), "no element found"),
        (one_image("").replace('width="7"', 'width="99999999"'), "impossible size"),
        (one_image("").replace('width="7"', ""), "width"),
        (one_image("").replace("1.0", '1.0" encoding="utfNaN', 1), "its encoding is utfNaN"),
        (one_image("").replace("1.0", '1.0" encoding="iso-8859-1', 1), "its encoding is iso-8859-1"),
        ("<annotations></annotations>", "lists no image"),
        ('<annotations><track id="0"/></annotations>', "CVAT for video"),
    ],
)
def test_unusable_files_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "annotations.xml").write_text(text)
    with pytest.raises(StudioError, match=problem):
        read_cvat(tmp_path)


def test_cvats_own_masks_match_the_truth(data: Path) -> None:
    folder = data / "interop" / "cvat_images"
    incoming = read_cvat(folder / "annotations.xml")
    assert len(incoming.keys) == 20
    assert incoming.classes is not None
    # The truth was drawn from the masks; the boxes of traffic signs are not in it.
    numbers = {"ROAD_SURFACE": 1, "CAR": 2, "PEDESTRIAN": 3}
    lut = np.zeros(256, np.uint8)
    for entry in incoming.classes.active:
        lut[entry.index] = numbers.get(entry.name, 0)
    for path in sorted((folder / "truth").glob("*.png")):
        truth = np.asarray(Image.open(path))
        found = incoming.read(f"{path.stem}.jpg", truth.shape)
        np.testing.assert_array_equal(lut[found], truth)


def test_a_video_is_refused_with_the_way_out(data: Path) -> None:
    with pytest.raises(StudioError, match='it is "CVAT for video"; export the task as "CVAT for images"'):
        read_cvat(data / "interop" / "cvat_images" / "tiny" / "for_video")


def test_subsets_of_a_project_may_share_names(data: Path) -> None:
    folder = data / "interop" / "cvat_images" / "tiny" / "for_images" / "export_project"
    incoming = read_cvat(folder)
    assert incoming.keys[:3] == ("Test/img0.jpg", "Test/img1.jpg", "Train/img0.jpg")
    assert incoming.read("Test/img0.jpg", (8, 8))[2:4, :4].tolist() == [[1] * 4] * 2


@pytest.mark.parametrize("number", ["inf", "-inf", "nan", "1e308"])
@pytest.mark.parametrize("key", ["xtl", "ybr", "rotation"])
def test_a_box_of_impossible_numbers_is_named(key: str, number: str, tmp_path: Path) -> None:
    box = {"xtl": "0", "ytl": "0", "xbr": "2", "ybr": "2", "rotation": "30", key: number}
    text = " ".join(f'{name}="{value}"' for name, value in box.items())
    (tmp_path / "annotations.xml").write_text(
        '<annotations><image id="0" name="a.png" width="4" height="4">'
        f'<box label="a" {text}/></image></annotations>'
    )
    incoming = format_named("cvat").read(tmp_path)
    with pytest.raises(StudioError, match=f"malformed: {key} is"):
        incoming.read("a.png", None)
