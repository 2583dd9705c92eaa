"""Smart fix on pictures of plain shapes: what is wrong, how far, and what must stay."""

import numpy as np
import pytest

from tests.tools.hands import Slow, click, context, make_document
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import Rect
from unet_studio.tools.rule import PaintRule
from unet_studio.tools.smart_fix import BRUSH, SmartFix

SHAPE = (240, 320)
OBJECT = (slice(60, 180), slice(80, 240))
MISSED = (slice(60, 180), slice(180, 240))  # the part of it that the model did not find


def scene(dtype=np.uint8, channels=3):
    """An object on a background, both with some noise, and its truth."""
    truth = np.zeros(SHAPE, dtype=np.uint8)
    truth[OBJECT] = 1
    random = np.random.default_rng(0)
    grey = np.where(truth == 1, 0.75, 0.3) + random.normal(0, 0.02, SHAPE)
    scale = {"uint8": 255, "uint16": 40000, "float32": 1.0}[np.dtype(dtype).name]
    image = (grey.clip(0, 1) * scale).astype(dtype)
    return (np.stack([image] * channels, axis=-1) if channels > 1 else image), truth


def missing_part(image, truth):
    labels = truth.copy()
    labels[MISSED] = 0
    return make_document(image, labels=labels)


@pytest.fixture
def document():
    return missing_part(*scene())


def iou(document, truth, index=1):
    found = document.mask() == index
    return (found & (truth == index)).sum() / (found | (truth == index)).sum()


@pytest.mark.parametrize(
    ("dtype", "channels"), [("uint8", 3), ("uint8", 1), ("uint16", 1), ("uint16", 3), ("float32", 1)]
)
def test_one_click_brings_a_missed_part_back(dtype, channels):
    image, truth = scene(dtype, channels)
    document = missing_part(image, truth)
    before = iou(document, truth)
    changed = []
    click(SmartFix(), context(document, active=1, changed=changed.append), 120, 210)
    assert before < 0.65
    assert iou(document, truth) > 0.97
    assert document.history.undo_name == "Smart fix"
    inside = np.zeros(SHAPE, dtype=bool)
    for rect in changed:
        inside[rect.slices] = True
    assert (document.annotation.pixels[~inside] == UNLABELLED).all()
    document.undo()
    assert (document.annotation.pixels == UNLABELLED).all()
    assert document.history.undo_name is None


def test_a_click_on_the_active_class_takes_a_false_part_away():
    image, truth = scene()
    labels = truth.copy()
    labels[60:180, 240:300] = 1
    document = make_document(image, labels=labels)
    click(SmartFix(), context(document, active=1), 120, 270)
    assert iou(document, truth) > 0.97


@pytest.mark.parametrize("modifier", ["alt", "right", "eraser"])
def test_alt_makes_background_of_any_class(modifier):
    image, truth = scene()
    labels = truth.copy()
    labels[60:180, 240:300] = 2
    document = make_document(image, labels=labels)
    click(SmartFix(), context(document, active=1), 120, 270, modifier)
    assert document.annotation.pixels[120, 270] == 0
    assert (document.mask() == 2).sum() < 0.1 * 120 * 60


def test_other_classes_are_told_apart():
    image, truth = scene()
    labels = np.where(truth == 1, 2, 0).astype(np.uint8)
    document = make_document(image, labels=labels)
    click(SmartFix(), context(document, active=1), 120, 160)
    assert iou(document, truth) > 0.9
    assert (document.mask()[truth == 0] == 0).mean() > 0.99


def test_what_changes_hangs_together_with_the_click(document):
    import cv2

    click(SmartFix(), context(document, active=1), 120, 210)
    changed = (document.annotation.pixels != UNLABELLED).astype(np.uint8)
    assert changed[120, 210]
    assert cv2.connectedComponents(changed, connectivity=4)[0] == 2


def test_the_same_click_does_the_same_every_time(document):
    click(SmartFix(), context(document, active=1), 110, 200)
    first = document.annotation.pixels.copy()
    document.undo()
    click(SmartFix(), context(document, active=1), 110, 200)
    np.testing.assert_array_equal(document.annotation.pixels, first)


def test_painted_pixels_stay(document):
    with document.annotation.edit() as mask:
        mask.write(Rect(70, 190, 100, 230), 0)
        mask.write(Rect(140, 190, 170, 230), 2)
    click(SmartFix(), context(document, active=1), 120, 210)
    assert (document.annotation.pixels[70:100, 190:230] == 0).all()
    assert (document.annotation.pixels[140:170, 190:230] == 2).all()
    assert document.annotation.pixels[120, 210] == 1


