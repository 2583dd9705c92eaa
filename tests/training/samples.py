"""Tiny images with masks, and runs that learn from them in seconds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig, TrainingSource

SIZE = 32
TINY: dict[str, Any] = {
    "name": "tiny",
    "init": "random",
    "network": "unet",
    "depth": 2,
    "channels": 4,
    "normalisation": "batch",
    "freeze_encoder_statistics": False,
    "steps": 12,
    "batch": 2,
    "patch": 32,
    "evaluate_every": 4,
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "ema": 0.5,
    "device": "cpu",
    "threads": 1,
}


def disc_image(seed: int, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """A bright disc on a dark, noisy ground: image uint8 (size, size, 3) and mask uint8 (size, size)."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    center = random.uniform(size * 0.3, size * 0.7, 2)
    mask = ((rows - center[0]) ** 2 + (columns - center[1]) ** 2 < (size / 5) ** 2).astype(np.uint8)
    image = 60 + 120 * mask[..., None] + random.normal(0, 10, (size, size, 3))
    return image.clip(0, 255).astype(np.uint8), mask


def write_folders(
    root: Path, count: int = 8, classes: bool = True, split: dict[str, list[str]] | None = None
) -> TrainingSource:
    """images/, masks/, classes.json and, where given, split.json; the source that names them."""
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    for number in range(count):
        image, mask = disc_image(number)
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    if classes:
        names = [{"index": 0, "name": "background", "color": "#000000"}]
        names.append({"index": 1, "name": "disc", "color": "#ff0000"})
        (root / "classes.json").write_text(json.dumps({"classes": names, "ignore_index": None}))
    if split is not None:
        (root / "split.json").write_text(json.dumps(split))
    return TrainingSource.of_folders(
        root / "images",
        root / "masks",
        root / "classes.json" if classes else None,
        root / "split.json" if split is not None else None,
    )


def numbered(*numbers: int) -> list[str]:
    """The file names of images."""
    return [f"{number}.png" for number in numbers]


SPLIT = {"train": numbered(0, 1, 2, 3, 4), "val": numbered(5, 6), "test": numbered(7)}


def make_run(folder: Path, source: TrainingSource, **settings: Any) -> RunFolder:
    """A run with tiny settings."""
    return RunFolder.create(folder, TrainingConfig(**{**TINY, "source": source, **settings}))
