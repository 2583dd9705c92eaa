"""Pascal VOC: its palette, its lists, real files of it, and files that are wrong."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.regions import draw_scene
from unet_studio.formats.sample import Incoming, Outgoing, Sample
from unet_studio.formats.voc import write_voc
from unet_studio.formats.voc_names import voc_palette
from unet_studio.formats.voc_reader import read_voc

TABLE = ClassTable((PixelClass(3, "cell", "#ff0000"), PixelClass(7, "soil", "#000000")), 7)
LABELS = np.array([[3, 7, 255], [7, 7, 3]], np.uint8)


def write(folder: Path, names: dict[str, str]) -> dict[str, str]:
    samples = [Sample(name, LABELS) for name in names]
    return dict(write_voc(folder, Outgoing("set", TABLE, list(names), lambda: samples, names)))


def test_the_palette_is_that_of_voc() -> None:
    known = {0: (0, 0, 0), 1: (128, 0, 0), 2: (0, 128, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    palette = voc_palette()
    assert {index: tuple(palette[index].tolist()) for index in known} == known
    assert palette[255].tolist() == [224, 224, 192]
    assert len(np.unique(palette, axis=0)) == 256


def test_files_lie_where_voc_has_them(tmp_path: Path) -> None:
    files = write(tmp_path, {"sub/a.jpg": "train", "b.png": "val", "c.png": "test", "d.png": ""})
    assert files["sub/a.jpg"] == "SegmentationClass/sub/a.png"
    with Image.open(tmp_path / files["sub/a.jpg"]) as image:
        assert image.mode == "P"
        assert np.asarray(image).tolist() == [[1, 0, 255], [0, 0, 1]]
        assert image.getpalette()[:6] == [0, 0, 0, 128, 0, 0]
    lists = tmp_path / "ImageSets" / "Segmentation"
    assert {path.stem: path.read_text().split() for path in lists.iterdir()} == {
        "train": ["sub/a"],
        "val": ["b"],
        "test": ["c"],
        "trainval": ["sub/a", "b", "d"],
    }
    assert (tmp_path / "labelmap.txt").read_text().splitlines()[1:] == ["soil:0,0,0::", "cell:128,0,0::"]


def test_names_that_labelmap_cannot_hold_are_refused(tmp_path: Path) -> None:
    out = Outgoing("set", ClassTable.binary("a:b"), [], list)
    with pytest.raises(StudioError, match="can't hold the name 'a:b'"):
        write_voc(tmp_path, out)


def test_real_voc_files_are_read(data: Path) -> None:
    folder = data / "interop" / "pascal_voc"
    incoming = read_voc(folder)
    assert incoming.notes == ("There is no labelmap.txt: the classes are VOC's own 20.",)
    assert len(incoming.keys) == 5
    for key in incoming.keys:
        with Image.open(folder / "VOC2012" / "SegmentationClass" / f"{key}.png") as image:
            np.testing.assert_array_equal(incoming.read(key, image.size[::-1]), np.asarray(image))
    assert incoming.classes is not None
    assert incoming.classes.get(15).name == "person"


def test_what_labelmes_converter_wrote_is_read(data: Path) -> None:
    incoming = read_voc(data / "interop" / "labelme" / "semantic_segmentation" / "data_dataset_voc")
    assert incoming.notes == ()
    assert incoming.classes is not None
    assert incoming.classes.background == 0
    assert incoming.classes.get(20).name == "tv/monitor"


def test_values_without_a_name_are_named(tmp_path: Path) -> None:
    write(tmp_path, {"a.jpg": ""})
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\n")
    with pytest.raises(StudioError, match=r"no classes: \[1\]"):
        read_voc(tmp_path).read("a", None)
    (tmp_path / "labelmap.txt").write_text("background:0,0,0::\na:1,1,1::\na:2,2,2::\n")
    with pytest.raises(StudioError, match="names a class twice"):
        read_voc(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="SegmentationClass"):
        read_voc(tmp_path / "nothing")
    (tmp_path / "SegmentationClass").mkdir()
    with pytest.raises(StudioError, match="holds no mask pictures"):
        read_voc(tmp_path)


def pixels(path: Path) -> Any:
    with Image.open(path) as image:
        return np.asarray(image)


def drawn(incoming: Incoming, key: str) -> Any:
    """A mask as its regions draw it."""
    assert incoming.scene is not None
    assert incoming.legend is not None
    return draw_scene(incoming.scene(key, None), incoming.legend)


def save_palette(path: Path, values: Any, colors: list[tuple[int, int, int]], bits: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(values, np.uint8))
    image.putpalette([value for color in colors for value in color])
    image.save(path, bits=bits)


@settings(max_examples=25, deadline=None)
@given(
    arrays.arrays(
        np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([3, 7, 255])
    )
)
def test_objects_are_connected_pieces(tmp_path_factory: pytest.TempPathFactory, labels: Any) -> None:
    import cv2

    folder = tmp_path_factory.mktemp("voc")
    write_voc(folder, Outgoing("set", TABLE, ["s/a.jpg"], lambda: [Sample("s/a.jpg", labels)]))
    with Image.open(folder / "SegmentationObject" / "s" / "a.png") as image:
        assert image.mode == "P"
        objects = np.asarray(image)
    count, _ = cv2.connectedComponents((labels == 3).astype(np.uint8), connectivity=8)
    assert np.array_equal(objects == 255, labels == 255)
    assert np.array_equal((objects > 0) & (objects < 255), labels == 3)
    assert np.unique(objects[labels == 3]).tolist() == list(range(1, count))
    incoming = read_voc(folder)
    assert incoming.size("s/a") == labels.shape
    assert np.array_equal(drawn(incoming, "s/a"), incoming.read("s/a", labels.shape))


def test_more_objects_than_a_palette_has_take_16_bit(tmp_path: Path) -> None:
    dots = np.full((64, 64), 7, np.uint8)
    dots[::2, ::2] = 3
    dots[1, 1] = 255
    write_voc(tmp_path, Outgoing("set", TABLE, ["a.jpg"], lambda: [Sample("a.jpg", dots)]))
    objects = pixels(tmp_path / "SegmentationObject" / "a.png")
    assert objects.dtype == np.uint16
    assert objects.max() == objects[1, 1] == 65535
    assert len(np.unique(objects)) == 32 * 32 + 2
    assert np.array_equal(drawn(read_voc(tmp_path), "a"), read_voc(tmp_path).read("a", None))


def test_touching_objects_stay_apart(tmp_path: Path) -> None:
    palette = [tuple(color) for color in voc_palette().tolist()]
    save_palette(tmp_path / "SegmentationClass" / "a.png", [[15, 15, 15, 255, 0, 7]], palette)
    save_palette(tmp_path / "SegmentationObject" / "a.png", [[1, 2, 2, 255, 0, 0]], palette)
    incoming = read_voc(tmp_path)
    assert incoming.scene is not None
    regions = incoming.scene("a", (1, 6)).regions
    assert [(region.name, region.instance) for region in regions] == [
        ("unlabelled", ""), ("car", ""), ("person", "1"), ("person", "2"),
    ]  # fmt: skip
    assert drawn(incoming, "a").tolist() == [[15, 15, 15, 255, 0, 7]]


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_palettes_of_few_bits(tmp_path: Path, bits: int) -> None:
    palette = [tuple(color) for color in voc_palette().tolist()][: 1 << bits]
    values = np.arange(24, dtype=np.uint8).reshape(2, 12) % min(1 << bits, 21)
    path = tmp_path / "SegmentationClass" / "a.png"
    save_palette(path, values, palette, bits)
    assert path.read_bytes()[24] == bits
    assert np.array_equal(read_voc(tmp_path).read("a", None), values)


def test_a_palette_that_was_sorted_anew_counts_by_its_colours(tmp_path: Path) -> None:
    palette = [tuple(color) for color in voc_palette().tolist()]
    path = tmp_path / "SegmentationClass" / "a.png"
    save_palette(path, [[0, 1, 2, 3]], [palette[15], palette[0], palette[7], palette[255]], 2)
    assert read_voc(tmp_path).read("a", None).tolist() == [[15, 0, 7, 255]]
    save_palette(path, [[0, 1, 2, 3]], [(9, 9, 9), palette[0], palette[7], palette[255]], 2)
    assert read_voc(tmp_path).read("a", None).tolist() == [[0, 1, 2, 3]]
    save_palette(path, [[0, 1]], [(0, 0, 0), (0, 0, 0)], 1)
    assert read_voc(tmp_path).read("a", None).tolist() == [[0, 1]]


def test_masks_in_colours_count_by_labelmap(tmp_path: Path) -> None:
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "labelmap.txt").write_text(
        "cat:255,0,0::\nbackground:0,0,0::\nignore:9,9,9::\ndog:0,0,250::\n"
    )
    colors = [(0, 0, 0), (255, 0, 0), (0, 0, 250), (9, 9, 9), (224, 224, 192)]
    Image.fromarray(np.array([colors], np.uint8)).save(tmp_path / "SegmentationClass" / "a.png")
    Image.fromarray(np.array([[(1, 2, 3)]], np.uint8)).save(tmp_path / "SegmentationClass" / "b.png")
    incoming = read_voc(tmp_path)
    assert incoming.classes is not None
    assert (incoming.classes.describe(), incoming.classes.background) == ("0 cat, 1 background, 3 dog", 1)
    assert incoming.read("a", None).tolist() == [[1, 0, 3, 255, 255]]
    assert drawn(incoming, "a").tolist() == [[1, 0, 3, 255, 255]]
    with pytest.raises(StudioError, match="colours that are no classes: #010203"):
        incoming.read("b", None)


@pytest.mark.data
def test_objects_of_real_voc_files(data: Path) -> None:
    folder = data / "interop" / "pascal_voc" / "VOC2012"
    incoming = read_voc(folder)
    assert incoming.scene is not None
    for key in incoming.keys:
        objects = pixels(folder / "SegmentationObject" / f"{key}.png")
        found = {region.instance for region in incoming.scene(key, None).regions} - {""}
        assert found == {str(number) for number in np.unique(objects) if number not in (0, 255)}
        assert np.array_equal(drawn(incoming, key), incoming.read(key, incoming.size(key)))


@pytest.mark.data
def test_objects_of_labelmes_converter(data: Path) -> None:
    incoming = read_voc(data / "interop" / "labelme" / "instance_segmentation" / "data_dataset_voc")
    assert incoming.scene is not None
    people = [
        region.instance
        for region in incoming.scene("2011_000006", None).regions
        if region.name == "person" and region.instance
    ]
    assert len(people) >= 3
    for key in incoming.keys:
        assert np.array_equal(drawn(incoming, key), incoming.read(key, None))


@pytest.mark.data
def test_masks_in_colours_that_datumaro_made(data: Path) -> None:
    incoming = read_voc(data / "interop" / "datumaro_layouts" / "voc" / "voc_dataset1")
    assert np.unique(incoming.read("2007_000001", (10, 20))).tolist() == [2]
    assert incoming.scene is not None
    assert [one.instance for one in incoming.scene("2007_000001", None).regions] == ["1"]
