"""What the command tests share: running a command, a small project, a small model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from PIL import Image

from unet_studio.cli import main
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing


class Outcome(NamedTuple):
    """What a command did. value: the JSON object on stdout, where --json was given."""

    status: int
    out: str
    err: str
    value: dict[str, Any]


Run = Callable[..., Outcome]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process. With --json: fails unless stdout is exactly one JSON object."""

    def call(*words: Any) -> Outcome:
        capsys.readouterr()
        try:
            status = main([str(word) for word in words])
        except SystemExit as stop:
            status = int(str(stop.code))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        value = json.loads(out) if "--json" in words else {}
        return Outcome(status, out, err, value)

    return call


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of three small pictures, one of them in a sub-folder."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.jpg", "sub/c.png"):
        path = tmp_path / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (24, 32, 3), np.uint8)).save(path)
    return tmp_path / "images"


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model with random weights."""
    from unet_studio.model import build_network, save_model

    architecture = Architecture("unet", 3, 1, {"depth": 1, "channels": 4})
    classes = (ModelClass(0, "background", "#000000"), ModelClass(1, "object", "#ffffff"))
    card = ModelCard("tiny", architecture, classes, 0, Preprocessing(3), metrics={"mean_dice": 0.5})
    folder = tmp_path_factory.mktemp("models") / "tiny"
    save_model(folder, build_network(architecture), card)
    return folder
