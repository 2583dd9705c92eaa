"""nnU-Net: what its manual asks of a data set, and data sets that are wrong."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.formats.nnunet import read_nnunet, write_nnunet
from unet_studio.formats.sample import Outgoing, Sample

TABLE = ClassTable((PixelClass(9, "root", "#ff0000"), PixelClass(2, "soil", "#000000")), 2)
LABELS = np.array([[9, 2, 255], [2, 2, 9]], np.uint8)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    (folder / "sub").mkdir(parents=True)
    for number, name in enumerate(("sub/a.jpg", "sub_a.png")):
        Image.new("RGB", (3, 2), (number, 2, 3)).save(folder / name)
    return folder


def write(
    folder: Path, images: Path, names: list[str], split: dict[str, str] | None = None
) -> dict[str, str]:
    samples = [Sample(name, LABELS) for name in names]
    out = Outgoing("roots", TABLE, names, lambda: samples, split or {}, lambda name: images / name)
    return dict(write_nnunet(folder, out))


def test_the_folder_is_what_nnunet_asks_for(tmp_path: Path, images: Path) -> None:
    files = write(tmp_path / "out", images, ["sub/a.jpg", "sub_a.png"])
    assert files == {"sub/a.jpg": "labelsTr/sub_a.png", "sub_a.png": "labelsTr/sub_a-2.png"}
    facts = json.loads((tmp_path / "out" / "dataset.json").read_text())
    assert facts["labels"] == {"background": 0, "root": 1, "ignore": 2}
    assert facts["channel_names"] == {"0": "R", "1": "G", "2": "B"}
    assert (facts["numTraining"], facts["file_ending"]) == (2, ".png")
    with Image.open(tmp_path / "out" / "labelsTr" / "sub_a.png") as image:
        assert image.mode == "L"
        assert np.asarray(image).tolist() == [[1, 0, 2], [0, 0, 1]]
    with Image.open(tmp_path / "out" / "imagesTr" / "sub_a-2_0000.png") as image:
        assert (image.mode, image.getpixel((0, 0))) == ("RGB", (1, 2, 3))
    incoming = read_nnunet(tmp_path / "out")
    assert set(incoming.keys) == {"sub/a.jpg", "sub_a.png"}
    assert incoming.read("sub/a.jpg", (2, 3)).tolist() == [[1, 0, 255], [0, 0, 1]]


def test_grey_and_colour_do_not_mix(tmp_path: Path, images: Path) -> None:
    Image.new("I;16", (3, 2), 700).save(images / "deep.png")
    write(tmp_path / "grey", images, ["deep.png"])
    facts = json.loads((tmp_path / "grey" / "dataset.json").read_text())
    assert facts["channel_names"] == {"0": "grey"}
    with pytest.raises(StudioError, match=r"deep\.png is grey and sub_a\.png in colour"):
        write(tmp_path / "both", images, ["deep.png", "sub_a.png"])


def test_names_that_nnunet_keeps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match="keeps the name 'Ignore'"):
        write_nnunet(tmp_path, Outgoing("x", ClassTable.binary("Ignore"), [], list))


def test_a_data_set_of_others_is_read_by_case(tmp_path: Path) -> None:
    (tmp_path / "labelsTr").mkdir()
    Image.fromarray(np.array([[0, 1, 2]], np.uint8)).save(tmp_path / "labelsTr" / "case_1.png")
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "b": 2, "a": 1}}')
    incoming = read_nnunet(tmp_path)
    assert incoming.keys == ("case_1",)
    assert incoming.classes is not None
    assert incoming.classes.describe() == "0 background, 1 a, 2 b"
    assert incoming.read("case_1", (1, 3)).tolist() == [[0, 1, 2]]
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "a": 1}}')
    with pytest.raises(StudioError, match=r"no classes: \[2\]"):
        read_nnunet(tmp_path).read("case_1", None)


@pytest.mark.parametrize("text", ["{}", '{"labels": {"a": "1"}}', '{"labels": {"a": 400}}', '{"labels": 3}'])
def test_unusable_data_sets_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "labelsTr").mkdir()
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(StudioError, match="is not usable"):
        read_nnunet(tmp_path)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"dataset\.json"):
        read_nnunet(tmp_path)
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0}}')
    with pytest.raises(StudioError, match="holds no PNG or TIFF labels"):
        read_nnunet(tmp_path)


def natural_image(path: Path) -> Any:
    """What nnU-Net's NaturalImage2DIO makes of a picture: float32 (channels, 1, H, W)."""
    with Image.open(path) as image:
        pixels = np.asarray(image)
    assert pixels.ndim == 2 or pixels.shape[2] in (3, 4)
    return (pixels[None, None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)[:, None]).astype(np.float32)


def verified(folder: Path) -> None:
    """What nnU-Net's verify_dataset_integrity.py checks before it trains."""
    facts = json.loads((folder / "dataset.json").read_text())
    assert {"labels", "channel_names", "numTraining", "file_ending"} <= facts.keys()
    ending = facts["file_ending"]
    cases = sorted({path.name[: -len(ending) - 5] for path in (folder / "imagesTr").iterdir()})
    assert len(cases) == facts["numTraining"]
    numbers = sorted(facts["labels"].values())
    assert numbers == list(range(len(numbers)))
    assert facts["labels"]["ignore"] == numbers[-1]
    for case in cases:
        image = natural_image(folder / "imagesTr" / f"{case}_0000{ending}")
        labels = natural_image(folder / "labelsTr" / f"{case}{ending}")
        assert len(image) == len(facts["channel_names"])
        assert image.shape[1:] == labels.shape[1:]
        assert set(np.unique(labels)) <= set(numbers)


