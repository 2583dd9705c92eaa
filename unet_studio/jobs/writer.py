"""The one thread that writes a person's work: journal first, then coalesced saves, the newest wins."""

import logging
import threading
import time
from collections import deque

from PySide6.QtCore import QThread, Signal

from unet_studio.core import journal
from unet_studio.core.document import Document
from unet_studio.core.document_files import picture_of, save_snapshot, snapshot
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import as_studio_error

log = logging.getLogger(__name__)

SAVE_DELAY = 2.0  # seconds of rest after the last edit before its PNGs are written; the journal never waits
RETRY_DELAY = 5.0  # seconds before a save that failed is tried again


class Writer(QThread):
    """Saves documents. saved(name, version); failed(name, StudioError): the document stays dirty.

    Journal entries are written at once, in order. A save is due SAVE_DELAY after the last edit, or at once
    when asked to. The journal of a document goes when its newest version is on disk.
    """

    saved = Signal(str, int)
    failed = Signal(str, object)

    def __init__(self, project: Project) -> None:
        super().__init__()
        self.setObjectName("writer")
        self._project = project
        self._entries: deque[tuple[Document, journal.Entry]] = deque()
        self._dirty: dict[str, tuple[Document, float]] = {}  # name -> document, when its save is due
        self._condition = threading.Condition()
        self._running = True
        self._busy = False

    def record(self, document: Document, entry: journal.Entry) -> None:
        """Journal an edit and save the document some time after."""
        with self._condition:
            self._entries.append((document, entry))
            self._dirty[document.name] = (document, time.monotonic() + SAVE_DELAY)
            self._condition.notify()
        self._ensure_running()

    def save(self, document: Document) -> None:
        """Save a document that changed, now."""
        with self._condition:
            self._dirty[document.name] = (document, 0.0)
            self._condition.notify()
        self._ensure_running()

    def hurry(self) -> None:
        """Save everything that waits, now."""
        with self._condition:
            self._dirty = {name: (document, 0.0) for name, (document, _) in self._dirty.items()}
            self._condition.notify()

    def dirty(self) -> set[str]:
        """The images with work that is not in their PNGs yet."""
        with self._condition:
            return set(self._dirty) | {document.name for document, _ in self._entries}

    def flush(self, seconds: float) -> bool:
        """Save everything and wait for it. False where that failed or took longer."""
        self.hurry()
        end = time.monotonic() + seconds
        with self._condition:
            while self._dirty or self._entries or self._busy:
                if time.monotonic() > end or not self.isRunning():
                    return False
                self._condition.wait(0.05)
        return True

    def stop(self) -> None:
        """End the thread after the write that runs; call flush first."""
        with self._condition:
            self._running = False
            self._condition.notify()
        self.wait()

    def _ensure_running(self) -> None:
        if not self.isRunning() and self._running:
            self.start()

    def run(self) -> None:
        """The thread itself."""
        while True:
            with self._condition:
                self._busy = False
                self._condition.notify_all()
                entry, document = self._next()
                while self._running and entry is None and document is None:
                    self._condition.wait(self._rest())
                    entry, document = self._next()
                if not self._running and entry is None:
                    return
                self._busy = True
            if entry is not None:
                self._journal(*entry)
            elif document is not None:
                self._save(document)

    def _next(self) -> tuple[tuple[Document, journal.Entry] | None, Document | None]:
        """What to write next: a journal entry, else a document whose time has come."""
        if self._entries:
            return self._entries.popleft(), None
        now = time.monotonic()
        due = [document for document, when in self._dirty.values() if when <= now]
        return None, (due[0] if due else None)

    def _rest(self) -> float | None:
        if not self._dirty:
            return None
        return max(0.01, min(when for _, when in self._dirty.values()) - time.monotonic())

    def _journal(self, document: Document, entry: journal.Entry) -> None:
        try:
            self._project.append_journal(document.name, picture_of(document), entry)
        except Exception as error:
            self.failed.emit(document.name, as_studio_error(error))

    def _save(self, document: Document) -> None:
        try:
            copy = snapshot(document)
            save_snapshot(self._project, copy)
        except Exception as error:
            with self._condition:
                self._dirty[document.name] = (document, time.monotonic() + RETRY_DELAY)
            self.failed.emit(document.name, as_studio_error(error))
            return
        with self._condition:
            newest = document.version == copy.version and not document.editing
            waiting = any(other is document for other, _ in self._entries)
            if newest and not waiting:
                self._dirty.pop(document.name, None)
            else:
                self._dirty[document.name] = (document, time.monotonic() + SAVE_DELAY)
        if newest and not waiting:
            try:
                self._project.drop_journal(document.name)
            except OSError as error:  # harmless: replaying it ends in the same pixels
                log.warning("the journal of %s stays: %s", document.name, error)
            self.saved.emit(document.name, copy.version)
