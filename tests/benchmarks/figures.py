"""Figures of a benchmark: on the clock and of the processor, medians and tails, beside goals."""

import time
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Figure:
    """One row. times, cpu: ms a round, on the clock and of the window's thread. goals: percentile -> ms.

    yard: ms of processor time that a fixed piece of work took before or after it, the longer one. A machine
    that others use makes it longer: rows compare where their yards do.
    """

    name: str
    times: tuple[float, ...]
    cpu: tuple[float, ...]
    goals: dict[float, float]
    yard: float

    def line(self):
        shown = f"{self.name:<52}{len(self.times):>5}"
        for values in (self.times, self.cpu):
            shown += "".join(f"{np.percentile(values, part):>9.2f}" for part in (50, 99, 100))
        shown += f"{self.yard:>8.1f}"
        missed = [
            f"p{percentile:g} {limit:g}"
            for percentile, limit in self.goals.items()
            if np.percentile(self.times, percentile) > limit
        ]
        goals = ", ".join(f"p{percentile:g} <= {limit:g}" for percentile, limit in self.goals.items())
        return shown + f"   {goals}" + (f"   MISSED: {', '.join(missed)}" if missed else "")


HEAD = f"{'ms':<52}{'n':>5}" + f"{'median':>9}{'p99':>9}{'max':>9}" * 2 + f"{'yard':>8}   goal on the clock"


def yardstick():
    """ms of processor time of a fixed piece of work, the best of five: some numpy, some Python."""
    found = []
    for _ in range(5):
        start, values = time.thread_time(), np.zeros((500, 500), dtype=np.uint32)
        for _ in range(50):
            values += 1
            sum(number for number in range(500))
        found.append(1000 * (time.thread_time() - start))
    return min(found)


class Figures:
    """What the benchmarks of a run measured: rows in ms, and sentences."""

    def __init__(self):
        self.rows = []
        self.notes = []

    def measure(self, benchmark, name, act, goals=None, setup=None, rounds=200, warmup=3, check=None):
        """Time act(*what setup returned), round by round. check(*the same): after each round, not timed."""
        cpu, given, yard = [], [], yardstick()

        def prepare():
            if given and check is not None:
                check(*given[0])
            given[:] = [setup() if setup is not None else ()]
            return given[0], {}

        def timed(*args):
            start = time.thread_time()
            act(*args)
            cpu.append(1000 * (time.thread_time() - start))

        benchmark.pedantic(timed, setup=prepare, rounds=rounds, warmup_rounds=warmup)
        if check is not None:
            check(*given[0])
        times = tuple(1000 * value for value in benchmark.stats.stats.data)
        figure = Figure(name, times, tuple(cpu[-rounds:]), goals or {}, max(yard, yardstick()))
        self.rows.append(figure)
        benchmark.extra_info["yard ms"] = round(figure.yard, 2)
        for label, values in (("wall", figure.times), ("cpu", figure.cpu)):
            for part in (50, 99, 100):
                benchmark.extra_info[f"{label} p{part} ms"] = round(float(np.percentile(values, part)), 3)
        return figure

    def note(self, benchmark, sentence, **values):
        """Keep figures that are no times of rounds."""
        self.notes.append(sentence)
        benchmark.extra_info.update(values)
