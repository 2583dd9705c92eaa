"""Which format a source is in: real files of other tools, our own exports, and things that are none."""

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.formats.recognition import PROBES, recognise
from unet_studio.formats.sample import Outgoing, Sample
from unet_studio.formats.table import FORMATS, WRITTEN

REAL = {
    "cellpose": ["cellpose"],
    "coco_results": ["coco"],
    "cvat_images": ["cvat"],
    "cvat_images/annotations.xml": ["cvat"],
    "cvat_images/tiny/for_images": ["cvat"],
    "datumaro_layouts/coco/coco_instances": ["coco"],
    "datumaro_layouts/coco/coco_roboflow": ["coco"],
    "datumaro_layouts/voc": ["voc"],
    "datumaro_layouts/yolo": ["yolo"],
    "isat/images": ["isat"],
    "isat/coco_tiny/coco_tiny.json": ["coco"],
    "isat/coco_tiny/isat": ["isat"],
    "isat/coco_tiny/labelme": ["labelme"],
    "isat/coco_tiny/yolo": ["yolo"],
    "isat/semantic": ["index-png"],
    "labelme/instance_segmentation/data_annotated": ["labelme"],
    "labelme/instance_segmentation/data_dataset_voc": ["voc", "index-png"],
    "labelme/primitives/primitives.json": ["labelme"],
    "labelme/tutorial/apc2016_obj3.json": ["labelme"],
    "labelstudio": ["label-studio"],
    "labelstudio/sdk_tests/polygons": ["label-studio"],
    "pascal_voc": ["voc", "index-png"],
    "supervisely_polygon": ["supervisely"],
    "supervisely_polygon/ds/ann": ["supervisely"],
    "via": ["via"],
    "via/vgg_test.json": ["via"],
    "xanylabeling/segmentation/multiclass_semantic_segmentation/sources": ["xanylabeling", "labelme"],
    "xanylabeling/segmentation/instance_segmentation/labels": ["yolo"],
}


@pytest.mark.parametrize("place", REAL)
def test_real_files_of_other_tools_are_recognised(place: str, data: Path) -> None:
    found = recognise(data / "interop" / place)
    wanted = [name for name in REAL[place] if name in FORMATS]
    assert found[: len(wanted)] == wanted


def test_every_format_has_a_probe() -> None:
    assert FORMATS.keys() <= PROBES.keys()


def exported(name: str, folder: Path) -> Path:
    labels = np.zeros((20, 30), np.uint8)
    labels[4:9, 5:12] = 1
    samples = [Sample(f"{stem}.png", labels) for stem in ("a", "b")]
    table = ClassTable.binary("cell")
    FORMATS[name].write(folder, Outgoing("set", table, [one.name for one in samples], lambda: samples))
    return folder


@pytest.mark.parametrize("name", WRITTEN)
def test_our_own_exports_are_recognised_packed_and_unpacked(name: str, tmp_path: Path) -> None:
    folder = exported(name, tmp_path / "out")
    with zipfile.ZipFile(tmp_path / "out.zip", "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, f"a set/{path.relative_to(folder).as_posix()}")
    read_as = {"labelme-polygons": "labelme"}.get(name, name)
    assert recognise(folder)[0] == read_as
    assert recognise(tmp_path / "out.zip")[0] == read_as
    if FORMATS[name].file_name:
        assert recognise(folder / FORMATS[name].file_name)[0] == read_as


def test_what_is_no_set_of_masks_is_not_recognised(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "notes.txt").write_text("Monday: 3 cells, 4 nuclei.\n")
    (tmp_path / "settings.json").write_text(json.dumps({"theme": "dark"}))
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "sub" / "photo.jpg")
    assert recognise(tmp_path) == []
    assert recognise(tmp_path / "missing") == []
    assert recognise(tmp_path / "settings.json") == []


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"\x00" * 600, b'{"shapes": [' * 900, b"\x89PNG\r\n"]
)
@pytest.mark.parametrize("name", ["a.zip", "a.tgz", "a.json", "a.xml", "a.png", "a.txt", "a.npy", "a.tar"])
def test_broken_files_do_no_harm(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert len(recognise(tmp_path / name)) <= 1
    assert len(recognise(tmp_path)) <= 1


def test_links_out_of_a_folder_are_not_followed(tmp_path: Path) -> None:
    exported("voc", tmp_path / "out")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "link").symlink_to(tmp_path / "out")
    (tmp_path / "source" / "loop").symlink_to(tmp_path / "source")
    assert recognise(tmp_path / "source") == []
