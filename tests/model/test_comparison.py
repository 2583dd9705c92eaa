"""Comparing models: the figures are those of core.metrics, the pictures those chosen, the rest goes on."""

import math
import tracemalloc

import numpy as np
import pytest

from unet_studio.core.classes import ClassTable, PixelClass, rgb
from unet_studio.core.error_picture import ERRORS, MISSED
from unet_studio.core.errors import StudioError
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing
from unet_studio.core.overlays import PictureStyle
from unet_studio.core.paired import paired_interval
from unet_studio.model.comparison import RED, Comparing, Rival, class_lut, common_table, evenly_spread

TABLE = ClassTable.binary("cell")
SHAPE = (24, 32)
NOTHING = np.zeros(SHAPE, np.uint8)


def card(*names: str, background: int | None = 0, first: int = 0) -> ModelCard:
    classes = tuple(ModelClass(first + number, name, "#0000ff") for number, name in enumerate(names))
    return ModelCard("m", Architecture("unet", 3, len(names)), classes, background, Preprocessing(3))


def rival(name: str, answer, known: ModelCard | None = None) -> Rival:
    """A model that says answer(image)."""
    return Rival(name, known or card("background", "cell"), lambda image, progress: answer(image))


def scene(seed: int):
    """An image whose pixels are the number of its scene, and its truth."""
    random = np.random.default_rng(seed)
    truth = np.kron(random.integers(0, 2, (3, 4)), np.ones((8, 8))).astype(np.uint8)
    return np.full((*SHAPE, 3), seed, np.uint8), truth


def right(image):
    return scene(int(image[0, 0, 0]))[1]


def noisy(share: float):
    def answer(image):
        seed = int(image[0, 0, 0])
        truth = scene(seed)[1]
        flip = np.random.default_rng(seed + 99).random(SHAPE) < share * (1 + seed % 3)
        return np.where(flip, 1 - truth, truth).astype(np.uint8)

    return answer


def compare(rivals, count=6, most=3, truth=True, table=TABLE, **settings):
    work = Comparing(list(rivals), table, count, most, **settings)
    for seed in range(count):
        image, mask = scene(seed)
        work.add(f"{seed}.png", image, mask if truth else None)
    return work.result()


def test_the_figures_are_those_of_the_metrics():
    answers = {"one": noisy(0.05), "two": noisy(0.1)}
    found = compare([rival(name, answer) for name, answer in answers.items()])
    value = found.to_json()
    for number, answer in enumerate(answers.values()):
        evaluation = Evaluation((0, 1))
        for seed in range(6):
            image, truth = scene(seed)
            evaluation.add(f"{seed}.png", truth, answer(image))
        mean, pooled = evaluation.mean_over_images(), evaluation.pooled()
        told = value["models"][number]
        assert told["mean_over_images"]["mean_dice"] == pytest.approx(mean.dice_of(1), abs=1e-6)
        assert told["mean_over_images"]["classes"][1]["iou"] == pytest.approx(mean.iou_of(1), abs=1e-6)
        assert told["pooled"]["pixel_accuracy"] == pytest.approx(pooled.pixel_accuracy, abs=1e-6)
        assert told["pooled"]["mean_boundary_f1"] == pytest.approx(pooled.boundary_f1[1], abs=1e-6)
        each = [scores.dice_of(1) for _, scores in evaluation.per_image]
        assert [one["dice"][found.rivals[number].name] for one in value["per_image"]] == pytest.approx(
            each, abs=1e-6
        )
    first, second = (evaluation.image_dice(found.table.background) for evaluation in found.evaluations)
    assert found.interval(0, 1) == paired_interval(first, second)
    assert value["differences"][0]["mean_dice"] == found.interval(0, 1).to_json()
    assert found.interval(0, 1).worse


def test_images_are_chosen_as_is_said():
    rivals = [rival("one", right), rival("two", noisy(0.05))]
    spread = compare(rivals)
    assert [one.name for one in spread.shown] == ["1.png", "3.png", "5.png"]
    assert spread.choice == "3 of 6 images, evenly spread by name."
    everything = compare(rivals, most=9)
    assert [one.name for one in everything.shown] == [f"{seed}.png" for seed in range(6)]
    assert everything.choice == "All 6 images, by name."
    differing = compare(rivals, most=2, sort="difference")
    order = sorted(range(6), key=lambda number: -differing.differences[number])
    assert [one.name for one in differing.shown] == [f"{number}.png" for number in order[:2]]
    assert differing.choice == "The 2 of 6 images on which the models differ most in Dice."


@pytest.mark.parametrize(("count", "most"), [(0, 3), (1, 3), (3, 3), (10, 3), (10_000, 7), (7, 6)])
def test_evenly_spread_places(count, most):
    places = evenly_spread(count, most)
    assert places == sorted(set(places))
    assert len(places) == min(count, most)
    assert all(0 <= place < count for place in places)


def test_without_truth_there_are_pictures_and_disagreement():
    found = compare(
        [rival("one", right), rival("two", lambda image: NOTHING)], truth=False, sort="difference"
    )
    assert not found.has_truth
    assert len(found.shown[0].pictures) == 3  # image and two models
    expected = [float(scene(seed)[1].mean()) for seed in range(6)]
    assert found.differences == pytest.approx(expected)
    value = found.to_json()
    assert "differences" not in value
    assert "dice" not in value["per_image"][0]
    assert "in their pixels" in found.choice


