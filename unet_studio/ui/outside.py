"""Files and folders in the programs that the system has for them."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from unet_studio.core.errors import StudioError


def open_outside(path: Path, say: Callable[[StudioError], object]) -> None:
    """Open a file, or show a folder. say: told where no program takes it, as on a bare desktop."""
    if not path.exists():
        say(StudioError(f"{path} is not there any more.", "It was moved or deleted since."))
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        say(StudioError(f"No program here opens {path}.", "Copy the path and open it yourself."))
