"""Where an export goes: written aside first, then put in its place as a whole, foreign files left alone."""

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unet_studio import __version__
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.lock import Lock
from unet_studio.core.project import Project
from unet_studio.core.storage import read_json, write_json
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.matching import inside
from unet_studio.formats.table import Format

PROGRAM = "U-Net Studio"
# JSON inside, under a name that no reader takes for data: labelme's converters read every *.json of a folder
# as the shapes of an image, datumaro every one in annotations/ as a COCO file.
MANIFEST = "unet-studio-export.manifest"
_SUFFIX = "manifest"  # after the name of an export that is one file among others'
_FORMER = "manifest.json"  # what it was called by earlier versions, in both cases after the prefix
ASIDE = ".unet-studio-export"  # the folder in the destination that holds what isn't complete yet
_BLOCK = 1 << 20  # bytes hashed at a time


@dataclass(frozen=True)
class Destination:
    """The place of an export. path: as it was given. folder: what all files are relative to.

    prefix: before the names of what lies beside the masks, where the export is one file among others'.
    earlier: the files of an earlier export of ours there -> their SHA-256, "" where it isn't known.
    """

    path: Path
    folder: Path
    prefix: str
    earlier: Mapping[str, str]

    @classmethod
    def of(cls, project: Project, entry: Format, path: Path, options: ExportOptions) -> "Destination":
        """Look at a destination. Raises StudioError where an export can't go there."""
        single = bool(entry.suffixes) and path.suffix.lower() in entry.suffixes
        folder = path.parent if single else path
        if single and options.split_folders and not entry.own_split:
            raise StudioError(f"{path} is one file.", "Name a folder, which gets a folder for each part.")
        _check_place(project, entry, folder, path, options)
        prefix = f"{path.stem}." if single else ""
        manifest = _manifest(folder, prefix)
        earlier = _earlier(manifest, entry)
        if earlier is None:
            earlier = _of_former_version(folder / f"{prefix}{_FORMER}", entry)
        target = entry.target(path)
        occupied = target.is_file() or (target.is_dir() and any(_foreign(target)))
        if earlier is None and (occupied or manifest.exists()):
            raise StudioError(
                f"{target} holds files already.", "Choose another place, or clear that one first."
            )
        for name in earlier or {}:
            inside(folder, name)
        return cls(path, folder, prefix, earlier or {})

    @property
    def manifest(self) -> Path:
        """The file that lists what was exported."""
        return _manifest(self.folder, self.prefix)

    def beside(self, name: str) -> str:
        """What a file or folder beside the masks is called, relative to the folder."""
        return f"{self.prefix}{name}"

    def changed(self) -> list[str]:
        """The files of the earlier export that somebody changed since."""
        known = ((name, self.folder / name) for name, digest in self.earlier.items() if digest)
        return [name for name, path in known if path.is_file() and sha256(path) != self.earlier[name]]

    def check_unchanged(self) -> None:
        """Raise StudioError where somebody changed files of the earlier export: that work would be lost."""
        changed = self.changed()
        if changed:
            raise StudioError(
                f"{len(changed)} files in {self.path} were changed since their export, {changed[0]} first.",
                "Import them, or move them away, before exporting there again.",
            )

    @contextmanager
    def aside(self, resume: bool = False, keep: bool = False) -> Iterator[Path]:
        """A folder of the same name to write to; it is gone afterwards, and so are folders made for it.

        resume: it holds what an export that was broken off has left. keep: it stays where this one is. Raises
        StudioError where the destination can't be written to, or another export is writing to it.
        """
        made = _make(self.folder)
        hidden = self.folder / ASIDE
        lock = Lock(hidden / "lock")
        try:
            _take(lock, self.path)
            for left in hidden.iterdir():  # by an export that was broken off
                if left.is_dir() and not resume:
                    shutil.rmtree(left)
            stage = hidden / (self.folder.resolve().name or "export")
            stage.mkdir(exist_ok=True)
            yield stage
        except (Cancelled, KeyboardInterrupt):
            if keep:
                lock.release()
            raise
        except OSError as error:
            raise StudioError(
                f"{self.path} can't be written to: {error.strerror or error}.", _REMEDY
            ) from error
        finally:
            if lock.held:
                shutil.rmtree(hidden, ignore_errors=True)
            for folder in made:
                with suppress(OSError):
                    folder.rmdir()

    def publish(self, stage: Path, manifest: dict[str, Any]) -> None:
        """Put what was written aside in its place, and the manifest last; what is stale goes.

        Raises StudioError, before anything is moved, where a file of somebody else's is in the way.
        """
        names = files_below(stage)
        for name in names:
            target = inside(self.folder, name)
            if name not in self.earlier and (target.exists() or target.is_symlink()):
                raise StudioError(f"{target} is there already.", "Choose another place, or move it away.")
        files = {name: sha256(stage / name) for name in names}
        unfinished = dict.fromkeys([*self.earlier, *names], "")
        begun = {"program": _program(), "complete": False, "format": manifest["format"]}
        # Should this be the last that is written, then a next export knows whose the files are.
        write_json(self.manifest, {**begun, "files": unfinished})
        for name in names:
            target = self.folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(stage / name, target)  # noqa: PTH105 - the one call documented as atomic
        for name in self.earlier:
            if name not in files:
                _remove(self.folder, name)
        write_json(self.manifest, {"program": _program(), "complete": True, **manifest, "files": files})


