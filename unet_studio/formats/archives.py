"""Archives as sources of masks: unpacked aside, safely, and gone when nobody reads from them any more.

Web tools hand out their exports as .zip; others pack them as .tar, .tar.gz or .tgz. No reader needs to know:
read_archive unpacks into a temporary folder and lets the reader look there. An archive is foreign text and
numbers, so: a name that leads out of the folder, a link, a device or an encrypted member refuses the whole of
it, by name; sizes are checked against the free disk before and while they are written; archives inside are
left packed.
"""

import re
import shutil
import stat
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from gzip import GzipFile
from pathlib import Path, PurePosixPath
from typing import IO, Any

from unet_studio.core.errors import StudioError
from unet_studio.core.memory import amount
from unet_studio.formats.sample import Incoming, Reader

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
MOST_MEMBERS = 1_000_000
# A whole set may be this much larger than its archive, once it is larger than LARGE (bytes). Deflate alone
# can do 1032 to 1; masks of one colour come near that, but not a set of that size.
DENSEST = 300
LARGE = 1 << 30
SPARE = 0.9  # the part of the free disk that may be filled
LONGEST_READ = 1 << 26  # bytes that a tar header may make us hold
DEEPEST = 64  # folders that a file may lie in
MOST_FOLDERS = 50  # looked into for a set that is not at the top
_BLOCK = 1 << 20  # bytes copied at a time
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|\._[^/]*$|Thumbs\.db$)")
_OUTSIDE = re.compile(r"^/|^[A-Za-z]:|(^|/)\.\.(/|$)|\0")
# What broken archives make Python's own readers raise.
BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    RuntimeError,  # a password, or a method that this Python can't do
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
    tarfile.TarError,
)


class Unpacked:
    """A temporary folder that is removed when nothing refers to this any more, at the latest at the end."""

    def __init__(self, archive: Path) -> None:
        parent = Path(tempfile.mkdtemp(prefix="unet-studio-"))
        self.remove = weakref.finalize(self, shutil.rmtree, parent, ignore_errors=True)
        # Messages of readers name files in it, so that it is called after the archive.
        self.folder = parent / archive.name
        self.folder.mkdir()


@dataclass(frozen=True)
class _Member:
    """A file in an archive. name: its path there, posix. size: bytes, as the archive says."""

    name: str
    size: int
    open: Callable[[], AbstractContextManager[IO[bytes]]]


def is_archive(source: Path) -> bool:
    """Whether a source is an archive, by its name."""
    return source.name.lower().endswith(SUFFIXES) and source.is_file()


def read_archive(archive: Path, reader: Reader) -> Incoming:
    """Open the set of masks in an archive, at its top or in the one folder below that holds it.

    Raises StudioError where there is none, where there are several, or where the archive is not safe.
    """
    unpacked = unpack(archive)
    try:
        return replace(_only_set(archive, unpacked.folder, reader), holds=unpacked)
    except BaseException:
        unpacked.remove()
        raise


def _only_set(archive: Path, root: Path, reader: Reader) -> Incoming:
    """The set at the top of an unpacked archive, or in the one folder below that holds any."""
    errors = []
    # The innermost first: a reader may take the folder around for the set, and miss the list of its classes.
    descent = [*_descent(root)]
    for place in reversed(descent):
        try:
            return reader(place)
        except StudioError as error:
            errors.append(error)
    found: dict[str, Incoming] = {}
    for place in _below(descent[-1]):
        inner = place.relative_to(root)
        if any(inner.is_relative_to(name) for name in found):
            continue  # the reader looked there already
        try:
            found[inner.as_posix()] = reader(place)
        except StudioError as error:
            errors.append(error)
    if len(found) > 1:
        raise StudioError(
            f"{archive} holds several sets of masks: {', '.join([*found][:8])}.",
            "Unpack it and choose one of these folders.",
        )
    for name, incoming in found.items():
        note = f"The masks are those in {name} of {archive.name}; its other folders hold none."
        return replace(incoming, notes=(*incoming.notes, note))
    raise errors[0]


def unpack(archive: Path) -> Unpacked:
    """Unpack an archive aside. Raises StudioError, leaving nothing behind, where it is broken or not safe."""
    unpacked = Unpacked(archive)
    try:
        room = min(
            round(SPARE * shutil.disk_usage(unpacked.folder).free),
            max(LARGE, DENSEST * archive.stat().st_size),
        )
        for member in members(archive, room):
            with member.open() as stream:
                room -= _copy(archive, stream, unpacked.folder / member.name, member, room)
    except BROKEN as error:
        unpacked.remove()
        raise _unusable(archive, f"it can't be unpacked ({error})") from error
    except BaseException:
        unpacked.remove()
        raise
    return unpacked


def members(archive: Path, room: int | None = None) -> Iterator[_Member]:
    """The files in an archive, those that systems leave behind apart, each of a safe name.

    room: bytes that they may take all together. A member can be opened until the next one is asked for.
    Raises StudioError for what is not safe, and what BROKEN lists where the archive is broken.
    """
    listing = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    with closing(listing(archive, room)) as found:
        for number, member in enumerate(found):
            if number >= MOST_MEMBERS:
                raise _unusable(archive, f"it holds more than {MOST_MEMBERS} files")
            if room is not None:
                room -= member.size
                if room < 0:
                    raise _too_large(archive)
            if not _LITTER.search(member.name):
                yield member


