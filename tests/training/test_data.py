"""Freezing and drawing: nothing leaks, nothing unknown is learnt, everything can be repeated."""

import json

import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.training.samples import SPLIT, disc_image, make_run, numbered, write_folders
from training.augment import AUGMENTATIONS
from training.data import Batches, Sample, Samples, cut_window, middle_patches, place_patch
from training.freeze import FrozenData, freeze, read_frozen
from training.order import Order
from training.plan import choose_preprocessing, make_plan
from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import IMAGE_HASH, MODEL
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import file_hash, pixel_hash, read_image
from unet_studio.core.model_card import Preprocessing
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.split import stable_part
from unet_studio.core.storage import read_json
from unet_studio.core.training_config import TrainingConfig, TrainingSource
from unet_studio.model.preprocess import to_array

PLAIN = Preprocessing(channels=3)


def frozen(tmp_path, source, **options) -> FrozenData:
    run = make_run(tmp_path / "run", source, **options)
    return freeze(run, run.config(), lambda: None)


# Freezing


def test_a_run_owns_copies_of_its_masks_and_the_hashes_of_its_images(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    data = frozen(tmp_path, source)
    assert {part: [sample.name for sample in data.part(part)] for part in SPLIT} == SPLIT
    (tmp_path / "masks" / "0.png").unlink()
    again = read_frozen(data.folder)
    assert again == data
    sample = again.part("train")[0]
    assert np.array_equal(again.read_truth(sample), disc_image(0)[1])
    assert np.array_equal(again.read_image(sample), disc_image(0)[0])
    assert sample.pixels[1] == disc_image(0)[1].sum()


def test_an_image_that_changed_is_refused_and_one_that_was_touched_is_not(tmp_path):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT))
    sample = data.part("train")[0]
    path = tmp_path / "images" / sample.name
    path.write_bytes(path.read_bytes())
    data.read_image(sample)
    Image.fromarray(disc_image(9)[0]).save(path)
    with pytest.raises(StudioError, match="has changed"):
        data.read_image(sample)
    path.unlink()
    with pytest.raises(StudioError, match="Put it back"):
        data.read_image(sample)


def test_without_a_split_each_image_has_one_place_whatever_the_order_and_company(tmp_path):
    data = frozen(tmp_path, write_folders(tmp_path, 30))
    parts = {sample.name: sample.part for sample in data.samples}
    assert {"train", "val"} == set(parts.values())
    assert 2 <= list(parts.values()).count("val") <= 10
    assert all(stable_part(sample.image_hash) == sample.part for sample in data.samples)


def test_copies_of_an_image_never_lie_on_both_sides(tmp_path):
    source = write_folders(tmp_path, 6)
    for number in range(6):
        for kind in ("images", "masks"):
            copy = tmp_path / kind / f"copy {number}.png"
            copy.write_bytes((tmp_path / kind / f"{number}.png").read_bytes())
    parts = {sample.name: sample.part for sample in frozen(tmp_path, source).samples}
    assert set(parts.values()) == {"train", "val"}
    for number in range(6):
        assert parts[f"{number}.png"] == parts[f"copy {number}.png"]


def test_a_leak_that_a_person_made_is_told(tmp_path):
    source = write_folders(tmp_path, split={"train": numbered(0, 1), "val": numbered(2)})
    (tmp_path / "images" / "2.png").write_bytes((tmp_path / "images" / "0.png").read_bytes())
    data = frozen(tmp_path, source)
    assert any("pixel for pixel" in note for note in data.notes)


def test_a_name_in_two_parts_is_refused(tmp_path):
    source = write_folders(tmp_path, split={"train": numbered(0, 1), "val": numbered(1)})
    with pytest.raises(StudioError, match="two parts"):
        frozen(tmp_path, source)


