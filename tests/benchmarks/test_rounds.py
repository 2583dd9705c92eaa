"""The package that makes the figures of fine-tuning works: tiny data and networks, few steps."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.recipes.generated import make_small_set
from tests.benchmarks.recipes.projects import make_project, store_prediction
from tests.benchmarks.recipes.sets import ImageSet
from tests.benchmarks.rounds import fine_tuning
from tests.benchmarks.rounds.course import batches, takes
from tests.benchmarks.rounds.person import finish
from unet_studio.core.gate import undecided
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png
from unet_studio.jobs.training_plan import make_run
from unet_studio.session import Session, trainer

ROOT = Path(__file__).parents[2]
SIDE = 32
TINY = "network=unet init=random depth=1 channels=2 bottleneck=4 patch=32 batch=2 steps=2 evaluate_every=2"
CASES = {
    "cold-start": ["--only", "human_seg"],
    "rounds": ["--only", "human_seg", "--images", "4"],
    "window": ["--set", "steps=12", "--set", "evaluate_every=4"],
}
# Each starts several processes; the suite makes the one that nothing else of it goes through.
SHORT = "window"


@pytest.fixture(scope="module")
def small_data(tmp_path_factory):
    """Sets in the layout of UNET_STUDIO_DATA."""
    root = tmp_path_factory.mktemp("data")
    for number, name in enumerate(("human_seg", "facade_ccby")):
        make_small_set(root / name, {"train": 6, "val": 2, "test": 2}, 3, SIDE, number)
    return root


@pytest.fixture
def images(small_data):
    return ImageSet.open(small_data / "human_seg")


def make(name, data, out):
    """Run the command as a person does; returns the process and what its JSON file holds."""
    sets = [word for assignment in TINY.split() for word in ("--set", assignment)]
    command = [sys.executable, "-m", "tests.benchmarks.rounds", name, "--data", data, "--out", out]
    command += ["--minutes", "0.5", "--seeds", "0", *sets, *CASES[name]]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ, timeout=250
    )
    return done, json.loads((out / f"{name}.json").read_text())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name == SHORT else pytest.mark.soak) for name in CASES],
)
def test_every_figure_is_made_from_end_to_end(small_data, tmp_path, name):
    done, record = make(name, small_data, tmp_path)
    assert done.returncode == 0, done.stderr + str(record["failures"])
    assert f"## {name}" in done.stdout
    assert record["table"]["rows"]
    (part,) = record["parts"].values()
    assert part["cpu_seconds"] > 0
    CHECKS[name](part["result"], record["table"])


def check_cold_start(result, table):
    assert len(table["rows"][0]) == len(table["head"])
    assert (result["train"], result["val"]) == (2, 1)
    assert result["rest"]["images"] == 7
    assert result["gate"] == "promoted"


def check_rounds(result, table):
    assert all(len(row) == len(table["head"]) for row in table["rows"])
    rounds = result["rounds"]
    assert [len(one["corrected"]) for one in rounds] == [2, 1, 1]
    assert [one["train"] + one["val"] for one in rounds] == [2, 3, 4]
    assert rounds[0]["upcoming"] is None
    assert rounds[0]["used"]
    assert rounds[1]["before"] == rounds[0]["tested"]
    assert rounds[1]["corrected"][0]["corrective_dice"] is not None
    assert rounds[1]["upcoming"]["images"] == 1


def check_window(result, table):
    assert result["pixels"]["wrong"] == 0
    assert result["pixels"]["strokes"] > 0
    assert result["whole"]["steps"] == 12
    assert result["stopped"]["state"] in ("stopped", "finished")
    assert result["whole"]["pauses"]["beats"] > 10


CHECKS = {"cold-start": check_cold_start, "rounds": check_rounds, "window": check_window}


def test_a_training_is_set_up_as_the_window_sets_it_up(qtbot, images, tmp_path, monkeypatch):
    """The same settings as a click on the button gives, but for what the figure says it changed."""
    names = images.names("train")
    project = make_project(tmp_path / "project", images, names)
    finish(project, images, names[:3], None)
    chosen = fine_tuning.settings(project, names[0], {})
    ours = make_run(project, fine_tuning.model_in_use(project), chosen, tmp_path / "run").config()
    project.close()
    begun = []
    monkeypatch.setattr(trainer, "start", begun.append)
    session = Session()
    session.open_folder(tmp_path / "project")
    qtbot.waitUntil(lambda: session.document is not None and session.document.name == names[0])
    session.trainer.start()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    theirs = begun[0].config()
    session.shut_down()
    assert ours == theirs


def test_images_are_finished_by_their_truth_in_the_split_of_the_window(images, tmp_path):
    names = images.names("train")[:3]
    project = make_project(tmp_path / "project", images, names)
    truths = [read_index_png(images.mask_of(name))[0] for name in names]
    store_prediction(project, names[0], truths[0], "right")
    nothing = np.zeros_like(truths[1])
    store_prediction(project, names[1], nothing, "right")
    right, empty, unseen = finish(project, images, names, "right")
    project.close()
    assert (right["painted"], right["corrective_dice"]) == (0.0, 1.0)
    assert empty["painted"] == pytest.approx((truths[1] != 0).mean())
    assert empty["corrective_dice"] == 0.0
    assert (unseen["painted"], unseen["corrective_dice"]) == (1.0, None)
    again = Project.open(tmp_path / "project", writable=False)
    assert again.counts()[Status.APPROVED] == 3
    assert [again.split[name] for name in names] == ["train", "val", "train"]
    for name, truth in zip(names, truths, strict=True):
        assert np.array_equal(again.read_approved(name)[0], truth)
    painted = again.read_annotation(names[1])[0]
    assert np.array_equal(painted != 255, truths[1] != 0)
    assert again.read_annotation(names[0]) is None


def test_images_are_dealt_to_three_rounds():
    order = [str(number) for number in range(20)]
    assert [len(part) for part in batches(order)] == [7, 7, 6]
    assert [len(part) for part in batches(order[:14])] == [5, 5, 4]
    assert [name for part in batches(order) for name in part] == order


def test_a_person_takes_what_the_gate_leaves_open_unless_it_got_worse():
    from dataclasses import replace

    open_ = undecided("indicative", "few")
    assert takes(undecided("promoted", "first"))
    assert not takes(undecided("candidate", "worse"))
    assert takes(replace(open_, before=0.8, after=0.8))
    assert takes(open_)  # nothing could be compared
    assert not takes(replace(open_, before=0.8, after=0.78))


def test_settings_are_read_from_texts():
    assert fine_tuning.assigned(["steps=3", "size=4,5", "init=random"]) == {
        "steps": 3,
        "size": [4.0, 5.0],
        "init": "random",
    }
