"""A painting script and two trainings in the real window: `python -m tests.benchmarks.rounds.window_trial`.

Its arguments are a new folder, and a JSON object: minutes, clock, threads, seed, and sets, a list of
"key=value". The first training runs to its end, the second is stopped by its button. Prints a JSON object.
"""

import json
import math
import os
import statistics
import sys
import time
from collections import deque
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from tests.benchmarks.beat import Beat, Beside
from tests.benchmarks.rounds.fine_tuning import assigned
from tests.benchmarks.stage import LEFT, Stage
from tests.e2e.painter import Painter, tell_every_step
from unet_studio.core.document_files import load_document
from unet_studio.core.events import Progress
from unet_studio.core.project import Project
from unet_studio.core.run_folder import UNDER_WAY
from unet_studio.demo.sample import install_sample, sample_truth
from unet_studio.ui.garbage import Garbage

FINISHED = 8  # images of the sample that are approved before; the others are painted on
PACE_MS = 100  # between two things that the painting script does, at least
MOUSE_MS = 8  # between two events of the mouse
STEP_PX = 40  # of the image, from one to the next at most
STOP_AFTER = 10  # steps of the second training
WAIT = 1800.0  # seconds beyond the time limit that a training may take
# Merging classes rewrites the other images' masks, which nobody is told of; tests/e2e/test_kill.py tries it.
NEVER = ("merge",)


class Ledger:
    """What was painted, as it was in memory after the last step. states: image -> pixels, approved."""

    def __init__(self):
        self.states, self.steps = {}, 0
        tell_every_step(self.tell)

    def tell(self, word, document):
        self.states[document.name] = document.annotation.pixels.copy(), document.approved
        self.steps += word == "must"

    def compare(self, folder):
        """Read back from disk what was painted. Counts of pixels, images and steps."""
        wrong = checked = painted = 0
        with closing(Project.open(folder, writable=False)) as project:
            for name, (pixels, approved) in self.states.items():
                found = load_document(project, name)
                wrong += int((found.annotation.pixels != pixels).sum())
                wrong += pixels.size if found.approved != approved else 0
                checked += pixels.size
                painted += int((pixels != 255).sum())
        images = len(self.states)
        return {
            "wrong": wrong,
            "checked": checked,
            "painted": painted,
            "images": images,
            "steps": self.steps,
        }


class MousePainter(Painter):
    """The painting script with its hand on a mouse, which sends one event at a time, in steps of a fast hand.

    strokes: drags that have ended. longest: what each thing that it does, and each event of the mouse, took
    the window's thread at worst, ms of its processor.
    """

    def __init__(self, stage, *arguments, **words):
        super().__init__(stage.session, *arguments, **words)
        self.stage = stage
        self.strokes = 0
        self.longest = {}
        self._waiting = deque()  # events of the mouse: kind, row, column
        self._timers = [QTimer(interval=pace) for pace in (PACE_MS, MOUSE_MS)]
        for timer, beat in zip(self._timers, (self.act, self._send), strict=True):
            timer.timeout.connect(beat)

    def start(self):
        for timer in self._timers:
            timer.start()

    def stop(self):
        """Do no more once the button is up."""
        self._timers[0].stop()
        self.stage.wait(lambda: not self._waiting)
        self._timers[1].stop()

    def act(self):
        if not self._waiting:
            super().act()

    def do(self, what):
        self._timed(what.__name__, what)

    def pointer(self, kind, row, column):
        if kind == "move":
            _, *last = self._waiting[-1]
            steps = math.ceil(math.dist(last, (row, column)) / STEP_PX)
            for path in np.linspace(last, (row, column), max(1, steps) + 1)[1:]:
                self._waiting.append(("move", *path))
        else:
            self._waiting.append((kind, row, column))

    def _send(self):
        if self._waiting:
            kind, row, column = self._waiting.popleft()
            self._timed(f"mouse {kind}", lambda: self._send_one(kind, row, column))
            self.strokes += kind == "release"

    def _send_one(self, kind, row, column):
        if kind == "cancel":
            super().pointer(kind, row, column)
            kind = "release"  # the button comes up again
        getattr(self.stage, kind)(self.stage.canvas.to_widget(row, column))

    def _timed(self, name, what):
        began = time.thread_time()
        what()
        taken = 1000 * (time.thread_time() - began)
        self.longest[name] = max(taken, self.longest.get(name, 0.0))


def prepare(folder):
    """The sample project with some finished images. Returns the names of the others."""
    install_sample(folder)
    with closing(Project.open(folder)) as project:
        for name in project.images[:FINISHED]:
            project.write_approved(name, sample_truth(name), {})
        return project.images[FINISHED:]


