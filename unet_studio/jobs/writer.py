"""The one thread that saves a person's work: coalesced, the newest state wins, with a journal beside it.

What makes it safe, whenever the process is killed: a save takes the state after some step; before it replaces
a PNG, every step up to that one is in the journal; after it, the journal is cut down to the steps that came
later. So PNG and journal together always are the image after a step, at most a few milliseconds old.
"""

import errno
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QThread, Signal

from unet_studio.core.document import Document
from unet_studio.core.document_files import digest, save_snapshot, snapshot
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.jobs.journals import JournalWriter
from unet_studio.jobs.tasks import as_studio_error

log = logging.getLogger(__name__)

SAVE_DELAY = 2.0  # seconds of rest after the last edit before its PNGs are written; the journal never waits
LONGEST_DELAY = 20.0  # seconds after which they are written although a person paints on: journals stay short
LARGEST_JOURNAL = 64 * 2**20  # bytes after which they are written at once
RETRY_DELAY = 5.0  # seconds before a save that failed is tried again
JOURNALS_WILL_DO = 3.0  # seconds of waiting for saves after which journals that hold the rest are enough

# errno -> what to say of it, and what to do. {place}: the project's folder.
REASONS = {
    errno.ENOSPC: ("The disk is full.", "Make room on it."),
    errno.EDQUOT: ("Your share of the disk is used up.", "Make room on it."),
    errno.EACCES: ("{place} can't be written to.", "Check its permissions."),
    errno.EPERM: ("{place} can't be written to.", "Check its permissions."),
    errno.EROFS: ("{place} can't be written to: the disk is read-only.", "Mount it for writing."),
    errno.ENOENT: ("{place} can't be found any more.", "Put it back, or connect its disk again."),
    errno.ENOTDIR: ("{place} can't be found any more.", "Put it back, or connect its disk again."),
    errno.EIO: ("The disk reports an error.", "Check the disk."),
}


@dataclass
class Dirty:
    """A document with work that is not in its PNGs. when: its save is due; since: it waits; monotonic s."""

    document: Document
    when: float
    since: float