def test_painted_pixels_that_are_pointed_at_are_what_is_wrong():
    image, truth = scene()
    annotation = np.zeros(SHAPE, dtype=np.uint8)
    document = make_document(image, annotation)
    click(SmartFix(), context(document, active=1), 120, 160)
    assert iou(document, truth) > 0.9


def test_what_an_earlier_fix_laid_may_change_but_not_where_it_was_pointed_at(document):
    tool = SmartFix()
    tool.values["reach"] = BRUSH
    document.set_prediction(None)
    click(tool, context(document, active=1, radius=20.0), 85, 105)
    laid = document.annotation.pixels == 1
    assert laid.sum() > 200
    tool.values["reach"] = "automatic"
    click(tool, context(document, active=2), 120, 190)
    assert document.annotation.pixels[85, 105] == 1
    assert (document.annotation.pixels[laid] == 2).mean() > 0.9
    other = make_document(document.image, np.where(laid, 1, UNLABELLED).astype(np.uint8))  # by hand
    click(tool, context(other, active=2), 120, 190)
    assert (other.annotation.pixels[laid] == 1).all()


@pytest.mark.parametrize(
    "rule", [PaintRule("unlabelled"), PaintRule("class", 1), PaintRule(locked=frozenset({0}))]
)
def test_the_rule_holds(document, rule):
    with document.annotation.edit() as mask:
        mask.write(Rect(60, 180, 80, 240), 0)
    allowed = rule.allowed(document, Rect.of(SHAPE))
    before = document.annotation.pixels.copy()
    click(SmartFix(), context(document, active=1, rule=rule), 120, 210)
    assert not (document.annotation.pixels != before)[~allowed].any()
    assert not document.editing


def test_a_stroke_points_at_several_places():
    image, truth = scene()
    image[:, 160:164] = 200  # a bar that is in the way of one click
    document = make_document(image, labels=np.zeros(SHAPE, dtype=np.uint8))
    tool, ctx = SmartFix(), context(document, active=1)
    tool.press(ctx, 120.5, 110.5)
    for column in range(115, 216, 5):
        tool.move(ctx, 120.5, column + 0.5)
    tool.release(ctx, 120.5, 215.5)
    assert (document.annotation.pixels[120, 110:216] == 1).all()
    assert iou(document, truth) > 0.8
    assert document.history.undo_name == "Smart fix"
    document.undo()
    assert document.history.undo_name is None


def test_the_preview_is_there_while_the_button_is_down_and_escape_takes_it_back(document):
    tool, ctx = SmartFix(), context(document, active=1)
    tool.press(ctx, 120.5, 210.5)
    assert document.annotation.pixels[120, 230] == 1
    assert not tool.busy
    tool.move(ctx, 125.5, 215.5)
    tool.cancel(ctx)
    assert (document.annotation.pixels == UNLABELLED).all()
    assert document.history.undo_name is None
    assert not document.editing
    assert tool.release(ctx, 120.5, 210.5) is None


def test_the_step_is_made_when_the_thread_answers(document):
    slow, committed = Slow(), []
    ctx = context(document, active=1, later=slow, committed=committed.append)
    tool = SmartFix()
    click(tool, ctx, 120, 210)
    assert tool.busy
    assert committed == []
    assert (document.annotation.pixels == UNLABELLED).all()
    slow.answer()
    assert [change.step.name for change in committed] == ["Smart fix"]
    assert not tool.busy
    assert document.annotation.pixels[120, 230] == 1


def test_escape_before_the_answer_forgets_it(document):
    slow, tool = Slow(), SmartFix()
    ctx = context(document, active=1, later=slow)
    click(tool, ctx, 120, 210)
    tool.cancel(ctx)
    slow.answer()
    assert (document.annotation.pixels == UNLABELLED).all()
    assert document.history.undo_name is None
    assert not document.editing
    assert not tool.busy


def test_enter_does_not_wait_for_the_thread(document):
    slow, tool = Slow(), SmartFix()
    ctx = context(document, active=1, later=slow)
    click(tool, ctx, 120, 210)
    assert not tool.key(ctx, "enter").empty
    assert document.history.undo_name == "Smart fix"
    slow.answer()
    document.undo()
    assert document.history.undo_name is None


def test_a_new_press_forgets_what_was_not_found_yet(document):
    slow, tool = Slow(), SmartFix()
    ctx = context(document, active=1, later=slow)
    click(tool, ctx, 120, 210)
    first = slow.waiting
    tool.press(ctx, 100.5, 200.5)
    first[1](first[0]())
    assert (document.annotation.pixels == UNLABELLED).all()
    slow.answer()
    assert document.annotation.pixels[120, 230] == 1
    tool.release(ctx, 100.5, 200.5)
    assert document.history.undo_name == "Smart fix"


