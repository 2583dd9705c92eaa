"""Files and folders in the programs that the system has for them."""

import os
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from unet_studio.core.errors import StudioError


def open_outside(path: Path, say: Callable[[StudioError], object]) -> None:
    """Open a file, or show a folder. say: told where no program takes it, as on a bare desktop."""
    if not os.path.exists(path):  # noqa: PTH110  Path.exists raises where a share can't be reached
        say(StudioError(f"{path} can't be found.", "It was moved or deleted, or its disk is not connected."))
    elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
        say(StudioError(f"No program here opens {path}.", "Open it yourself, from where it lies."))
