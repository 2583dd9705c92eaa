"""The split of a run: drawn, given or kept, and never with the same picture on both sides."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.training.samples import disc_image, make_run, numbered, write_folders
from training.freeze import FrozenData, freeze
from training.frozen import FrozenSample
from training.parts import Rule, assign_parts, group_names
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.core.split import read_split
from unet_studio.core.training_config import TrainingConfig, TrainingSource


def frozen(folder, source, **settings) -> FrozenData:
    run = make_run(folder, source, **settings)
    return freeze(run, run.config(), lambda: None)


def parts_of(data: FrozenData) -> dict[str, str]:
    return {sample.name: sample.part for sample in data.samples}


def sample(name: str, content: str, part: str = "", pixels: str = "") -> FrozenSample:
    return FrozenSample(name, name, content, (0, 0), 1, 1, 3, "uint8", "", None, part, {0: 1}, None, pixels)


def test_shares_divide_to_the_image_and_are_repeated(tmp_path):
    source = write_folders(tmp_path, 20)
    one = frozen(tmp_path / "one", source, shares=(0.6, 0.2, 0.2))
    assert [len(one.part(part)) for part in ("train", "val", "test")] == [12, 4, 4]
    assert parts_of(frozen(tmp_path / "two", source, shares=(0.6, 0.2, 0.2))) == parts_of(one)
    other = frozen(tmp_path / "three", source, shares=(0.6, 0.2, 0.2), split_seed=1)
    assert parts_of(other) != parts_of(one)


def test_the_seed_of_the_training_leaves_the_split_alone(tmp_path):
    source = write_folders(tmp_path, 20)
    one = frozen(tmp_path / "one", source, shares=(0.8, 0.2), seed=0)
    assert parts_of(frozen(tmp_path / "two", source, shares=(0.8, 0.2), seed=7)) == parts_of(one)


def test_a_run_can_be_given_the_split_of_another(tmp_path):
    source = write_folders(tmp_path, 20)
    one = frozen(tmp_path / "one", source, shares=(0.6, 0.2, 0.2), split_seed=3)
    stored = one.folder / "split.json"
    assert read_split(stored) == parts_of(one)
    again = TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks", split=stored)
    assert parts_of(frozen(tmp_path / "two", again)) == parts_of(one)
    other = frozen(tmp_path / "three", again, shares=(0.8, 0.2))  # as a recipe may say
    assert parts_of(other) == parts_of(one)
    assert any("shares of a new one are not used" in note for note in other.notes)


def test_shares_go_before_a_split_that_lies_there(tmp_path):
    source = write_folders(tmp_path, 10, split={"train": numbered(0, 1), "val": numbered(2)})
    beside = TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks")
    assert parts_of(frozen(tmp_path / "one", beside)) == {"0.png": "train", "1.png": "train", "2.png": "val"}
    data = frozen(tmp_path / "two", beside, shares=(0.5, 0.5))
    assert [len(data.part(part)) for part in ("train", "val")] == [5, 5]
    assert any("divided anew" in note for note in data.notes)
    assert source.split is not None


def test_the_same_picture_in_another_file_stays_in_one_part(tmp_path):
    source = write_folders(tmp_path, 12)
    for number in range(12):
        image = Image.open(tmp_path / "images" / f"{number}.png")
        image.save(tmp_path / "images" / f"again {number}.png", compress_level=1)
        image.save(tmp_path / "images" / f"as tiff {number}.tif")
        mask = (tmp_path / "masks" / f"{number}.png").read_bytes()
        (tmp_path / "masks" / f"again {number}.png").write_bytes(mask)
        (tmp_path / "masks" / f"as tiff {number}.png").write_bytes(mask)
    assert (tmp_path / "images/0.png").read_bytes() != (tmp_path / "images/again 0.png").read_bytes()
    parts = parts_of(frozen(tmp_path / "run", source, shares=(0.5, 0.5)))
    for number in range(12):
        assert parts[f"{number}.png"] == parts[f"again {number}.png"] == parts[f"as tiff {number}.tif"]
    assert list(parts.values()).count("val") == 18


def test_the_same_picture_on_both_sides_of_a_given_split_is_told(tmp_path):
    source = write_folders(tmp_path, split={"train": numbered(0, 1, 3), "val": numbered(2)})
    Image.open(tmp_path / "images/0.png").save(tmp_path / "images/2.png", compress_level=1)
    notes = " ".join(frozen(tmp_path / "run", source).notes)
    assert "0.png (train) and 2.png (val)" in notes
    assert "pixel for pixel" in notes


def test_groups_stay_together(tmp_path):
    source = write_folders(tmp_path, 12)
    for kind in ("images", "masks"):
        for number in range(12):
            path = tmp_path / kind / f"{number}.png"
            path.rename(path.with_name(f"patient{number // 3}_slice{number}.png"))
    data = frozen(tmp_path / "run", source, group_by=r"^(patient\d+)_", shares=(0.5, 0.5))
    found: dict[str, set[str]] = {}
    for name, part in parts_of(data).items():
        found.setdefault(name.partition("_")[0], set()).add(part)
    assert all(len(parts) == 1 for parts in found.values())
    assert [len(data.part(part)) for part in ("train", "val")] == [6, 6]
    assert any("4 groups of 12 images" in note for note in data.notes)


def test_groups_torn_by_a_given_split_are_told(tmp_path):
    source = write_folders(tmp_path, split={"train": numbered(0, 1, 2), "val": numbered(3, 4)})
    notes = " ".join(frozen(tmp_path / "run", source, group_by=r"^[0-3]").notes)
    assert "several parts" not in notes  # each of the names is a group of its own
    notes = " ".join(frozen(tmp_path / "two", source, group_by=r"png$").notes)
    assert "Images of one group lie in several parts of the split, those of png" in notes


def test_groups_too_large_for_the_shares_are_told():
    samples = [sample(str(number), str(number)) for number in range(9)]
    placed, notes = assign_parts(samples, dict.fromkeys("01234567", "one patient"), Rule((0.5, 0.5)))
    assert sorted([one.part for one in placed].count(part) for part in ("train", "val")) == [1, 8]
    assert any(note.startswith("2 groups can't be divided as asked for") for note in notes)


def test_group_by_takes_the_first_group_or_all_that_it_finds():
    groups, notes = group_names(["a_1", "a_2", "b"], r"^(\w)_")
    assert groups == {"a_1": "a", "a_2": "a"}
    assert any("b first" in note for note in notes)
    assert group_names(["x1", "x2"], "x")[0] == {"x1": "x", "x2": "x"}
    with pytest.raises(StudioError, match="no regular expression"):
        TrainingConfig(group_by="(")


def test_what_belongs_to_a_placed_image_follows_it():
    samples = [sample("a", "1", "test"), sample("b", "2", "", "p"), sample("c", "3", "train", "p")]
    placed, _ = assign_parts([*samples, sample("d", "4")], {"a": "film", "d": "film"}, Rule())
    assert {one.name: one.part for one in placed} == {"a": "test", "b": "train", "c": "train", "d": "test"}


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=2, max_size=30), st.integers(0, 3))
def test_nothing_that_belongs_together_is_torn_apart(entries, seed):
    samples = [
        sample(f"n{place}", f"h{pixels}", "", f"p{pixels}") for place, (pixels, _) in enumerate(entries)
    ]
    groups = {f"n{place}": f"g{group}" for place, (_, group) in enumerate(entries) if group < 5}
    for rule in (Rule((0.6, 0.2, 0.2), seed), Rule((), seed)):
        placed, notes = assign_parts(samples, groups, rule)
        again, _ = assign_parts(list(reversed(samples)), groups, rule)
        assert {one.name: one.part for one in again} == {one.name: one.part for one in placed}
        assert not any("parts of the split" in note for note in notes)
        parts = {one.name: one.part for one in placed}
        for one in placed:
            for other in placed:
                alike = one.pixel_hash == other.pixel_hash
                same_group = groups.get(one.name, 1) == groups.get(other.name, 2)
                assert parts[one.name] == parts[other.name] or not (alike or same_group)


@pytest.mark.parametrize("shares", [(1.0,), (0.5, 0.6), (0.0, 1.0), (1.0, 0.0), (0.5, 0.6, -0.1)])
def test_shares_that_can_not_be_meant_are_refused(shares):
    with pytest.raises(StudioError, match="shares can't be"):
        TrainingConfig(shares=shares)


def test_a_project_keeps_its_split(tmp_path):
    for number in range(4):
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(disc_image(number)[0]).save(path)
    project = Project.open(tmp_path / "pictures")
    for number in range(4):
        project.write_approved(f"{number}.png", disc_image(number)[1], {})
    project.set_split("3.png", "test")
    split = dict(project.split)
    project.close()
    before = (tmp_path / "pictures/unet-studio/split.json").read_bytes()
    source = TrainingSource.of_project(tmp_path / "pictures")
    data = frozen(tmp_path / "run", source, shares=(0.5, 0.5), group_by="^.")
    assert parts_of(data) == split
    assert json.loads((data.folder / "split.json").read_text())["test"] == ["3.png"]
    assert (tmp_path / "pictures/unet-studio/split.json").read_bytes() == before
    assert any("keeps its own split" in note for note in data.notes)


def test_painted_images_without_a_painted_pixel_are_left_out(tmp_path):
    for number in range(4):
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(disc_image(number)[0]).save(path)
    project = Project.open(tmp_path / "pictures")
    for number in range(2):
        project.write_approved(f"{number}.png", disc_image(number)[1], {})
    strokes = np.full((32, 32), 255, np.uint8)
    strokes[:2, :5] = 1
    project.write_annotation("2.png", strokes, {})
    project.write_annotation("3.png", np.full((32, 32), 255, np.uint8), {})
    project.close()
    source = TrainingSource.of_project(tmp_path / "pictures")
    data = frozen(tmp_path / "run", source, painted=True)
    assert [one.name for one in data.samples] == ["0.png", "1.png", "2.png"]
    truth = data.read_truth(data.samples[2])
    assert (truth == strokes).all()
    assert data.samples[2].part == "train"
    assert data.samples[2].pixels == {1: 10}
