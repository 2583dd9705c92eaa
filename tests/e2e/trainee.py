"""A window that finishes two images, trains on them, says "training" once it does, and is killed then."""

import sys

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QApplication

from unet_studio.core.events import Progress
from unet_studio.session import Session
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import Preferences

# A network that a busy machine trains in no time, for longer than anybody waits.
SETTINGS = {
    "network": "unet", "init": "random", "depth": 2, "channels": 8, "patch": 64, "batch": 2, "steps": 100_000,
    "minutes": 0, "patience": 0, "pinned": "",
}  # fmt: skip
EVERY = 50  # ms between two looks at how far it is


def main(folder: str, preferences: str) -> None:
    """Go through the steps as each becomes possible."""
    app = QApplication(sys.argv[:1])
    session = Session()
    session.predictor.auto = False
    window = MainWindow(session, Preferences(QSettings(preferences, QSettings.Format.IniFormat)))
    window.show()
    window.open_folder(folder)
    left = ["0.png", "1.png"]
    told = False

    def act() -> None:
        nonlocal told
        document = session.document
        if left and document is not None and document.name == left[0] and session.editable:
            session.editor.set_active_class(0)
            session.editor.pointer("press", 40, 40)
            session.editor.pointer("move", 40, 90)
            session.editor.pointer("release", 40, 90)
            session.editor.edit(lambda one: one.fill_rest(1))
            session.editor.approve()
            left.pop(0)
            session.open_image(left[0] if left else "2.png")
        elif not left and session.trainer.state == "none":
            session.trainer.start(SETTINGS)
        elif not told and any(isinstance(event, Progress) for event in session.trainer.events):
            told = True
            print("training", flush=True)
        elif session.trainer.state == "failed":
            app.quit()

    timer = QTimer()
    timer.timeout.connect(act)
    timer.start(EVERY)
    app.exec()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