class Writer(QThread):
    """Saves documents. saved(name, version); failed(name, StudioError): the document stays dirty.

    A step is journalled at once. A save is due SAVE_DELAY after the last step, or at once when asked to. A
    failure is said once; recovered() says that all that had failed is written now.
    """

    saved = Signal(str, int)
    failed = Signal(str, object)
    recovered = Signal()

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.setObjectName("writer")
        self._project = project
        self._dirty: dict[str, Dirty] = {}
        self._problems: dict[str, StudioError] = {}  # of documents whose last save failed
        self._said: dict[tuple[str, str], str] = {}  # what is said, of (what failed, name)
        self._failures = 0
        self._failed_at: dict[str, int] = {}  # name -> the number of its last failure
        self._condition = threading.Condition()
        self._running = True
        self._busy = False
        self._journals = JournalWriter(project, self._journal_failed, self._journal_recovered)

    def record(self, document: Document) -> None:
        """Journal what was done on a document, now, and save it some time after."""
        self._journals.record(document)
        now = time.monotonic()
        large = self._journals.size(document.name) > LARGEST_JOURNAL
        with self._condition:
            before = self._dirty.get(document.name)
            since = before.since if before is not None and before.document is document else now
            when = now if large else min(now + SAVE_DELAY, since + LONGEST_DELAY)
            self._dirty[document.name] = Dirty(document, when, since)
            self._condition.notify()
        self._ensure_running()

    def save(self, document: Document) -> None:
        """Save a document that changed, now."""
        with self._condition:
            self._dirty[document.name] = Dirty(document, 0.0, time.monotonic())
            self._condition.notify()
        self._ensure_running()

    def hurry(self) -> None:
        """Save everything that waits, now."""
        with self._condition:
            for entry in self._dirty.values():
                entry.when = 0.0
            self._condition.notify()

    def dirty(self) -> set[str]:
        """The images with work that is not in their PNGs yet."""
        with self._condition:
            return set(self._dirty)

    def unsafe(self) -> set[str]:
        """The images with work that is neither in their PNGs nor in their journals."""
        return self.dirty() & self._journals.waiting()

    def problems(self) -> dict[str, StudioError]:
        """Why the images whose last save failed are not saved, by name."""
        with self._condition:
            return dict(self._problems)

    @property
    def failures(self) -> int:
        """How many saves have failed."""
        with self._condition:
            return self._failures

    def stuck(self, since: int) -> StudioError | None:
        """Why all that is left has failed since there were so many failures; None where it has not."""
        with self._condition:
            failed = [name for name in self._dirty if self._failed_at.get(name, 0) > since]
            all_did = bool(failed) and len(failed) == len(self._dirty) and not self._busy
            return self._problems[failed[0]] if all_did else None

    def flush(self, seconds: float) -> bool:
        """Save everything and wait for it. False where it takes longer, or all that is left has failed."""
        began = self.failures
        self.hurry()
        end = time.monotonic() + seconds
        with self._condition:
            while self._dirty or self._busy:
                if time.monotonic() > end or not self.isRunning() or self.stuck(began) is not None:
                    return False
                self._condition.wait(0.05)
        return True

    def settle(self, seconds: float, watch: Callable[[], None] = lambda: None) -> None:
        """Save everything and wait, in a thread that is not the window's, until files tell all that was done.

        Somebody who paints on keeps an image dirty for as long; after JOURNALS_WILL_DO it is enough that its
        journal holds every step, as whoever reads the image replays it. watch() is called while waiting and
        may raise Cancelled. Raises StudioError where a save fails or takes longer than so many seconds.
        """
        began, start = self.failures, time.monotonic()
        self.hurry()
        while not self._stored(time.monotonic() - start > JOURNALS_WILL_DO):
            watch()
            reason = self.stuck(began)
            if reason is not None:
                raise StudioError(f"Unsaved work is in the way: {reason.message}", reason.remedy)
            if time.monotonic() - start > seconds:
                raise StudioError(
                    "Unsaved work is in the way.", "Wait until everything is saved, then try again."
                )
            with self._condition:
                self._condition.wait(0.05)

    def _stored(self, journals_will_do: bool) -> bool:
        """Whether everything is saved, or at least journalled."""
        with self._condition:
            saved = not self._dirty and not self._busy
        return saved or (journals_will_do and not self.unsafe())

    def stop(self) -> None:
        """End the thread after the write that runs; call flush first."""
        with self._condition:
            self._running = False
            self._condition.notify()
        self.wait()
        self._journals.stop()

    def _ensure_running(self) -> None:
        if not self.isRunning() and self._running:
            self.start()

    def run(self) -> None:
        """The thread itself."""
        while True:
            with self._condition:
                self._busy = False
                self._condition.notify_all()
                document = self._next()
                while self._running and document is None:
                    self._condition.wait(self._rest())
                    document = self._next()
                if not self._running or document is None:
                    return
                self._busy = True
            self._save(document)

    def _next(self) -> Document | None:
        """A document whose time has come."""
        now = time.monotonic()
        return next((entry.document for entry in self._dirty.values() if entry.when <= now), None)

    def _rest(self) -> float | None:
        if not self._dirty:
            return None
        return max(0.01, min(entry.when for entry in self._dirty.values()) - time.monotonic())

    def _save(self, document: Document) -> None:
        name, copy = document.name, None
        try:
            copy = snapshot(document)
            self._journals.catch_up(document, copy.version)  # what fails is said by the thread of journals
            save_snapshot(self._project, copy)
            document.saved_as = digest(copy.annotation)
            self._journals.cut(document, copy.version)
        except Exception as error:
            if copy is not None:
                document.unsaved.add(copy.tiles)
            self._save_failed(document, error)
            return
        now = time.monotonic()
        with self._condition:
            newest = document.version == copy.version
            entry = self._dirty.get(name)
            if newest and (entry is None or entry.document is document):
                self._dirty.pop(name, None)
            elif not newest:
                self._dirty[name] = Dirty(document, now + SAVE_DELAY, now)
            self._problems.pop(name, None)
        self._succeeded(("save", name), *([("journal", name)] if newest else []))
        if newest:
            self.saved.emit(name, copy.version)

    def _save_failed(self, document: Document, error: Exception) -> None:
        now = time.monotonic()
        reason = self._reason(error)
        with self._condition:
            since = self._dirty[document.name].since if document.name in self._dirty else now
            self._dirty[document.name] = Dirty(document, now + RETRY_DELAY, since)
            self._problems[document.name] = reason
            self._failures += 1
            self._failed_at[document.name] = self._failures
        self._say(("save", document.name), reason)

    def _journal_failed(self, document: Document, error: Exception) -> None:
        self._say(("journal", document.name), self._reason(error))

    def _journal_recovered(self, document: Document) -> None:
        self._succeeded(("journal", document.name))

    def _reason(self, error: Exception) -> StudioError:
        """What to say of an error; the names of temporary files are left out."""
        number = error.errno if isinstance(error, OSError) else None
        if number not in REASONS:
            return as_studio_error(error)
        text, remedy = REASONS[number]
        return StudioError(text.format(place=self._project.folder), remedy)

    def _say(self, what: tuple[str, str], reason: StudioError) -> None:
        """Announce a failure unless the same is said already, be it of another image."""
        with self._condition:
            known = reason.message in self._said.values()
            self._said[what] = reason.message
        if not known:
            log.warning("%s of %s failed: %s", *what, reason.message)
            self.failed.emit(what[1], reason)

    def _succeeded(self, *what: tuple[str, str]) -> None:
        with self._condition:
            ended = [key for key in what if self._said.pop(key, None) is not None]
            well = not self._said
        if ended and well:
            self.recovered.emit()
