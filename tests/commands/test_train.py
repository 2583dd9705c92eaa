"""train: how a run is set up and followed, and what becomes of its model."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.commands.conftest import Run
from unet_studio.commands.train import _expected
from unet_studio.core import run_folder
from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.events import (
    Discarded,
    Event,
    Failed,
    Finished,
    Freezing,
    Froze,
    Progress,
    Started,
    Stopped,
    Validated,
)
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.model_card import read_card
from unet_studio.core.project import Project
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_index_png

SCORES = Validated(5, 0.4, {"object": 0.7}, {"object": 0.8}, 0.9, 0.7, 0.8, True)
BEGIN: list[Event] = [Started("cpu", 1, 0, 10), Froze(2, 1, 0), Progress(5, 10, 0.5, 1e-3, 1.0, 1.0), SCORES]
END = Finished("steps", 10, 2.0, "best", {"mean_dice": 0.8, "mean_iou": float("nan")})
Pretend = Callable[..., list[RunFolder]]


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch, model: Path) -> Pretend:
    """Put a training in place that only says some events; returns the list of runs it was started for."""

    def install(*events: Event, alive: bool = True, makes_model: bool = True) -> list[RunFolder]:
        started: list[RunFolder] = []

        def start(run: RunFolder) -> int:
            started.append(run)
            if alive:
                run.claim(os.getpid())
            run.expect_version()
            if makes_model:
                run.best.mkdir(parents=True, exist_ok=True)
                for file in model.iterdir():
                    (run.best / file.name).write_bytes(file.read_bytes())
            for event in events:
                run.emit(event)
            return os.getpid()

        monkeypatch.setattr(run_folder, "start", start)
        return started

    return install


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    for name in ("a", "b"):
        write_index_png(folder / f"{name}.png", np.ones((24, 32), np.uint8), ClassTable.binary().palette())
    write_classes_file(tmp_path / "classes.json", "m", ClassTable.binary())
    return folder


@pytest.fixture
def project(images: Path) -> Path:
    opened = Project.open(images)
    for name in ("a.png", "b.jpg"):
        facts = {IMAGE_HASH: pixel_hash(read_image(opened.image_path(name)))}
        opened.write_approved(name, np.ones((24, 32), np.uint8), facts)
    opened.close()
    return images


def config_of(run: RunFolder) -> dict[str, Any]:
    value: dict[str, Any] = json.loads((run.path / "config.json").read_text())
    return value


def test_from_folders(run: Run, images: Path, masks: Path, tmp_path: Path, pretend: Pretend) -> None:
    started = pretend(*BEGIN, END)
    words = ["--set", "seed=7", "--set", "minutes=0.5", "--out", tmp_path / "run"]
    done = run("train", "--images", images, "--masks", masks, *words, "--json")
    assert done.status == 0
    assert done.value["run"] == str(tmp_path / "run")
    assert done.value["reason"] == "steps"
    assert done.value["model"] == str(tmp_path / "run" / "best")
    assert done.value["version"] is None
    assert done.value["metrics"] == {"mean_dice": 0.8, "mean_iou": None}
    config = config_of(started[0])
    assert (config["seed"], config["minutes"]) == (7, 0.5)
    assert config["source"] == {
        "images": str(images), "masks": str(masks), "classes": str(tmp_path / "classes.json"),
    }  # fmt: skip
    assert "Learning from 2 images, validating on 1" in done.err
    assert "Step 5: Dice 0.8000, IoU 0.7000, the best so far" in done.err


def test_runs_get_a_folder_of_their_own(
    run: Run, images: Path, masks: Path, tmp_path: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    started = pretend(END)
    for _ in range(2):
        assert run("train", "--images", images, "--masks", masks, "--set", "name=leaf").status == 0
    assert [one.path for one in started] == [tmp_path / "runs" / "leaf", tmp_path / "runs" / "leaf-2"]


def test_a_data_set_is_named_by_name_and_folder(
    run: Run, images: Path, tmp_path: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("unet_studio.commands.terminal.SPARSE_SECONDS", 0.0)
    started = pretend(Freezing(400, 20210), *BEGIN, END)
    done = run("train", "--dataset", "ade20k", images, "--set", "shares=0.6,0.2,0.2", "--set", "border=class")
    assert done.status == 0
    config = config_of(started[0])
    assert config["source"] == {"dataset": "ade20k", "root": str(images)}
    assert (config["shares"], config["border"]) == ([0.6, 0.2, 0.2], "class")
    assert "Looking at: 400 of 20210 images (2 %)" in done.err
    assert "Training loss 0.500: 5 of 10 steps (50 %)" in done.err


def test_a_project_gets_a_new_version(run: Run, project: Path, pretend: Pretend) -> None:
    started = pretend(*BEGIN, END)
    done = run("train", project, "--set", "steps=10", "--json")
    assert done.status == 0
    assert done.value["version"] == "v1"
    opened = Project.open(project, writable=False)
    entry = next(entry for entry in opened.models() if entry.name == "v1")
    assert entry.folder == opened.models_folder / "v1"
    assert config_of(started[0])["source"] == {"project": str(project), "project_dir": str(opened.folder)}
    assert config_of(started[0])["steps"] == 10
    assert run("train", project, "--json").value["version"] == "v2"
    assert not (opened.folder / "lock").exists()


def test_init_and_recipe(run: Run, project: Path, model: Path, tmp_path: Path, pretend: Pretend) -> None:
    started = pretend(END)
    assert run("train", project, "--init", model).status == 0
    assert config_of(started[0])["init"] == str(model)
    (tmp_path / "mine.toml").write_text('learning_rate = 0.5\naugmentation = "flips"\n')
    assert run("train", project, "--recipe", tmp_path / "mine.toml", "--init", "random").status == 0
    config = config_of(started[1])
    assert (config["learning_rate"], config["augmentation"], config["init"]) == (0.5, "flips", "random")


def test_resume(run: Run, project: Path, pretend: Pretend) -> None:
    started = pretend(*BEGIN, Stopped(5, 1.0, "best"))
    assert run("train", project).status == 0
    pretend(*BEGIN, END)
    done = run("train", project, "--resume", "--json")
    assert done.value["run"] == str(started[0].path)
    assert done.value["state"] == "finished"
    assert done.value["version"] == "v2"
    card = read_card(project / "unet-studio" / "models" / "v2")
    assert card.metrics["gate"]["outcome"] == "promoted"  # as no model was in use
    assert "ended early" in run("train", project, "--resume").err
    assert "are fixed" in run("train", project, "--resume", "--set", "seed=1").err
    assert "are fixed" in run("train", project, "--resume", "--recipe", "carla").err


def test_failure_is_the_commands_own(run: Run, project: Path, pretend: Pretend) -> None:
    pretend(*BEGIN, Failed("The loss is not a number.", "Lower the learning rate."))
    done = run("train", project, "--json")
    assert done.status == 1
    assert done.value == {"error": "The loss is not a number.", "remedy": "Lower the learning rate."}


def test_a_discarded_run_fails(run: Run, project: Path, pretend: Pretend) -> None:
    pretend(Discarded(5))
    done = run("train", project)
    assert (done.status, "discarded" in done.err) == (1, True)


def test_a_process_that_dies_is_noticed(
    run: Run, project: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = pretend(alive=False, makes_model=False)
    run("train", project)
    started[0].log.write_text("Traceback\nKilled: out of memory\n")
    done = run("train", project, "--resume", "--out", started[0].path)
    assert done.status == 1
    assert "ended without a word. It last said: Killed: out of memory." in done.err


def test_a_run_without_a_model_says_so(run: Run, project: Path, pretend: Pretend) -> None:
    pretend(Stopped(0, 0.1, ""), makes_model=False)
    done = run("train", project, "--json")
    assert (done.status, done.value["model"], done.value["version"]) == (0, None, None)


def test_interrupt_stops_and_keeps_the_best(
    run: Run, project: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unet_studio.commands import train

    started = pretend(*BEGIN)

    def interrupt(_: float) -> None:
        if "stop" in started[0].requested():
            started[0].emit(Stopped(6, 1.0, "best"))
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(train.time, "sleep", interrupt)
    done = run("train", project, "--json")
    assert done.status == 130
    assert done.value["state"] == "stopped"
    assert done.value["version"] == "v1"


@pytest.mark.skipif(os.name == "nt", reason="there, a signal sent to oneself ends the process")
def test_an_interrupt_while_the_process_starts_stops_it_too(
    run: Run, project: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unet_studio.commands import train

    started = pretend(*BEGIN)
    begin = run_folder.start

    def interrupted(folder: RunFolder) -> int:
        os.kill(os.getpid(), signal.SIGINT)
        return begin(folder)

    def stop(seconds: float) -> None:
        if seconds != train.POLL_SECONDS:  # the folder's listing pauses too, on a busy machine
            return
        assert "stop" in started[0].requested()
        started[0].emit(Stopped(6, 1.0, "best"))

    monkeypatch.setattr(run_folder, "start", interrupted)
    monkeypatch.setattr(train.time, "sleep", stop)
    done = run("train", project, "--json")
    assert done.status == 130
    assert done.value["state"] == "stopped"


def test_a_second_interrupt_leaves_it_running(
    run: Run, project: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from unet_studio.commands import train

    pretend(*BEGIN)

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(train.time, "sleep", interrupt)
    done = run("train", project, "--json")
    assert done.status == 130
    assert done.value["state"] == "running"
    assert "goes on in the background" in done.err


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "what to learn from"),
        (["{images}"], "nothing to learn from yet"),
        (["{images}/nowhere"], "no folder"),
        (["{images}", "--images", "{images}"], "different ways"),
        (["{images}", "--dataset", "ade20k", "{images}"], "different ways"),
        (["{images}", "--split", "{images}"], "a project has its own"),
        (["--dataset", "ade20", "{images}"], "Did you mean ade20k"),
        (["--dataset", "ade20k", "{images}", "--classes", "{images}"], "its own classes"),
        (["--images", "{images}"], "belong together"),
        (["--images", "{images}", "--masks", "{masks}", "--set", "sed=1"], "Did you mean 'seed'"),
        (["--images", "{images}", "--masks", "{masks}", "--recipe", "fine-tun"], "Did you mean fine-tune"),
        (["--images", "{images}", "--masks", "{masks}", "--init", "nobody"], "no model 'nobody'"),
        (["--images", "{images}/no", "--masks", "{masks}"], "Check the folder of --images"),
        (["--images", "{images}", "--masks", "{masks}/no"], "Check the folder of --masks"),
        (["--dataset", "ade20k", "{images}/no"], "Check the folder of --dataset"),
        (["--images", "{images}", "--masks", "{masks}", "--classes", "no"], "Check the file of --classes"),
        (["--images", "{images}", "--masks", "{masks}", "--split", "no"], "Check the file of --split"),
        (["--resume"], "which run to go on with"),
        (["--resume", "--out", "{images}"], "is not a run"),
    ],
)
def test_failures_are_one_line(
    run: Run, images: Path, masks: Path, pretend: Pretend, words: list[str], reason: str
) -> None:
    started = pretend(END)
    done = run("train", *(word.format(images=images, masks=masks) for word in words))
    assert done.status == 1
    assert reason in done.err
    assert done.err.count("\n") == 1
    assert not started


def test_a_preview_trains_nothing_and_leaves_no_run(
    run: Run, project: Path, tmp_path: Path, pretend: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, ...]] = []

    def ask(*words: str) -> dict[str, Any]:
        asked.append(words)
        assert config_of(RunFolder(Path(words[1])))["augmentation"] == "aerial"
        return {"width": 3, "height": 4}

    monkeypatch.setattr(run_folder, "ask", ask)
    started = pretend(END)
    before = sorted(project.rglob("*"))
    done = run("train", project, "--set", "augmentation=aerial", "--preview", tmp_path / "x.png", "--json")
    assert done.value == {"preview": str(tmp_path / "x.png"), "width": 3, "height": 4}
    assert (asked[0][0], asked[0][2]) == ("training.preview", str(tmp_path / "x.png"))
    assert not started
    assert not Path(asked[0][1]).exists()
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize("words", [["--preview", "x.jpg"], ["--preview", "x.png", "--out", "run"]])
def test_a_preview_that_makes_no_sense_is_refused(run: Run, project: Path, words: list[str]) -> None:
    assert run("train", project, *words).status == 1


@pytest.mark.parametrize(
    ("event", "steps"),
    [
        (Progress(5, 100, 0.5, 1e-3, 10.0, 190.0), 100),
        (Progress(5, 100, 0.5, 1e-3, 10.0, 30.0), 20),
        (Progress(5, 100, 0.5, 1e-3, 10.0, 0.0), 5),
        (Progress(1, 100, 0.5, 1e-3, 0.0, 0.0), 100),
    ],
)
def test_the_bar_of_a_run_with_a_time_limit_is_full_at_its_end(event: Progress, steps: int) -> None:
    assert _expected(event) == steps