def test_images_are_ready_for_training(tmp_path: Path, images: Path) -> None:
    names = ["sub/a.jpg", "sub_a.png"]
    write(tmp_path / "out", images, names)
    verified(tmp_path / "out")


def test_images_for_testing_are_not_trained_on(tmp_path: Path, images: Path) -> None:
    files = write(tmp_path / "out", images, ["sub/a.jpg", "sub_a.png"], {"sub_a.png": "test"})
    assert files["sub_a.png"] == "labelsTs/sub_a-2.png"
    assert (tmp_path / "out" / "imagesTs" / "sub_a-2_0000.png").is_file()
    assert json.loads((tmp_path / "out" / "dataset.json").read_text())["numTraining"] == 1
    verified(tmp_path / "out")
    assert set(read_nnunet(tmp_path / "out").keys) == {"sub/a.jpg", "sub_a.png"}


def test_images_for_validation_are_one_fold(tmp_path: Path, images: Path) -> None:
    write(tmp_path / "out", images, ["sub/a.jpg", "sub_a.png"], {"sub_a.png": "val"})
    splits = json.loads((tmp_path / "out" / "splits_final.json").read_text())
    assert splits == [{"train": ["sub_a"], "val": ["sub_a-2"]}]
    verified(tmp_path / "out")


def test_only_images_that_are_written_count(tmp_path: Path) -> None:
    out = Outgoing("x", TABLE, ["a.png", "broken.png"], lambda: [Sample("a.png", LABELS)])
    write_nnunet(tmp_path, out)
    assert json.loads((tmp_path / "dataset.json").read_text())["numTraining"] == 1


def test_images_are_turned_as_they_are_seen(tmp_path: Path) -> None:
    pixels = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(3, 2, 3)  # stored on its side
    exif = Image.Exif()
    exif[274] = 6
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png", exif=exif)
    write(tmp_path / "out", tmp_path / "images", ["a.png"])
    verified(tmp_path / "out")
    with Image.open(tmp_path / "out" / "imagesTr" / "a_0000.png") as image:
        assert np.array_equal(np.asarray(image), np.rot90(pixels, -1))


def test_deep_images_keep_their_bits(tmp_path: Path) -> None:
    import cv2

    deep = np.arange(18, dtype=np.uint16).reshape(2, 3, 3) * 3001
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), deep[..., ::-1])
    tifffile.imwrite(tmp_path / "images" / "b.tif", deep[..., 0])
    write(tmp_path / "color", tmp_path / "images", ["a.png"])
    write(tmp_path / "grey", tmp_path / "images", ["b.tif"])
    color = tmp_path / "color" / "imagesTr" / "a_0000.png"
    assert color.read_bytes()[24:26] == b"\x10\x02"  # IHDR: 16 bits a sample, RGB
    assert np.array_equal(cv2.imread(str(color), cv2.IMREAD_UNCHANGED)[..., ::-1], deep)
    verified(tmp_path / "grey")
    with Image.open(tmp_path / "grey" / "imagesTr" / "b_0000.png") as image:
        assert np.array_equal(np.asarray(image), deep[..., 0])


def test_labels_of_other_kinds_are_read(tmp_path: Path) -> None:
    (tmp_path / "labelsTr").mkdir()
    labels = np.array([[0, 1, 2]], np.uint8)
    tifffile.imwrite(tmp_path / "labelsTr" / "a.tif", labels)
    tifffile.imwrite(tmp_path / "labelsTr" / "b.tiff", labels.astype(np.uint16), compression="zlib")
    Image.fromarray(labels).save(tmp_path / "labelsTr" / "c.bmp")
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "a": 1, "ignore": 2}}')
    incoming = read_nnunet(tmp_path)
    assert incoming.keys == ("a", "b", "c")
    for key in incoming.keys:
        assert incoming.size(key) == (1, 3)
        assert incoming.read(key, (1, 3)).tolist() == [[0, 1, 255]]


def test_volumes_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "labelsTr").mkdir()
    (tmp_path / "labelsTr" / "case.nii.gz").write_bytes(b"x")
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "a": 1}}')
    with pytest.raises(StudioError, match=r"files of the kind \.nii\.gz.*volumes aren't read"):
        read_nnunet(tmp_path)


def test_regions_that_overlap_are_refused_by_name(tmp_path: Path) -> None:
    facts = {"labels": {"background": 0, "whole tumor": [1, 2, 3], "core": 3}, "regions_class_order": [1, 3]}
    (tmp_path / "dataset.json").write_text(json.dumps(facts))
    with pytest.raises(StudioError, match=r"overlap: 'whole tumor' is \[1, 2, 3\]"):
        read_nnunet(tmp_path)


def test_a_link_out_of_the_folder_is_no_label(tmp_path: Path) -> None:
    (tmp_path / "set" / "labelsTr").mkdir(parents=True)
    Image.fromarray(LABELS).save(tmp_path / "other.png")
    (tmp_path / "set" / "labelsTr" / "a.png").symlink_to(tmp_path / "other.png")
    (tmp_path / "set" / "dataset.json").write_text('{"labels": {"background": 0}}')
    with pytest.raises(StudioError, match="holds no PNG or TIFF labels"):
        read_nnunet(tmp_path / "set")
