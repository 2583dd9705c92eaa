"""What all commands say in the same way: lines, tables, one JSON object, and progress."""

import json
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unet_studio.core.errors import Cancelled

if TYPE_CHECKING:
    from rich.progress import Progress

SPARSE_SECONDS = 10.0  # between two lines of progress where no terminal shows a bar
PACE_SECONDS, PACE_STEP = 30.0, 0.5  # how long ago the work counts of which the pace is told, and how finely
# Names of files and classes come from anywhere: what a terminal would take for a command is written out.
_HARMLESS = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 32), *range(127, 160))}


@dataclass(frozen=True)
class Terminal:
    """Where a command's words go. as_json: stdout is kept for one object, and lines go to stderr."""

    as_json: bool = False

    def say(self, text: str = "") -> None:
        """A line of the result."""
        print(text.translate(_HARMLESS), file=sys.stderr if self.as_json else sys.stdout)

    def note(self, text: str) -> None:
        """A line beside the result."""
        print(text.translate(_HARMLESS), file=sys.stderr)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Rows under a head, aligned; the first column to the left, the others to the right."""
        lines = [list(head), *(list(row) for row in rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
        for line in lines:
            cells = [cell.rjust(width) for cell, width in zip(line, widths, strict=True)]
            self.say("  ".join([line[0].ljust(widths[0]), *cells[1:]]).rstrip())

    def result(self, value: dict[str, Any]) -> None:
        """The one JSON object, where it was asked for."""
        if self.as_json:
            print(json.dumps(value))

    @contextmanager
    def progress(self, what: str, unit: str = "", stopped: str = "") -> Iterator["Meter"]:
        """A bar on stderr while the block runs; a line now and then where stderr is no terminal.

        unit: what is counted, for "images/s". stopped: for work that can be gone on with, what to say where
        a person stops it; Ctrl-C then lets it finish the step it is at, and a second one does not.
        """
        with self._shown(what, unit) as meter, _gentle(meter) if stopped else nullcontext():
            try:
                yield meter
            except (Cancelled, KeyboardInterrupt):
                if stopped:
                    self.note(stopped)
                raise

    @contextmanager
    def _shown(self, what: str, unit: str) -> Iterator["Meter"]:
        if not sys.stderr.isatty():
            yield Meter(what, unit)
            return
        # Imported here: it costs 0.1 s, which `models --json` in a script should not pay.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        pace = TextColumn("{task.fields[pace]}", markup=False)
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), pace)
        # Lines of stdout go above the bar only where both are one screen: a file must get its lines.
        shared = sys.stdout.isatty()
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, redirect_stdout=shared) as bar:
            yield Meter(what, unit, bar)


@dataclass
class Meter:
    """The progress of one piece of work. stopping: a person wants it to end at the next step."""

    what: str
    unit: str = ""
    bar: "Progress | None" = None
    last: float = field(default_factory=lambda: time.monotonic())
    task: Any = None
    stopping: bool = False
    pace: "Pace" = field(default_factory=lambda: Pace())

    def advance(self, done: float, total: float, detail: str = "") -> None:
        """So much of the total is done; detail: what is being worked on. Raises Cancelled, see stopping."""
        if self.stopping:
            raise Cancelled
        self.pace.add(time.monotonic(), done)
        text = f"{self.what} {detail}".strip()
        if self.bar is not None:
            if self.task is None:
                self.task = self.bar.add_task(text, total=total, pace="")
            pace = self.pace.describe(total - done, self.unit)
            self.bar.update(
                self.task, completed=done, total=total, description=text.replace("[", r"\["), pace=pace
            )
        elif time.monotonic() - self.last >= SPARSE_SECONDS:
            self.last = time.monotonic()
            pace = self.pace.describe(total - done, self.unit)
            share = f"{100 * done / total if total else 100:.0f} %"
            counted = f"{done:.0f} of {total:.0f} {self.unit} ({share})" if self.unit else share
            print(f"{text}: {', '.join(filter(None, (counted, pace)))}", file=sys.stderr)


@dataclass
class Pace:
    """How fast work goes, from its last half minute. seen: (seconds, how much was done), oldest first."""

    seen: deque[tuple[float, float]] = field(default_factory=deque)

    def add(self, now: float, done: float) -> None:
        """So much is done at a time. Less than before means that another piece of work has begun."""
        if self.seen and done < self.seen[-1][1]:
            self.seen.clear()
        if len(self.seen) > 1 and now - self.seen[-2][0] < PACE_STEP:
            self.seen.pop()
        self.seen.append((now, done))
        while len(self.seen) > 2 and now - self.seen[1][0] > PACE_SECONDS:
            self.seen.popleft()

    def describe(self, left: float, unit: str) -> str:
        """The rate and the time that is left, as words; "" while nothing can be said."""
        (begun, first), (now, last) = (self.seen[0], self.seen[-1]) if self.seen else ((0, 0), (0, 0))
        if last <= first or now - begun < PACE_STEP:
            return ""
        rate = (last - first) / (now - begun)
        told = f"{rate:.0f} {unit}/s" if rate >= 10 else f"{rate:.2g} {unit}/s"
        rest = f"{in_words(left / rate)} left" if left > 0 else ""
        return ", ".join(filter(None, (told if unit else "", rest)))


def in_words(seconds: float) -> str:
    """A duration as people say it."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def _gentle(meter: Meter) -> Iterator[None]:
    """Let the first Ctrl-C end the work at its next step; the second one interrupts it wherever it is."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or before is not signal.default_int_handler:
        yield
        return

    def stop(_number: int, _frame: object) -> None:
        if meter.stopping:
            raise KeyboardInterrupt
        meter.stopping = True

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
