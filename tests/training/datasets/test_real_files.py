"""Readers on files that others made: SegNet's CamVid, Human-Segmentation, Pascal VOC; folders of masks."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from tests.training.samples import make_run
from training.freeze import FrozenData, freeze
from unet_studio.core.training_config import TrainingSource


def frozen(source, run, **settings) -> FrozenData:
    made = make_run(run, source, **settings)
    return freeze(made, made.config(), lambda: None)


def copied(source, place):
    """A copy of a file, its folders as well."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, place)


def test_frames_of_camvid_in_segnets_layout(data, tmp_path):
    """street_camvid holds SegNet's files under other folder names; here they get SegNet's back."""
    folder = data / "street_camvid"
    split = json.loads((folder / "split.json").read_text())
    few = {part: names[::12] for part, names in split.items()}
    for part, names in few.items():
        lines = []
        for name in names:
            copied(folder / "images" / name, tmp_path / "CamVid" / part / name)
            copied(folder / "masks" / name, tmp_path / "CamVid" / f"{part}annot" / name)
            lines.append(f"/SegNet/CamVid/{part}/{name} /SegNet/CamVid/{part}annot/{name}")
        (tmp_path / "CamVid" / f"{part}.txt").write_text("\n".join(lines))
    found = frozen(TrainingSource.of_data_set("camvid", tmp_path), tmp_path / "run")
    names = {part: [sample.name for sample in found.part(part)] for part in few}
    assert names == {part: [f"{part}/{name}" for name in chosen] for part, chosen in few.items()}
    classes = json.loads((folder / "classes.json").read_text())
    wanted = [entry["name"] for entry in classes["classes"] if entry["index"] != classes["ignore_index"]]
    found_names = [entry.name.casefold() for entry in found.classes.active]
    assert found_names == [name.casefold().replace("_", "") for name in wanted]
    for sample in found.samples[:4]:
        stored = np.array(Image.open(folder / "masks" / sample.name.rpartition("/")[2]))
        assert np.array_equal(found.read_truth(sample), np.where(stored == 11, 255, stored))


def test_human_segmentation_with_masks_smaller_than_their_images(data, tmp_path):
    folder = data / "human_seg"
    for path in sorted((folder / "images").iterdir())[:40]:
        copied(path, tmp_path / "set/Training_Images" / path.name)
        copied(folder / "masks_original" / f"{path.stem}.png", tmp_path / f"set/Ground_Truth/{path.stem}.png")
    found = frozen(TrainingSource.of_data_set("human-segmentation", tmp_path / "set"), tmp_path / "run")
    assert len(found.samples) == 40
    scaled = [sample for sample in found.samples if sample.reference is None]
    assert 0 < len(scaled) < 40
    assert any(note.startswith(f"{len(scaled)} masks had another size") for note in found.notes)
    for sample in scaled[:5]:
        known = np.array(Image.open(folder / "masks" / f"{sample.name.rpartition('.')[0]}.png"))
        truth = found.read_truth(sample)
        assert truth.shape == known.shape
        assert (truth != known).mean() < 0.02  # the other way of taking the nearest pixel


def test_the_same_masks_by_folders_are_black_and_white_and_a_copy_is_found(data, tmp_path):
    folder = data / "human_seg"
    names = ["1.jpg", "102.jpg", "270.jpg", "3.jpg", "4.jpg", "5.jpg"]
    for name in names:
        copied(folder / "images" / name, tmp_path / "images" / name)
        copied(
            folder / "masks_original" / name.replace("jpg", "png"),
            tmp_path / "masks" / name.replace("jpg", "png"),
        )
    source = TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks")
    found = frozen(source, tmp_path / "run", shares=(0.5, 0.5))
    parts = {sample.name: sample.part for sample in found.samples}
    assert parts["102.jpg"] == parts["270.jpg"]
    assert set(found.pixels("train")) == {0, 1}
    assert all(found.pixels("train").values())


def test_pascal_voc(data, tmp_path):
    found = frozen(TrainingSource.of_data_set("voc2012", data / "interop/pascal_voc"), tmp_path / "run")
    assert len(found.samples) == 5
    assert {"train", "val"} >= {sample.part for sample in found.samples}
    for sample in found.samples:
        stem = sample.name.removesuffix(".jpg")
        stored = np.array(Image.open(data / f"interop/pascal_voc/VOC2012/SegmentationClass/{stem}.png"))
        assert np.array_equal(found.read_truth(sample), stored)


def test_the_layout_of_camvid_that_datumaro_writes(data):
    from training.sources import open_source
    from unet_studio.core.training_config import TrainingConfig

    root = data / "interop/datumaro_layouts/camvid_dataset"
    found = open_source(TrainingConfig(source=TrainingSource.of_data_set("camvid", root)))
    parts = [candidate.part for candidate in found.candidates]
    assert (parts.count("train"), parts.count("val"), parts.count("test")) == (1, 1, 2)


@pytest.mark.parametrize(("name", "classes"), [("em_vnc", 6), ("facade_ccby", 11)])
def test_folders_with_a_list_of_classes_and_a_split(data, tmp_path, name, classes):
    folder = data / name
    split = json.loads((folder / "split.json").read_text())
    few = {part: chosen[:1] for part, chosen in split.items()}
    (tmp_path / "split.json").write_text(json.dumps(few))
    source = TrainingSource.of_folders(folder / "images", folder / "masks", split=tmp_path / "split.json")
    found = frozen(source, tmp_path / "run")
    assert {part: [sample.name for sample in found.part(part)] for part in few} == few
    assert len(found.classes.active) == classes
