"""How long the window's thread stands still: a timer that beats, and the pauses between its beats.

A pause is the time between two beats; "own" is the pause without what the thread waited for a free core, as
Linux counts it, so that other programs on the machine don't count; "busy" is what the thread itself computed
in it. What is in own and not in busy, it waited for a lock, or rested.
"""

import os
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer

BEAT_MS = 5
SCHEDSTAT = Path(f"/proc/self/task/{os.getpid()}/schedstat")


class Beat:
    """Pauses since the last take, ms. Lives in the main thread."""

    def __init__(self):
        self._timer = QTimer(interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._beat)
        self._timer.start()
        self._reset()

    def stop(self):
        self._timer.stop()

    def _beat(self):
        now, waited = time.perf_counter(), self._waited()
        self.all.append(1000 * (now - self._last))
        self.own.append(self.all[-1] - (waited - self._before))
        computed = 1000 * time.thread_time()
        self.busy.append(computed - self._computed)
        self._last, self._before, self._computed = now, waited, computed

    def _waited(self):
        """How long this thread waited for a core so far, ms."""
        return int(SCHEDSTAT.read_text().split()[1]) / 1e6 if SCHEDSTAT.exists() else 0.0

    def _reset(self):
        self.all, self.own, self.busy = [], [], []
        self._last, self._before = time.perf_counter(), self._waited()
        self._computed = 1000 * time.thread_time()

    def take(self):
        self._beat()
        figures = {
            "beats": len(self.all),
            "longest": max(self.all),
            "own": max(self.own),
            "busy": max(self.busy),
            "p99": float(np.quantile(self.all, 0.99)),
            "own_p99": float(np.quantile(self.own, 0.99)),
        }
        self._reset()
        return figures
