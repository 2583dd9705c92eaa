"""A thread that carries out calls one after the other and announces what they gave."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from PySide6.QtCore import QThread, Signal

from unet_studio.core.errors import Cancelled, StudioError

log = logging.getLogger(__name__)


def as_studio_error(error: Exception) -> StudioError:
    """The sentence to show for anything a thread ran into; what nobody foresaw goes to the log as well."""
    if isinstance(error, StudioError):
        return error
    if isinstance(error, MemoryError):
        return StudioError("There is not enough memory for this.", "Close other programs and try again.")
    if isinstance(error, OSError):
        return StudioError(f"{error}.", "Check the disk and the permissions, then try again.")
    log.error("unforeseen in a thread", exc_info=error)
    return StudioError(f"Something unforeseen happened: {error!r}.", "Please report this with the log.")


class TaskThread(QThread):
    """Calls run in order; a key that is submitted again before it ran replaces its older call.

    done(key, result) and failed(key, StudioError) are emitted from the thread: connect them to slots of
    objects that live in the window's thread. newest_first: the last call submitted runs next.
    """

    done = Signal(object, object)
    failed = Signal(object, object)

    def __init__(self, name: str, newest_first: bool = False) -> None:
        super().__init__()
        self.setObjectName(name)
        self._newest_first = newest_first
        self._waiting: deque[tuple[Hashable, Callable[[], Any]]] = deque()
        self._condition = threading.Condition()
        self._running = True
        self._busy = False

    def submit(self, key: Hashable, call: Callable[[], Any], limit: int = 0) -> None:
        """Carry out call later; where more than limit calls wait, the oldest are forgotten (0: no limit)."""
        with self._condition:
            self._waiting = deque(entry for entry in self._waiting if entry[0] != key)
            self._waiting.append((key, call))
            while limit and len(self._waiting) > limit:
                self._waiting.popleft()
            self._condition.notify()
        if not self.isRunning() and self._running:
            self.start(QThread.Priority.LowPriority)

    def forget(self) -> None:
        """Drop the calls that wait."""
        with self._condition:
            self._waiting.clear()

    @property
    def idle(self) -> bool:
        """Whether nothing runs or waits."""
        with self._condition:
            return not self._waiting and not self._busy

    def stop(self) -> None:
        """Finish the call that runs, drop the others, and wait for the thread to end."""
        with self._condition:
            self._running = False
            self._waiting.clear()
            self._condition.notify()
        self.wait()

    def run(self) -> None:
        """The thread itself."""
        while True:
            with self._condition:
                self._busy = False
                while self._running and not self._waiting:
                    self._condition.wait()
                if not self._running:
                    return
                key, call = self._waiting.pop() if self._newest_first else self._waiting.popleft()
                self._busy = True
            try:
                result = call()
            except Cancelled:
                continue
            except Exception as error:
                self.failed.emit(key, as_studio_error(error))
            else:
                self.done.emit(key, result)
                del result  # the thread may wait for long, and would keep it in memory
            finally:
                del key, call  # they may hold what must end in the window's thread
