"""Index masks: files of our own, of data sets, and of Pascal VOC."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.formats.index_png import read_index_png_folder, write_index_png_folder
from unet_studio.formats.sample import Outgoing, Sample


def write_grey(path: Path, values: list[list[int]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.array(values, np.uint8)).save(path)


def write_classes(path: Path, ignore: int | None) -> None:
    classes = [
        {"index": 0, "name": "sky", "color": "#0000ff"},
        {"index": 1, "name": "road", "color": "#808080"},
        {"index": 11, "name": "void", "color": "#000000"},
    ]
    path.write_text(json.dumps({"name": "x", "classes": classes, "ignore_index": ignore}))


def test_written_files_are_what_every_reader_expects(tmp_path: Path) -> None:
    labels = np.array([[0, 1], [255, 1]], np.uint8)
    out = Outgoing("set", ClassTable.binary("cell"), ["sub/a.jpg"], lambda: [Sample("sub/a.jpg", labels)])
    assert write_index_png_folder(tmp_path, out) == {"sub/a.jpg": "sub/a.png"}
    raw = (tmp_path / "sub" / "a.png").read_bytes()
    assert raw[24:26] == b"\x08\x03"  # IHDR: 8 bits a pixel, palette
    with Image.open(tmp_path / "sub" / "a.png") as image:
        assert np.array_equal(np.asarray(image), labels)
        assert image.getpalette()[:6] == [0, 0, 0, 0xE6, 0x9F, 0x00]
    classes = json.loads((tmp_path / "classes.json").read_text())
    assert classes["ignore_index"] == 255
    assert [entry["name"] for entry in classes["classes"]] == ["background", "cell"]


def test_the_ignore_index_of_a_data_set_becomes_unlabelled(tmp_path: Path) -> None:
    write_classes(tmp_path / "classes.json", 11)
    write_grey(tmp_path / "masks" / "a.png", [[0, 1, 11, 255]])
    incoming = read_index_png_folder(tmp_path / "masks")
    assert incoming.classes is not None
    assert [entry.name for entry in incoming.classes.active] == ["sky", "road"]
    assert incoming.classes.background is None
    assert incoming.read("a", (1, 4)).tolist() == [[0, 1, 255, 255]]


def test_a_data_set_folder_means_its_masks(tmp_path: Path) -> None:
    write_classes(tmp_path / "classes.json", None)
    write_grey(tmp_path / "images" / "a.png", [[7]])
    write_grey(tmp_path / "masks" / "a.png", [[1]])
    incoming = read_index_png_folder(tmp_path)
    assert incoming.keys == ("a",)
    assert incoming.read("a", None).tolist() == [[1]]


def test_values_that_are_no_classes_are_named(tmp_path: Path) -> None:
    write_classes(tmp_path / "classes.json", 11)
    write_grey(tmp_path / "a.png", [[0, 1, 2, 12]])
    with pytest.raises(StudioError, match=r"a\.png has pixel values that are no classes: \[2, 12\]"):
        read_index_png_folder(tmp_path).read("a", None)


def test_hidden_files_and_confidence_pictures_are_no_masks(tmp_path: Path) -> None:
    for name in ("a.png", "a.confidence.png", ".thumbs/b.png", "._a.png"):
        write_grey(tmp_path / name, [[0]])
    assert read_index_png_folder(tmp_path).keys == ("a",)


def test_colour_masks_are_refused_with_a_remedy(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (1, 2, 3)).save(tmp_path / "a.png")
    with pytest.raises(StudioError, match="palette or grey"):
        read_index_png_folder(tmp_path).read("a", None)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="no mask pictures"):
        read_index_png_folder(tmp_path)
    with pytest.raises(StudioError, match="not a folder"):
        read_index_png_folder(tmp_path / "nowhere")


def test_no_mask_is_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub").symlink_to(tmp_path / "elsewhere")
    sample = Sample("sub/a.jpg", np.zeros((1, 1), np.uint8))
    with pytest.raises(StudioError, match="outside"):
        write_index_png_folder(
            tmp_path / "out", Outgoing("set", ClassTable.binary(), [sample.name], lambda: [sample])
        )
    assert not list((tmp_path / "elsewhere").iterdir())


@pytest.mark.data
def test_pascal_voc_keeps_indices_and_void(data: Path) -> None:
    folder = data / "interop" / "pascal_voc" / "VOC2012" / "SegmentationClass"
    incoming = read_index_png_folder(folder)
    assert incoming.classes is None
    assert len(incoming.keys) == 5
    for key in incoming.keys:
        with Image.open(folder / f"{key}.png") as image:
            expected = np.asarray(image)
        assert 255 in expected
        assert np.array_equal(incoming.read(key, expected.shape), expected)


@pytest.mark.data
@pytest.mark.parametrize("name", ["street_camvid", "em_vnc", "human_seg", "facade_ccby"])
def test_data_sets_of_the_field_open(data: Path, name: str) -> None:
    described = json.loads((data / name / "classes.json").read_text())
    incoming = read_index_png_folder(data / name)
    images = {path.stem for path in (data / name / "images").iterdir()}
    assert set(incoming.keys) == images
    first = incoming.read(incoming.keys[0], None)
    assert described["ignore_index"] in (None, 255) or not (first == described["ignore_index"]).any()
