"""Pascal VOC: its palette, its lists, real files of it, and files that are wrong."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.voc import read_voc, voc_palette, write_voc

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
    with pytest.raises(StudioError, match="holds no PNG masks"):
        read_voc(tmp_path)
