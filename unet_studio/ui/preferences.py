"""What the window remembers between starts: theme, size, recent folders. All of it may be deleted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QSettings

from unet_studio.core.history import HISTORY_BYTES

ORGANISATION = "U-Net Studio"
HISTORY_CHOICES = (64, 128, 256, 512, 1024, 2048)  # MB
RECENT = 10  # folders remembered
SIGNED = 100  # projects whose hidden and locked classes are remembered


@dataclass(frozen=True)
class Recent:
    """A folder opened before. project_dir: where its project lives, if not inside it."""

    folder: str
    project_dir: str | None = None


class Preferences:
    """Typed access to QSettings."""

    def __init__(self, settings: QSettings | None = None) -> None:
        self._settings = settings or QSettings(ORGANISATION, "window")

    @property
    def theme(self) -> str:
        """ "system", "light" or "dark"."""
        return self._text("theme", "system")

    @theme.setter
    def theme(self, choice: str) -> None:
        self._settings.setValue("theme", choice)

    @property
    def opacity(self) -> int:
        """Opacity of the mask over the image, 0..100 %."""
        text = self._text("opacity", "50")
        return max(0, min(100, int(text))) if text.isdigit() else 50

    @opacity.setter
    def opacity(self, percent: int) -> None:
        self._settings.setValue("opacity", str(percent))

    def view(self, name: str, default: bool) -> bool:
        """Whether something is switched on in the view."""
        return self._text(f"view/{name}", str(int(default))) == "1"

    def store_view(self, name: str, on: bool) -> None:
        """Store whether something is switched on in the view."""
        self._settings.setValue(f"view/{name}", str(int(on)))

    @property
    def tools(self) -> dict[str, object]:
        """What the tools were told last: the brush's radius, and "tool.setting" for what a tool declares."""
        try:
            return dict(json.loads(self._text("tools", "{}")))
        except (ValueError, TypeError):
            return {}

    @tools.setter
    def tools(self, values: dict[str, object]) -> None:
        self._settings.setValue("tools", json.dumps(values))

    @property
    def history_mb(self) -> int:
        """Memory that undo may take, of all images together, in MB."""
        text = self._text("history_mb", "")
        return int(text) if text.isdigit() and int(text) in HISTORY_CHOICES else HISTORY_BYTES // 2**20

    @history_mb.setter
    def history_mb(self, megabytes: int) -> None:
        self._settings.setValue("history_mb", str(megabytes))

    @property
    def prediction(self) -> dict[str, object]:
        """How to predict, as the model panel stores it."""
        try:
            return dict(json.loads(self._text("prediction", "{}")))
        except (ValueError, TypeError):
            return {}

    @prediction.setter
    def prediction(self, chosen: Mapping[str, object]) -> None:
        self._settings.setValue("prediction", json.dumps(dict(chosen)))

    @property
    def keys(self) -> dict[str, tuple[str, ...]]:
        """The keys that a person gave to actions, by the action's id; the others have those of the table."""
        try:
            stored = dict(json.loads(self._text("keys", "{}")))
            return {str(name): tuple(map(str, keys)) for name, keys in stored.items()}
        except (ValueError, TypeError):
            return {}

    @keys.setter
    def keys(self, chosen: Mapping[str, Sequence[str]]) -> None:
        self._settings.setValue("keys", json.dumps({name: list(keys) for name, keys in chosen.items()}))

    @property
    def recent(self) -> list[Recent]:
        """The folders opened last, newest first."""
        try:
            entries = json.loads(self._text("recent", "[]"))
            return [Recent(str(folder), place) for folder, place in entries][:RECENT]
        except (ValueError, TypeError):
            return []

    def remember(self, folder: Path, project_dir: Path | None = None) -> None:
        """Put a folder on top of the recent ones."""
        entry = Recent(str(folder), str(project_dir) if project_dir else None)
        self._store_recent([entry, *(old for old in self.recent if old.folder != entry.folder)])

    def forget(self, folder: str) -> None:
        """Take a folder off the recent ones."""
        self._store_recent([old for old in self.recent if old.folder != folder])

    def _store_recent(self, entries: list[Recent]) -> None:
        value = [[entry.folder, entry.project_dir] for entry in entries[:RECENT]]
        self._settings.setValue("recent", json.dumps(value))

    @property
    def import_sources(self) -> list[str]:
        """Where masks were imported from last, newest first."""
        try:
            return [str(source) for source in json.loads(self._text("import_sources", "[]"))][:RECENT]
        except (ValueError, TypeError):
            return []

    def remember_import_source(self, source: str) -> None:
        """Put a source of masks on top of the last ones."""
        sources = [source, *(old for old in self.import_sources if old != source)]
        self._settings.setValue("import_sources", json.dumps(sources[:RECENT]))

    def signs(self, folder: Path) -> tuple[frozenset[int], frozenset[int]]:
        """Which classes of a project are hidden, and which are locked."""
        try:
            hidden, locked = dict(json.loads(self._text("signs", "{}")))[str(folder)]
            return frozenset(map(int, hidden)), frozenset(map(int, locked))
        except (ValueError, TypeError, KeyError):
            return frozenset(), frozenset()

    def store_signs(self, folder: Path, hidden: frozenset[int], locked: frozenset[int]) -> None:
        """Store which classes are hidden and locked, of the projects that were open last."""
        try:
            known = dict(json.loads(self._text("signs", "{}")))
        except (ValueError, TypeError):
            known = {}
        known.pop(str(folder), None)
        if hidden or locked:
            known[str(folder)] = [sorted(hidden), sorted(locked)]
        self._settings.setValue("signs", json.dumps(dict(list(known.items())[-SIGNED:])))

    def export(self, folder: Path) -> dict[str, object]:
        """What was chosen in the last export of a project; of one never exported, in the last of any."""
        try:
            known = dict(json.loads(self._text("exports", "{}")))
            return dict(known.get(str(folder)) or known.get("", {}))
        except (ValueError, TypeError):
            return {}

    def store_export(self, folder: Path, chosen: Mapping[str, object], elsewhere: Sequence[str]) -> None:
        """Store what was chosen in an export. elsewhere: the keys that hold for other projects too."""
        try:
            known = dict(json.loads(self._text("exports", "{}")))
        except (ValueError, TypeError):
            known = {}
        known.pop(str(folder), None)
        known.pop("", None)
        known[str(folder)] = dict(chosen)
        known[""] = {key: chosen[key] for key in elsewhere if key in chosen}
        self._settings.setValue("exports", json.dumps(dict(list(known.items())[-SIGNED:])))

    def layout(self, name: str) -> QByteArray | None:
        """A stored window geometry or state, if there is one."""
        value = self._settings.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def store_layout(self, name: str, value: QByteArray) -> None:
        """Store a window geometry or state."""
        self._settings.setValue(f"layout/{name}", value)

    def _text(self, key: str, default: str) -> str:
        value = self._settings.value(key, default)
        return value if isinstance(value, str) else default
