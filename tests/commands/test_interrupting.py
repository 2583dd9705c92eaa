"""Ctrl-C during an import or export in a process of its own: status 130, nothing half-written, --resume."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from unet_studio.core.project import Project
from unet_studio.core.storage import HALF_WRITTEN

CODE = """
import os, signal, sys
from unet_studio.cli import main
from unet_studio.commands.terminal import Meter

advance = Meter.advance

def interrupted(self, done, total, detail=""):
    advance(self, done, total, detail)
    if done == 3 and self.what != "Looking":
        os.kill(os.getpid(), signal.SIGINT)

Meter.advance = interrupted
sys.exit(main(sys.argv[1:]))
"""


def run(*words: str, interrupt: bool = False) -> "subprocess.CompletedProcess[str]":
    """The program with these words."""
    begin = ["-c", CODE] if interrupt else ["-m", "unet_studio"]
    return subprocess.run(
        [sys.executable, *begin, *words], check=False, timeout=120, capture_output=True, text=True
    )


@pytest.mark.slow
def test_import_and_export_are_stopped_and_gone_on_with(tmp_path: Path) -> None:
    folder, masks, out = tmp_path / "images", tmp_path / "masks", tmp_path / "out"
    for place in (folder, masks):
        place.mkdir()
        for number in range(6):
            Image.fromarray(np.full((8, 9), number % 2, np.uint8)).save(place / f"{number}.png")
    words = ("import", "index-png", str(masks), str(folder), "--approve")
    done = run(*words, interrupt=True)
    assert done.returncode == 130, done.stderr
    assert "--resume goes on" in done.stderr
    assert len(Project.open(folder, writable=False).images) == 6
    assert len(list((folder / "unet-studio" / "approved").iterdir())) == 4
    done = run(*words, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["imported"] == 2
    words = ("export", str(folder), "index-png", str(out))
    done = run(*words, interrupt=True)
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1] == "Stopped. The destination is as it was. --resume goes on."
    assert not list(out.glob("*.png"))
    done = run(*words, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["earlier"] == 4
    assert len(list(out.glob("*.png"))) == 6
    assert not list(tmp_path.rglob(HALF_WRITTEN))
    done = run("export", str(folder), "coco", str(tmp_path / "coco"), interrupt=True)
    assert done.stderr.splitlines()[-1] == "Stopped. The destination is as it was."
    assert not (tmp_path / "coco").exists()
    done = run("export", str(folder), "coco", str(tmp_path / "coco"), "--resume")
    assert done.returncode == 0
    assert "it begins anew" in done.stderr
