"""How long the window's thread stands still: a timer that beats, and the pauses between its beats.

A pause is the time between two beats; "own" is the pause without what the thread waited for a free core, as
Linux counts it, so that other programs on the machine don't count; "busy" is what the thread itself computed
in it. What is in own and not in busy, it waited for a lock, or rested, or the machine's host took the core
away. So that the last can be told, a process beside it beats too, and does nothing else.
"""

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PySide6.QtCore import Qt, QTimer

BEAT_MS = 5
SCHEDSTAT = Path(f"/proc/self/task/{os.getpid()}/schedstat")


def waited():
    """How long the main thread waited for a core so far, ms."""
    return int(SCHEDSTAT.read_text().split()[1]) / 1e6 if SCHEDSTAT.exists() else 0.0


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
        now, waiting = time.perf_counter(), waited()
        self.all.append(1000 * (now - self._last))
        self.own.append(self.all[-1] - (waiting - self._before))
        computed = 1000 * time.thread_time()
        self.busy.append(computed - self._computed)
        self._last, self._before, self._computed = now, waiting, computed

    def _reset(self):
        self.all, self.own, self.busy = [], [], []
        self._last, self._before = time.perf_counter(), waited()
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


class Beside:
    """A process that does nothing but beat: its pauses are the machine's."""

    def __init__(self):
        words = [sys.executable, "-m", "tests.benchmarks.beat"]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.take()  # it has started once it answers

    def take(self):
        """Its longest pause since the last take, and the longest without waiting for a core, ms."""
        self._process.stdin.write("take\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def stop(self):
        self._process.communicate()


def main():
    """Beat until the standard input ends; answer each of its lines with the longest pauses since the last."""
    longest = own = 0.0
    last, before = time.perf_counter(), waited()
    while True:
        asked = select.select([sys.stdin], [], [], BEAT_MS / 1000)[0]
        now, waiting = time.perf_counter(), waited()
        longest = max(longest, 1000 * (now - last))
        own = max(own, 1000 * (now - last) - (waiting - before))
        last, before = now, waiting
        if asked:
            if not sys.stdin.readline():
                return
            print(json.dumps({"longest": longest, "own": own}), flush=True)
            longest = own = 0.0


if __name__ == "__main__":
    main()