def test_masks_of_another_scale_are_scaled_and_of_another_shape_refused(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    Image.fromarray(disc_image(0, 64)[1]).save(tmp_path / "masks" / "0.png")
    data = frozen(tmp_path, source)
    assert any(note.startswith("1 masks had another size") for note in data.notes)
    assert data.read_truth(data.part("train")[0]).shape == (32, 32)
    Image.fromarray(np.zeros((32, 34), np.uint8)).save(tmp_path / "masks" / "1.png")
    with pytest.raises(StudioError, match="another shape"):
        freeze_again(tmp_path, source)


def freeze_again(tmp_path, source, **options) -> FrozenData:
    run = make_run(tmp_path / "another run", source, **options)
    return freeze(run, run.config(), lambda: None)


def test_void_is_unknown_and_a_stranger_is_refused(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    mask = disc_image(0)[1]
    mask[:4] = 11
    Image.fromarray(mask).save(tmp_path / "masks" / "0.png")
    with pytest.raises(StudioError, match=r"no classes: \[11\]"):
        frozen(tmp_path, source)
    value = read_json(tmp_path / "classes.json")
    (tmp_path / "classes.json").write_text(json.dumps({**value, "ignore_index": 11}))
    data = freeze_again(tmp_path, source)
    truth = data.read_truth(data.part("train")[0])
    assert (truth[:4] == 255).all()
    assert sum(data.part("train")[0].pixels.values()) == 28 * 32


def test_black_and_white_masks_need_no_classes_file(tmp_path):
    source = write_folders(tmp_path, classes=False, split=SPLIT)
    for path in (tmp_path / "masks").iterdir():
        Image.fromarray(255 * np.asarray(Image.open(path))).save(path)
    data = frozen(tmp_path, source)
    assert data.classes.indices == (0, 1)
    assert np.array_equal(data.read_truth(data.part("train")[0]), disc_image(0)[1])


@pytest.mark.parametrize(
    ("pixels", "told"),
    [
        (np.zeros((32, 32), np.uint8), "nothing to tell apart"),
        (np.full((32, 32), 9, np.uint8), "labelled.* of masks"),
    ],
)
def test_masks_that_teach_nothing_are_refused(tmp_path, pixels, told):
    source = write_folders(tmp_path, split=SPLIT)
    value = read_json(tmp_path / "classes.json")
    (tmp_path / "classes.json").write_text(json.dumps({**value, "ignore_index": 9}))
    for path in (tmp_path / "masks").iterdir():
        Image.fromarray(pixels).save(path)
    with pytest.raises(StudioError, match=told):
        frozen(tmp_path, source)


def test_images_of_different_kinds_are_named(tmp_path):
    source = write_folders(tmp_path, split={"train": ["0.png", "1.tif"], "val": ["5.png"]})
    (tmp_path / "images" / "1.png").unlink()
    pixels = np.zeros((32, 32, 5), np.uint8)
    tifffile.imwrite(tmp_path / "images" / "1.tif", pixels, photometric="minisblack", planarconfig="contig")
    with pytest.raises(StudioError, match=r"numbers of channels: 3 in 0\.png, 5 in 1\.tif"):
        choose_preprocessing(TrainingConfig(), frozen(tmp_path, source))


def test_chosen_classes_stay_and_the_others_are_background(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    names = ["background", "disc", "square"]
    entries = [{"index": index, "name": name, "color": "#112233"} for index, name in enumerate(names)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": entries}))
    mask = disc_image(0)[1]
    mask[:4] = 2
    Image.fromarray(mask).save(tmp_path / "masks" / "0.png")
    data = frozen(tmp_path, source, classes=("square",))
    assert data.classes.indices == (0, 2)
    assert set(np.unique(data.read_truth(data.part("train")[0]))) == {0, 2}
    with pytest.raises(StudioError, match="no class 'circle'"):
        freeze_again(tmp_path, source, classes=("circle",))


def test_images_without_masks_and_odd_splits_are_told(tmp_path):
    source = write_folders(tmp_path, split={"train": numbered(0, 1, 40), "val": numbered(2)})
    (tmp_path / "masks" / "6.png").unlink()
    (tmp_path / "masks" / "x.png").write_bytes((tmp_path / "masks" / "0.png").read_bytes())
    notes = " ".join(frozen(tmp_path, source).notes)
    assert "1 image with no mask is left out" in notes
    assert "1 masks belong to no image" in notes
    assert "1 names of the split" in notes
    assert "4 images that the split does not name are left out" in notes
    assert "Scores on 1 validation image are only indicative." in notes
    (tmp_path / "split.json").write_text(json.dumps({"train": ["no.png"]}))
    with pytest.raises(
        StudioError, match=r"^There is no image to learn from: \d images that the split does not"
    ):
        freeze_again(tmp_path, source)


# A project


@pytest.fixture
def project(tmp_path):
    for number in range(5):
        path = tmp_path / "pictures" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(disc_image(number)[0]).save(path)
    project = Project.open(tmp_path / "pictures")
    for number in range(3):
        project.write_approved(f"{number}.png", disc_image(number)[1], {})
    strokes = np.full((32, 32), 255, np.uint8)
    strokes[:3] = 0
    project.write_annotation("0.png", strokes, {})
    project.write_annotation("3.png", strokes, {})
    yield project
    project.close()


def test_a_project_gives_what_is_approved_with_what_was_changed(tmp_path, project):
    data = frozen(tmp_path, TrainingSource.of_project(project.image_root))
    assert {sample.name: sample.part for sample in data.samples} == dict(project.split)
    changed = data.read_painted(data.samples[0])
    assert (changed[:3] == 0).all()
    assert (changed[3:] == 255).all()
    assert data.samples[1].painted is None


def test_painted_pixels_train_where_asked_for_and_never_validate(tmp_path, project):
    data = frozen(tmp_path, TrainingSource.of_project(project.image_root), painted=True)
    unfinished = next(sample for sample in data.samples if sample.name == "3.png")
    assert unfinished.part == "train"
    assert unfinished.pixels == {0: 96}
    project.set_split("3.png", "val")
    again = freeze_again(tmp_path, TrainingSource.of_project(project.image_root), painted=True)
    assert "3.png" not in [sample.name for sample in again.samples]


def test_the_prediction_around_painted_pixels_is_learnt_too_as_it_was_left(tmp_path, project):
    truth = disc_image(3)[1]
    digest = pixel_hash(read_image(project.image_path("3.png")))
    sure = np.full_like(truth, 255)
    project.write_prediction("3.png", Prediction(truth, sure, "v1", {IMAGE_HASH: digest}))
    strokes = np.full(truth.shape, 255, np.uint8)
    strokes[:3] = 1
    project.write_annotation("3.png", strokes, {IMAGE_HASH: digest, MODEL: "v1"})
    source = TrainingSource.of_project(project.image_root)
    data = frozen(tmp_path, source, painted=True)
    unfinished = next(sample for sample in data.samples if sample.name == "3.png")
    assert unfinished.part == "train"
    assert (data.read_truth(unfinished) == np.where(strokes == 255, truth, strokes)).all()
    assert (data.read_painted(unfinished) == strokes).all()
    alone = freeze_again(tmp_path, source, painted=True, surroundings=False)
    assert next(one for one in alone.samples if one.name == "3.png").pixels == {1: 3 * truth.shape[1]}
    other = {IMAGE_HASH: digest, MODEL: "v2"}  # whose prediction is gone
    project.write_annotation("3.png", strokes, other)
    gone = freeze_again(tmp_path / "third", source, painted=True)
    assert next(one for one in gone.samples if one.name == "3.png").pixels == {1: 3 * truth.shape[1]}


def test_a_project_without_approved_images_says_what_to_do(tmp_path):
    Image.fromarray(disc_image(0)[0]).save(tmp_path / "a.png")
    with pytest.raises(StudioError, match="Approve at least one image"):
        frozen(tmp_path, TrainingSource.of_project(tmp_path))


# Patches


def sample_of(target: np.ndarray, painted: np.ndarray | None = None) -> Sample:
    image = np.arange(target.size, dtype=np.int64).reshape(*target.shape, 1).astype(np.float32)
    known = np.argwhere(target != 255).astype(np.int32)
    front = np.argwhere(target == 1).astype(np.int32)
    changed = np.argwhere(painted).astype(np.int32) if painted is not None else np.empty((0, 2), np.int32)
    return Sample(image, target.astype(np.uint8), (front,) if len(front) else (), changed, known)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(8, 40), st.integers(0, 10**6))
def test_every_patch_lies_right_and_holds_a_known_pixel(height, width, size, seed):
    random = np.random.default_rng(seed)
    target = np.full((height, width), 255)
    target[random.integers(height), random.integers(width)] = seed % 2
    top, left = place_patch(sample_of(target), (size, size), random)
    assert top >= 0 or height <= size
    assert top + size <= height or height <= size
    part = target[max(0, top) : top + size, max(0, left) : left + size]
    assert (part != 255).any()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(-30, 30), st.integers(-30, 30), st.integers(1, 40))
def test_a_window_is_the_image_inside_and_mirrored_and_unknown_outside(height, width, top, left, size):
    target = np.arange(height * width).reshape(height, width) % 7
    sample = sample_of(target)
    image, mask = cut_window(sample, top, left, (size, size))
    for row in range(size):
        for column in range(size):
            y, x = top + row, left + column
            inside = 0 <= y < height and 0 <= x < width
            assert mask[row, column] == (target[y, x] if inside else 255)
            if inside:
                assert image[row, column, 0] == sample.image[y, x, 0]
    padded = np.pad(sample.image[..., 0], 40, mode="reflect") if min(height, width) > 1 else None
    if padded is not None and max(abs(top), abs(left)) <= 30 and size <= 30:
        corner = slice(top + 40, top + 40 + size), slice(left + 40, left + 40 + size)
        expected = padded[corner]
        assert np.array_equal(image[: expected.shape[0], : expected.shape[1], 0], expected)


def test_a_third_of_the_patches_shows_foreground_and_a_third_what_was_painted():
    target = np.zeros((400, 400))
    target[5:8, 5:8] = 1
    painted = np.zeros((400, 400), bool)
    painted[390:393, 390:393] = True
    sample, random = sample_of(target, painted), np.random.default_rng(0)
    corners = [place_patch(sample, (32, 32), random) for _ in range(600)]
    front = np.mean([top < 8 and left < 8 for top, left in corners])
    changed = np.mean([top + 32 > 390 and left + 32 > 390 for top, left in corners])
    assert front == pytest.approx(1 / 3, abs=0.06)
    assert changed == pytest.approx(1 / 3, abs=0.06)


def batches(data: FrozenData, preset: str = "photos", seed: int = 0, limit: int | None = None) -> Batches:
    samples = Samples(data, data.part("train"), PLAIN, limit)
    return Batches(samples, PLAIN, (32, 32), 2, AUGMENTATIONS[preset], seed, torch.device("cpu"))


def test_a_batch_depends_on_seed_and_step_alone(tmp_path):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT))
    in_memory, on_demand = batches(data), batches(data, limit=0)
    in_memory.draw(0)
    for step in (5, 2, 9):
        for one, other in zip(in_memory.draw(step), on_demand.draw(step), strict=True):
            assert torch.equal(one, other)
    assert not torch.equal(in_memory.draw(5)[0], batches(data, seed=1).draw(5)[0])
    assert not torch.equal(in_memory.draw(5)[0], in_memory.draw(6)[0])


