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
from collections.abc import Callable, Collection, Sequence

import numpy as np
from PySide6.QtCore import QCoreApplication, QTimer

from unet_studio.core.document import Document
from unet_studio.session import Session

PAUSE = 8  # ms between two actions

Tell = Callable[[str, Document], None]  # "must" or "may", and a document as it is now


def state_of(annotation: np.ndarray, approved: bool) -> str:
    """A digest of painted pixels and approval."""
    return hashlib.blake2b(annotation.tobytes() + bytes([approved]), digest_size=12).hexdigest()


def say(word: str, name: str, state: str) -> None:
    """Write a line at once, whole."""
    os.write(1, f"{word} {time.time():.4f} {name} {state}\n".encode())


def say_state(word: str, document: Document) -> None:
    """Write a line of the state that a document is in."""
    say(word, document.name, state_of(document.annotation.pixels, document.approved))


def tell_every_step(tell: Tell = say_state) -> None:
    """Tell every state that a document takes from now on, under the lock that whoever saves has to take."""
    real = Document._set_approval

    def set_approval(document: Document, approval: object) -> None:
        real(document, approval)
        tell("must", document)

    Document._set_approval = set_approval


class Painter:
    """Does one random thing after the other, as a person would through the window.

    tell: is told the state of every image that is opened. names: the images worked on, empty for all.
    without: what is never done, names of methods.
    """

    def __init__(
        self,
        session: Session,
        seed: int,
        tell: Tell = say_state,
        names: Sequence[str] = (),
        without: Collection[str] = (),
    ) -> None:
        self.session = session
        self.chance = random.Random(seed)
        self.tell, self.names = tell, names
        self.name: str | None = None
        self.merging = False
        weights: dict[Callable[[], None], int] = {
            self.stroke: 60, self.undo: 8, self.redo: 6, self.jump: 2, self.abandon: 3, self.save: 12,
            self.approve: 4, self.unapprove: 2, self.operate: 3, self.clear: 1, self.leave: 2, self.merge: 1,
        }  # fmt: skip
        weights = {act: weight for act, weight in weights.items() if act.__name__ not in without}
        self.choices, self.weights = list(weights), list(weights.values())

    def act(self) -> None:
        """The next thing, where the session is ready for it."""
        session = self.session
        if self.merging and session.project.rewriting == () and session.document is not None:
            self.merging = session.classes.indices != (0, 1)
        if session.document is None or not session.editable or self.merging:
            return
        if session.document.name != self.name:
            self.name = session.document.name
            self.tell("may", session.document)
        self.do(self.chance.choices(self.choices, self.weights)[0])

    def do(self, what: Callable[[], None]) -> None:
        """Do one of the things."""
        what()

    def _draw(self, end: str) -> None:
        height, width = self.session.document.shape
        editor = self.session.editor
        editor.set_active_class(self.chance.choice(self.session.classes.indices))
        editor.set_brush_radius(self.chance.randint(2, 60))
        self.pointer("press", self.chance.uniform(0, height), self.chance.uniform(0, width))
        for _ in range(self.chance.randint(1, 3)):
            point = self.chance.uniform(0, height), self.chance.uniform(0, width)
            self.pointer("move", *point)
        self.pointer(end, *point)

    def pointer(self, kind: str, row: float, column: float) -> None:
        """Use the tool in hand. kind: press, move, release or cancel; row, column: in image px."""
        self.session.editor.pointer(kind, row, column)

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
        self.session.open_image(self.chance.choice(self.names or self.session.images))

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
    tell_every_step()
    painter = Painter(session, seed)
    timer = QTimer()
    timer.timeout.connect(lambda: say("alive", "-", "-"))
    timer.timeout.connect(painter.act)
    timer.start(PAUSE)
    app.exec()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
