"""What was there before a large change, kept so that the change can be taken back as a whole.

A snapshot is a folder of plain files, unet-studio/snapshots/<stamp>-<kind>/:

    snapshot.json   what the change is, and how far it got
    images.json     the images that it may touch
    before/         project.json, split.json and every layer of these images as they were, in their places
    leaves.json     project.json as the change leaves it
    log.jsonl       which images it has begun to touch, and what it left there
    after/          what taking it back has replaced: nothing is ever deleted
    spare           room on the disk, so that the change can be taken back where it has filled it

All of before/ is complete before the first file is changed, so a change that is killed at any moment can be
taken back. Layers are replaced on every save and never written in place, so a hard link keeps the old one and
costs no space; journals do grow in place, and are copied.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any, Literal

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project, ProjectFile
from unet_studio.core.storage import read_json, write_json

KEPT, KEPT_BYTES = 5, 2 * 2**30  # snapshots that can be taken back, and what they may cost in all
SPARE_BYTES = 1 << 18
TOGETHER = 64  # images that are announced in the log, and brought to the disk, at once

State = Literal["open", "stopped", "done", "undoing", "undone", "thinned"]
WORK: Mapping[str, str] = {"annotations": ".png", "approved": ".png", "journal": ".journal"}
_GROWING = frozenset({"journal"})  # layers that are written in place
SPARE = "spare"
_FILES = ("project.json", "split.json")


@dataclass(frozen=True)
class Snapshot:
    """A snapshot on disk. kind: of the change, "import". title: what people call it. created: ISO 8601, UTC.

    state: "open" while the change is under way, or where it was killed; "stopped" by a person or an error, in
    the midst of it; "done"; "undoing", where that was killed too; "undone"; "thinned": too old, only its
    report is left. layers: folder of the project -> suffix of the files in it that the change may touch.
    files: other files of the project that it may touch. details: what the change needs to know to go on,
    plain JSON values.
    """

    folder: Path
    kind: str
    title: str
    created: str
    state: State
    layers: Mapping[str, str]
    files: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def undoable(self) -> bool:
        """Whether there is something to take back."""
        return self.state in ("open", "stopped", "done", "undoing")

    def names(self) -> list[str]:
        """The images that the change may touch."""
        return [_safe(str(name)) for name in read_json(self.folder / "images.json")]

    def log(self) -> dict[str, dict[str, str] | None]:
        """The images that the change has begun to touch -> what it left there, digests by layer.

        None where it did not come to say. A line cut off by a crash counts as none.
        """
        found: dict[str, dict[str, str] | None] = {}
        with suppress(FileNotFoundError), (self.folder / "log.jsonl").open("rb") as stream:
            for line in stream:
                with suppress(ValueError, AttributeError):
                    value = json.loads(line)
                    found.update(dict.fromkeys(map(str, value.get("begun", ()))))
                    if "done" in value:
                        found[str(value["done"])] = {str(k): str(v) for k, v in value["left"].items()}
        return found

    def was(self, layer: str, name: str) -> Path:
        """Where a layer of an image is kept as it was; no file where there was none."""
        return self.folder / "before" / layer / f"{name}{self.layers[layer]}"

    def now(self, project: Project, layer: str, name: str) -> Path:
        """Where that layer of the image is in the project."""
        return project.folder / layer / f"{name}{self.layers[layer]}"

    def left(self, project: Project, name: str) -> dict[str, str]:
        """What is in the project for an image now: digests of its files by layer."""
        places = {layer: self.now(project, layer, name) for layer in self.layers}
        return {layer: digest(place) for layer, place in places.items() if place.is_file()}

    def before(self) -> ProjectFile | None:
        """project.json as it was; None where the project was not on disk yet."""
        return _file_in(self.folder / "before" / "project.json")

    def leaves(self) -> ProjectFile | None:
        """project.json as the change leaves it; None where it leaves it alone."""
        return _file_in(self.folder / "leaves.json")

    def bytes(self) -> int:
        """What it costs: files that are still in use elsewhere cost nothing."""
        return sum(size for _, size in _sizes(self.folder))


@dataclass
class Recorder:
    """A change under way, as its snapshot follows it. Use it as a context: an error leaves it "stopped"."""

    project: Project
    snapshot: Snapshot
    _announced: set[str] = field(default_factory=set)

    def touch(self, name: str, following: Sequence[str] = ()) -> None:
        """An image is to be changed now. following: those that come next, announced along with it."""
        if name in self._announced:
            return
        names = [name, *(one for one in following[: TOGETHER - 1] if one not in self._announced)]
        self._announced.update(names)
        self._write({"begun": names}, sync=True)

    def touched(self, name: str) -> None:
        """An image is changed."""
        self._write({"done": name, "left": self.snapshot.left(self.project, name)})

    def _write(self, value: Mapping[str, Any], sync: bool = False) -> None:
        # A line begins with its end, so that one which a kill cut off spoils no other.
        with (self.snapshot.folder / "log.jsonl").open("ab", buffering=0) as log:
            log.write(("\n" + json.dumps(value)).encode())
            if sync:
                os.fsync(log.fileno())

    def finish(self, state: State) -> Snapshot:
        """Note how the change ended, and let go of the oldest snapshots."""
        give_room(self.snapshot)
        self.snapshot = _store(self.snapshot, state)
        thin_out(self.project)
        return self.snapshot

    def __enter__(self) -> "Recorder":
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None and self.snapshot.state == "open":
            with suppress(OSError):  # "open" says as much
                self.snapshot = _store(self.snapshot, "stopped")


def take(
    project: Project,
    kind: str,
    title: str,
    names: Iterable[str],
    layers: Mapping[str, str] = WORK,
    files: tuple[str, ...] = (),
    details: Mapping[str, Any] | None = None,
    leaves: ProjectFile | None = None,
) -> Recorder:
    """Keep what is there of these images, before anything is changed; the project is prepared first.

    layers, files, details: see Snapshot. leaves: project.json as the change will leave it. Raises
    StudioError, without a trace, where there is no room for it.
    """
    chosen = list(names)
    existed = project.exists
    project.prepare()
    folder = _new_folder(project, kind)
    snapshot = Snapshot(folder, kind, title, _now(), "open", dict(layers), files, dict(details or {}))
    try:
        folder.mkdir(parents=True)
        for name in (*_FILES, *files) if existed else ():
            if (project.folder / name).is_file():
                _copy(project.folder / name, folder / "before" / name)
        for layer in layers:
            for name in chosen:
                here = snapshot.now(project, layer, name)
                if here.is_file():
                    (_copy if layer in _GROWING else link)(here, snapshot.was(layer, name))
        if leaves is not None:
            write_json(folder / "leaves.json", leaves.to_json())
        write_json(folder / "images.json", chosen)
        (folder / SPARE).write_bytes(os.urandom(SPARE_BYTES))  # random: some disks keep zeros in no room
        return Recorder(project, _store(snapshot, "open"))
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise StudioError(
            f"What is there can't be kept before it is changed ({error.strerror}), so nothing was changed.",
            f"Make room in {project.folder}, or check that it can be written to.",
        ) from error


def resume(project: Project, snapshot: Snapshot) -> Recorder:
    """Go on with a change that was stopped or killed; what was there before it stays what it was."""
    project.prepare()
    return Recorder(project, _store(snapshot, "open"))


def snapshots(project: Project) -> list[Snapshot]:
    """All of a project, the newest first; folders that make no sense are passed over."""
    folder = project.folder / "snapshots"
    if not folder.is_dir():
        return []
    found = []
    for path in sorted(folder.iterdir(), key=_age, reverse=True):
        with suppress(StudioError, KeyError, TypeError, AttributeError):
            found.append(_read(path))
    return found


def last_undoable(project: Project) -> Snapshot | None:
    """The newest change that was not taken back, if what was there before it is still kept."""
    found = next((one for one in snapshots(project) if one.state != "undone"), None)
    return found if found is not None and found.undoable else None


def broken_off(project: Project) -> Snapshot | None:
    """The newest change, where it or its undoing was killed in the midst of it.

    Ask where this process is the project's writer: then nobody else is at it.
    """
    found = next(iter(snapshots(project)), None)
    return found if found is not None and found.state in ("open", "undoing") else None


def accept(snapshot: Snapshot) -> Snapshot:
    """A person has seen that a change was broken off, and leaves it at that; it can still be taken back."""
    return _store(snapshot, "stopped")


def thin_out(project: Project) -> None:
    """Let go of what the oldest snapshots keep, beyond KEPT of them or KEPT_BYTES; reports stay.

    The newest one stays whatever it costs. What was killed before its change began goes as a whole.
    """
    for path in (project.folder / "snapshots").iterdir():
        if path.is_dir() and not (path / "snapshot.json").is_file():
            shutil.rmtree(path, ignore_errors=True)
    cost = 0
    for place, one in enumerate(snapshots(project)):
        if one.state == "thinned":
            continue
        cost += one.bytes()
        if place > 0 and (place >= KEPT or cost > KEPT_BYTES):
            with suppress(OSError):
                _store(one, "thinned")  # first: what is half gone can't be taken back
                for name in ("before", "after"):
                    shutil.rmtree(one.folder / name, ignore_errors=True)


def give_room(snapshot: Snapshot) -> None:
    """Give the room on the disk back that was kept for taking the change back."""
    (snapshot.folder / SPARE).unlink(missing_ok=True)


def digest(path: Path) -> str:
    """Tells the bytes of a file from all others."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def link(source: Path, target: Path) -> None:
    """Let target be the same file as source; a copy where the disk knows no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def mark(snapshot: Snapshot, state: State) -> Snapshot:
    """Note another state of a snapshot."""
    return _store(snapshot, state)


def _store(snapshot: Snapshot, state: State) -> Snapshot:
    value = {
        "kind": snapshot.kind,
        "title": snapshot.title,
        "created": snapshot.created,
        "state": state,
        "layers": dict(snapshot.layers),
        "files": list(snapshot.files),
        "details": dict(snapshot.details),
    }
    write_json(snapshot.folder / "snapshot.json", value)
    return _read(snapshot.folder)


def _read(folder: Path) -> Snapshot:
    value = read_json(folder / "snapshot.json")
    return Snapshot(
        folder,
        str(value["kind"]),
        str(value["title"]),
        str(value["created"]),
        value["state"],
        {_safe(str(layer)): _safe(str(suffix)) for layer, suffix in value["layers"].items()},
        tuple(_safe(str(name)) for name in value.get("files", ())),
        value.get("details", {}),
    )


def _file_in(path: Path) -> ProjectFile | None:
    return ProjectFile.read(path) if path.is_file() else None


def _safe(relative: str) -> str:
    """A path of a snapshot that is to lie in the project. Raises StudioError where it leads elsewhere."""
    parts = PurePath(relative.replace("\\", "/")).parts
    if ".." in parts or PurePath(relative).is_absolute():
        raise StudioError(f"A snapshot names {relative}, which is no place in a project.", "Remove it.")
    return relative


def _sizes(folder: Path) -> Iterator[tuple[Path, int]]:
    """The files that nothing else uses, with their sizes in bytes."""
    for path in folder.rglob("*"):
        status = path.lstat()
        if path.is_file() and status.st_nlink == 1:
            yield path, status.st_size


def _new_folder(project: Project, kind: str) -> Path:
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    place = project.folder / "snapshots" / f"{stamp}-{kind}"
    number = 1
    while place.exists():
        number += 1
        place = place.with_name(f"{stamp}-{number}-{kind}")
    return place


def _age(folder: Path) -> tuple[str, int]:
    """Sorts folders by when they were made."""
    parts = folder.name.split("-")
    return "-".join(parts[:2]), int(parts[2]) if len(parts) > 3 and parts[2].isdigit() else 1


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
