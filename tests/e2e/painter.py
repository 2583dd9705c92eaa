"""Paints strokes in a real session until it is killed; says on stdout which are done, and when."""

import random
import sys
import time
from collections.abc import Iterator

from PySide6.QtCore import QCoreApplication, QTimer

from unet_studio.session import Session


def strokes(seed: int) -> Iterator[tuple[int, int, list[tuple[float, float]]]]:
    """Class, radius and points of one stroke after the other, the same for the same seed."""
    chance = random.Random(seed)
    while True:
        points = [(chance.uniform(0, 400), chance.uniform(0, 600)) for _ in range(3)]
        yield chance.choice([0, 1]), chance.randint(2, 30), points


def paint(session: Session, stroke: tuple[int, int, list[tuple[float, float]]]) -> None:
    """One stroke through the session, as the canvas would send it."""
    value, radius, points = stroke
    session.editor.set_active_class(value)
    session.editor.set_brush_radius(radius)
    session.editor.pointer("press", *points[0])
    for point in points[1:]:
        session.editor.pointer("move", *point)
    session.editor.pointer("release", *points[-1])


def main(folder: str, seed: int) -> None:
    """Paint a stroke every few milliseconds; now and then save, undo and redo are left to chance."""
    app = QCoreApplication([])
    session = Session()
    session.predictor.auto = False
    session.open_folder(folder)
    source = enumerate(strokes(seed), start=1)

    def step() -> None:
        if session.document is None:
            return
        number, stroke = next(source)
        paint(session, stroke)
        if number % 7 == 0:
            session._writer.hurry()
        print(number, time.time(), flush=True)

    timer = QTimer()
    timer.timeout.connect(step)
    timer.start(8)
    app.exec()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
