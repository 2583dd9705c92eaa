"""What a training would learn from, and the run that is set up from what was chosen."""

import numpy as np
import pytest

from tests.helpers import SHAPE, make_folder, make_model
from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.document_files import IMAGE_HASH, MODEL
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.model_card import ModelClass
from unet_studio.core.model_file import SUFFIX, pack
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.core.storage import write_json
from unet_studio.core.versions import model_in
from unet_studio.jobs import training_plan
from unet_studio.jobs.training_plan import ClassFit, PixelCounts, TrainingPlan, make_plan, make_run


@pytest.fixture
def project(tmp_path):
    """Four images, none of them painted."""
    made = Project.open(make_folder(tmp_path / "images", 4))
    yield made
    made.close()


def finish(project, *names):
    for name in names:
        labels = np.zeros(SHAPE, dtype=np.uint8)
        labels[:, :40] = 1
        project.write_approved(name, labels, {})


def test_the_first_finished_image_trains_and_the_second_validates(project):
    finish(project, "2.png", "0.png", "1.png")
    plan = make_plan(project, PixelCounts())
    assert plan.images == {"train": ("1.png", "2.png"), "val": ("0.png",), "test": ()}
    assert (plan.train, plan.val, plan.movable, plan.base) == (2, 1, "", "imagenet")
    assert plan.pixels == {0: 2 * 96 * 88, 1: 2 * 96 * 40}  # of those that train
    assert plan.problems == plan.warnings == []
    assert plan.hindrance == ""


def test_where_all_train_one_is_offered_for_checking(project):
    finish(project, "0.png", "1.png")
    project.set_split(["1.png"], "train")
    plan = TrainingPlan.of_counts(project)
    assert plan.movable == "1.png"
    assert "none is left to check on" in plan.warnings[0]
    project.set_split(["0.png", "1.png"], "val")
    plan = TrainingPlan.of_counts(project)
    assert "all are for checking" in plan.problems[0]


@pytest.mark.parametrize(
    ("painted", "warning"),
    [
        (2000, []),
        (5, ["object has hardly any labelled pixels yet: it will not be learnt."]),
        (0, "All pixels to learn from are background: there is nothing to tell apart."),
    ],
)
def test_a_class_that_can_not_be_learnt_is_named(project, painted, warning):
    """By what the training images show: the validation image always has both."""
    for name, pixels in (("0.png", painted), ("1.png", 1000)):
        labels = np.zeros(SHAPE, dtype=np.uint8)
        labels.flat[:pixels] = 1
        project.write_approved(name, labels, {})
    plan = make_plan(project, PixelCounts())
    if isinstance(warning, str):
        assert plan.hindrance.startswith(warning)
    else:
        assert (plan.warnings, plan.hindrance) == (warning, "")


def test_what_is_finished_while_the_data_are_frozen_joins_the_next_round(project):
    finish(project, "0.png", "1.png")
    run = make_run(project, None, {})
    finish(project, "2.png")  # the list of what is learnt from is made, the freezing goes on
    write_json(run.data / "samples.json", {"samples": [{"name": "0.png"}, {"name": "1.png"}]})
    assert make_plan(project, PixelCounts(), run).joining == 1
    finish(project, "0.png")
    assert make_plan(project, PixelCounts(), run).joining == 2


def test_loose_strokes_of_an_image_that_validates_are_not_learnt_from(project):
    strokes = np.full(SHAPE, 255, dtype=np.uint8)
    strokes[0] = 0
    for name in ("0.png", "1.png"):
        project.write_annotation(name, strokes, {IMAGE_HASH: "a"})
    project.set_split(["1.png"], "val")
    plan = make_plan(project, PixelCounts(), painted=True, surroundings=False)
    assert (plan.painted, plan.unfinished) == (1, ("0.png",))
    assert plan.pixels[0] == SHAPE[1]


def test_the_prediction_around_painted_pixels_counts_where_it_is_learnt(project):
    labels = np.ones(SHAPE, dtype=np.uint8)
    project.write_prediction("0.png", Prediction(labels, np.full_like(labels, 255), "v1", {IMAGE_HASH: "a"}))
    strokes = np.full(SHAPE, 255, dtype=np.uint8)
    strokes[0] = 0
    project.write_annotation("0.png", strokes, {IMAGE_HASH: "a", MODEL: "v1"})
    row, rest = SHAPE[1], (SHAPE[0] - 1) * SHAPE[1]
    counted = PixelCounts()
    assert make_plan(project, counted, painted=True).pixels == {0: row, 1: rest}
    assert make_plan(project, counted, painted=True, surroundings=False).pixels == {0: row, 1: 0}
    assert make_plan(project, counted).pixels == {0: 0, 1: 0}


def test_a_count_ends_where_nobody_wants_it_any_more_and_what_was_counted_stays(project, monkeypatch):
    finish(project, "0.png", "1.png", "2.png", "3.png")  # the second validates
    counted, read = PixelCounts(), []
    real = training_plan.look
    monkeypatch.setattr(training_plan, "look", lambda *given: read.append(given[1]) or real(*given))

    def check(_):
        if len(read) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        make_plan(project, counted, progress=check)
    assert read == ["0.png", "2.png"]
    assert sum(make_plan(project, counted).pixels.values()) == 3 * SHAPE[0] * SHAPE[1]
    assert read == ["0.png", "2.png", "3.png"]


def test_a_recipe_that_begins_with_nothing_does_so_unless_a_person_says_otherwise(project):
    finish(project, "0.png")
    config = make_run(project, None, {"recipe": "from-scratch", "minutes": 2.0}).config()
    assert (config.network, config.init, config.minutes, config.name) == ("unet", "random", 2.0, "v1")
    config = make_run(project, None, {"recipe": "from-scratch", "init": "imagenet"}).config()
    assert config.init == "imagenet"
    assert make_run(project, None, {}).config().init == "imagenet"
    with pytest.raises(StudioError, match="no recipe"):
        make_run(project, None, {"recipe": "gone"})


def test_a_model_packed_as_one_file_is_what_a_run_starts_from(project, tmp_path):
    finish(project, "0.png")
    file = tmp_path / f"theirs{SUFFIX}"
    pack(model_in(make_model(tmp_path / "theirs")), file)
    run = make_run(project, None, {"init": str(file)})
    assert run.config().init == str(run.path / "start" / "theirs")
    assert model_in(run.path / "start" / "theirs").card is not None
    file.write_bytes(b"no archive")
    with pytest.raises(StudioError):
        make_run(project, None, {"init": str(file)})


def test_classes_meet_by_name_then_by_index_as_the_head_is_adapted():
    from unet_studio.model.checkpoint import match_classes

    known = [
        ModelClass(0, "ground", "#000000"),
        ModelClass(1, "Sky", "#0000ff"),
        ModelClass(5, "tree", "#00ff00"),
    ]
    table = ClassTable(
        (
            PixelClass(0, "background", "#000000"),
            PixelClass(2, "sky", "#0000ff"),
            PixelClass(3, "car", "#ff0000"),
        ),
        background=0,
    )
    fit = ClassFit.of(known, table)
    assert (fit.kept, fit.fresh, fit.dropped) == (("background", "sky"), ("car",), ("tree",))
    assert fit.differs
    wanted = [ModelClass(one.index, one.name, one.color) for one in table.active]
    assert [place is not None for place in match_classes(known, wanted)] == [True, True, False]
    assert not ClassFit.of(wanted, table).differs
