"""Every data set in its exact layout: names, parts, classes and pixels; found where it lies, or refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.training.datasets.layouts import MAKERS, SHAPE, carla, pets, picture, save, stripes, write_text
from tests.training.samples import make_run
from training.datasets import DATASETS
from training.freeze import FrozenData, freeze
from training.sources import open_source
from unet_studio.core.errors import StudioError
from unet_studio.core.training_config import DATA_SETS, TrainingConfig, TrainingSource


def open_set(name, folder, **settings):
    return open_source(TrainingConfig(source=TrainingSource.of_data_set(name, folder), **settings))


def frozen(name, folder, run, **settings) -> FrozenData:
    made = make_run(run, TrainingSource.of_data_set(name, folder), **settings)
    return freeze(made, made.config(), lambda: None)


def test_the_command_offers_exactly_the_data_sets_that_can_be_read():
    assert tuple(sorted(DATASETS)) == DATA_SETS
    assert set(MAKERS) == set(DATASETS)


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_data_set_is_read_as_its_makers_describe_it(tmp_path, name):
    made = MAKERS[name](tmp_path / "set")
    data = frozen(name, tmp_path / "set", tmp_path / "run")
    found = {sample.name: sample for sample in data.samples}
    assert set(found) == set(made.parts)
    for key, part in made.parts.items():
        assert found[key].part == part or (part is None and found[key].part in ("train", "val"))
    assert {"train", "val"} <= {sample.part for sample in data.samples}
    assert len(data.classes.active) == made.count
    assert {index: data.classes.get(index).name for index in made.classes} == made.classes
    assert data.classes.background == made.background
    for key, truth in made.truth.items():
        assert np.array_equal(data.read_truth(found[key]), truth), key
        assert data.read_image(found[key]).shape == (*SHAPE, 3)
    for note in made.notes:
        assert any(note in said for said in data.notes)


@pytest.mark.parametrize("name", DATA_SETS)
@pytest.mark.parametrize("where", ["one level too high", "one level too low"])
def test_a_root_that_is_missed_by_one_level_is_found(tmp_path, name, where):
    root = tmp_path / "downloads" / "set"
    made = MAKERS[name](root)
    inner = root / "dataA/dataA/CameraSeg" if name == "carla" else sorted(root.glob("*/"))[0]
    found = open_set(name, root.parent if where.endswith("high") else inner)
    if name == "carla" and where.endswith("low"):
        made.parts = {key: part for key, part in made.parts.items() if key.startswith("dataA")}
    assert len(found.candidates) == len(made.parts)
    assert where.endswith("high") or "found around" in found.notes[0]


@pytest.mark.parametrize("name", DATA_SETS)
def test_a_wrong_folder_is_refused_with_what_was_looked_for_and_found(tmp_path, name):
    folder = tmp_path / "a" / "b"
    save(folder / "holiday" / "1.jpg", picture(1))
    with pytest.raises(StudioError) as error:
        open_set(name, folder)
    assert "holiday" in error.value.message
    assert "has no" in error.value.message
    assert error.value.remedy
    with pytest.raises(StudioError, match="There is no folder"):
        open_set(name, tmp_path / "nowhere")


def test_a_neighbour_of_a_data_set_is_not_taken_for_it(tmp_path):
    MAKERS["human-segmentation"](tmp_path)
    (tmp_path / "holiday").mkdir()
    with pytest.raises(StudioError, match="holds nothing"):
        open_set("human-segmentation", tmp_path / "holiday")


def test_an_unknown_data_set_names_the_nearest():
    with pytest.raises(StudioError) as error:
        TrainingSource(dataset="ade20", root="x")
    assert "ade20k" in error.value.remedy


@pytest.mark.parametrize(
    "name", [name for name in DATA_SETS if name not in ("voc2012", "human-segmentation")]
)
def test_masks_of_a_data_set_are_referred_to_and_guarded_by_their_hash(tmp_path, name):
    MAKERS[name](tmp_path / "set")
    data = frozen(name, tmp_path / "set", tmp_path / "run")
    assert not (data.folder / "masks").exists()
    sample = data.samples[0]
    assert sample.reference is not None
    masks = tmp_path / "set"
    assert str(masks) in sample.mask
    pixels = np.array(Image.open(sample.mask))
    Image.fromarray(np.zeros_like(pixels)).save(sample.mask)
    with pytest.raises(StudioError, match=r"mask .* has changed"):
        data.read_truth(sample)


def test_masks_of_another_size_are_copied_from_a_data_set(tmp_path):
    MAKERS["human-segmentation"](tmp_path / "set")
    data = frozen("human-segmentation", tmp_path / "set", tmp_path / "run")
    copied = {sample.name for sample in data.samples if sample.reference is None}
    assert copied == {"4.jpg", "5.jpg", "6.jpg"}
    for sample in data.samples:
        assert data.read_truth(sample).shape == SHAPE


@pytest.mark.parametrize(("border", "expected"), [("class", 1), ("background", 0), ("ignore", 255)])
def test_the_border_of_a_trimap_becomes_what_is_asked_for(tmp_path, border, expected):
    pets(tmp_path / "set")
    data = frozen("oxford-pets", tmp_path / "set", tmp_path / "run", border=border)
    assert np.array_equal(data.read_truth(data.samples[0]), stripes(1, expected, 0))


def test_species_go_by_the_first_letter_where_the_list_is_missing(tmp_path):
    pets(tmp_path / "set")
    (tmp_path / "set/annotations/list.txt").unlink()
    names = [candidate.name for candidate in open_set("oxford-pets-dogs", tmp_path / "set").candidates]
    assert names == ["beagle_3.jpg", "pug_4.jpg", "pug_5.jpg"]


def test_shares_replace_the_official_split(tmp_path):
    pets(tmp_path / "set")
    data = frozen("oxford-pets", tmp_path / "set", tmp_path / "run", shares=(0.5, 0.5))
    assert [len(data.part(part)) for part in ("train", "val", "test")] == [3, 3, 0]
    assert any("divided anew" in note for note in data.notes)


def test_thirteen_of_the_classes_of_carla_leave_the_others_to_the_background(tmp_path):
    made = carla(tmp_path / "set")
    chosen = ("Buildings", "Roads", "Vehicles")
    data = frozen("carla", tmp_path / "set", tmp_path / "run", classes=chosen, shares=(0.6, 0.2, 0.2))
    assert [entry.name for entry in data.classes.active] == ["None", *chosen]
    name, truth = next(iter(made.truth.items()))
    sample = next(sample for sample in data.samples if sample.name == name)
    assert np.array_equal(data.read_truth(sample), np.where(np.isin(truth, (7, 10)), truth, 0))
    assert {part: len(data.part(part)) for part in ("train", "val", "test")} == {
        "train": 4,
        "val": 1,
        "test": 1,
    }


def test_a_grey_camera_of_carla_is_its_red_channel(tmp_path):
    carla(tmp_path / "set")
    path = tmp_path / "set/dataA/dataA/CameraSeg/02_00_000.png"
    grey = stripes(1, 2)
    save(path, np.repeat(grey[..., None], 3, axis=2))
    data = frozen("carla", tmp_path / "set", tmp_path / "run")
    sample = next(
        sample for sample in data.samples if sample.name.startswith("dataA/dataA/CameraRGB/02_00_000")
    )
    assert np.array_equal(data.read_truth(sample), grey)


def test_ade20k_takes_its_names_from_the_list_that_comes_with_it(tmp_path):
    MAKERS["ade20k"](tmp_path / "set")
    rows = [f"{number}\t0.1\t1\t1\tthing {number}, object" for number in range(1, 151)]
    write_text(tmp_path / "set/objectInfo150.txt", "\n".join(["Idx\tRatio\tTrain\tVal\tName", *rows]) + "\n")
    assert open_set("ade20k", tmp_path / "set").classes.get(150).name == "thing 150"
    write_text(tmp_path / "set/objectInfo150.txt", "broken")
    assert open_set("ade20k", tmp_path / "set").classes.get(150).name == "flag"


def test_a_number_that_no_list_knows_is_refused(tmp_path):
    MAKERS["ade20k"](tmp_path / "set")
    save(tmp_path / "set/annotations/training/ADE_train_00000001.png", stripes(1, 151))
    with pytest.raises(StudioError, match=r"no class: \[151\]"):
        frozen("ade20k", tmp_path / "set", tmp_path / "run")


def test_train_ids_of_cityscapes_serve_where_ids_are_missing(tmp_path):
    MAKERS["cityscapes"](tmp_path / "set")
    path = tmp_path / "set/gtFine/train/aachen/aachen_000000_000019_gtFine_labelIds.png"
    path.unlink()
    save(path.with_name(path.name.replace("labelIds", "labelTrainIds")), stripes(0, 18, 255))
    data = frozen("cityscapes", tmp_path / "set", tmp_path / "run")
    sample = next(sample for sample in data.samples if "aachen" in sample.name)
    assert np.array_equal(data.read_truth(sample), stripes(0, 18, 255))


def test_the_older_layout_of_bdd100k_is_read_too(tmp_path):
    for part in ("train", "val"):
        save(tmp_path / "set/seg/images" / part / "a.jpg", picture(len(part)))
        save(tmp_path / "set/seg/labels" / part / "a_train_id.png", stripes(0, 18))
    found = open_set("bdd100k", tmp_path / "set")
    assert {candidate.name: candidate.part for candidate in found.candidates} == {
        "train/a.jpg": "train",
        "val/a.jpg": "val",
    }


def test_version_two_of_mapillary_is_preferred(tmp_path):
    MAKERS["mapillary-vistas"](tmp_path / "set")
    labels = [{"name": f"c{number}", "readable": f"C{number}", "color": [1, 2, 3]} for number in range(3)]
    labels.append({"name": "void--unlabeled", "readable": "Unlabeled", "color": [0, 0, 0]})
    write_text(tmp_path / "set/config_v2.0.json", json.dumps({"labels": labels}))
    for place, name in (("training", "_0dQtrain"), ("validation", "_0dQval")):
        save(tmp_path / "set" / place / "v2.0/labels" / f"{name}.png", stripes(0, 2, 3))
    found = open_set("mapillary-vistas", tmp_path / "set")
    assert [entry.name for entry in found.classes.active] == ["C0", "C1", "C2"]
    assert np.array_equal(found.candidates[0].truth(), stripes(0, 2, 255))
    write_text(tmp_path / "set/config_v2.0.json", '{"labels": 3}')
    with pytest.raises(StudioError, match="no list of labels"):
        open_set("mapillary-vistas", tmp_path / "set")


COLORS = {"Sky": (128, 128, 128), "Road": (128, 64, 128), "Car": (64, 0, 128), "Void": (0, 0, 0)}


def original_camvid(root, places=("701_StillsRaw_full", "LabeledApproved_full")) -> np.ndarray:
    """The original CamVid; returns the truth of every mask."""
    images, labels = places
    colors = np.array(list(COLORS.values()), np.uint8)
    for number, stem in enumerate(
        ("0001TP_006690", "0001TP_006720", "0006R0_f00930", "0016E5_00390", "Seq05VD_f00000")
    ):
        save(root / images / f"{stem}.png", picture(number))
        save(root / labels / f"{stem}_L.png", colors[stripes(0, 1, 2, 3)])
    lines = ["{} {} {}\t{}".format(*color, name) for name, color in COLORS.items()]
    write_text(root / "label_colors.txt", "\n".join(lines) + "\n")
    return stripes(0, 1, 2, 255)


def test_the_original_camvid_is_read_by_its_colours_and_films_stay_together(tmp_path):
    truth = original_camvid(tmp_path / "set")
    data = frozen("camvid", tmp_path / "set", tmp_path / "run")
    assert [entry.name for entry in data.classes.active] == ["Sky", "Road", "Car"]
    assert np.array_equal(data.read_truth(data.samples[0]), truth)
    parts = {sample.name: sample.part for sample in data.samples}
    assert parts["0001TP_006690.png"] == parts["0001TP_006720.png"]
    assert set(parts.values()) == {"train", "val"}


def test_copies_of_camvid_with_a_split_in_folders_keep_it(tmp_path):
    for part in ("train", "val", "test"):
        stem = f"0001TP_{part}"
        save(tmp_path / "set" / part / f"{stem}.png", picture(len(part)))
        save(tmp_path / "set" / f"{part}_labels" / f"{stem}_L.png", np.full((*SHAPE, 3), 128, np.uint8))
    rows = ["name,r,g,b", *(f"{name},{red},{green},{blue}" for name, (red, green, blue) in COLORS.items())]
    write_text(tmp_path / "set/class_dict.csv", "\n".join(rows) + "\n")
    found = open_set("camvid", tmp_path / "set")
    assert {candidate.name: candidate.part for candidate in found.candidates} == {
        f"0001TP_{part}.png": part for part in ("train", "val", "test")
    }


def test_lists_that_lead_out_of_a_data_set_are_refused(tmp_path):
    MAKERS["camvid"](tmp_path / "set")
    save(tmp_path / "secret.png", picture(3))
    write_text(tmp_path / "set/train.txt", "x/../secret.png x/../secret.png\n")
    with pytest.raises(StudioError, match="leads outside"):
        open_set("camvid", tmp_path / "set")


def test_a_split_that_is_given_goes_before_the_official_one(tmp_path):
    MAKERS["ade20k"](tmp_path / "set")
    names = ["training/ADE_train_00000001.jpg", "training/ADE_train_00000002.jpg"]
    (tmp_path / "split.json").write_text(json.dumps({"train": names[:1], "val": names[1:]}))
    source = TrainingSource.of_data_set("ade20k", tmp_path / "set", tmp_path / "split.json")
    found = open_source(TrainingConfig(source=source))
    assert {candidate.name: candidate.part for candidate in found.candidates} == dict(
        zip(names, ("train", "val"), strict=True)
    )


def test_a_frame_in_two_lists_is_refused(tmp_path):
    MAKERS["camvid"](tmp_path / "set")
    text = (tmp_path / "set/train.txt").read_text()
    write_text(tmp_path / "set/val.txt", text)
    with pytest.raises(StudioError, match="is there twice, as are 1 others"):
        open_set("camvid", tmp_path / "set")


def test_a_set_without_masks_says_so(tmp_path):
    MAKERS["carla"](tmp_path / "set")
    for path in (tmp_path / "set").rglob("CameraSeg/*.png"):
        path.unlink()
    with pytest.raises(StudioError, match="no image to learn from: 6 images with no mask"):
        open_set("carla", tmp_path / "set")


def test_no_reader_brings_torch():
    """Looking for files is quick, and what is wrong with a folder is told before heavy libraries load."""
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, training.datasets; print({'torch', 'torchvision'} & {*sys.modules})",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "set()"


def test_settings_that_a_data_set_has_no_use_for_are_refused(tmp_path):
    pets(tmp_path / "set")
    with pytest.raises(StudioError, match="values says"):
        open_set("oxford-pets", tmp_path / "set", values="1=pet")
