"""Starts the application: one window, a log for what nobody foresaw, and a clean end on every signal."""

import logging
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QObject, QSocketNotifier, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from unet_studio.core.errors import StudioError
from unet_studio.core.resources import resources
from unet_studio.jobs.tasks import TaskThread
from unet_studio.session import Session
from unet_studio.ui.dialogs.messages import show_error
from unet_studio.ui.garbage import Garbage
from unet_studio.ui.main_window import MainWindow
from unet_studio.ui.preferences import ORGANISATION, Preferences

log = logging.getLogger(__name__)

LOG_BYTES = 1 << 20


def main(folder: str | None = None, project_dir: str | None = None, sample: bool = False) -> int:
    """Show the window until it is closed; returns the exit status. sample: open the sample project."""
    QCoreApplication.setApplicationName("U-Net Studio")
    QCoreApplication.setOrganizationName(ORGANISATION)
    # On X11 Qt drops mouse moves that come in quick succession; a stroke follows all of them.
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)
    app = QApplication.instance() or QApplication(sys.argv[:1])
    if not isinstance(app, QApplication):
        raise RuntimeError("Another kind of application is running in this process.")
    app.setDesktopFileName("unet-studio")
    window = MainWindow(Session(), Preferences())
    guide = Guide(window)
    window.show()
    if sample:
        guide.install_sample()
    elif folder is not None:
        QTimer.singleShot(0, lambda: window.open_folder(folder, project_dir))
    status = app.exec()
    _finish_imports()
    guide.stop()
    window.deleteLater()
    app.processEvents()
    return status


def _finish_imports() -> None:
    """Wait for libraries that are being loaded: one that wakes up when Qt is gone would crash the program."""
    for thread in threading.enumerate():
        if thread.name.startswith("import "):
            thread.join()


def log_file() -> Path:
    """Where the program writes down its errors."""
    import platformdirs

    return platformdirs.user_log_path("unet-studio", appauthor=False) / "log.txt"


def write_log() -> None:
    """Send warnings and errors to the log file, which is made when there is something to write."""
    from logging.handlers import RotatingFileHandler

    path = log_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler: logging.Handler = RotatingFileHandler(
            path, maxBytes=LOG_BYTES, backupCount=1, delay=True, encoding="utf-8"
        )
    except OSError:
        handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)


class Guide(QObject):
    """What the window asks of the application: its icon, the sample project, the log, unforeseen errors."""

    crashed = Signal(str, str)

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._tasks = TaskThread("sample")
        self._tasks.done.connect(self._installed)
        self._tasks.failed.connect(self._not_installed)
        self._told = False
        self._endings: Endings | None = None
        self._garbage: Garbage | None = None
        window.painted.connect(self._finish_start)
        window.sampleAsked.connect(self.install_sample)
        window.logAsked.connect(self._show_log)
        self.crashed.connect(self._say_crash)
        sys.excepthook = self._unforeseen
        threading.excepthook = lambda args: self._unforeseen(
            args.exc_type, args.exc_value or Exception(), args.exc_traceback
        )

    def stop(self) -> None:
        """Hand back the hooks and end the thread."""
        self._window.painted.disconnect(self._finish_start)
        if self._endings is not None:
            self._endings.release()
        if self._garbage is not None:
            self._garbage.stop()
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__
        self._tasks.stop()

    @Slot()
    def _finish_start(self) -> None:
        """What the window can do without while it is drawn first."""
        write_log()
        self._endings = Endings(self._window)
        self._garbage = Garbage(self)
        QApplication.setWindowIcon(QIcon(str(resources() / "icons" / "unet-studio.svg")))

    @Slot()
    def install_sample(self) -> None:
        """Copy the sample project to the person's data, in a thread, then open it."""
        self._tasks.submit("sample", _install_sample)

    @Slot(object, object)
    def _installed(self, _key: object, folder: Path) -> None:
        self._window.open_folder(folder)

    @Slot(object, object)
    def _not_installed(self, _key: object, error: StudioError) -> None:
        self._window.show_error(error, "The Sample Project Can't Be Opened")

    @Slot()
    def _show_log(self) -> None:
        from unet_studio.ui.outside import open_outside

        folder = log_file().parent
        with suppress(OSError):  # then it can't be found, which is said
            folder.mkdir(parents=True, exist_ok=True)
        open_outside(folder, lambda error: self._window.show_error(error, "The Log Can't Be Shown"))

    def _unforeseen(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """An exception that nobody caught: log it and say so. The work stays in memory, journal and files."""
        if issubclass(kind, KeyboardInterrupt):
            QTimer.singleShot(0, self._window.close)
            return
        log.error("unforeseen", exc_info=(kind, error, trace))
        import traceback

        self.crashed.emit(repr(error), "".join(traceback.format_exception(kind, error, trace)))

    @Slot(str, str)
    def _say_crash(self, text: str, details: str) -> None:
        if self._told:  # one box is enough where every event fails
            return
        self._told = True
        error = StudioError(
            "Something unforeseen happened. Your work is safe: every stroke is written down.",
            f"You can go on. If it happens again, please report it with the log, {log_file()}.",
        )
        box = show_error(self._window, "U-Net Studio", error, f"{text}\n\n{details}")
        box.finished.connect(self._heard)

    @Slot()
    def _heard(self, *_: object) -> None:
        self._told = False


def _install_sample() -> Path:
    from unet_studio.demo.sample import install_sample

    return install_sample()


class Endings(QObject):
    """Closes the window on SIGINT and SIGTERM, so that both save.

    Qt's loop runs no Python while nothing happens; a socket that Python writes the signal to wakes it.
    """

    def __init__(self, window: MainWindow) -> None:
        import socket

        super().__init__(window)
        self._window = window
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.setblocking(False)
        self._before = signal.set_wakeup_fd(self._writer.fileno(), warn_on_full_buffer=False)
        self._handlers = {
            number: signal.signal(number, lambda *_: None) for number in (signal.SIGINT, signal.SIGTERM)
        }
        self._notifier = QSocketNotifier(self._reader.fileno(), QSocketNotifier.Type.Read, self)
        self._notifier.activated.connect(self._end)

    def release(self) -> None:
        """Put everything back as it was."""
        self._notifier.setEnabled(False)
        signal.set_wakeup_fd(self._before)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._reader.close()
        self._writer.close()

    @Slot()
    def _end(self, *_: object) -> None:
        self._reader.recv(64)
        self._window.close()
