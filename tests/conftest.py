"""Fixtures that all tests share: the real images, an offscreen Qt, and one torch thread."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from unet_studio.core.run_folder import RunFolder

# How long a test draws and runs says much about what else the machine does, and nothing about the program.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Garbage is collected between tests, in this thread: a session of an earlier test that was collected while
# another thread allocates would end its timers there, which Qt does not survive.
gc.disable()
GARBAGE = 20_000  # objects since the last collection
# What a test leaves is young. To look through all that torch and Qt consist of takes a third of a second.
YOUNG, ALL = 1, 2
YOUNG_ONES = 10  # collections of what is young, after which all is looked through
# Folders and files of tests that build windows, networks or processes: all of them count as slow.
SLOW = (
    "benchmarks",
    "commands/test_compare.py",
    "commands/test_doctor.py",
    "commands/test_export_model.py",
    "commands/test_interrupting.py",
    "demo",
    "e2e",
    "formats/test_archives.py",
    "formats/test_export_engine.py",
    "formats/test_resuming.py",
    "formats/test_round_trip.py",
    "model",
    "session",
    "soak",
    "training",
    "ui",
)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real images with masks that UNET_STUDIO_DATA names."""
    folder = os.environ.get("UNET_STUDIO_DATA")
    if not folder:
        pytest.skip("UNET_STUDIO_DATA is not set")
    return Path(folder)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[RunFolder]:
    """The runs whose processes a session would have started."""
    runs: list[RunFolder] = []
    monkeypatch.setattr("unet_studio.session.trainer.start", runs.append)
    return runs


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Collect garbage where there is enough of it."""
    new, _, young_ones = gc.get_count()
    if new > GARBAGE:
        gc.collect(ALL if young_ones >= YOUNG_ONES else YOUNG)


def pytest_addoption(parser: pytest.Parser) -> None:
    """--soak runs the long trials too."""
    parser.addoption("--soak", action="store_true", help="run the trials that take many minutes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the long trials out unless asked for; they are not skipped, so no report is full of them.

    What lies in SLOW is marked as slow.
    """
    home = Path(__file__).parent
    slow = tuple(home / name for name in SLOW)
    for item in items:
        if any(item.path.is_relative_to(place) for place in slow):
            item.add_marker("slow")
    if not config.getoption("--soak"):
        left_out = [item for item in items if item.get_closest_marker("soak")]
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
        config.hook.pytest_deselected(items=left_out)
