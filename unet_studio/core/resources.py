"""Where the files live that ship with the program: in the wheel, or beside a checkout."""

from importlib.resources import files
from pathlib import Path


def resources() -> Path:
    """The folder of icons, style sheet, sample project and bundled models."""
    installed = Path(str(files("unet_studio"))) / "resources"
    return installed if installed.is_dir() else Path(__file__).resolve().parents[2] / "resources"
