"""Imports that are killed at random moments: what is on disk is whole, and comes back to the byte."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core import snapshots
from unet_studio.core.classes import ClassTable, write_classes_file
from unet_studio.core.document_files import load_document
from unet_studio.core.project import Project
from unet_studio.core.storage import write_index_png
from unet_studio.formats.importing import undo_import

pytestmark = [pytest.mark.soak, pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")]

IMAGES, TRIALS, SHAPE = 60, 30, (200, 300)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sixty images, every second one painted, half of those approved; masks for all of them beside."""
    table, noise = ClassTable.binary("cell").add("wall"), np.random.default_rng(1)
    (tmp_path / "images").mkdir()
    for number in range(IMAGES):
        Image.new("L", SHAPE[::-1]).save(tmp_path / "images" / f"{number}.png")
        labels = noise.integers(0, 3, SHAPE).astype(np.uint8)
        write_index_png(tmp_path / "masks" / f"{number}.png", labels, table.palette())
    write_classes_file(tmp_path / "masks" / "classes.json", "masks", table)
    project = Project.open(tmp_path / "images")
    project.set_classes(ClassTable.binary("cell"))
    for number in range(0, IMAGES, 2):
        labels = noise.integers(0, 2, SHAPE).astype(np.uint8)
        project.write_layers(f"{number}.png", labels, labels if number % 4 == 0 else None, {})
    project.close()
    return tmp_path


def tree(home: Path) -> dict[str, bytes]:
    """What is on disk, but for the lock, snapshots and files that were being written."""
    return {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file()
        and path.name != "lock"
        and path.suffix != ".tmp"
        and "snapshots" not in path.relative_to(home).parts
    }


@pytest.mark.parametrize(
    "words", [["--replace", "--approve"], ["--as", "prediction"]], ids=["replace", "under"]
)
def test_killed_imports_come_back(folder: Path, words: list[str]) -> None:
    random.seed(7)
    home = folder / "images" / "unet-studio"
    before = tree(home)
    reached = 0
    for _ in range(TRIALS):
        _import_and_kill(folder, words)
        project = Project.open(folder / "images")
        assert project.read_only is None
        assert all(load_document(project, name, project.model).shape == SHAPE for name in project.images[::9])
        last = snapshots.last_undoable(project)
        if last is not None:
            reached += bool(last.log())
            undo_import(project)
        project.close()
        assert tree(home) == before
    assert reached > TRIALS // 4  # the others died before their first image


def _import_and_kill(folder: Path, words: list[str]) -> None:
    """Begin an import in a process of its own, and kill it within a second of its snapshot."""
    kept = folder / "images" / "unet-studio" / "snapshots"
    known = len(list(kept.iterdir())) if kept.is_dir() else 0
    places = [folder / "masks", folder / "images"]
    process = subprocess.Popen(
        [sys.executable, "-m", "unet_studio", "import", "index-png", *places, "--add-classes", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while process.poll() is None and not (kept.is_dir() and len(list(kept.iterdir())) > known):
        time.sleep(0.002)
    time.sleep(random.random())
    process.send_signal(signal.SIGKILL)
    process.wait()
