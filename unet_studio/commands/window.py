"""Opening the window, or saying why it can't be opened."""

import os
import sys

from unet_studio.commands.table import COMMANDS
from unet_studio.core.errors import StudioError


def open_window(folder: str | None, project_dir: str | None = None, sample: bool = False) -> int:
    """Show the window until it is closed. Raises StudioError where there is no display."""
    on_screen = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"))
    if sys.platform.startswith("linux") and not on_screen:
        headless = ", ".join(name for name in COMMANDS if name != "demo")
        raise StudioError(
            "There is no display to open a window on.",
            f"Commands that need none: unet-studio demo --headless, {headless}.",
        )
    from unet_studio.ui.app import main as run_window

    return run_window(folder, project_dir, sample)
