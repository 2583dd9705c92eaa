"""Works on masks in a real session until it is killed; says on stdout which states there were, and when.

A line is "must" or "may", the time, the image and a digest of its state. It is written before anything of
that state can reach the disk: under the lock that whoever saves has to take. "may" is a state that comes some
time later, such as that after a class is merged into another. "alive" only says that the window was.
"""

import hashlib
import os
import random
import sys
import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QCoreApplication, QTimer

from unet_studio.core.document import Document
from unet_studio.session import Session

PAUSE = 8  # ms between two actions


def state_of(annotation: np.ndarray, approved: bool) -> str:
    """A digest of painted pixels and approval."""
    return hashlib.blake2b(annotation.tobytes() + bytes([approved]), digest_size=12).hexdigest()


def say(word: str, name: str, state: str) -> None:
    """Write a line at once, whole."""
    os.write(1, f"{word} {time.time():.4f} {name} {state}\n".encode())


def say_every_step() -> None:
    """Write a line for every state that a document takes from now on."""
    real = Document._set_approval

    def set_approval(document: Document, approval: object) -> None:
        real(document, approval)
        say("must", document.name, state_of(document.annotation.pixels, document.approved))

    Document._set_approval = set_approval


class Painter:
    """Does one random thing after the other, as a person would through the window."""

    def __init__(self, session: Session, seed: int) -> None:
        self.session = session
        self.chance = random.Random(seed)
        self.name: str | None = None
        self.merging = False
        weights: dict[Callable[[], None], int] = {
            self.stroke: 60, self.undo: 8, self.redo: 6, self.jump: 2, self.abandon: 3, self.save: 12,
            self.approve: 4, self.unapprove: 2, self.operate: 3, self.clear: 1, self.leave: 2, self.merge: 1,
        }  # fmt: skip
        self.choices, self.weights = list(weights), list(weights.values())

    def act(self) -> None:
        """The next thing, where the session is ready for it."""
        session = self.session
        say("alive", "-", "-")
        if self.merging and session.project.rewriting == () and session.document is not None:
            self.merging = session.classes.indices != (0, 1)
        if session.document is None or not session.editable or self.merging:
            return
        if session.document.name != self.name:
            self.name = session.document.name
            say("may", self.name, state_of(session.document.annotation.pixels, session.document.approved))
        self.chance.choices(self.choices, self.weights)[0]()

    def _draw(self, end: str) -> None:
        height, width = self.session.document.shape
        editor = self.session.editor
        editor.set_active_class(self.chance.choice(self.session.classes.indices))
        editor.set_brush_radius(self.chance.randint(2, 60))
        editor.pointer("press", self.chance.uniform(0, height), self.chance.uniform(0, width))
        for _ in range(self.chance.randint(1, 3)):
            point = self.chance.uniform(0, height), self.chance.uniform(0, width)
            editor.pointer("move", *point)
        editor.pointer(end, *point)

    def stroke(self) -> None:
        """Paint a stroke."""
        self._draw("release")

    def abandon(self) -> None:
        """Take a stroke back before it ends."""
        self._draw("cancel")

    def undo(self) -> None:
        """Take a step back."""
        self.session.editor.undo()

    def redo(self) -> None:
        """Do a step again."""
        self.session.editor.redo()

    def jump(self) -> None:
        """Go anywhere in the history."""
        self.session.editor.jump(self.chance.randint(0, len(self.session.document.history)))

    def save(self) -> None:
        """Save now."""
        self.session._writer.hurry()

    def approve(self) -> None:
        """Say that all is right."""
        self.session.editor.fill_rest()
        self.session.editor.approve()

    def unapprove(self) -> None:
        """Take that back."""
        self.session.editor.unapprove()

    def clear(self) -> None:
        """Forget all that is painted."""
        self.session.editor.clear_annotation()

    def operate(self) -> None:
        """Change the whole mask."""
        from unet_studio.session.operator import Request

        self.session.operator.apply(Request(self.chance.choice(("grow", "smooth", "fill_holes"))))

    def leave(self) -> None:
        """Go to another image."""
        self.session.open_image(self.chance.choice(self.session.images))

    def merge(self) -> None:
        """Add a class, paint with it, and merge it into another."""
        editor = self.session.class_editor
        editor.add(f"class {self.chance.random()}")
        self._draw("release")
        index = self.session.classes.indices[-1]
        document = self.session.document
        pixels = document.annotation.pixels
        merged = np.where(pixels == index, np.uint8(1), pixels)
        say("may", document.name, state_of(merged, document.approved))
        self.merging = True
        editor.delete(index, 1)


def main(folder: str, seed: int) -> None:
    """Act every few milliseconds."""
    app = QCoreApplication([])
    session = Session()
    session.predictor.auto = False
    session.open_folder(folder)
    say_every_step()
    painter = Painter(session, seed)
    timer = QTimer()
    timer.timeout.connect(painter.act)
    timer.start(PAUSE)
    app.exec()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
