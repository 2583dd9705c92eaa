"""Several processes on one run: what one process would have done, and an end for all when one dies."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess

import numpy as np
import psutil
import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing
from PIL import Image

from tests.training.processes import begin_together, start_method
from tests.training.samples import SPLIT, make_run, write_folders
from training import distributed
from training.distributed import Team, Watch, own_device
from training.engine import train
from training.losses import IGNORE, LOSSES, make_loss
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Failed, Finished, Paused, Progress, Started, Stopped, Validated
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_json

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not dist.is_available() or sys.platform == "win32", reason="needs gloo"),
]
PATIENCE = 90.0  # seconds that a test waits for other processes
STARTED: list[BaseProcess] = []
# Weights that depend on nothing but the pixels: no batch-norm statistics, no dropout.
PLAIN = {"normalisation": "none", "batch": 4, "learning_rate": 1e-3, "patience": 0}


@pytest.fixture
def source(tmp_path):
    """Discs whose masks are known to very different parts: an average over processes would be another."""
    source = write_folders(tmp_path / "set", split=SPLIT)
    classes = json.loads((tmp_path / "set" / "classes.json").read_text())
    (tmp_path / "set" / "classes.json").write_text(json.dumps({**classes, "ignore_index": UNLABELLED}))
    for number in range(5):
        path = tmp_path / "set" / "masks" / f"{number}.png"
        mask = np.array(Image.open(path))
        mask[6 * (number + 1) :] = UNLABELLED
        Image.fromarray(mask).save(path)
    return source


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    """End what a failed test leaves."""
    yield
    for child in STARTED:
        child.kill()
        child.join(PATIENCE)
    STARTED.clear()


def together(run: RunFolder, count: int = 2) -> list[BaseProcess]:
    """Start so many processes on a run."""
    children = begin_together(run, count)
    STARTED.extend(children)
    return children


def ended(children: list[BaseProcess], run: RunFolder) -> set[int | None]:
    """The exit statuses."""
    for child in children:
        child.join(PATIENCE)
        assert child.exitcode is not None, run.log.read_text()
    return {child.exitcode for child in children}


@contextmanager
def torchrun(run: RunFolder) -> Iterator[subprocess.Popen]:
    """Two processes on a run, started by torchrun; none is left in the end."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone"]
    with run.log.open("ab") as log:
        child = subprocess.Popen(
            [*command, "-m", "training", str(run.path)],
            env={**os.environ, "TORCH_CPP_LOG_LEVEL": "FATAL", "OMP_DISPLAY_ENV": "TRUE"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield child
    finally:
        for one in family(child):
            one.kill()
        child.wait(PATIENCE)


def family(child: subprocess.Popen) -> list[psutil.Process]:
    try:
        parent = psutil.Process(child.pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def wait(done) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def of(kind, run: RunFolder) -> list:
    return [event for event in run.events()[0] if isinstance(event, kind)]


def losses(run: RunFolder) -> dict[int, float]:
    return {event.step: event.loss for event in of(Progress, run)}


def alone(run: RunFolder) -> None:
    for event in train(run):
        run.emit(event)


def weights(run: RunFolder) -> dict[str, torch.Tensor]:
    return torch.load(run.last, weights_only=True)["network"]


def test_two_processes_do_what_one_does(tmp_path, source):
    """In pieces; batches that are computed at once: the next test."""
    settings = {**PLAIN, "accumulate": 2, "batch": 2}
    one = make_run(tmp_path / "one", source, **settings)
    alone(one)
    two = make_run(tmp_path / "two", source, **settings)
    assert ended(together(two), two) == {0}, two.log.read_text()
    assert isinstance(two.events()[0][-1], Finished)
    assert of(Started, two)[0].processes == 2
    assert [event.step for event in of(Progress, two)] == list(range(1, 13))
    assert losses(two) == pytest.approx(losses(one), abs=2e-5)
    for key, value in weights(one).items():
        torch.testing.assert_close(weights(two)[key], value, atol=2e-4, rtol=1e-3)
    scores = [[event.mean_dice for event in of(Validated, run)] for run in (one, two)]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    trained = [[event.train_iou for event in of(Validated, run)] for run in (one, two)]
    assert trained[0] == pytest.approx(trained[1], abs=0.02)


def test_a_run_goes_on_under_another_number_of_processes(tmp_path, source):
    settings = {**PLAIN, "schedule": "constant", "warmup_steps": 0}  # nothing depends on the number of steps
    run = make_run(tmp_path / "run", source, **settings, steps=100_000)
    first = together(run)
    wait(lambda: len(of(Progress, run)) >= 5)
    run.request("interrupt")
    assert ended(first, run) == {0, 130}, run.log.read_text()  # the first alone leaves it to be resumed
    assert run.requested() == set()
    assert run.state() == "interrupted"
    steps = of(Progress, run)[-1].step + 4
    write_json(run.path / "config.json", replace(run.config(), steps=steps).to_json())
    third = together(run, 3)
    assert ended(third, run) == {0}, run.log.read_text()
    whole = make_run(tmp_path / "whole", source, **settings, steps=steps)
    alone(whole)
    assert losses(run) == pytest.approx(losses(whole), abs=5e-5)


def test_requests_reach_all_processes_at_the_same_step(tmp_path, source):
    run = make_run(tmp_path / "run", source, **PLAIN, steps=100_000, evaluate_every=1000)
    children = together(run)
    wait(lambda: of(Progress, run))
    run.request("pause")
    wait(lambda: of(Paused, run))
    run.request("resume")
    paused = of(Paused, run)[0].step
    wait(lambda: of(Progress, run)[-1].step > paused)
    run.request("stop")
    assert ended(children, run) == {0}, run.log.read_text()
    assert isinstance(run.events()[0][-1], Stopped)
    steps = [event.step for event in of(Progress, run)]
    assert steps == list(range(1, len(steps) + 1))
    assert (run.best / "model.json").is_file()


def left_to_others(child: subprocess.Popen, run: RunFolder) -> None:
    """All but one core, passive waiting, and a lower priority, in every process."""
    workers = psutil.Process(child.pid).children()
    assert [worker.nice() for worker in workers] == [max(5, psutil.Process().nice())] * 2
    assert of(Started, run)[0].threads == max(1, (len(os.sched_getaffinity(0)) - 1) // 2)
    assert run.log.read_text().count("OMP_WAIT_POLICY = 'PASSIVE'") >= 2


def test_a_process_that_dies_ends_the_others_as_failed(tmp_path, source):
    settings = {**PLAIN, "threads": 0, "steps": 100_000, "evaluate_every": 10}
    run = make_run(tmp_path / "run", source, **settings)
    with torchrun(run) as child:
        wait(lambda: of(Validated, run))
        left_to_others(child, run)
        first = psutil.Process(run.pid)
        other = next(one for one in psutil.Process(child.pid).children() if one.pid != first.pid)
        other.send_signal(signal.SIGKILL)
        assert child.wait(PATIENCE) == 1, run.log.read_text()
    failed = run.events()[0][-1]
    assert isinstance(failed, Failed), run.log.read_text()
    assert "Another process" in failed.message
    assert "resume" in failed.remedy
    assert run.state() == "failed"
    run.clear_requests()  # torchrun has told the first to stop as well
    step = torch.load(run.last, weights_only=True)["standing"]["step"]
    write_json(run.path / "config.json", replace(run.config(), steps=step + 5).to_json())
    alone(run)
    assert isinstance(run.events()[0][-1], Finished)


def test_bad_input_ends_all_processes(tmp_path, source):
    run = make_run(tmp_path / "run", replace(source, masks=str(tmp_path / "none")), **PLAIN)
    assert ended(together(run), run) == {1}
    assert [type(event) for event in run.events()[0]] == [Failed]


# Without a run


def compute_apart(rank: int, port: int, folder: str) -> None:
    """Each process's part of a batch: the loss and its gradient."""
    torch.set_num_threads(1)
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    dist.init_process_group("gloo", rank=rank, world_size=2)
    team = Team(rank, 2, dist.group.WORLD)
    logits, targets = batch()
    for name in LOSSES:
        for background in (0, None):
            mine = logits[team.part(3)].clone().requires_grad_()
            with team.together():
                value = make_loss(name)(mine, targets[team.part(3)], background)
            value.backward()
            torch.save((value.detach(), mine.grad), f"{folder}/{name} {background} {rank}.pt")
    dist.destroy_process_group()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 8, 8, generator=generator)
    targets = torch.randint(0, 3, (3, 8, 8), generator=generator)  # class 3 occurs nowhere
    targets[0, 1:] = IGNORE
    targets[1] = IGNORE
    return logits, targets


def test_every_loss_is_that_of_the_whole_batch(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.start_processes(
        compute_apart, (port, str(tmp_path)), nprocs=2, start_method=start_method()
    )
    logits, targets = batch()
    for name in LOSSES:
        for background in (0, None):
            whole = logits.clone().requires_grad_()
            expected = make_loss(name)(whole, targets, background)
            expected.backward()
            parts = [
                torch.load(tmp_path / f"{name} {background} {rank}.pt", weights_only=True) for rank in (0, 1)
            ]
            for value, _ in parts:
                torch.testing.assert_close(value, expected.detach(), msg=name)
            torch.testing.assert_close(torch.cat([gradient for _, gradient in parts]), whole.grad)


def test_a_batch_is_split_without_gap_and_refused_where_a_process_would_have_none():
    parts = [list(range(10))[Team(rank, 4).part(10)] for rank in range(4)]
    assert [number for part in parts for number in part] == list(range(10))
    assert {len(part) for part in parts} == {2, 3}
    with pytest.raises(StudioError, match="2 patches for 3 processes"):
        Team(0, 3).part(2)


def test_each_process_has_a_card_of_its_own(monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(distributed, "cuda_count", lambda: 2)
    assert own_device(torch.device("cuda")) == torch.device("cuda:1")
    assert own_device(torch.device("cpu")) == torch.device("cpu")
    for device in ("cuda:0", "mps"):
        with pytest.raises(StudioError, match="can't share"):
            own_device(torch.device(device))
    monkeypatch.setattr(distributed, "cuda_count", lambda: 1)
    with pytest.raises(StudioError, match="2 processes for 1 CUDA"):
        own_device(torch.device("cuda"))


def test_a_process_that_waits_for_ever_is_ended_when_another_dies(monkeypatch):
    monkeypatch.setattr(distributed, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(distributed, "GRACE_SECONDS", 0.01)
    told, statuses = [], []
    monkeypatch.setattr(distributed.os, "_exit", statuses.append)
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    watch = Watch([other.pid], told.append)
    watch.start()
    time.sleep(0.1)
    assert not told
    other.communicate()
    watch.join(PATIENCE)
    assert statuses == [1]
    assert "Another process" in told[0].message


def test_a_process_that_ends_by_itself_in_time_is_left_alone(monkeypatch):
    monkeypatch.setattr(distributed, "LOOK_SECONDS", 0.01)
    statuses = []
    monkeypatch.setattr(distributed.os, "_exit", statuses.append)
    other = subprocess.Popen([sys.executable, "-c", "pass"])
    watch = Watch([other.pid], lambda error: None)
    other.wait()
    watch.start()
    time.sleep(0.1)
    watch.end()
    watch.join(PATIENCE)
    assert not statuses
