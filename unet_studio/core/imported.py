"""Masks that were imported as predictions: kept like those of a model, but there is no model behind them.

unet-studio/predictions/<name>/ holds import.json, which says so, beside the predictions themselves. Such a
name can be chosen where models are, so that its masks are shown, corrected and approved; it predicts nothing.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from unet_studio.core.model_card import ModelEntry
from unet_studio.core.storage import write_json

MARKER = "import.json"
LONGEST = 60  # characters of a name that is made up


def marker(name: str) -> str:
    """The file that says so, relative to the project."""
    return f"predictions/{name}/{MARKER}"


def write_marker(project_folder: Path, name: str, facts: Mapping[str, Any]) -> None:
    """Note that predictions of that name were imported. facts: from where, plain JSON values."""
    write_json(project_folder / marker(name), dict(facts))


def is_imported(project_folder: Path, name: str) -> bool:
    """Whether the predictions of that name were imported."""
    return (project_folder / marker(name)).is_file()


def imported_models(project_folder: Path) -> list[ModelEntry]:
    """What can be chosen as a model because masks were imported under its name, in order."""
    folder = project_folder / "predictions"
    if not folder.is_dir():
        return []
    return [
        ModelEntry(
            place.name,
            place,
            None,
            "These masks were imported: correct them, or choose a model to predict other images.",
            imported=True,
        )
        for place in sorted(folder.iterdir())
        if (place / MARKER).is_file()
    ]


def fits_folder(name: str) -> bool:
    """Whether a name is fit to be that of imported predictions."""
    return re.fullmatch(r"\w[\w.-]*", name) is not None and len(name) <= 2 * LONGEST


def new_name(source: Path, taken: Iterable[str]) -> str:
    """A name for masks imported from a source that nothing else has, fit to be a folder's."""
    words = re.sub(r"[^\w.-]+", "-", source.resolve().stem).strip("-.")[:LONGEST]
    base = f"imported-{words}" if words else "imported"
    used = {name.casefold() for name in taken}
    if base.casefold() not in used:
        return base
    numbered = (f"{base}-{number}" for number in range(2, 10**6))
    return next(name for name in numbered if name.casefold() not in used)
