"""One writer a project: a lock file with host, process and heartbeat."""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from unet_studio.core.errors import StudioError

STALE_SECONDS = 60.0  # a lock of another machine without a heartbeat for so long is taken over
HEARTBEAT_SECONDS = 10.0


@dataclass(frozen=True)
class Owner:
    """Who holds a lock. started: the process's start time; heartbeat: when it last showed life (Unix s)."""

    host: str
    pid: int
    started: float
    heartbeat: float

    @property
    def alive(self) -> bool:
        """Whether that process still runs: asked of this machine, guessed by heartbeat for another."""
        if self.host != socket.gethostname():
            return time.time() - self.heartbeat < STALE_SECONDS
        try:
            # The start time tells a live owner from another process that got the same number since.
            return bool(abs(psutil.Process(self.pid).create_time() - self.started) < 2)
        except psutil.Error:
            return False

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class Lock:
    """The lock file of one project. Holding it makes this process the project's only writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held = False

    def owner(self) -> Owner | None:
        """Who holds the lock, or None where nobody does or the file can't be read."""
        try:
            return Owner(**json.loads(self.path.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def acquire(self) -> None:
        """Take the lock. Raises StudioError that names the owner where another live process holds it."""
        if self.held:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        for _ in range(3):
            try:
                with self.path.open("x") as stream:  # fails where the file exists: the atomic test-and-set
                    stream.write(self._mine())
                self.held = True
                return
            except FileExistsError:
                self._clear_stale()
        raise StudioError(f"The lock {self.path} can't be taken.", "Remove that file if no program uses it.")

    def _clear_stale(self) -> None:
        owner = self.owner()
        if owner is not None and owner.alive:
            raise StudioError(
                f"This project is open for writing in another window ({owner}).",
                "Close it there, or look at the project here without changing it.",
            )
        if owner is None and self._age() < 2:  # just being written by another process
            time.sleep(0.05)
            return
        with suppress(FileNotFoundError):
            self.path.unlink()

    def _age(self) -> float:
        try:
            return time.time() - self.path.stat().st_mtime
        except FileNotFoundError:
            return float("inf")

    def beat(self) -> None:
        """Renew the heartbeat; call it every HEARTBEAT_SECONDS."""
        if self.held:
            temporary = self.path.with_suffix(".beat")
            temporary.write_text(self._mine())
            os.replace(temporary, self.path)  # noqa: PTH105 - the one call documented as atomic

    def release(self) -> None:
        """Give the lock back."""
        if self.held:
            self.held = False
            with suppress(OSError):
                self.path.unlink()

    def _mine(self) -> str:
        started = psutil.Process().create_time()
        return json.dumps(asdict(Owner(socket.gethostname(), os.getpid(), started, time.time())))
