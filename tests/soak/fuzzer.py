"""Spoiled annotation files for each importer: `python -m tests.soak.fuzzer FAMILY,... SEED COUNT`.

Prints a JSON object for each: {"family", "trials", "read", "failures": [[trial, what], ...]}, where "read"
says how many could still be read. A trial fails where anything but a StudioError comes out, a warning
included; where it takes longer than five seconds; where it wants more memory than a gigabyte; where it opens
a file outside of its own folders, writes anywhere but in the temporary one, or starts a program. An audit
hook watches that, which is why this is a process of its own.
"""

import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.soak.mutations import OUTSIDE, mutate
from tests.soak.seeds import FAMILIES, SHAPE
from unet_studio.core.errors import StudioError
from unet_studio.formats.archives import SUFFIXES
from unet_studio.formats.examination import drawn
from unet_studio.formats.recognition import recognise
from unet_studio.formats.regions import Order
from unet_studio.formats.sample import Incoming
from unet_studio.formats.table import FORMATS

SECONDS = 5  # of processor time, and four times that on the clock, that one trial may take
MEMORY = 1 << 30  # bytes that it may ask for beside what the program takes anyway
MOST_FAILURES = 20
SMALL = 1 << 22  # px; larger claims are checked by those who allocate


class Hang(BaseException):
    """A trial takes too long."""


class Trespass(BaseException):
    """A trial leaves its place."""


class Guard:
    """Watches what a trial opens and runs. errors: what it did that it may not."""

    WRITING = frozenset(
        {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"}
    )
    RUNNING = frozenset(
        {
            "os.system",
            "os.exec",
            "os.posix_spawn",
            "os.fork",
            "subprocess.Popen",
            "socket.connect",
            "ctypes.dlopen",
        }
    )

    def __init__(self, root: Path) -> None:
        self.root, self.temporary = str(root), str(root / "temporary")
        self.secret = str(root / OUTSIDE)
        self.on = False
        self.errors: list[str] = []
        sys.addaudithook(self.heard)

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """One thing that Python is about to do."""
        if not self.on:
            return
        if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            self._opened(arguments[0], arguments[2])
        elif event in self.RUNNING or (event in self.WRITING and not self._is_temporary(*arguments)):
            self.errors.append(f"{event} {arguments}")

    def _is_temporary(self, path: Any, *others: Any) -> bool:
        if isinstance(path, int) or (others and isinstance(others[-1], int) and others[-1] > 0):
            return True  # relative to a folder that was opened before, as shutil.rmtree does
        return os.fsdecode(os.path.realpath(path)).startswith(self.temporary)

    def _opened(self, path: Any, flags: int) -> None:
        try:
            place = os.fsdecode(os.path.realpath(path))
        except (OSError, ValueError):
            return
        writing = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if place.startswith(self.secret) or place == "/etc/passwd":
            self.errors.append(f"opened {place}")
        elif writing and not place.startswith((self.temporary, "/dev/null")):
            self.errors.append(f"opened {place} for writing")


@contextmanager
def limited_time() -> Iterator[None]:
    """Raise Hang when a trial takes too long."""

    def ring(number: int, _frame: Any) -> None:
        raise Hang(f"more than {SECONDS} s" if number == signal.SIGPROF else f"no answer for {4 * SECONDS} s")

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGPROF, ring)
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, 4 * SECONDS)
    try:
        yield
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_REAL, 0)


def limit_memory() -> None:
    """Let this process have so much more address space than it has now."""
    try:
        import resource
    except ImportError:  # Windows
        return
    import psutil

    now = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY, resource.RLIM_INFINITY))


def read_all(name: str, source: Path, choose: random.Random) -> bool:
    """Do with a source what an import does. Returns whether all of it could be read."""
    recognise(source)
    try:
        incoming = FORMATS[name].read(source)
    except StudioError:
        return False
    complete = True
    for key in incoming.keys[:6]:
        for step in (look, read, order):
            try:
                step(incoming, key, choose)
            except StudioError:
                complete = False
    return complete


def look(incoming: Incoming, key: str, _choose: random.Random) -> None:
    """What the plan of an import asks."""
    size = incoming.size(key)
    assert size is None or (len(size) == 2 and all(type(side) is int and side > 0 for side in size)), size
    assert isinstance(incoming.is_blank(key), bool)
    assert isinstance(incoming.also(key), str)
    remainder = incoming.remainder(key)
    json.dumps(remainder).encode(errors="backslashreplace")


