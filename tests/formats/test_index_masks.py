"""Index masks as other programs store them: every encoding, with and without a list of classes."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats import found_values
from unet_studio.formats.index_masks import read_index_masks
from unet_studio.formats.index_tiff import write_index_tiff
from unet_studio.formats.mask_pictures import find_masks, header_size, read_picture
from unet_studio.formats.sample import Incoming, Outgoing, Sample, class_lut

PIXELS = np.array([[0, 1, 2], [2, 1, 3]], np.uint8)
WIDE = np.repeat(PIXELS, 8, axis=1)


def only(folder: Path) -> list[list[int]]:
    """The labels of the one mask in a folder."""
    incoming = read_index_masks(folder)
    (key,) = incoming.keys
    labels = incoming.read(key, None)
    assert incoming.size(key) == labels.shape
    assert labels.dtype == np.uint8
    found: list[list[int]] = labels.tolist()
    return found


def save_bits(path: Path, bits: int, grey: bool) -> None:
    """A PNG of few bits a pixel, which Pillow writes for palettes alone; grey by changing its colour type."""
    image = Image.fromarray(WIDE)
    image.putpalette([value for index in range(256) for value in (index, 9, 255 - index)])
    if not grey:
        image.save(path, bits=bits)
        return
    import struct
    import zlib

    per = 8 // bits
    rows = np.pad(WIDE, ((0, 0), (0, -WIDE.shape[1] % per))).reshape(len(WIDE), -1, per)
    packed = sum((rows[..., place].astype(int) << (8 - bits * (place + 1)) for place in range(per)), start=0)
    data = b"".join(b"\0" + bytes(row) for row in np.asarray(packed, np.uint8))
    head = struct.pack(">IIBBBBB", WIDE.shape[1], WIDE.shape[0], bits, 0, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    parts = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


@pytest.mark.parametrize("grey", [True, False], ids=["grey", "palette"])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_png_of_few_bits_holds_numbers(tmp_path: Path, bits: int, grey: bool) -> None:
    save_bits(tmp_path / "a.png", bits, grey)
    assert (tmp_path / "a.png").read_bytes()[24] == bits
    assert only(tmp_path) == WIDE.tolist()


def test_one_bit_is_zero_and_one(tmp_path: Path) -> None:
    Image.fromarray(WIDE == 1).save(tmp_path / "a.png")
    assert only(tmp_path) == (WIDE == 1).astype(int).tolist()


@pytest.mark.parametrize("suffix", [".bmp", ".gif"])
def test_other_files_with_a_palette(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(PIXELS)
    image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / f"a{suffix}", **({"optimize": False} if suffix == ".gif" else {}))
    assert only(tmp_path) == PIXELS.tolist()


TIFFS: Mapping[str, dict[str, Any]] = {
    "uint8": {"dtype": np.uint8},
    "uint16": {"dtype": np.uint16},
    "big-endian uint16": {"dtype": np.uint16, "byteorder": ">"},
    "int16": {"dtype": np.int16},
    "int32": {"dtype": np.int32},
    "float32": {"dtype": np.float32},
    "deflate": {"dtype": np.uint8, "compression": "zlib"},
    "tiled": {"dtype": np.uint8, "tile": (16, 16)},
    "white is zero": {"dtype": np.uint8, "photometric": "miniswhite"},
    "big": {"dtype": np.uint16, "bigtiff": True},
}


@pytest.mark.parametrize("how", TIFFS.values(), ids=TIFFS)
def test_tiff_numbers_are_as_tifffile_stored_them(tmp_path: Path, how: dict[str, Any]) -> None:
    options = dict(how)
    stored = PIXELS.astype(options.pop("dtype"))
    tifffile.imwrite(tmp_path / "a.tif", stored, **{"photometric": "minisblack", **options})
    assert only(tmp_path) == PIXELS.tolist()


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_deflate"])
@pytest.mark.parametrize("mode", ["L", "P", "1", "I;16"])
def test_tiff_numbers_as_pillow_stored_them(tmp_path: Path, mode: str, compression: str | None) -> None:
    image = Image.fromarray(PIXELS == 1) if mode == "1" else Image.fromarray(PIXELS)
    if mode == "P":
        image.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    if mode == "I;16":
        image = Image.fromarray(PIXELS.astype(np.uint16))
    assert image.mode == mode
    image.save(tmp_path / "a.tiff", compression=compression)
    expected = (PIXELS == 1).astype(int) if mode == "1" else PIXELS
    assert only(tmp_path) == expected.tolist()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (np.array([[0, -1]], np.int16), "no whole numbers"),
        (np.array([[0, 0.5]], np.float32), "no whole numbers"),
        (np.array([[0, np.nan]], np.float32), "no whole numbers"),
        (np.array([[0, 70000]], np.uint32), "no whole numbers"),
        (np.zeros((2, 4, 4), np.uint8), "has 2 pages"),
        (np.zeros((4, 4, 5), np.uint8), "5 channels"),
    ],
    ids=["negative", "fraction", "nan", "large", "pages", "channels"],
)
def test_tiffs_that_are_no_masks_are_refused(tmp_path: Path, stored: Any, message: str) -> None:
    planar = "contig" if stored.shape[-1] == 5 else None
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", metadata=None, planarconfig=planar)
    with pytest.raises(StudioError, match=message):
        read_index_masks(tmp_path)


def test_deep_numbers_get_indices_of_their_own(tmp_path: Path) -> None:
    deep = np.array([[0, 3, 300, 65535]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "a.png")
    incoming = read_index_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 class 300, 2 class 65535, 3 class 3"
    assert incoming.read("a", (1, 4)).tolist() == [[0, 3, 1, 2]]
    assert incoming.notes == (
        "No list of classes was found: they are called after the numbers in the masks, 0, 3, 300, 65535.",
        "Numbers up to 65535 occur; those above 254 got other class indices.",
    )


def test_a_list_may_name_deep_numbers(tmp_path: Path) -> None:
    classes = [
        {"index": 0, "name": "background", "color": "#000000"},
        {"index": 300, "name": "cell", "color": "#ff0000"},
        {"index": 1000, "name": "void", "color": "#00ff00"},
    ]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": classes, "ignore_index": 1000}))
    Image.fromarray(np.array([[0, 300, 1000]], np.uint16)).save(tmp_path / "a.png")
    Image.fromarray(np.array([[0, 301]], np.uint16)).save(tmp_path / "b.png")
    incoming = read_index_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 cell"
    assert incoming.classes.background == 0
    assert incoming.read("a", None).tolist() == [[0, 1, UNLABELLED]]
    with pytest.raises(StudioError, match=r"no classes: \[301\]"):
        incoming.read("b", None)


def test_too_many_numbers_are_objects(tmp_path: Path) -> None:
    Image.fromarray(np.arange(400, dtype=np.uint16)[None]).save(tmp_path / "a.png")
    with pytest.raises(StudioError, match="400 different numbers"):
        read_index_masks(tmp_path)
    Image.fromarray(np.arange(100, dtype=np.uint8)[None]).save(tmp_path / "a.png")
    assert "objects or grey levels" in read_index_masks(tmp_path).notes[-1]


def test_grey_in_three_channels_is_a_number(tmp_path: Path) -> None:
    Image.fromarray(np.repeat(PIXELS[..., None], 3, axis=2)).save(tmp_path / "a.png")
    assert only(tmp_path) == PIXELS.tolist()
    assert "all channels are equal" in read_index_masks(tmp_path).notes[-1]


def test_transparent_pixels_are_refused(tmp_path: Path) -> None:
    pixels = np.zeros((2, 2, 4), np.uint8)
    pixels[0, 0, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png")
    with pytest.raises(StudioError, match=r"transparent pixels.*colour masks"):
        read_index_masks(tmp_path)


def test_black_and_white_is_foreground(tmp_path: Path) -> None:
    for name, values in {"a": [[0, 255]], "b": [[255, 255]], "c": [[0, 0]]}.items():
        Image.fromarray(np.array(values, np.uint8)).save(tmp_path / f"{name}.png")
    incoming = read_index_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 foreground"
    assert incoming.notes == ("Only 0 and 255 occur: 255 is taken for the foreground.",)
    assert [incoming.read(key, None).tolist() for key in "abc"] == [[[0, 1]], [[1, 1]], [[0, 0]]]


def test_255_beside_other_numbers_is_unlabelled(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.array([[0, 7]], np.uint8)).save(tmp_path / "b.png")
    incoming = read_index_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 7 class 7"
    assert "255 is taken for unlabelled, since other numbers occur." in incoming.notes
    assert incoming.read("a", None).tolist() == [[0, UNLABELLED]]


def test_a_list_of_two_classes_names_black_and_white(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    Image.fromarray(np.array([[0, 255]], np.uint8)).save(tmp_path / "a.png")
    path.write_text(json.dumps(ClassTable.binary("person").to_json()))
    incoming = read_index_masks(tmp_path)
    assert incoming.notes == ("Only 0 and 255 occur: 255 is taken for person, not for unlabelled.",)
    assert incoming.read("a", None).tolist() == [[0, 1]]
    path.write_text(json.dumps({**ClassTable.binary("person").to_json(), "ignore_index": 255}))
    assert read_index_masks(tmp_path).read("a", None).tolist() == [[0, UNLABELLED]]
    path.write_text(json.dumps(ClassTable.binary("person").add("dog").to_json()))
    assert read_index_masks(tmp_path).read("a", None).tolist() == [[0, UNLABELLED]]


def test_lossy_masks_must_be_black_and_white(tmp_path: Path) -> None:
    disk = np.hypot(*np.mgrid[-40:40, -40:40]) < 25
    Image.fromarray(disk.astype(np.uint8) * 255).save(tmp_path / "a_mask.jpg", quality=90)
    incoming = read_index_masks(tmp_path)
    assert incoming.keys == ("a",)
    assert np.array_equal(incoming.read("a", None), disk)
    assert "from 128 on a pixel counts as white" in incoming.notes[0]
    Image.fromarray(disk.astype(np.uint8) * 120 + 60).save(tmp_path / "a_mask.jpg")
    with pytest.raises(StudioError, match="JPEG or WebP, which does not keep pixel values"):
        read_index_masks(tmp_path)


def test_a_png_that_is_called_jpg_is_read_by_content(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", "PNG")
    assert only(tmp_path) == PIXELS.tolist()
    assert read_index_masks(tmp_path).notes[0] == "a.jpg is no JPEG in truth, but keeps every pixel."


def test_photographs_beside_masks_are_passed_over(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2), (1, 2, 3)).save(tmp_path / "a.jpg")
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    assert only(tmp_path) == PIXELS.tolist()


def keys(folder: Path, *names: str) -> tuple[str, ...]:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(PIXELS).save(folder / name)
    return tuple(find_masks(folder).files)


@pytest.mark.parametrize("tag", ["_mask", "_masks", "_label", "_gt", "-mask", "_cp_masks", "_MASK"])
def test_a_tag_that_all_masks_carry_is_no_part_of_their_names(tmp_path: Path, tag: str) -> None:
    assert keys(tmp_path, f"a{tag}.png", f"sub/b{tag}.tif") == ("a", "sub/b")


def test_a_tag_that_some_masks_lack_is_part_of_the_name(tmp_path: Path) -> None:
    assert keys(tmp_path, "a_mask.png", "b.png") == ("a_mask", "b")


def test_a_tag_tells_masks_from_images_beside_them(tmp_path: Path) -> None:
    assert keys(tmp_path, "a.png", "a_mask.png", "b.png", "b_mask.png", "c.png") == ("a", "b")
    assert "3 pictures without a tag" in find_masks(tmp_path).notes[0]


def test_masks_of_ours_keep_their_names(tmp_path: Path) -> None:
    names = ["a_mask.jpg", "b_mask.jpg"]
    write_index_tiff(
        tmp_path, outgoing(dict.fromkeys(names, PIXELS), ClassTable.binary("x").add("y").add("z"))
    )
    assert read_index_masks(tmp_path).keys == ("a_mask", "b_mask")


def test_masks_that_differ_in_suffix_alone_keep_it(tmp_path: Path) -> None:
    assert keys(tmp_path, "a.png", "a.tif", "b.png") == ("a.png", "a.tif", "b")


def test_no_link_is_followed_out_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "masks").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "secret.png")
    (tmp_path / "masks" / "b.png").symlink_to(tmp_path / "secret.png")
    (tmp_path / "masks" / "sub").symlink_to(tmp_path)
    assert keys(tmp_path / "masks", "a.png") == ("a",)


def test_numbers_that_turn_up_later_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found_values, "LOOKED_AT", 2)
    for number in range(5):
        Image.fromarray(np.full((1, 2), number // 3, np.uint8)).save(tmp_path / f"{number}.png")
    incoming = read_index_masks(tmp_path)  # looks at 0 and 3
    assert "2 of 5 masks were looked at for their numbers." in incoming.notes
    assert incoming.read("4", None).tolist() == [[1, 1]]
    Image.fromarray(np.full((1, 2), 9, np.uint8)).save(tmp_path / "4.png")
    with pytest.raises(StudioError, match=r"no classes: \[9\].*Put a classes.json beside"):
        incoming.read("4", None)


def test_one_broken_mask_does_not_close_the_set(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "b.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "b.png").read_bytes()[:-20])
    incoming = read_index_masks(tmp_path)
    assert incoming.read("b", None).tolist() == PIXELS.tolist()
    with pytest.raises(StudioError):
        incoming.read("a", None)


def test_names_a_line_are_classes_by_number(tmp_path: Path) -> None:
    Image.fromarray(PIXELS).save(tmp_path / "a.png")
    (tmp_path / "classification.txt").write_text("__background__\ncell\n__ignore__\nwall\n")
    incoming = read_index_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 __background__, 1 cell, 3 wall"
    assert incoming.classes.background == 0
    assert incoming.read("a", None).tolist() == [[0, 1, 255], [255, 1, 3]]
    (tmp_path / "classification.txt").write_text("a\na\n")
    with pytest.raises(StudioError, match="names a class twice"):
        read_index_masks(tmp_path)


def test_a_map_of_greys_also_names_palettes(tmp_path: Path) -> None:
    (tmp_path / "mask_grayscale_map.json").write_text(
        '{"type": "grayscale", "colors": {"pet": 255, "toy": 90}}'
    )
    Image.fromarray(np.array([[0, 255, 90]], np.uint8)).save(tmp_path / "a.png")
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8))
    image.putpalette([0, 0, 0, 255, 255, 255, 90, 90, 90])
    image.save(tmp_path / "b.png")
    incoming = read_index_masks(tmp_path)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 toy, 2 pet"
    assert incoming.read("a", None).tolist() == incoming.read("b", None).tolist() == [[0, 2, 1]]
    (tmp_path / "mask_grayscale_map.json").write_text('{"type": "grayscale", "colors": {"pet": 900}}')
    with pytest.raises(StudioError, match="no map from class to grey"):
        read_index_masks(tmp_path)


def test_made_up_names_mean_the_class_of_that_number() -> None:
    found = ClassTable.binary("class 1").add("class 2")
    ours = ClassTable.binary("cell").add("wall")
    assert class_lut(found, ours, numbered=True)[:4].tolist() == [0, 1, 2, UNLABELLED]
    assert class_lut(found, ours, {"class 2": "cell"}, numbered=True)[2] == 1
    with pytest.raises(StudioError, match="lacks: class 1"):
        class_lut(found, ours)
    other = ClassTable((PixelClass(7, "soil", "#000000"), PixelClass(9, "root", "#ffffff")), 7)
    assert class_lut(ClassTable.binary("foreground"), other, numbered=True)[:2].tolist() == [7, 9]


def outgoing(labels: dict[str, Any], table: ClassTable) -> Outgoing:
    return Outgoing("x", table, list(labels), lambda: (Sample(name, found) for name, found in labels.items()))


@settings(max_examples=20, deadline=None)
@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 1)))
def test_written_tiffs_are_what_others_read(tmp_path_factory: pytest.TempPathFactory, labels: Any) -> None:
    folder = tmp_path_factory.mktemp("tiff")
    labels = np.where(labels == 0, np.uint8(255), labels)
    assert write_index_tiff(folder, outgoing({"s/Ünï.jpg": labels}, ClassTable.binary())) == {
        "s/Ünï.jpg": "s/Ünï.tif"
    }
    path = folder / "s" / "Ünï.tif"
    assert np.array_equal(tifffile.imread(path), labels)
    with Image.open(path) as image:
        assert (image.mode, image.tag_v2[259], image.tag_v2[262]) == ("L", 8, 1)  # deflate, black is zero
        assert np.array_equal(np.asarray(image), labels)
    assert json.loads((folder / "classes.json").read_text())["ignore_index"] == 255
    assert np.array_equal(read_index_masks(folder).read("s/Ünï", labels.shape), labels)


def read_all(folder: Path) -> Incoming:
    """Open a set of which every mask can be read, its size told by its header."""
    incoming = read_index_masks(folder)
    for key in incoming.keys[:40]:
        assert incoming.size(key) == incoming.read(key, None).shape
    return incoming


@pytest.mark.data
def test_masks_of_a_matting_tool_are_black_and_white(data: Path) -> None:
    folder = data / "human_seg" / "masks_original"
    incoming = read_all(folder)
    assert incoming.notes == ("Only 0 and 255 occur: 255 is taken for person, not for unlabelled.",)
    with Image.open(folder / "1.png") as image:
        assert np.array_equal(incoming.read("1", None), np.asarray(image) // 255)


@pytest.mark.data
def test_masks_whose_list_does_not_fit_are_refused(data: Path) -> None:
    incoming = read_index_masks(data / "em_vnc" / "labels_original")
    with pytest.raises(StudioError, match=r"no classes: \[32, 64, 96, 128, 159, 191, 223\]"):
        incoming.read("00", None)


@pytest.mark.data
@pytest.mark.parametrize(
    ("folder", "names"),
    [
        ("isat/semantic", "0 __background__, 1 person, 2 knife, 3 fork, 4 cup, 5 giraffe"),
        ("xanylabeling/segmentation/binary_semantic_segmentation", "0 background, 1 pet"),
        ("datumaro_layouts/kaggle/image_mask", "0 background, 1 class 1"),
        ("cvat_images/truth", "0 background, 1 class 1, 2 class 2, 3 class 3"),
    ],
)
def test_what_tools_wrote_comes_in(data: Path, folder: str, names: str) -> None:
    incoming = read_all(data / "interop" / folder)
    assert incoming.classes is not None
    assert incoming.classes.describe().startswith(names)
    for key in incoming.keys[:2]:
        (path,) = (
            path for path in (data / "interop" / folder).rglob(f"{key}.png") if "images" not in path.parts
        )
        with Image.open(path) as image:
            assert np.array_equal(incoming.read(key, None), np.asarray(image))


# What becomes of each of the masks that were stored in right and wrong ways: the numbers, or why not.
WAYS: dict[str, list[int] | str] = {
    "all_background": [0],
    "bilevel_1bit": [0, 1],
    "binary_0_255": [0, 1],
    "gray_0_127_254": [0, 127, 254],
    "half_size": [0, 1, 2],
    "image": "its pixels are colours",
    "mask_in_alpha_only": "transparent pixels",
    "ok_gray_index": [0, 1, 2],
    "ok_palette_index": [0, 1, 2],
    "palette_two_classes_same_colour": [0, 1, 2],
    "rgb_colour_coded": "its pixels are colours",
    "rgb_colour_coded_lossy": "its pixels are colours",
    "transposed": [0, 1, 2],
    "uint16_instance_ids": [0, 1, 2],
    "unknown_index_200": [0, 1, 200],
    "with_255_ignore": [0, 1, 2, 255],
}


@pytest.mark.data
@pytest.mark.parametrize("name", WAYS)
def test_masks_stored_in_right_and_wrong_ways(data: Path, tmp_path: Path, name: str) -> None:
    (path,) = (data / "torture" / "synthetic_made_here" / "masks").glob(f"{name}.*")
    (tmp_path / path.name).write_bytes(path.read_bytes())
    expected = WAYS[name]
    if isinstance(expected, str):
        with pytest.raises(StudioError, match=expected):
            read_index_masks(tmp_path)
    else:
        incoming = read_index_masks(tmp_path)
        assert np.unique(incoming.read(name, None)).tolist() == expected


@pytest.mark.data
@pytest.mark.parametrize("folder", ["pngsuite", "bmp_png_webp_rs", "tiff_depths", "tiff_kinds"])
def test_any_picture_is_read_or_refused_in_words(data: Path, folder: str) -> None:
    read = 0
    for path in sorted((data / "torture" / folder).iterdir()):
        if path.suffix.lower() not in (".png", ".tif", ".tiff", ".bmp"):
            continue
        try:
            picture = read_picture(path)
        except StudioError:
            continue
        assert header_size(path) == picture.shape, path
        read += 1
    assert read > 5


@pytest.mark.data
@pytest.mark.parametrize("name", ["basn0g02", "basn0g04", "basn3p01", "basn3p02", "basn3p04", "basi3p02"])
def test_pngsuite_numbers_use_all_their_bits(data: Path, name: str) -> None:
    values = read_picture(data / "torture" / "pngsuite" / f"{name}.png").values
    assert values is not None
    assert np.unique(values).tolist() == list(range({1: 2, 2: 4, 4: 15}[int(name[-2:])]))


@pytest.mark.parametrize("suffix", [".webp", ".png"])
def test_what_pillow_has_not_loaded_yet_is_read_all_the_same(tmp_path: Path, suffix: str) -> None:
    """In a fresh process: here, other tests have loaded all of Pillow's formats."""
    path = tmp_path / f"a{suffix}"
    if suffix == ".webp":
        Image.fromarray(np.full((4, 4, 3), 9, np.uint8)).save(path, lossless=True)
    else:
        path.write_bytes(b"no picture")
    code = (
        "import sys, pathlib\n"
        "from unet_studio.core.errors import StudioError\n"
        "from unet_studio.formats.mask_pictures import read_picture\n"
        "try: print(read_picture(pathlib.Path(sys.argv[1])).lossy)\n"
        "except StudioError as error: print(error.message)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    broken = f"{path} is broken, or not a mask of a known format."
    assert done.stdout.strip() == ("True" if suffix == ".webp" else broken)
