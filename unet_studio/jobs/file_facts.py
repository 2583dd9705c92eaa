"""Looks into masks, predictions and image files in a thread, for what the file list sorts and filters by."""

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import Cancelled
from unet_studio.core.index import FactIndex
from unet_studio.core.mask_facts import MaskFacts, look, names_with_masks, stamp
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import TaskThread

TELL = 0.3  # seconds between two announcements
TOGETHER = 2000  # facts announced at once, at most
BREATH = 100  # files looked at between two pauses for other threads


class FileFacts(QObject):
    """found(list of MaskFacts), progressed(done, total), dated(names, dates), in the window's thread.

    What was read is kept in the project's index, so the next look takes only what changed since.
    """

    found = Signal(object)
    progressed = Signal(int, int)
    dated = Signal(object, object)

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project
        self._stopped = False
        self._known: dict[str, MaskFacts] | None = None
        self._index: FactIndex | None = None
        self._wanted = 0  # counts the scans asked for: an older one ends
        self._thread = TaskThread("file facts")
        self._thread.done.connect(self._done)

    def scan(self, model: str | None) -> None:
        """Look at every image with a mask or a prediction of that model; found() comes in parts."""
        self._wanted += 1
        number = self._wanted
        self._thread.submit("scan", lambda: self._scan(model, number))

    def look_again(self, name: str, model: str | None) -> None:
        """The files of one image are others."""
        self._thread.submit(("look", name), lambda: self._tell([self._facts(name, model)], store=True))

    def date(self, names: Sequence[str]) -> None:
        """Find when the files of these images were changed last; dated() has it."""
        self._thread.submit("dates", lambda: self._dates(names))

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._thread.stop()
        if self._index is not None:
            self._index.close()

    # In the thread

    def _scan(self, model: str | None, number: int) -> None:
        names = names_with_masks(self._project, model)
        facts: list[MaskFacts] = []
        fresh: list[MaskFacts] = []
        told = time.monotonic()
        for done, name in enumerate(names):
            if self._stopped or number != self._wanted:
                self._store(fresh)
                raise Cancelled
            before = self._remembered(name)
            now = self._facts(name, model, before)
            facts.append(now)
            if now is not before:
                fresh.append(now)
            if done % BREATH == 0:
                time.sleep(0)
            if len(facts) >= TOGETHER or time.monotonic() - told > TELL:
                self._tell(facts)
                self._store(fresh)
                self.progressed.emit(done + 1, len(names))
                facts, fresh, told = [], [], time.monotonic()
        self._tell(facts)
        self._store(fresh)
        self.progressed.emit(len(names), len(names))

    def _facts(self, name: str, model: str | None, before: MaskFacts | None = None) -> MaskFacts:
        """What the mask of an image holds now; before: what was known, where it may still hold."""
        if before is not None and before.stamp == stamp(self._project, name, model):
            return before
        return look(self._project, name, model)

    def _remembered(self, name: str) -> MaskFacts | None:
        if self._known is None:
            self._known = self._open_index().all()
        return self._known.get(name)

    def _tell(self, facts: list[MaskFacts], store: bool = False) -> None:
        if facts:
            self.found.emit(facts)
        if store:
            self._store(facts)

    def _store(self, facts: list[MaskFacts]) -> None:
        if not facts:
            return
        self._open_index().put(facts)
        if self._known is not None:
            self._known.update((one.name, one) for one in facts)

    def _open_index(self) -> FactIndex:
        if self._index is None:
            self._index = FactIndex(self._project.index_file)
        return self._index

    def _dates(self, names: Sequence[str]) -> tuple[Sequence[str], NDArray[np.float64]]:
        root = os.fspath(self._project.image_root)
        dates = np.full(len(names), np.nan)
        for place, name in enumerate(names):
            if place % BREATH == 0:
                time.sleep(0)
                if self._stopped:
                    raise Cancelled
            try:
                dates[place] = os.stat(f"{root}/{name}").st_mtime  # noqa: PTH116 - asked of very many files
            except OSError:
                continue
        return names, dates

    @Slot(object, object)
    def _done(self, key: Any, result: Any) -> None:
        if key == "dates":
            self.dated.emit(*result)