def test_pictures_in_every_paint():
    image, truth = scene(1)
    row, column = np.argwhere(truth == 1)[40]
    style = PictureStyle(side=256, opacity=1.0, outlines=False)
    colors = {"palette": TABLE.get(1).color, "red": RED, "errors": ERRORS.get(MISSED).color}
    for paint, color in colors.items():
        work = Comparing(
            [rival("one", right), rival("two", lambda i: NOTHING)], TABLE, 1, 1, style=style, paint=paint
        )
        work.add("a", image, truth)
        pictures = work.result().shown[0].pictures
        assert len(pictures) == 4
        assert tuple(pictures[0][row, column]) == tuple(image[row, column])
        painted = pictures[3 if paint == "errors" else 2]
        assert tuple(painted[row, column]) == rgb(color), paint


def test_classes_are_mapped_by_name():
    table = ClassTable(
        (
            PixelClass(0, "background", "#000000"),
            PixelClass(4, "cell", "#ff0000"),
            PixelClass(7, "dust", "#00ff00"),
        ),
        0,
    )
    lut, notes = class_lut("m", card("Dust", "ground", "Cell", first=1, background=2), table)
    assert [int(lut[index]) for index in (1, 2, 3)] == [7, 0, 4]
    assert notes == []
    lut, notes = class_lut("m", card("background", "cell", "ghost"), table)
    assert [int(lut[index]) for index in (0, 1, 2)] == [0, 4, 255]
    assert notes == [
        "m knows classes that the truth lacks, wrong wherever it sees them: ghost.",
        "m does not know dust.",
    ]


def test_of_two_classes_the_other_one_is_the_other_one():
    lut, notes = class_lut("m", card("background", "person"), TABLE)
    assert int(lut[1]) == 1
    assert notes == ["m: person is taken for cell."]


def test_a_class_that_the_truth_lacks_is_wrong():
    ghost = card("background", "cell", "ghost")
    found = compare([rival("one", right), rival("two", lambda image: right(image) * 2, ghost)])
    assert found.evaluations[1].pooled().dice[1] == 0
    assert found.evaluations[0].pooled().dice[1] == 1


def test_without_truth_the_classes_of_all_models_count():
    table = common_table([card("background", "cell"), card("nothing", "dust", "Cell", background=0)])
    assert [entry.name for entry in table.active] == ["background", "cell", "dust"]


def test_a_truth_of_another_size_is_scaled_or_left_out():
    work = Comparing([rival("one", right), rival("two", right)], TABLE, 3, 3)
    image, truth = scene(1)
    work.add("small", image, truth[::2, ::2])
    work.add("turned", image, np.ascontiguousarray(truth.T))
    work.add("strange", image, truth + 7)
    found = work.result()
    assert found.names == ("small",)
    assert found.notes == ("1 mask of another size than its image, scaled to it.",)
    assert [what for what, _ in found.failures] == ["turned", "strange"]
    assert "another shape" in found.failures[0][1]
    assert "no class" in found.failures[1][1]


def refuse(image):
    raise StudioError("The image has 3 channels and the model takes 5.", "Choose another model.")


def test_a_model_that_can_do_nothing_is_named_and_the_rest_goes_on():
    rivals = [rival("one", right), rival("odd", refuse), rival("two", noisy(0.1))]
    found = compare(rivals, count=8)
    assert [one.name for one in found.rivals] == ["one", "two"]
    assert len(found.names) == 5
    assert found.failures[-1] == ("odd", "It can predict none of these images.")
    assert found.failures[0][1].startswith("odd: The image has 3 channels")
    with pytest.raises(StudioError, match=r"Less than two models.*channels"):
        compare(rivals[:2], count=8)


def test_an_image_that_a_model_can_t_do_counts_for_none():
    def mostly(image):
        return refuse(image) if image[0, 0, 0] == 2 else right(image)

    found = compare([rival("one", mostly), rival("two", right)])
    assert found.names == ("0.png", "1.png", "3.png", "4.png", "5.png")
    assert [len(evaluation.image_dice(found.table.background)) for evaluation in found.evaluations] == [5, 5]
    assert [what for what, _ in found.failures] == ["2.png"]


def test_an_image_that_all_models_refuse_is_the_image_s_fault():
    work = Comparing([rival("one", refuse), rival("two", refuse)], TABLE, 5, 5)
    for number in range(5):
        work.add(str(number), *scene(number))
    with pytest.raises(StudioError, match="No image could be compared"):
        work.result()


def test_unreadable_images_are_named():
    work = Comparing([rival("one", right), rival("two", right)], TABLE, 2, 2)
    work.fail("broken.png", "It is no image.")
    work.add("1.png", *scene(1))
    found = work.result()
    assert found.failures == (("broken.png", "It is no image."),)
    assert math.isnan(found.interval(0, 1).low)


def test_memory_stays_bounded():
    """What an image leaves behind: a few figures; only so many pictures are kept."""
    rivals = [rival("one", right), rival("two", noisy(0.01))]
    work = Comparing(rivals, TABLE, 400, 4, "difference")
    scenes = [scene(seed) for seed in range(8)]
    for number in range(20):
        work.add(f"{number}.png", *scenes[number % 8])
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(20, 320):
        work.add(f"{number}.png", *scenes[number % 8])
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown / 300 < 1500  # bytes; the pictures of one image are 9,216
    assert len(work.result().shown) == 4
