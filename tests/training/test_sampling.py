"""What patches are drawn of: where labels are, of rare classes, of whole, small, huge and deep images."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.training.samples import SPLIT, make_run, numbered, write_folders
from training import data as data_module
from training.augment import AUGMENTATIONS
from training.data import Batches, Sample, Samples, place_patch
from training.freeze import FrozenData, freeze
from training.order import MOST_TIMES, Order, times_by_rarity
from training.plan import make_plan
from unet_studio.core.model_card import Preprocessing
from unet_studio.core.training_config import TrainingConfig, TrainingSource
from unet_studio.model.preprocess import scale

CPU = torch.device("cpu")


def frozen(tmp_path: Path, source: TrainingSource, **options) -> FrozenData:
    run = make_run(tmp_path / "run", source, **options)
    return freeze(run, run.config(), lambda: None)


def sample_of(target: np.ndarray, classes: tuple[int, ...]) -> Sample:
    places = [np.argwhere(target == channel).astype(np.int32) for channel in classes]
    known = np.argwhere(target != 255).astype(np.int32)
    image = np.zeros((*target.shape, 1), np.uint8)
    return Sample(image, target.astype(np.uint8), tuple(places), np.empty((0, 2), np.int32), known)


# Classes


def test_a_class_of_few_pixels_is_met_as_often_as_one_of_many():
    target = np.zeros((400, 400))
    target[:, 100:300] = 1
    target[5:8, 5:8] = 2
    sample, random = sample_of(target, (1, 2)), np.random.default_rng(0)
    corners = [place_patch(sample, (32, 32), random) for _ in range(1200)]
    rare = np.mean([top < 8 and left < 8 for top, left in corners])
    # Half of the third that is forced onto foreground; by chance it would be one patch in a hundred.
    assert rare == pytest.approx(1 / 6, abs=0.05)


@pytest.mark.parametrize(("background", "forced"), [(0, [9, 1280]), (None, [data_module.PLACES])])
def test_patches_are_forced_onto_classes_beside_a_background_alone(tmp_path, background, forced):
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 20:40] = 1
    mask[5:8, 5:8] = 2
    for number in range(2):
        write_pair(tmp_path, str(number), mask * 100, mask)
    entries = [{"index": index, "name": f"class {index}", "color": "#00ff00"} for index in range(3)]
    (tmp_path / "classes.json").write_text(json.dumps({"classes": entries, "background": background}))
    source = TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks", tmp_path / "classes.json")
    data = frozen(tmp_path, source)
    sample = Samples(data, data.part("train"), Preprocessing(channels=1))[0]
    assert sorted(map(len, sample.foreground)) == forced


def test_images_of_rare_classes_come_more_often():
    pixels = [{0: 100, 1: 50} for _ in range(998)] + [{0: 100, 2: 1}, {0: 100, 3: 0}]
    times = times_by_rarity(pixels, 0, 0.1, seed=0)
    assert times[998] == MOST_TIMES
    assert set(times[:998]) == {1}
    assert times[999] == 1  # it shows no pixel of class 3
    assert set(times_by_rarity(pixels, 0, 0.0, seed=0)) == {1}
    # sqrt(0.1 / 0.025) = 2 for a class that one image in forty shows.
    pixels = [{0: 9, 1: 9, **({2: 1} if number % 40 == 0 else {})} for number in range(4000)]
    times = times_by_rarity(pixels, 0, 0.1, seed=0)
    assert times[::40].mean() == pytest.approx(2, abs=0.01)
    assert times.sum() == 4000 + 100
    order = Order(times, 0)
    drawn = np.bincount([order[position] for position in range(4100)], minlength=4000)
    assert np.array_equal(drawn, times)


def test_twenty_thousand_images_are_drawn_in_a_new_order_every_turn():
    order = Order(np.ones(20_000, np.int64), 3)
    first, second = ([order[turn * 20_000 + place] for place in range(20_000)] for turn in (0, 1))
    assert sorted(first) == sorted(second) == list(range(20_000))
    assert first != second
    assert order[17] == first[17]


# Whole images


def whole_plan(tmp_path: Path, **options):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT), **options)
    config = TrainingConfig(**{"init": "random", "network": "unet", **options})
    return data, make_plan(config, data, "cpu", None, False)


def test_a_whole_image_is_one_patch_stretched_as_the_preprocessing_says(tmp_path):
    data, plan = whole_plan(tmp_path, sampling="whole", resize="stretch", size=(24, 40))
    assert plan.patch == (24, 40)
    samples = Samples(data, data.part("train"), plan.preprocessing)
    batches = Batches(samples, plan.preprocessing, plan.patch, 5, AUGMENTATIONS["none"], 0, CPU)
    images, targets = batches.draw(0)
    assert images.shape == (5, 3, 24, 40)
    assert (targets != 255).all()
    expected = [scale(samples[index].image, plan.preprocessing) for index in range(5)]
    for image in images.numpy():
        assert sum(np.allclose(image, one, atol=1e-6) for one in expected) == 1


def test_images_stretched_to_one_size_are_taken_whole_unless_said_otherwise(tmp_path):
    data, plan = whole_plan(tmp_path, resize="stretch", size=(48, 64))
    assert plan.patch == (48, 64)
    for options in ({"sampling": "patches"}, {"patch": 32}):
        config = TrainingConfig(init="random", network="unet", resize="stretch", size=(48, 64), **options)
        side = options.get("patch", 64)
        assert make_plan(config, data, "cpu", None, False).patch == (side, side)
    config = TrainingConfig(init="random", network="unet", resize="stretch", size=(600, 800))
    assert make_plan(config, data, "cpu", None, False).patch == (256, 256)


def test_whole_images_of_several_sizes_lie_in_the_middle_of_one_patch(tmp_path):
    source = write_folders(tmp_path, split=SPLIT)
    Image.fromarray(np.full((16, 32, 3), 200, np.uint8)).save(tmp_path / "images" / "0.png")
    Image.fromarray(np.ones((16, 32), np.uint8)).save(tmp_path / "masks" / "0.png")
    data = frozen(tmp_path, source)
    config = TrainingConfig(init="random", network="unet", sampling="whole", resize="long_side", size=(64,))
    plan = make_plan(config, data, "cpu", None, False)
    assert plan.patch == (64, 64)
    samples = Samples(data, data.part("train")[:1], plan.preprocessing)
    images, targets = Batches(samples, plan.preprocessing, plan.patch, 1, AUGMENTATIONS["none"], 0, CPU).draw(
        0
    )
    assert (targets[0, 16:48] == 1).all()
    assert (targets[0, :16] == 255).all()
    assert (targets[0, 48:] == 255).all()
    assert images[0, :, 0, 0].tolist() == images[0, :, 20, 0].tolist()  # mirrored, no black bars


def test_a_batch_of_large_whole_images_is_smaller(tmp_path):
    _, plan = whole_plan(tmp_path, sampling="whole", resize="stretch", size=(512, 512))
    assert (plan.patch, plan.batch) == ((512, 512), 1)


def test_pixels_may_be_scaled_to_the_unit_interval_alone(tmp_path):
    data, plan = whole_plan(tmp_path, scaling="unit")
    sample = Samples(data, data.part("train"), plan.preprocessing)[0]
    scaled = scale(sample.image, plan.preprocessing)
    assert np.allclose(scaled, sample.image.transpose(2, 0, 1) / 255)


@pytest.mark.parametrize(("shape", "side"), [((183, 276), 192), ((40, 276), 160), ((300, 900), 256)])
def test_a_square_patch_is_no_larger_than_the_shorter_side(tmp_path, shape, side):
    source = write_folders(tmp_path, 2)
    for number in range(2):
        turned = shape[:: 1 - 2 * number]
        mask = np.zeros(turned, np.uint8)
        mask[:20, :20] = 1
        Image.fromarray(np.zeros((*turned, 3), np.uint8)).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    data = frozen(tmp_path, source)
    plan = make_plan(TrainingConfig(init="random", network="unet"), data, "cpu", None, False)
    assert plan.patch == (side, side)


# Images of all kinds


def write_pair(folder: Path, name: str, image: np.ndarray, mask: np.ndarray) -> None:
    import tifffile

    for kind in ("images", "masks"):
        (folder / kind).mkdir(exist_ok=True)
    planar = {"planarconfig": "contig", "photometric": "minisblack"} if image.ndim == 3 else {}
    tifffile.imwrite(folder / "images" / f"{name}.tif", image, **planar)
    Image.fromarray(mask).save(folder / "masks" / f"{name}.png")


def test_images_of_five_deep_channels(tmp_path):
    random = np.random.default_rng(0)
    for number in range(4):
        mask = np.zeros((40, 24), np.uint8)
        mask[10:20, 5:15] = 1
        image = random.integers(0, 4000, (40, 24, 5), dtype=np.uint16)
        image[mask == 1] += 20_000
        write_pair(tmp_path, str(number), image, mask)
    source = TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks")
    data = frozen(tmp_path, source)
    config = TrainingConfig(init="random", network="unet", augmentation="microscopy")
    plan = make_plan(config, data, "cpu", None, False)
    assert plan.preprocessing.channels == 5
    samples = Samples(data, data.part("train"), plan.preprocessing)
    preset = AUGMENTATIONS["none"]
    images, targets = Batches(samples, plan.preprocessing, plan.patch, 8, preset, 0, CPU).draw(0)
    assert images.shape[1] == 5
    assert images[(targets == 1)[:, None].expand_as(images)].mean() > 1
    assert images[(targets == 0)[:, None].expand_as(images)].mean() < 0.5
    varied, _ = Batches(samples, plan.preprocessing, plan.patch, 8, AUGMENTATIONS["microscopy"], 0, CPU).draw(
        0
    )
    assert torch.isfinite(varied).all()


def test_an_image_of_one_pixel_lies_in_the_middle_of_its_patch():
    sample = sample_of(np.ones((1, 1)), (1,))
    assert place_patch(sample, (32, 32), np.random.default_rng(0)) == (-16, -16)


def test_a_huge_image_is_held_once_and_no_number_is_kept_for_each_of_its_pixels(tmp_path):
    """16 times 16 million pixels would take minutes here; the bound is the same a pixel."""
    side = 3000
    mask = np.zeros((side, side), np.uint8)
    mask[1000:1010, 1000:1010] = 1
    for number in range(2):
        write_pair(tmp_path, str(number), np.full((side, side), 7, np.uint8), mask)
    data = frozen(tmp_path, TrainingSource.of_folders(tmp_path / "images", tmp_path / "masks"))
    preprocessing = Preprocessing(channels=1)
    pixels = side * side
    tracemalloc.start()
    samples = Samples(data, data.part("train"), preprocessing)
    sample = samples[0]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert sample.size < 2.2 * pixels  # image and target of one byte, some positions
    # Beside them: the mask as it was read, a comparison, and positions of a part, eight bytes each.
    assert peak < 6 * pixels + 16 * data_module.BAND + 5_000_000
    assert len(sample.known) == data_module.PLACES
    assert len(sample.foreground[0]) == 100
    batches = Batches(samples, preprocessing, (64, 64), 12, AUGMENTATIONS["photos"], 0, CPU)
    batches.draw(1)
    tracemalloc.start()
    _, targets = batches.draw(0)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < pixels  # no float copy of the image
    assert (targets == 1).any()


@pytest.mark.parametrize("band", [7, 1 << 22])
@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 1.0])
def test_positions_are_spread_over_all_that_is_there(monkeypatch, band, share):
    monkeypatch.setattr(data_module, "BAND", band)
    random = np.random.default_rng(0)
    where = random.random((300, 200)) < share
    places = data_module._places(where, random)
    assert len(places) == min(data_module.PLACES, where.sum())
    assert where[places[:, 0], places[:, 1]].all()
    assert len(np.unique(places, axis=0)) >= 0.99 * len(places)
    if share == 1.0:
        upper, left = (places[:, 0] < 150).mean(), (places[:, 1] < 100).mean()
        assert (upper, left) == pytest.approx((0.5, 0.5), abs=0.05)


def test_samples_beyond_the_limit_are_read_again_and_those_within_are_kept(tmp_path):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT))
    one = Samples(data, data.part("train"), Preprocessing(channels=3))[0].size
    limited = Samples(data, data.part("train"), Preprocessing(channels=3), limit=int(2.5 * one))
    for _ in range(2):
        for index in range(5):
            limited[index]
    assert len(limited._kept) == 2
    assert limited._held <= 2.5 * one


@pytest.mark.parametrize("cores", [1, 16])
def test_several_threads_draw_what_one_draws(tmp_path, monkeypatch, cores):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT))
    plain = Preprocessing(channels=3)

    def batches() -> Batches:
        samples = Samples(data, data.part("train"), plain, limit=0)
        return Batches(samples, plain, (32, 32), 6, AUGMENTATIONS["photos"], 0, CPU)

    expected = batches().draw(3)
    monkeypatch.setattr(data_module, "available_cores", lambda: cores)
    for one, other in zip(batches().draw(3), expected, strict=True):
        assert torch.equal(one, other)


def test_a_batch_drawn_in_two_halves_is_the_same_batch(tmp_path):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT))
    plain = Preprocessing(channels=3)
    samples = Samples(data, data.part("train"), plain)
    whole = Batches(samples, plain, (32, 32), 6, AUGMENTATIONS["microscopy"], 0, CPU)
    half = Batches(samples, plain, (32, 32), 3, AUGMENTATIONS["microscopy"], 0, CPU)
    images, targets = whole.draw(2)
    halves = [half.draw(4), half.draw(5)]
    assert torch.allclose(images, torch.cat([image for image, _ in halves]), atol=1e-5)
    assert torch.equal(targets, torch.cat([target for _, target in halves]))


# Validations


def test_validations_stay_a_small_part_of_the_time(tmp_path):
    split = {"train": numbered(0), "val": numbered(*range(1, 41))}
    source = write_folders(tmp_path, 41, split=split)
    for number in range(1, 41):
        path = tmp_path / "images" / f"{number}.png"
        Image.fromarray(np.zeros((640, 640, 3), np.uint8)).save(path)
        Image.fromarray(np.ones((640, 640), np.uint8)).save(tmp_path / "masks" / f"{number}.png")
    data = frozen(tmp_path, source)
    plan = make_plan(TrainingConfig(init="random", network="unet", patch=64), data, "cpu", None, False)
    assert plan.validation_images == 8
    chosen = TrainingConfig(init="random", network="unet", patch=64, evaluate_every=5)
    assert make_plan(chosen, data, "cpu", None, False).validation_images == chosen.validation_images
    heavy = TrainingConfig(init="random", network="unet", patch=640, batch=8)
    large = make_plan(heavy, data, "cpu", None, False)
    assert large.validation_images >= 40


def test_a_time_limit_is_used_for_more_steps_and_no_other_interval(tmp_path):
    data = frozen(tmp_path, write_folders(tmp_path, split=SPLIT))
    plain = make_plan(TrainingConfig(), data, "cpu", None, True)
    timed = make_plan(TrainingConfig(minutes=3), data, "cpu", None, True)
    assert timed.steps > plain.steps
    assert timed.evaluate_every == plain.evaluate_every
    assert make_plan(TrainingConfig(minutes=3, steps=7), data, "cpu", None, True).steps == 7
