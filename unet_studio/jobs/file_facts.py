"""Looks into masks, predictions and image files in a thread, for what the file list sorts and filters by."""

import itertools
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot

from unet_studio.core.errors import Cancelled
from unet_studio.core.index import FactIndex
from unet_studio.core.mask_facts import MaskFacts, look, names_with_masks, stamp
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project
from unet_studio.jobs.tasks import TaskThread

TELL = 0.3  # seconds between two announcements
TOGETHER = 2000  # facts announced at once, at most
AT_HAND = 4  # predictions that wait in memory to be looked at
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
        self._known: dict[str, dict[str, MaskFacts]] = {}  # by model, "" for none
        self._room = threading.BoundedSemaphore(AT_HAND)
        self._notes = itertools.count()
        self._index: FactIndex | None = None
        self._place: Path | None = None  # the file that it is in
        self._wanted = 0  # counts the scans asked for: an older one ends
        self._thread = TaskThread("file facts")
        self._thread.done.connect(self._done)

    def scan(self, model: str | None) -> None:
        """Look at every image with a mask or a prediction of that model; found() comes in parts."""
        self._wanted += 1
        number = self._wanted
        self._thread.submit("scan", lambda: self._scan(model, number))

    def recall(self, model: str | None) -> None:
        """Tell what the index knows and is still so; no mask is read. found() comes in parts."""
        self._thread.submit("recall", lambda: self._recall(model))

    def look_again(self, name: str, model: str | None) -> None:
        """The files of one image are others."""
        self._thread.submit(("look", name), lambda: self._look_again(name, model))

    def note(self, name: str, prediction: Prediction, tell: bool = True) -> bool:
        """A prediction was just stored: look at it while it is in memory. tell: whether found() is emitted.

        False where too many wait already: the next scan finds it.
        """
        if not self._room.acquire(blocking=False):
            return False

        def look_at_it() -> None:
            try:
                facts = [look(self._project, name, prediction.model, prediction)]
                if tell:
                    self.found.emit(facts)
                self._store(facts, prediction.model)
            finally:
                self._room.release()

        self._thread.submit(("note", next(self._notes)), look_at_it)
        return True

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
                self._store(fresh, model)
                raise Cancelled
            before = self._remembered(model).get(name)
            now = self._facts(name, model, before)
            facts.append(now)
            if now is not before:
                fresh.append(now)
            if done % BREATH == 0:
                time.sleep(0)
            if len(facts) >= TOGETHER or time.monotonic() - told > TELL:
                self._tell(facts)
                self._store(fresh, model)
                self.progressed.emit(done + 1, len(names))
                facts, fresh, told = [], [], time.monotonic()
        self._tell(facts)
        self._store(fresh, model)
        self.progressed.emit(len(names), len(names))

    def _recall(self, model: str | None) -> None:
        facts: list[MaskFacts] = []
        for number, (name, known) in enumerate(list(self._remembered(model).items())):
            if self._stopped:
                raise Cancelled
            if number % BREATH == 0:
                time.sleep(0)
            if known.stamp == stamp(self._project, name, model):
                facts.append(known)
            if len(facts) >= TOGETHER:
                self._tell(facts)
                facts = []
        self._tell(facts)

    def _facts(self, name: str, model: str | None, before: MaskFacts | None = None) -> MaskFacts:
        """What the mask of an image holds now; before: what was known, where it may still hold."""
        if before is not None and before.stamp == stamp(self._project, name, model):
            return before
        return look(self._project, name, model)

    def _remembered(self, model: str | None) -> dict[str, MaskFacts]:
        if (model or "") not in self._known:
            self._known[model or ""] = self._open_index().all(model)
        return self._known[model or ""]

    def _look_again(self, name: str, model: str | None) -> None:
        facts = [self._facts(name, model)]
        self._tell(facts)
        self._store(facts, model)

    def _tell(self, facts: list[MaskFacts]) -> None:
        if facts:
            self.found.emit(facts)

    def _store(self, facts: list[MaskFacts], model: str | None) -> None:
        if not facts:
            return
        self._open_index().put(facts, model)
        if (model or "") in self._known:
            self._known[model or ""].update((one.name, one) for one in facts)

    def _open_index(self) -> FactIndex:
        """The project's index; one in memory until the project is on disk."""
        path = self._project.index_file
        if self._index is None or (path is not None and path != self._place):
            self._index, self._place = FactIndex(path), path
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
