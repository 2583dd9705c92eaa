"""What an export that is broken off leaves to go on with: which images were written, and what of.

One line of JSON says which export it is, then one says it of each image whose files are complete. What was
written is not trusted on its word: the proof reads every file back and compares it with the digest here.
"""

import hashlib
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_studio import __version__
from unet_studio.core.project import Project
from unet_studio.formats.export_layers import StoredLayers
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.proof import Fingerprint
from unet_studio.formats.table import Format

LOG = "log.jsonl"  # beside the folder that is written aside

# The formats whose writer makes of each image files that depend on nothing but it and the names of all. One
# file for all images, numbers and kinds that are found on the way have to begin anew.
PIECEWISE = frozenset(
    {
        "index-png",
        "index-tiff",
        "color-png",
        "cityscapes",
        "voc",
        "labelme",
        "labelme-polygons",
        "rootpainter",
        "yolo",
    }
)


@dataclass(frozen=True)
class Written:
    """An image that was written. meant: its labels. facts: what the manifest says of it."""

    meant: Fingerprint
    facts: dict[str, Any]


class ExportLog:
    """The log of one export. path: its file. Nothing is written of an export that can't be gone on with."""

    def __init__(self, path: Path, layers: StoredLayers, entry: Format, options: ExportOptions) -> None:
        self._path = path
        self._layers = layers
        self._kept = can_go_on(entry, options)
        self._head = _head(layers, entry, options)

    def begin(self) -> None:
        """Forget what another export has left, and begin with this one."""
        self._path.unlink(missing_ok=True)
        self._append(self._head)

    def forget(self) -> None:
        """There is nothing to go on with any more."""
        self._path.unlink(missing_ok=True)

    def add(self, name: str, meant: Fingerprint) -> None:
        """All files of an image are complete."""
        if not self._kept:
            return
        facts = self._layers.facts[name]
        sources = _sources(self._layers, name, facts.get("model"))
        value = {"image": name, "labels": [*meant.shape, meant.digest], "facts": facts, "sources": sources}
        self._append(value)

    def _append(self, value: Any) -> None:
        if self._kept:
            # A line begins with its end, so that one which a kill cut off spoils no other.
            with self._path.open("ab", buffering=0) as log:
                log.write(("\n" + json.dumps(value)).encode())

    def written(self) -> dict[str, Written] | None:
        """The images that this very export has written before, from layers that are the same now.

        None where nothing is left of it.
        """
        values = self._values()
        if not values or values[0] != self._head:
            return None
        found: dict[str, Written] = {}
        for value in values[1:]:
            with suppress(KeyError, TypeError, ValueError, AttributeError):
                name, facts = str(value["image"]), dict(value["facts"])
                height, width, digest = value["labels"]
                if value["sources"] == _sources(self._layers, name, facts.get("model")):
                    found[name] = Written(Fingerprint((int(height), int(width)), str(digest)), facts)
        return found

    def _values(self) -> list[Any]:
        found = []
        with suppress(OSError), self._path.open("rb") as stream:
            for line in stream:
                with suppress(ValueError):
                    found.append(json.loads(line))
        return found


def can_go_on(entry: Format, options: ExportOptions) -> bool:
    """Whether an export can be gone on with, image by image; statistics need every image at hand."""
    return entry.name in PIECEWISE and not options.statistics


def _head(layers: StoredLayers, entry: Format, options: ExportOptions) -> dict[str, str]:
    """Everything that the files of an image depend on beside its own layers."""
    project, names = layers.project, layers.names
    told = {
        "version": __version__,
        "project": str(project.folder),
        "format": entry.name,
        "options": options.to_json(),
        "classes": layers.mapping.to_json(),
        "model": layers.model,
        "thresholds": sorted(project.thresholds.values.items()),
        "title": project.name,
        "names": names,
        "split": [project.split.get(name) for name in names],
    }
    return {"export": hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()}


def _sources(layers: StoredLayers, name: str, model: object) -> list[list[int]]:
    """Size in bytes and time in ns of every file that an image's labels come from; [] for one not there."""
    project = layers.project
    models = {str(one) for one in (layers.model, model) if one}
    return [_stamp(path) for path in _places(project, name, sorted(models))]


def _places(project: Project, name: str, models: Iterable[str]) -> list[Path]:
    return [
        project.image_path(name),
        project.annotation_path(name),
        project.approved_path(name),
        project.journal_path(name),
        *(project.prediction_path(model, name) for model in models),
    ]


def _stamp(path: Path) -> list[int]:
    with suppress(OSError):
        status = path.stat()
        return [status.st_size, status.st_mtime_ns]
    return []
