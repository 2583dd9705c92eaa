"""Collecting garbage in the window's thread alone.

Python collects reference cycles in whatever thread happens to allocate. A QObject among them would be deleted
there: its timers can't be ended from another thread, and Qt crashes the program. A collection that walks
through all objects of PyTorch and Qt also takes longer than a frame.
"""

import gc
import time

from PySide6.QtCore import QObject, QTimer, Slot

INTERVAL_MS = 1000
ENOUGH = 10_000  # new objects, less those that are gone, that are worth a collection
LIBRARY = 100_000  # so many at once are a library that was imported, which stays
SHARE = 0.02  # of the time at most goes into collecting


class Garbage(QObject):
    """Collects every second or so, as long as it lives. stop() leaves it to Python again."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._rested = 0.0  # when the next collection may be, seconds of time.monotonic
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self.collect)
        self._by_itself = gc.isenabled()
        gc.disable()
        gc.freeze()  # what there is now stays: nothing of it is looked at again
        self._timer.start()

    def stop(self) -> None:
        """Let Python collect by itself again, if it did."""
        self._timer.stop()
        gc.unfreeze()
        if self._by_itself:
            gc.enable()

    @Slot()
    def collect(self) -> None:
        """Collect where there is enough to collect."""
        new = gc.get_count()[0]
        began = time.monotonic()
        if new < ENOUGH or began < self._rested:
            return
        if new >= LIBRARY:
            gc.freeze()
            return
        gc.collect()
        ended = time.monotonic()
        self._rested = ended + (ended - began) / SHARE
