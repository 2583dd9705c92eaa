"""The command line that makes figures: `python -m PACKAGE NAME`, for this package and for those like it.

OUT/NAME.json holds everything, and a table in Markdown goes to standard output. Parts that are finished are
kept: the same command goes on where it was stopped, and tries again what failed. One part's failure does not
stop the others; the exit status is then 1.

Minutes are processor minutes of the training itself, all its threads together, validations included (the
setting clock=processor), so that they mean the same on a busy machine; --clock wall for those on the wall.
The tables' CPU minutes are those of the whole command, with starting, reading and writing.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.recipes.book import Book, Options
from tests.benchmarks.recipes.processes import ROOT, adopt_orphans
from tests.benchmarks.recipes.tables import Table


@dataclass(frozen=True)
class Figure:
    """A figure: how it is made, and how long and with which seeds unless said otherwise."""

    run: Callable[[Book], Table]
    about: str
    minutes: float
    seeds: tuple[int, ...] = (0,)


def parser(package: str, about: str | None, figures: Mapping[str, Figure]) -> argparse.ArgumentParser:
    """What the command line of a package takes; it may add more."""
    made = argparse.ArgumentParser(f"python -m {package}", description=about)
    listed = "; ".join(f"{name}: {figure.about} ({figure.minutes:g} min)" for name, figure in figures.items())
    made.add_argument("name", choices=figures, metavar="NAME", help=listed)
    made.add_argument("--minutes", type=float, help="of each training; else the figure's own")
    made.add_argument("--seeds", type=seeds, help="for example 0,1,2; else the figure's own")
    made.add_argument("--clock", choices=("processor", "wall"), default="processor", help="of the minutes")
    made.add_argument("--threads", type=int, default=1, help="of each training (1)")
    made.add_argument("--out", type=Path, default=Path("figures"), help="where everything goes (figures)")
    made.add_argument("--data", default=os.environ.get("UNET_STUDIO_DATA", "."), help="the real images")
    made.add_argument("--only", default="", metavar="TEXT", help="parts whose name contains it")
    made.add_argument("--images", type=int, default=0, help="how many, where a figure may choose")
    made.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="in every training")
    return made


def make(
    package: str, figures: Mapping[str, Figure], given: argparse.Namespace, words: list[str], size: int = 0
) -> int:
    """Make the figure that was asked for; returns the exit status. words: the command line's, to be noted.

    size: side of the network's input, px, where a figure has one.
    """
    figure = figures[given.name]
    options = Options(
        minutes=figure.minutes if given.minutes is None else given.minutes,
        seeds=figure.seeds if given.seeds is None else given.seeds,
        threads=given.threads,
        clock=given.clock,
        size=size,
        out=given.out.absolute(),
        data=Path(given.data).absolute(),
        sets=tuple(given.set),
        only=given.only,
        images=given.images,
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))  # trainings are ended as on Ctrl-C
    adopt_orphans()
    book = Book(given.name, options, say)
    book.folder.mkdir(parents=True, exist_ok=True)
    try:
        table = figure.run(book)
    except FileNotFoundError as error:
        say(str(error))
        return 2
    value = record(book, table, ["python", "-m", package, *words])
    (options.out / f"{given.name}.json").write_text(json.dumps(value, indent=1, allow_nan=True))
    print(text(value, table))
    return 1 if book.failures else 0


def seeds(words: str) -> tuple[int, ...]:
    """Numbers between commas."""
    return tuple(int(word) for word in words.split(","))


def say(line: str) -> None:
    """Tell what is going on, on stderr: stdout is the table's."""
    print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)


def record(book: Book, table: Table, command: list[str]) -> dict[str, Any]:
    """All that is known of a figure, for its JSON file."""
    return {
        "figure": book.name,
        "command": command,
        "machine": machine(),
        "table": {"head": list(table.head), "rows": [list(row) for row in table.rows]},
        "notes": list(table.notes),
        "parts": book.records,
        "failures": book.failures,
    }


def machine() -> dict[str, Any]:
    """What the figures were made with."""
    from importlib.metadata import version

    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False, cwd=ROOT
    )
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "commit": described.stdout.strip(),
        "date": time.strftime("%Y-%m-%d"),
    }


def processor() -> str:
    """The processor's name, where Linux tells it."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")


def text(value: dict[str, Any], table: Table) -> str:
    """A figure as people read it."""
    facts = value["machine"]
    made = f"{facts['processor']}, {facts['cores']} cores; torch {facts['torch']}; {facts['commit']}"
    blocks = [f"## {value['figure']}", table.markdown(), f"Made {facts['date']} on {made}."]
    for name, reason in value["failures"].items():
        blocks.append(f"**{name} failed**: {reason}")
    lines = [one["command"] for part in value["parts"].values() for one in part["commands"]]
    blocks.append("```\n" + "\n".join(lines) + "\n```")
    return "\n\n".join(blocks)
