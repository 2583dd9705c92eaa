"""The sample project: what ships is what the generator draws, and its model errs honestly."""

import cv2
import numpy as np
import pytest

from unet_studio.core.classes import read_classes_file
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import read_image
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.model_card import class_mapping, list_models
from unet_studio.core.project import Project
from unet_studio.core.resources import resources
from unet_studio.core.storage import read_index_png, read_json
from unet_studio.demo import sample
from unet_studio.demo.generator import SAMPLE, SIZE, generate


def test_three_megabytes_hold_a_dozen_images():
    files = [sample.sample_folder() / name for name in sample.SAMPLE_SEEDS]
    assert 12 <= len(files) <= 16
    assert sum(path.stat().st_size for path in files) <= 3_000_000
    shipped = {path.name for path in sample.sample_folder().glob("*.jpg")}
    assert shipped == set(sample.SAMPLE_SEEDS)


@pytest.mark.parametrize("name", ["cells-01.jpg", "cells-14.jpg"])
def test_what_ships_is_what_the_generator_draws(name):
    """But for what JPEG loses; so the truth that a seed gives belongs to the image on disk."""
    stored = read_image(sample.sample_folder() / name)
    drawn, truth = generate(sample.SAMPLE_SEEDS[name], SAMPLE)
    assert stored.shape == (*SIZE, 3)
    smooth = [cv2.GaussianBlur(image.astype(np.float32), (0, 0), 3) for image in (stored, drawn)]
    assert np.abs(smooth[0] - smooth[1]).mean() < 1
    assert np.array_equal(sample.sample_truth(name), truth)


def test_truth_can_be_written_for_evaluation(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_SEEDS", {"cells-02.jpg": 102})
    sample.main(["--truth", str(tmp_path)])
    labels, _ = read_index_png(tmp_path / "cells-02.png")
    assert np.array_equal(labels, generate(102, SAMPLE)[1])
    assert read_classes_file(tmp_path / "classes.json")[0] == sample.CLASSES


def test_seeds_never_meet():
    sets = [set(sample.SAMPLE_SEEDS.values()), set(sample.TRAINING_SEEDS), set(sample.UNSEEN_SEEDS)]
    assert len(set.union(*sets)) == sum(map(len, sets))
    assert len(sample.UNSEEN_SEEDS) >= 20


def test_the_truth_of_another_image_is_refused():
    with pytest.raises(StudioError, match="no sample image"):
        sample.sample_truth("holiday.jpg")


def test_installing_makes_a_project_that_opens(tmp_path):
    folder = sample.install_sample(tmp_path / "sample project")
    project = Project.open(folder, writable=False)
    assert set(project.images) == set(sample.SAMPLE_SEEDS)
    assert [entry.name for entry in project.classes.active] == ["background", "cell"]
    assert project.model == sample.MODEL_NAME
    assert not project.lock.held
    for name in sample.SAMPLE_SEEDS:
        assert (folder / name).read_bytes() == (sample.sample_folder() / name).read_bytes()


def test_installing_again_leaves_a_persons_copy_alone(tmp_path):
    folder = sample.install_sample(tmp_path / "copy")
    project = Project.open(folder)
    project.set_name("Mine")
    project.close()
    (folder / "cells-03.jpg").unlink()
    assert sample.install_sample(folder) == folder
    assert Project.open(folder, writable=False).name == "Mine"
    assert not (folder / "cells-03.jpg").exists()


def test_a_copy_that_was_cut_short_is_completed(tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    (folder / "cells-01.jpg").write_bytes(b"half")
    sample.install_sample(folder)
    assert (folder / "cells-01.jpg").read_bytes() == (sample.sample_folder() / "cells-01.jpg").read_bytes()
    assert (folder / "unet-studio" / "project.json").is_file()


def test_the_default_place_is_the_users_own(monkeypatch, tmp_path):
    monkeypatch.setattr(sample.platformdirs, "user_data_path", lambda *_, **__: tmp_path / "data")
    assert sample.install_sample() == tmp_path / "data" / "sample project"


def test_the_training_set_is_complete_and_splits(tmp_path, monkeypatch):
    monkeypatch.setattr(sample, "TRAINING_SEEDS", range(1001, 1009))
    sample.main(["--training-set", str(tmp_path)])
    split = read_json(tmp_path / "split.json")
    assert (len(split["train"]), len(split["val"])) == (2, 6)
    table, ignore = read_classes_file(tmp_path / "classes.json")
    assert table == sample.CLASSES
    assert ignore == 255
    for name in split["train"] + split["val"]:
        image = read_image(tmp_path / "images" / name)
        labels, _ = read_index_png((tmp_path / "masks" / name).with_suffix(".png"))
        assert labels.shape == image.shape[:2]
        light = image.max(axis=2)
        assert light[labels == 1].mean() > 2 * light[labels == 0].mean()


def test_the_bundled_model_is_small_and_knows_the_classes():
    entry = next(one for one in list_models(resources() / "models") if one.name == sample.MODEL_NAME)
    assert entry.card is not None
    assert (entry.folder / "model.safetensors").stat().st_size <= 2_500_000
    assert (entry.folder / "README.md").is_file()
    assert list(class_mapping(entry.card, sample.CLASSES)[:2]) == [0, 1]
    learnt = {name for part in entry.card.training["samples"].values() for name in part}
    assert learnt == {f"cells-{seed}.jpg" for seed in sample.TRAINING_SEEDS}


def test_the_bundled_model_is_useful_and_wrong_often_enough_to_correct():
    """A few of the sample images stand for all; the range is the one promised for their mean."""
    from unet_studio.model import load_model

    model = load_model(resources() / "models" / sample.MODEL_NAME, "cpu")
    lut = class_mapping(model.card, sample.CLASSES)
    dice = []
    for name in list(sample.SAMPLE_SEEDS)[::4]:
        labels = lut[model.predict(read_image(sample.sample_folder() / name)).labels]
        dice.append(foreground_dice(sample.sample_truth(name), labels, sample.CLASSES))
    assert 0.75 < np.mean(dice) < 0.92
