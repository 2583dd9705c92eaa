"""Model versions: a finished run's best model becomes v1, v2, ... of a project; models found by name."""

import difflib
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import (
    CARD_FILE,
    MODEL_FILE,
    ModelCard,
    ModelEntry,
    list_models,
    read_card,
    write_card,
)
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import atomic_write

BEST = "best"  # a run's best model lies in this folder of it


def publish(
    run: RunFolder, models: Path, name: str | None = None, metrics: Mapping[str, Any] | None = None
) -> ModelEntry:
    """Copy a run's best model to models/<name>, whole or not at all; by default the next of v1, v2, ...

    Its card then carries that name, and these metrics beside its own. A run that ended by itself gives up its
    last.pt, four times as large as the model. Raises StudioError where the run has no model or the name is
    taken.
    """
    if not run.has_best or not (run.best / MODEL_FILE).is_file():
        raise StudioError(f"The run {run.name} has no model yet.", "Wait for its first validation.")
    card = read_card(run.best)
    card = replace(card, metrics={**card.metrics, **(metrics or {})})
    models.mkdir(parents=True, exist_ok=True)
    waiting = Path(tempfile.mkdtemp(prefix=".", dir=models))
    try:
        with (run.best / MODEL_FILE).open("rb") as source, atomic_write(waiting / MODEL_FILE) as target:
            shutil.copyfileobj(source, target)
        entry = _settle(waiting, models, card, name, run.path.parent)
    finally:
        shutil.rmtree(waiting, ignore_errors=True)
    if run.state() == "finished":
        with suppress(OSError):  # the version is there; the state only takes room
            run.last.unlink()
    return entry


def publish_once(
    run: RunFolder, models: Path, name: str, metrics: Mapping[str, Any] | None = None
) -> ModelEntry | None:
    """The version that a run's best model has become; where it has not yet, it is made the one of this name.

    A window and a command may both see a run end: who comes second waits for the first, and gets the same.
    None where that version was deleted since: it does not come back. A run that went on after its model had
    become a version gives the next one of v1, v2, ..., unless its best is still the same. Raises as publish
    does, and StudioError where another process takes too long over it.
    """
    with run.publishing():
        if not run.unpublished:
            return version_of(run, models)
        entry = _same_model(run, models)
        if entry is None:
            entry = publish(run, models, None if (models / name).exists() else name, metrics)
        elif entry.card is not None:
            card = replace(entry.card, metrics={**entry.card.metrics, **(metrics or {})})
            write_card(entry.folder, card)
            entry = replace(entry, card=card)
        run.note_version(entry.name)
        return entry


def version_of(run: RunFolder, models: Path) -> ModelEntry | None:
    """The version that a run's model has become; None before, and where it was deleted since.

    A run of before it noted that gave the version its own name.
    """
    noted = run.version
    folder = models / (noted or run.name)
    if not (folder / CARD_FILE).is_file():
        return None
    entry = model_in(folder)
    own = entry.card is not None and entry.card.training.get("run") == run.name
    return entry if noted or own else None


def _same_model(run: RunFolder, models: Path) -> ModelEntry | None:
    """The version that is the run's best model as it is, as where its maker was killed before it noted it."""
    best = read_card(run.best) if run.has_best else None
    if best is None or best.training.get("run") != run.name:
        return None
    cards = ((entry, entry.card) for entry in list_models(models) if entry.card is not None)
    made = (best.created, best.training)
    return next((entry for entry, card in cards if (card.created, card.training) == made), None)


def _settle(waiting: Path, models: Path, card: ModelCard, name: str | None, runs: Path) -> ModelEntry:
    """Give the waiting folder its name; renaming a folder onto another one fails, so none is overwritten.

    runs: the folder of trainings, whose names are spoken for.
    """
    while True:
        chosen = name or next_version(models, runs)
        named = replace(card, name=chosen)
        write_card(waiting, named)
        waiting.chmod(0o755)  # temporary folders are private
        target = models / chosen
        if not target.exists():
            try:
                return ModelEntry(chosen, waiting.rename(target), named)
            except OSError:
                if not target.exists():
                    raise
        if name is not None:
            raise StudioError(f"There is a model {name!r} already.", "Choose another name.")


def describe(entry: ModelEntry, title: str, note: str) -> ModelEntry:
    """Store what a person calls a version and says of it. Raises StudioError where it can't be used."""
    card = replace(_usable(entry).card or read_card(entry.folder), title=title.strip(), note=note.strip())
    write_card(entry.folder, card)
    return replace(entry, card=card)


def delete(entry: ModelEntry, models: Path) -> None:
    """Remove a version for good; its predictions stay, as corrections may rest on them.

    It vanishes at once: what a crash leaves of it begins with a dot and is no model. Raises StudioError where
    it is not one of these models, such as one that comes with the program.
    """
    if entry.folder.parent != models:
        raise StudioError(f"{entry.name} does not belong to this project.", "Delete it where it is kept.")
    gone = Path(tempfile.mkdtemp(prefix=".", dir=models))
    entry.folder.rename(gone / entry.name)
    shutil.rmtree(gone)


def clear_run(run: RunFolder) -> None:
    """Remove what is large of a run whose version was deleted, weights and data. What it told stays."""
    run.last.unlink(missing_ok=True)
    for folder in (run.best, run.data):
        shutil.rmtree(folder, ignore_errors=True)


def next_version(*folders: Path) -> str:
    """The first of v1, v2, ... above all in these folders: the name of a deleted one is not given again."""
    names = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    found = [re.fullmatch(r"v(\d+)", name) for name in names]
    return f"v{max((int(match[1]) for match in found if match), default=0) + 1}"


def find_model(text: str, roots: Iterable[Path]) -> ModelEntry:
    """The model that a text means: a name in one of the roots, a model folder, or a run folder (its best).

    Raises StudioError where there is none, or where it can't be used.
    """
    named = {entry.name: entry for entry in list_models(*roots)}
    if text in named:
        return _usable(named[text])
    path = Path(text).expanduser()
    for folder in (path, path / BEST):
        if (folder / CARD_FILE).is_file():
            return _usable(model_in(folder))
    if path.is_dir() and (path / "config.json").is_file():
        raise StudioError(f"The run {path} has no model yet.", "Wait for its first validation.")
    near = difflib.get_close_matches(text, named, 1)
    hint = f"Did you mean {near[0]}? " if near else ""
    known = ", ".join(named) or "none"
    raise StudioError(f"There is no model {text!r}.", f"{hint}By name there are: {known}.")


def model_in(folder: Path) -> ModelEntry:
    """The model of one folder, named by its card."""
    card = read_card(folder)
    missing = not (folder / MODEL_FILE).is_file()
    problem = f"{MODEL_FILE} is missing." if missing else ""
    return ModelEntry(card.name, folder, None if missing else card, problem)


def _usable(entry: ModelEntry) -> ModelEntry:
    if entry.card is None:
        raise StudioError(f"The model {entry.name} can't be used: {entry.problem}", "Choose another model.")
    return entry