_REMEDY = "Check its permissions and the free space, or choose another place."


def files_below(folder: Path) -> list[str]:
    """Every file below a folder, relative to it, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as sha256sum prints it."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _program() -> str:
    return f"{PROGRAM} {__version__}"


def _check_place(project: Project, entry: Format, folder: Path, path: Path, options: ExportOptions) -> None:
    """Raise StudioError where nothing can be written, or pictures would be taken for some of the images."""
    existing = next(above for above in (folder.absolute(), *folder.absolute().parents) if above.exists())
    if not os.access(existing, os.W_OK):
        raise StudioError(f"{existing} can't be written to.", _REMEDY)
    root, own = project.image_root.resolve(), project.folder.resolve()
    place = folder.resolve()
    pictures = not entry.suffixes or options.pictures or options.with_images
    if pictures and place.is_relative_to(root) and not place.is_relative_to(own):
        raise StudioError(
            f"{path} lies among the images, where masks would be taken for images.",
            f"Choose a folder outside of {project.image_root}.",
        )


def _manifest(folder: Path, prefix: str) -> Path:
    return folder / (f"{prefix}{_SUFFIX}" if prefix else MANIFEST)


def _of_former_version(manifest: Path, entry: Format) -> dict[str, str] | None:
    """The files of an earlier version's export, its manifest among them; None where it is none of ours."""
    found = _earlier(manifest, entry)
    return None if found is None else {**found, manifest.name: ""}


def _earlier(manifest: Path, entry: Format) -> dict[str, str] | None:
    """The files of the earlier export that a manifest tells of; None where it is none of ours.

    Raises StudioError where it is of another format, whose files this one would not replace but remove.
    """
    value = read_json(manifest) if manifest.is_file() else None
    if not isinstance(value, dict) or not str(value.get("program")).startswith(PROGRAM):
        return None
    if value.get("format", entry.name) != entry.name:
        raise StudioError(
            f"{manifest.parent} holds an export as {value['format']} already.",
            "Choose a folder for each format, or clear that one first.",
        )
    files, samples = value.get("files", {}), value.get("samples", [])
    found = {str(name): str(digest) for name, digest in files.items()} if isinstance(files, dict) else {}
    for sample in samples if isinstance(samples, Sequence) else ():
        if isinstance(sample, dict) and "file" in sample:
            found.setdefault(str(sample["file"]), "")
    return found


def _foreign(folder: Path) -> Iterator[Path]:
    """What lies in a folder beside what an export that was killed left there."""
    return (path for path in folder.iterdir() if path.name != ASIDE)


def _make(folder: Path) -> list[Path]:
    """Make a folder with all above it; returns those that were missing, the innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StudioError(f"{folder} can't be made: {error.strerror or error}.", _REMEDY) from error
    return missing


def _take(lock: Lock, path: Path) -> None:
    try:
        lock.acquire()
    except StudioError as error:
        raise StudioError(f"Another export to {path} is running.", "Wait until it has ended.") from error


def _remove(folder: Path, name: str) -> None:
    """Remove a stale file, and the folders that it leaves empty."""
    path = inside(folder, name)
    path.unlink(missing_ok=True)
    for above in path.parents:
        if above == folder:
            break
        with suppress(OSError):
            above.rmdir()
