"""What a figure is made of: parts, each finished once and kept, so that a figure can be gone on with."""

import json
import shutil
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.benchmarks.recipes.studio import Studio

Act = Callable[[Studio], dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """What the command line says. minutes: of each training, by clock. sets: more settings of every training.

    only: parts whose name contains it. images: how many are generated, 0 for the figure's own number. out,
    data: absolute folders.
    """

    minutes: float
    seeds: tuple[int, ...]
    threads: int
    size: int
    out: Path
    data: Path
    sets: tuple[str, ...] = ()
    clock: str = "processor"
    only: str = ""
    images: int = 0

    def settings(self) -> dict[str, Any]:
        """What decides about a part's figures."""
        return {
            "minutes": self.minutes,
            "clock": self.clock,
            "threads": self.threads,
            "size": self.size,
            "sets": list(self.sets),
            "images": self.images,
            "data": str(self.data),
        }


@dataclass
class Book:
    """The parts of one figure, in the folder OUT/NAME. results: by part, as they are finished.

    Each part has a folder of its own with a part.json once it is finished; what an interrupted one left is
    thrown away.
    """

    name: str
    options: Options
    say: Callable[[str], None]
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """Where everything of this figure is."""
        return self.options.out / self.name

    def part(self, name: str, act: Act, settings: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """What act(studio) returns, or returned earlier; None where it failed or is left out.

        settings: what decides about the part besides the options.
        """
        if self.options.only not in name:
            return None
        folder = self.folder / name
        meant = {**self.options.settings(), **(settings or {})}
        try:
            record = self._finished(folder, meant) or self._make(folder, name, act, meant)
        except Exception as error:
            # The border of a part: whatever happened, the others of the night must go on.
            self.failures[name] = f"{type(error).__name__}: {error}"
            self.say(f"{name} failed: {error}")
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "log.txt").open("a") as log:
                log.write(traceback.format_exc())
            return None
        self.records[name] = record
        self.results[name] = record["result"]
        result: dict[str, Any] = record["result"]
        return result

    def _finished(self, folder: Path, meant: Mapping[str, Any]) -> dict[str, Any] | None:
        file = folder / "part.json"
        if not file.is_file():
            return None
        record: dict[str, Any] = json.loads(file.read_text())
        if record["settings"] != json.loads(json.dumps(meant)):
            raise RuntimeError(f"{folder} was made with other settings; choose another --out, or delete it.")
        self.say(f"{folder.name}: finished before")
        return record

    def _make(self, folder: Path, name: str, act: Act, meant: Mapping[str, Any]) -> dict[str, Any]:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        studio = Studio(
            folder, self.options.threads, self.options.minutes, self.options.clock, self.options.sets
        )
        began = time.perf_counter()
        self.say(f"{name} ...")
        result = act(studio)
        record = {
            "settings": dict(meant),
            "result": result,
            "seconds": round(time.perf_counter() - began, 1),
            "cpu_seconds": round(sum(done.cpu for done in studio.done), 1),
            "commands": [{**asdict(done), "stdout": ""} for done in studio.done],
        }
        file = folder / "part.json"
        file.with_suffix(".new").write_text(json.dumps(record, indent=1))
        file.with_suffix(".new").replace(file)
        self.say(f"{name}: {record['seconds']:.0f} s, {record['cpu_seconds']:.0f} s of the processor")
        return record
