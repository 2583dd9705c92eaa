"""The models of a project as its versions: where each comes from, what it was judged by, what rests on it."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.files import stored_names
from unet_studio.core.gate import Outcome, read_verdict
from unet_studio.core.model_card import ModelCard, ModelEntry, read_card
from unet_studio.core.project import Project
from unet_studio.core.run_folder import UNDER_WAY, RunFolder


@dataclass(frozen=True)
class Version:
    """One model. own: whether it lies in the project, so that it can be renamed and deleted.

    size: bytes on disk. samples: finished images that it learned from, None where its card doesn't say.
    outcome, reasons: what the gate said, None and nothing where it was not asked. report: its run's, if any.
    """

    entry: ModelEntry
    own: bool
    size: int
    samples: int | None = None
    outcome: Outcome | None = None
    reasons: tuple[str, ...] = ()
    report: Path | None = None

    @property
    def name(self) -> str:
        """Its name, which never changes."""
        return self.entry.name


@dataclass(frozen=True)
class Dependents:
    """What rests on a version. children: made from it. restarting: whose next training would begin at it.

    predictions: images of which what it says is stored.
    """

    name: str
    children: tuple[str, ...]
    restarting: tuple[str, ...]
    predictions: int


def list_versions(project: Project) -> list[Version]:
    """The models of a project and those that come with the program, the newest first. Reads files."""
    runs = runs_of(project)
    found = [_version(project, entry, runs) for entry in project.models()]
    return sorted(found, key=lambda one: _made(one.entry), reverse=True)


def dependents(project: Project, name: str) -> Dependents:
    """What rests on a version of a project. Reads files."""
    cards = {entry.name: entry.card for entry in project.models() if entry.card is not None}
    stored = stored_names(project.folder / "predictions" / name, ".png")
    return Dependents(
        name,
        tuple(other for other, card in cards.items() if other != name and card.parent == name),
        tuple(other for other, card in cards.items() if other != name and card.base == name),
        sum(len(names) for names in stored),
    )


def needed_by_a_run(project: Project, entry: ModelEntry) -> str:
    """The name of a training that is under way or can be resumed and that needs a model, or "".

    Of those that failed only the newest can be resumed from the window, and only from a saved state.
    """
    runs = [RunFolder(path) for path in project.runs()]
    for run in runs:
        with suppress(StudioError):
            config = run.config()
            needed = {Path(text) for text in (config.init, config.rival) if text}
            state = run.state() if entry.folder in needed else ""
            failed = state == "failed" and run is runs[-1] and (run.last.is_file() or run.has_best)
            if failed or state in (*UNDER_WAY, "interrupted"):
                return run.name
    return ""


def _version(project: Project, entry: ModelEntry, runs: dict[str, RunFolder]) -> Version:
    own = entry.folder.parent == project.models_folder
    if entry.card is None:
        return Version(entry, own, _size(entry.folder))
    outcome, reasons = _gate(entry.card)
    return Version(
        entry,
        own,
        _size(entry.folder),
        _samples(entry.card),
        outcome,
        reasons,
        _report(entry.card, runs) if own else None,
    )


def _made(entry: ModelEntry) -> str:
    return entry.card.created if entry.card is not None else ""


def _size(folder: Path) -> int:
    total = 0
    for path in folder.iterdir():
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def _samples(card: ModelCard) -> int | None:
    """How many images a card says that its model learned from; a card may come from anywhere."""
    samples = card.training.get("samples")
    train = samples.get("train") if isinstance(samples, dict) else None
    return len(train) if isinstance(train, list) else None


def _gate(card: ModelCard) -> tuple[Outcome | None, tuple[str, ...]]:
    said: Any = card.metrics.get("gate")
    try:
        outcome = read_verdict(said)[0]
        return outcome, (*_sentences(said["reasons"]), *_sentences(said.get("warnings", ())))
    except (StudioError, KeyError, TypeError, AttributeError):
        return None, ()


def _sentences(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(one) for one in values)


def runs_of(project: Project) -> dict[str, RunFolder]:
    """The trainings of a project by their names."""
    return {path.name: RunFolder(path) for path in project.runs()}


def run_that_made(card: ModelCard, runs: dict[str, RunFolder]) -> RunFolder | None:
    """The run that made a model, if it is still there; one of another project may name a run of this one."""
    run = runs.get(str(card.training.get("run", "")))
    with suppress(StudioError):
        if run is not None and read_card(run.best).created == card.created:
            return run
    return None


def _report(card: ModelCard, runs: dict[str, RunFolder]) -> Path | None:
    run = run_that_made(card, runs)
    return run.report if run is not None and run.report.is_file() else None