def test_an_answer_about_a_document_that_was_left_is_dropped(document):
    slow, tool = Slow(), SmartFix()
    click(tool, context(document, active=1, later=slow), 120, 210)
    document.rollback()
    slow.answer()
    assert (document.annotation.pixels == UNLABELLED).all()
    assert not tool.busy


def test_says_that_a_place_has_the_class_already(document):
    said = []
    click(SmartFix(), context(document, active=1, say=said.append), 20, 20, "alt")
    click(SmartFix(), context(document, active=1, background=None, say=said.append), 120, 100)
    assert len(said) == 2
    assert not document.editing


def test_without_a_background_alt_lets_the_prediction_show_again(document):
    with document.annotation.edit() as mask:
        mask.write(Rect(60, 80, 180, 180), 2)
    click(SmartFix(), context(document, active=1, background=None), 120, 130, "alt")
    assert document.annotation.pixels[120, 130] == UNLABELLED
    assert document.mask()[120, 130] == 1


def test_the_brush_can_say_how_large_the_wrong_place_is():
    noise = np.random.default_rng(0).integers(80, 100, SHAPE, dtype=np.uint8)
    document = make_document(noise, labels=np.zeros(SHAPE, np.uint8))
    tool, sizes = SmartFix(), []
    assert tool.cursor_radius(context(document, radius=8.0)) is None
    tool.values["reach"] = BRUSH
    for radius in (8.0, 32.0):
        assert tool.cursor_radius(context(document, radius=radius)) == radius
        click(tool, context(document, active=1, radius=radius), 120, 160)
        sizes.append((document.annotation.pixels == 1).sum())
        document.undo()
    assert 4 < sizes[1] / sizes[0] < 30


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2), (50, 1)])
def test_small_images(shape):
    document = make_document(np.full(shape, 100, np.uint8), labels=np.zeros(shape, np.uint8))
    click(SmartFix(), context(document, active=1), 0, 0)
    assert document.annotation.pixels[0, 0] == 1
    document.undo()
    assert (document.annotation.pixels == UNLABELLED).all()


def test_a_click_on_a_flat_colour_does_not_run_over_all_of_it():
    document = make_document(np.full(SHAPE, 90, np.uint8), labels=np.zeros(SHAPE, np.uint8))
    click(SmartFix(), context(document, active=1), 30, 160)
    assert 0 < (document.annotation.pixels == 1).mean() < 0.5


@pytest.mark.parametrize("at", [(0, 0), (0, 319), (239, 160), (120, 0)])
def test_clicks_at_the_border_of_the_image(at, document):
    click(SmartFix(), context(document, active=2), *at)
    assert document.annotation.pixels[at] == 2


def test_a_large_object_is_seen_from_farther_away_and_its_border_at_full_resolution():
    side = 3000
    rows, columns = np.mgrid[:side, :side]
    truth = (np.hypot(rows - 1500, columns - 1300) < 700).astype(np.uint8)
    image = np.where(truth == 1, 190, 80).astype(np.uint8)
    image += np.random.default_rng(0).integers(0, 12, image.shape, dtype=np.uint8)
    labels = truth.copy()
    labels[:, 1300:] = 0
    document = make_document(image, labels=labels)
    click(SmartFix(), context(document, active=1), 1500, 1650)
    wrong = document.mask() != truth
    distance = np.abs(np.hypot(rows - 1500, columns - 1300) - 700)
    assert iou(document, truth) > 0.99
    assert wrong[distance < 40].sum() / (2 * np.pi * 700) < 1.5  # px of the border, on the mean


def test_a_long_stroke_is_seen_from_farther_away():
    image = np.full((5000, 300), 60, np.uint8)
    image[:, 100:140] = 180  # a road
    document = make_document(image, labels=np.zeros(image.shape, np.uint8))
    seen = []

    def shown(level, rect):
        seen.append((level, rect.height))
        step = 1 << level
        return np.repeat(image[::step, ::step][rect.slices][..., None], 3, axis=2)

    tool, ctx = SmartFix(), context(document, active=1, shown=shown)
    tool.press(ctx, 100.5, 120.5)
    tool.move(ctx, 4900.5, 120.5)
    tool.release(ctx, 4900.5, 120.5)
    assert max(height for _, height in seen) <= 2048
    assert (document.annotation.pixels[100:4900, 105:135] == 1).mean() > 0.95
    assert (document.annotation.pixels[:, 160:] == 1).mean() < 0.05