class Trial:
    """The window with a project open, a painting script, and a timer that beats."""

    def __init__(self, folder, chosen):
        self.folder = folder / "sample"
        self.minutes = chosen["minutes"]
        others = prepare(self.folder)
        self.ledger = Ledger()
        self.stage = Stage(folder / "window.ini")
        self.session = self.stage.session
        self.trainer, self.panel = self.session.trainer, self.stage.window.panels["training"]
        self.session.predictor.auto = True
        self.garbage = Garbage(self.stage.window)
        self.stage.open(self.folder, others[0])
        settings = {key: chosen[key] for key in ("minutes", "clock", "threads", "seed")}
        self.trainer.choose({**settings, **assigned(chosen["sets"])})
        self.stage.wait(lambda: self.session.document.prediction is not None)  # PyTorch is loaded
        self.painter = MousePainter(self.stage, chosen["seed"], self.ledger.tell, others, NEVER)
        self.beat, self.beside = Beat(), Beside()

    def run(self):
        """Both trainings, then everything read back."""
        self.painter.start()
        whole, stopped = self.whole(), self.stopped()
        self.finish()
        pixels = self.ledger.compare(self.folder)
        pixels |= {"strokes": self.painter.strokes}
        return {"whole": whole, "stopped": stopped, "pixels": pixels, "acts": self.painter.longest}

    def whole(self):
        """A training to its own end."""
        began = time.perf_counter()
        first_point = self.start()
        self.wait(lambda: self.trainer.state not in UNDER_WAY and self.usable())
        return {
            "first_point": first_point,
            "seconds": time.perf_counter() - began,
            "pauses": self.beat.take(),
            "beside": self.beside.take(),
            "steps": self.last_step(),
            "state": self.trainer.state,
            "outcome": self.trainer.verdict.outcome,
            "in_use": self.session.predictor.model_name,
        }

    def stopped(self):
        """A training that is stopped after some steps."""
        first_point = self.start()
        self.wait(lambda: self.last_step() >= STOP_AFTER or self.trainer.state not in UNDER_WAY)
        QTest.mouseClick(self.panel.stop, LEFT)
        clicked = time.perf_counter()
        self.wait(self.usable)
        stopping = time.perf_counter() - clicked
        return {
            "first_point": first_point,
            "stopping": stopping,
            "step_seconds": self.step_seconds(),
            "pauses": self.beat.take(),
            "beside": self.beside.take(),
            "steps": self.last_step(),
            "state": self.trainer.state,
        }

    def start(self):
        """Click the button. Returns the seconds until the curve has a point."""
        self.wait(lambda: self.panel.start.isEnabled() and self.panel.start.isVisible())
        before = self.trainer.run and self.trainer.run.name
        self.beat.take()
        self.beside.take()
        QTest.mouseClick(self.panel.start, LEFT)
        clicked = time.perf_counter()
        self.wait(lambda: self.trainer.run and self.trainer.run.name != before and self.curve_shown())
        return time.perf_counter() - clicked

    def curve_shown(self):
        """Whether the panel shows a point of the loss of the run that it follows."""
        curve = self.panel.curve
        if not self.last_step() or not curve.ready or not curve.loss.view.isVisible():
            return False
        drawn = curve._lines["steps"].getData()[0]
        return drawn is not None and len(drawn) > 0 and drawn[-1] <= self.last_step()

    def last_step(self):
        return max((event.step for event in self.progress()), default=0)

    def progress(self):
        return [event for event in self.trainer.events if isinstance(event, Progress)]

    def step_seconds(self):
        """The median of the last training's steps."""
        events = self.progress()
        gaps = [later.seconds - event.seconds for event, later in pairwise(events)]
        return statistics.median(gaps) if gaps else float("nan")

    def usable(self):
        """Whether the run's version is judged, and among those that one can choose."""
        names = {entry.name for entry in self.session.predictor.models()}
        return self.trainer.verdict is not None and self.trainer.run.name in names

    def wait(self, until):
        self.stage.wait(until, 4 * 60 * self.minutes + WAIT)

    def finish(self):
        """Put the brush down, let everything come to rest and close the window."""
        self.painter.stop()
        self.stage.wait(lambda: self.session.editable and not self.session.editor.landing.under_way)
        self.stage.rest(1000)
        self.beat.stop()
        self.beside.stop()
        self.garbage.stop()
        self.stage.close()


def main(folder, chosen):
    application = QApplication(sys.argv[:1])
    found = Trial(folder, chosen).run()
    del application
    return found


if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    print(json.dumps(main(Path(sys.argv[1]), json.loads(sys.argv[2]))), flush=True)
    os._exit(0)  # nothing is left to be saved
