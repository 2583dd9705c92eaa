"""Running a command to its end, with the processor time of it and of all that it has started.

`unet-studio train` starts the training as a process of its own, which may end a moment after the command. On
Linux such orphans become children of this process, which waits for them: their time is in the figures.
"""

import ctypes
import os
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[3]
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER, prctl(2)
STUDIO = (sys.executable, "-P", "-m", "unet_studio")


class Failure(Exception):
    """A command that ended with an error, or took far too long: its last words."""


@dataclass(frozen=True)
class Done:
    """A command that has ended. clock, cpu: seconds; cpu of all processes and their threads."""

    command: str
    clock: float
    cpu: float
    stdout: str


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends, where the system can do so (Linux)."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


def spent() -> float:
    """Processor seconds of all children that have been waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(
    command: Sequence[str | Path], log: Path, limit: float, environment: Mapping[str, str] | None = None
) -> Done:
    """Run a command; what it says goes to the file log. limit: seconds, after which it is killed.

    Raises Failure where its exit status is not 0.
    """
    words = [str(word) for word in command]
    clock, cpu = time.perf_counter(), spent()
    with log.open("a") as errors:
        errors.write(f"$ {named(words)}\n")
        errors.flush()
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env={**os.environ, **(environment or {})},
        )
        try:
            stdout, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired as error:
            end_all(process.pid)
            process.communicate()
            wait_for_orphans()
            raise Failure(f"It took more than {limit:.0f} s: {named(words)}") from error
        except BaseException:
            end_all(process.pid)
            raise
    wait_for_orphans()
    if process.returncode:
        raise Failure(f"Exit status {process.returncode}: {last_words(log)}")
    return Done(named(words), time.perf_counter() - clock, spent() - cpu, stdout)


def wait_for_orphans() -> None:
    """Wait until no child is left. This process runs one command at a time, so nothing else is waited for."""
    with suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)


def end_all(pid: int) -> None:
    """Ask a process and all that it started to end."""
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        for process in [*parent.children(recursive=True), parent]:
            with suppress(psutil.Error):
                process.send_signal(signal.SIGTERM)


def named(words: Sequence[str]) -> str:
    """The command as one would type it."""
    prefix = list(STUDIO)
    if list(words[: len(prefix)]) == prefix:
        words = ["unet-studio", *words[len(prefix) :]]
    elif words[0] == sys.executable:
        words = ["python", *words[1:]]
    return shlex.join(words)


def last_words(log: Path) -> str:
    """The last line that a command said."""
    lines = [line.strip() for line in log.read_text(errors="replace").replace("\r", "\n").split("\n")]
    return next((line for line in reversed(lines) if line), "it said nothing")[-400:]