def read(incoming: Incoming, key: str, _choose: random.Random) -> None:
    """What an import asks, with the image's size and, as evaluation does, without."""
    labels = incoming.read(key, SHAPE)
    assert (labels.shape, labels.dtype) == (SHAPE, "uint8"), (labels.shape, labels.dtype)
    size = incoming.size(key)
    if size is None or size[0] * size[1] <= SMALL:
        with suppress(StudioError):  # sets that state no size need to be told
            incoming.read(key, None)


def order(incoming: Incoming, key: str, choose: random.Random) -> None:
    """What the examination of an import asks, and another order of regions."""
    if incoming.scene is not None and incoming.legend is not None:
        drawn(incoming.scene(key, SHAPE), incoming.legend, choose.choice(list(Order)))


def spoil(source: Path, files: dict[Path, bytes], choose: random.Random) -> Callable[[], None]:
    """Spoil one file of a set, or plant something in its place. Returns what mends it."""
    path = choose.choice(list(files))
    act = choose.random()
    if act < 0.96:
        path.write_bytes(mutate(path, files[path], choose))
        return lambda: path.write_bytes(files[path])  # type: ignore[return-value]
    path.unlink()
    secret = source.parent / OUTSIDE / f"secret{path.suffix}"
    planted: list[Callable[[], Any]] = [
        lambda: path.symlink_to(secret),
        lambda: path.symlink_to(path),
        lambda: path.mkdir(),
        lambda: os.mkfifo(path),
        lambda: None,
    ]
    choose.choice(planted)()

    def mend() -> None:
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        path.write_bytes(files[path])

    return mend


def target_of(source: Path, files: dict[Path, bytes]) -> Path:
    """What a person would choose: the folder, or the archive in it."""
    (first, *others) = files
    return source if others or not first.name.endswith(SUFFIXES) else first


def listing(folder: Path) -> dict[str, int]:
    """Every file below a folder with its size."""
    return {str(path): path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()}


def fuzz(family: str, seed: int, count: int, root: Path) -> dict[str, Any]:
    """So many trials in a folder that is empty."""
    name, seeds = FAMILIES[family]
    sets = []
    for number, make in enumerate(seeds):
        source = root / f"source{number}"
        source.mkdir()
        make(source)
        files = {path: path.read_bytes() for path in sorted(source.rglob("*")) if path.is_file()}
        sets.append((source, files))
    outside = root / OUTSIDE
    outside.mkdir()
    for path, data in sets[-1][1].items():
        (outside / f"secret{path.suffix}").write_bytes(data)
    (root / "temporary").mkdir()
    tempfile.tempdir = str(root / "temporary")
    os.chdir(sets[0][0])
    warnings.simplefilter("error")
    sys.dont_write_bytecode = True
    for source, files in sets:
        # A seed that can't be read would test nothing; and from here on, all is imported that is needed.
        assert read_all(name, target_of(source, files), random.Random(0)), (
            f"{source} of {family} can't be read as it is"
        )
    before = listing(root)
    guard = Guard(root)
    limit_memory()
    failures: list[tuple[int, str]] = []
    complete = 0
    for trial in range(seed, seed + count):
        choose = random.Random(trial)
        source, files = choose.choice(sets)
        mend = spoil(source, files, choose)
        target = choose.choice([*files, *[target_of(source, files)] * 9 * len(files)])
        if target.is_symlink():
            target = source  # a link that a person chooses may lead anywhere
        try:
            guard.on = True
            with limited_time():
                complete += read_all(name, target, choose)
        except (Exception, Hang):
            failures.append((trial, traceback.format_exc(limit=-6)))
        finally:
            guard.on = False
        failures += [(trial, error) for error in guard.errors]
        guard.errors.clear()
        mend()
        if len(failures) >= MOST_FAILURES:
            break
    shutil.rmtree(root / "temporary")
    if listing(root) != before:
        failures.append((-1, f"files changed: {set(listing(root).items()) ^ set(before.items())}"))
    return {"family": family, "trials": count, "read": complete, "failures": failures}


def main() -> None:
    """One family after the other."""
    families, seed, count = sys.argv[1].split(","), int(sys.argv[2]), int(sys.argv[3])
    home = Path.cwd()
    for family in families:
        with tempfile.TemporaryDirectory() as folder:
            result = fuzz(family, seed, count, Path(folder).resolve())
            os.chdir(home)
            tempfile.tempdir = None
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
