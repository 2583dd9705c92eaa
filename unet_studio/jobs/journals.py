"""The thread that writes every finished step to the journal of its image, within a few milliseconds.

It has nothing else to do: a save that takes seconds, or a disk that is slow to confirm, never keeps it
waiting. What is in a journal survives the end of this process from the moment it is written; a thread of its
own waits until it survives a loss of power as well.
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QThread

from unet_studio.core import journal
from unet_studio.core.document import Document
from unet_studio.core.document_files import picture_of
from unet_studio.core.mask import Tile, Tiles
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import TaskThread

log = logging.getLogger(__name__)

RETRY_DELAY = 2.0  # seconds before an entry that could not be written is tried again


class JournalWriter(QThread):
    """Journals documents. failed(document, error) is called in its thread, recovered(document) after it.

    A journal holds the steps of one image since its last save. An entry takes all tiles that changed since
    the one before, as they are after the last step, so entries that wait become one, and a journal replayed
    is the image as it was at its last entry.
    """

    def __init__(
        self,
        project: Project,
        failed: Callable[[Document, Exception], None],
        recovered: Callable[[Document], None],
    ) -> None:
        super().__init__()
        self.setObjectName("journal")
        self._project = project
        self._failed = failed
        self._recovered = recovered
        self._waiting: dict[str, Document] = {}
        self._failing: dict[str, Document] = {}
        self._condition = threading.Condition()
        self._files = threading.RLock()  # held while a journal is written or cut
        self._entries: dict[str, list[int]] = {}  # the versions that this process journalled and nobody saved
        self._sizes: dict[str, int] = {}  # bytes
        self._syncing = TaskThread("journal sync")
        self._running = True

    def record(self, document: Document) -> None:
        """Journal what was done on a document, now."""
        with self._condition:
            self._waiting[document.name] = document
            self._condition.notify()
        if not self.isRunning() and self._running:
            self.start(QThread.Priority.HighPriority)

    def size(self, name: str) -> int:
        """How large the journal of an image is, in bytes, as far as this process wrote it."""
        return self._sizes.get(name, 0)

    def waiting(self) -> set[str]:
        """The images with steps that no journal holds yet."""
        with self._condition:
            return {*self._waiting, *self._failing}

    def catch_up(self, document: Document, version: int) -> bool:
        """Journal, in the caller's thread, everything up to a version. Returns whether that worked."""
        with self._files:
            if document.journalled >= version:
                return True
            try:
                self._write(document)
            except Exception:
                return False
            return True

    def cut(self, document: Document, version: int) -> None:
        """Forget the steps up to a version: they are saved. Raises OSError."""
        name = document.name
        with self._files, self._project.journal_lock:
            newer = [entry for entry in self._entries.get(name, ()) if entry > version]
            path = self._project.journal_path(name)
            if newer:
                self._sizes[name] = journal.keep_last(path, len(newer))
            else:
                self._project.drop_journal(name)
                self._sizes.pop(name, None)
            self._entries[name] = newer
            document.journalled = max(document.journalled, version)
        with self._condition:
            if document.version == version:
                self._failing.pop(name, None)

    def stop(self) -> None:
        """Write what waits, and end."""
        with self._condition:
            self._running = False
            self._condition.notify()
        self.wait()
        self._syncing.stop()

    def run(self) -> None:
        """The thread itself."""
        while True:
            with self._condition:
                while self._running and not self._waiting:
                    if not self._condition.wait(RETRY_DELAY if self._failing else None):
                        self._waiting.update(self._failing)
                if not self._waiting:
                    return
                documents = [*self._waiting.values()]
                self._waiting.clear()
            for document in documents:
                self._try(document)

    def _try(self, document: Document) -> None:
        try:
            with self._files:
                self._write(document)
        except Exception as error:
            with self._condition:
                self._failing[document.name] = document
            self._failed(document, error)
            return
        with self._condition:
            again = self._failing.pop(document.name, None)
        if again is not None:
            self._recovered(document)

    def _write(self, document: Document) -> None:
        """Append one entry with all that changed. Hold the lock of the files."""
        name, project = document.name, self._project
        project.prepare()
        path = project.journal_path(name)
        if self._entries.get(name) and not path.exists():  # somebody deleted what later entries rest on
            self._entries[name] = []
            document.unjournalled.add(document.unsaved.peek())
        tiles: set[Tile] = set()
        packer = journal.Packer()

        def put(part: Tiles) -> None:
            tiles.update(part)
            packer.add(part)

        def state() -> tuple[int, bytes]:
            return document.version, journal.APPROVED if document.approved else journal.EDIT

        version, kind = document.annotation.read_changes(document.unjournalled, put, state)
        if version <= document.journalled:
            return
        try:
            with project.journal_lock:
                self._sizes[name] = journal.append_frame(path, picture_of(document), packer.frame(kind))
        except BaseException:
            document.unjournalled.add(tiles)
            journal.repair(path)
            raise
        self._entries.setdefault(name, []).append(version)
        document.journalled = version
        self._syncing.submit(path, lambda: _sync(path))


def _sync(path: Path) -> None:
    try:
        journal.sync(path)
    except OSError as error:
        log.warning("%s may not survive a loss of power: %s", path, error)