def test_every_sample_comes_once_before_any_comes_again():
    order = Order(np.ones(5, np.int64), 0)
    drawn = [order[position] for position in range(20)]
    assert all(sorted(drawn[start : start + 5]) == [0, 1, 2, 3, 4] for start in range(0, 20, 5))
    assert [order[position] for position in (17, 2, 9)] == [drawn[17], drawn[2], drawn[9]]
    assert [Order(np.ones(5, np.int64), 1)[position] for position in range(20)] != drawn


def test_images_outside_of_the_training_part_are_never_drawn(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    for number in (5, 6, 7):
        Image.fromarray(np.full((32, 32, 3), 255, np.uint8)).save(tmp_path / "images" / f"{number}.png")
    images = torch.cat([batches(frozen_once(tmp_path, source), "none").draw(step)[0] for step in range(10)])
    assert images.amax(dim=(1, 2, 3)).min() < 1.0
    assert images.mean(dim=(1, 2, 3)).max() < 0.6


def frozen_once(tmp_path, source) -> FrozenData:
    if (tmp_path / "run" / "data").is_dir():
        return read_frozen(tmp_path / "run" / "data")
    return frozen(tmp_path, source)


# The plan


def test_large_objects_shrink_and_small_ones_stay(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    data = frozen(tmp_path, source)
    config = TrainingConfig()
    assert choose_preprocessing(config, data).resize == "none"
    for number in range(8):
        image, mask = disc_image(number, 800)
        Image.fromarray(image).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    large = freeze_again(tmp_path, source)
    chosen = choose_preprocessing(config, large)
    # A disc of radius 160 is as large as a square of 284 px: 800 * 128 / 284 = 361, in steps of 32.
    assert (chosen.resize, chosen.size) == ("long_side", (352.0,))
    assert make_plan(config, large, "cpu", chosen, True).patch == (256, 256)
    assert make_plan(config, data, "cpu", None, True).patch == (32, 32)
    assert chosen.mean == (0.5, 0.5, 0.5)


def test_grey_and_deep_images_get_channels_and_percentiles_of_their_own(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    for number in range(8):
        grey = disc_image(number)[0][..., 0].astype(np.uint16) * 16
        Image.fromarray(grey).save(tmp_path / "images" / f"{number}.png")
    chosen = choose_preprocessing(TrainingConfig(init="random"), frozen(tmp_path, source))
    assert (chosen.channels, chosen.scaling) == (1, "percentile")
    assert 0 < chosen.low[0] < chosen.high[0] <= 255 * 16
    assert len(chosen.mean) == len(chosen.std) == 1


def test_some_grey_images_among_colour_are_repeated(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    Image.fromarray(disc_image(0)[0][..., 0]).save(tmp_path / "images" / "0.png")
    data = frozen(tmp_path, source)
    assert choose_preprocessing(TrainingConfig(), data).channels == 3
    for step in range(3):
        assert batches(data).draw(step)[0].shape == (2, 3, 32, 32)


def test_two_classes_put_the_background_first():
    table = ClassTable.from_json(
        {
            "classes": [
                {"index": 0, "name": "cell", "color": "#ff0000"},
                {"index": 1, "name": "background", "color": "#000000"},
            ]
        }
    )
    from training.freeze import _choose_classes

    classes, _ = _choose_classes(table, ())
    assert classes.indices == (1, 0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("shape", [(24, 20), (24, 20, 2), (24, 20, 3), (24, 20, 4)])
def test_a_model_sees_the_same_values_in_training_as_in_prediction(tmp_path, shape, channels):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    labels = np.zeros(shape[:2], dtype=np.uint8)
    labels[:10] = 1
    Image.fromarray(pixels).save(tmp_path / "images" / "0.png")
    Image.fromarray(labels).save(tmp_path / "masks" / "0.png")
    data = frozen(tmp_path, TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks"))
    preprocessing = Preprocessing(channels=channels, mean=(0.4,) * channels, std=(0.2,) * channels)
    samples = Samples(data, data.samples, preprocessing)
    (seen, _), *_ = middle_patches(samples, preprocessing, (20, 20))
    expected = to_array(pixels, preprocessing)[:, 2:22]
    assert torch.allclose(seen[0], torch.from_numpy(expected), atol=1e-6)


def test_a_single_image_is_learnt_from_whatever_its_hash(tmp_path):
    for seed in range(100):
        folder = tmp_path / str(seed)
        (folder / "images").mkdir(parents=True)
        (folder / "masks").mkdir()
        image, mask = disc_image(seed)
        Image.fromarray(image).save(folder / "images" / "0.png")
        Image.fromarray(mask).save(folder / "masks" / "0.png")
        if stable_part(file_hash(folder / "images" / "0.png")) == "val":
            break
    data = frozen(folder, TrainingSource.of_folders(folder / "images", folder / "masks"))
    assert [sample.part for sample in data.samples] == ["train"]
