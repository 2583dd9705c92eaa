"""Steps of the engine and of a bare PyTorch loop, in turns, in one process: prints JSON.

python -m tests.benchmarks.recipes.throughput_trial RUN OTHER SECONDS

RUN, OTHER: folders of two equal runs that have not begun; SECONDS: of measuring. The bare loop has the same
network, loss, optimiser and threads, and a few batches as tensors in memory: no images to cut, no
augmentation, no gradient clipping, no average of weights, no events and no files.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from training.distributed import Team
from training.engine import train
from training.freeze import freeze
from training.job import Job, prepare
from unet_studio.core.events import Event, Failed, Progress
from unet_studio.core.run_folder import RunFolder
from unet_studio.model.devices import choose_device

STEPS = 3  # a turn
BATCHES = 3  # of the bare loop
PROFILED = 20  # steps


def main(run: RunFolder, other: RunFolder, seconds: float) -> dict[str, Any]:
    """Seconds on the clock and of the processor of every turn of each, and what they are of."""
    events = steps_of(train(run))
    first = timed(lambda: next(events))  # with reading and scaling the images of a batch
    data = freeze(other, other.config(), _go_on)
    jobs = [
        prepare(other, other.config(), data, choose_device(other.config().device), Team()) for _ in range(2)
    ]
    job = jobs[0]
    for _ in range(-(-len(data.part("train")) // job.plan.batch)):  # all images are in memory after a pass
        next(events)
    ways = {
        "engine": lambda: next(events),
        "bare, channels last": bare(jobs[0], torch.channels_last),
        "bare, contiguous": bare(jobs[1], torch.contiguous_format),
    }
    for act in ways.values():
        act()
    turns: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(turns["engine"]) < 3:
        for name, act in ways.items():
            turns[name].append(timed(act, STEPS))
    for one in jobs:
        one.close()
    shape = {"batch": job.plan.batch, "patch": job.plan.patch, "device": str(job.device)}
    profiled = {"busy": busy(events)} if job.device.type == "cuda" else {}
    return {
        "first": first,
        "turns": turns,
        "steps": STEPS,
        "threads": torch.get_num_threads(),
        **shape,
        **profiled,
    }


def _go_on() -> None:
    """Nothing asks this run to end."""


def steps_of(events: Iterator[Event]) -> Iterator[Progress]:
    """Of a run's events, the end of every step."""
    for event in events:
        if isinstance(event, Failed):
            raise RuntimeError(event.message)
        if isinstance(event, Progress):
            yield event


def bare(job: Job, layout: torch.memory_format) -> Callable[[], None]:
    """One step of a plain loop over batches that are there already."""
    batches = [job.batches.take(step) for step in range(BATCHES)]
    batches = [(images.contiguous(memory_format=layout), target) for images, target in batches]
    state, turn = job.state, 0
    state.network.to(memory_format=layout)  # type: ignore[call-overload]

    def step() -> None:
        nonlocal turn
        state.network.train()
        images, target = batches[turn % BATCHES]
        turn += 1
        state.optimiser.zero_grad()
        with torch.autocast(job.device.type, dtype=job.dtype, enabled=job.dtype is not None):
            logits = state.network(images)
        loss = job.loss(logits.float(), target, job.background)
        loss.backward()
        state.optimiser.step()
        loss.item()

    return step


def timed(act: Callable[[], Any], count: int = 1) -> dict[str, float]:
    """Seconds of so many calls, on the clock and of all threads of this process."""
    clock, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        act()
    return {"clock": time.perf_counter() - clock, "cpu": time.process_time() - cpu}


def busy(events: Iterator[Progress]) -> float:
    """The share of the time in which a kernel runs on the graphics card, of some steps of the engine."""
    from torch.profiler import ProfilerActivity, profile

    torch.cuda.synchronize()
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        start = time.perf_counter()
        for _ in range(PROFILED):
            next(events)
        torch.cuda.synchronize()
        wall = time.perf_counter() - start
    return covered([(one.time_range.start, one.time_range.end) for one in profiler.events()]) / (1e6 * wall)


def covered(spans: list[tuple[float, float]]) -> float:
    """The length of the union of intervals."""
    total, reached = 0.0, float("-inf")
    for start, end in sorted(spans):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return total


if __name__ == "__main__":
    run_folder, other_folder = (RunFolder(Path(word)) for word in sys.argv[1:3])
    print(json.dumps(main(run_folder, other_folder, float(sys.argv[3]))))
