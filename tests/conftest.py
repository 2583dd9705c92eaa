"""Fixtures that all tests share: the real images, an offscreen Qt, and one torch thread."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real images with masks that UNET_STUDIO_DATA names."""
    folder = os.environ.get("UNET_STUDIO_DATA")
    if not folder:
        pytest.skip("UNET_STUDIO_DATA is not set")
    return Path(folder)