def _zip_members(archive: Path, room: int | None) -> Generator[_Member, None, None]:
    with zipfile.ZipFile(archive) as packed:
        entries = packed.infolist()
        # All are looked at before the first is unpacked: a zip file lists them.
        for entry in entries:
            _check_name(archive, entry.filename)
            if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _not_safe(archive, entry.filename, "is a link or a device")
            if entry.flag_bits & 1:
                raise _not_safe(archive, entry.filename, "is encrypted")
        if room is not None and sum(entry.file_size for entry in entries) > room:
            raise _too_large(archive)
        for entry in entries:
            if not entry.is_dir():
                name = entry.filename.replace("\\", "/")
                yield _Member(name, entry.file_size, lambda entry=entry: packed.open(entry))  # type: ignore[misc]


def _tar_members(archive: Path, room: int | None) -> Generator[_Member, None, None]:
    """In the order in which they lie there; a tar file has no list."""
    with _plain(archive, room) as stream, tarfile.open(fileobj=stream, mode="r:") as packed:
        for entry in packed:
            _check_name(archive, entry.name)
            if entry.isdir():
                continue
            if not entry.isreg() or entry.issparse():
                raise _not_safe(archive, entry.name, "is a link, a device or a sparse file")
            name = entry.name.replace("\\", "/")
            yield _Member(name, entry.size, lambda entry=entry: packed.extractfile(entry))  # type: ignore
            packed.members = []  # type: ignore[attr-defined]  # it keeps all headers otherwise


@contextmanager
def _plain(archive: Path, room: int | None) -> Iterator[Any]:
    """The bytes of a tar file, unzipped on the way."""
    with archive.open("rb") as stream:
        zipped = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
        if not zipped:
            yield _Bounded(archive, stream, None)
            return
        with GzipFile(fileobj=stream) as unzipped:
            yield _Bounded(archive, unzipped, room)


class _Bounded:
    """A stream of which nobody reads, or skips, more than is allowed. room: bytes, None for any number."""

    def __init__(self, archive: Path, stream: Any, room: int | None) -> None:
        self._archive = archive
        self._stream = stream
        self._room = room
        self.tell = stream.tell

    def read(self, size: int = -1) -> bytes:
        """Read so many bytes."""
        if not 0 <= size <= LONGEST_READ:
            raise _unusable(self._archive, "a header in it is far too large")
        self._check(self._stream.tell() + size)
        data: bytes = self._stream.read(size)
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place, which means unzipping all before it."""
        if whence == 0:
            self._check(place)
        return int(self._stream.seek(place, whence))

    def _check(self, place: int) -> None:
        # Headers take 512 bytes for each file, beside what the files take.
        if self._room is not None and place > 2 * self._room + LONGEST_READ:
            raise _too_large(self._archive)


def _copy(archive: Path, stream: IO[bytes], target: Path, member: _Member, room: int) -> int:
    """Write one member; returns its bytes."""
    target.parent.mkdir(parents=True, exist_ok=True)
    written = 0
    try:
        with target.open("xb") as out:
            while block := stream.read(_BLOCK):
                written += len(block)
                if written > room:
                    raise _too_large(archive)
                out.write(block)
    except FileExistsError as error:
        raise _unusable(archive, f"two of its files are called {member.name}") from error
    return written


def _check_name(archive: Path, name: str) -> None:
    """Raise StudioError where a member would not lie in the folder that it is unpacked to."""
    if len(PurePosixPath(name).parts) > DEEPEST:
        raise _not_safe(archive, f"{name[:40]}...", "lies in far too many folders")
    if not name or _OUTSIDE.search(name.replace("\\", "/")):
        raise _not_safe(archive, name, "leads out of the folder that it is unpacked to")


def _descent(folder: Path) -> Iterator[Path]:
    """A folder, then the only one in it while that holds nothing else, and so on."""
    while True:
        yield folder
        entries = list(folder.iterdir())
        if len(entries) != 1 or not entries[0].is_dir():
            return
        folder = entries[0]


def _below(folder: Path) -> list[Path]:
    """The folders below, the upper ones first; none where there are too many to try."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_dir()]
    found.sort(key=lambda path: len(PurePosixPath(path).parts))
    return found if len(found) <= MOST_FOLDERS else []


def _unusable(archive: Path, reason: str) -> StudioError:
    return StudioError(f"{archive} is not a usable archive: {reason}.", "Unpack it and choose its folder.")


def _not_safe(archive: Path, name: str, what: str) -> StudioError:
    return StudioError(
        f"{archive} is not safe to unpack: {name!r} in it {what}.",
        "Have it packed again without that, or unpack it in a place of your choice and look at it.",
    )


def _too_large(archive: Path) -> StudioError:
    return StudioError(
        f"{archive} holds far more than its {amount(archive.stat().st_size)}, or more than fits the disk.",
        "Unpack it on a disk with room and choose its folder.",
    )
