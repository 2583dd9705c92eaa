"""What all commands say in the same way: lines, tables, one JSON object, and progress."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress

SPARSE_SECONDS = 10.0  # between two lines of progress where no terminal shows a bar


@dataclass(frozen=True)
class Terminal:
    """Where a command's words go. as_json: stdout is kept for one object, and lines go to stderr."""

    as_json: bool = False

    def say(self, text: str = "") -> None:
        """A line of the result."""
        print(text, file=sys.stderr if self.as_json else sys.stdout)

    def note(self, text: str) -> None:
        """A line beside the result."""
        print(text, file=sys.stderr)

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
    def progress(self, what: str) -> Iterator["Meter"]:
        """A bar on stderr while the block runs; a line now and then where stderr is no terminal."""
        if not sys.stderr.isatty():
            yield Meter(what)
            return
        # Imported here: it costs 0.1 s, which `models --json` in a script should not pay.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        # Lines of stdout go above the bar only where both are one screen: a file must get its lines.
        shared = sys.stdout.isatty()
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, redirect_stdout=shared) as bar:
            yield Meter(what, bar)


@dataclass
class Meter:
    """The progress of one piece of work."""

    what: str
    bar: "Progress | None" = None
    last: float = field(default_factory=lambda: time.monotonic())
    task: Any = None

    def advance(self, done: float, total: float, detail: str = "") -> None:
        """So much of the total is done; detail: what is being worked on."""
        text = f"{self.what} {detail}".strip()
        if self.bar is not None:
            if self.task is None:
                self.task = self.bar.add_task(text, total=total)
            self.bar.update(self.task, completed=done, total=total, description=text.replace("[", r"\["))
        elif time.monotonic() - self.last >= SPARSE_SECONDS:
            self.last = time.monotonic()
            print(f"{text}: {100 * done / total if total else 100:.0f} %", file=sys.stderr)
