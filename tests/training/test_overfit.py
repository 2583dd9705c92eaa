"""Learning a few images by heart: 150 classes, the write-up's GELU blocks, cross-entropy, clipping."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from training.engine import train
from unet_studio.core.events import Failed, Validated
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingSource, recipe

CLASSES, SIDE, BLOCK = 150, 48, 6
# The network of the recipe with a quarter of its channels and two levels less: seconds instead of minutes.
REDUCED = (
    "overfit=4",
    "depth=2",
    "channels=16",
    "bottleneck=64",
    f"size={SIDE},{SIDE}",
    "batch=4",
    "epochs=0",
    "steps=150",
    "learning_rate=3e-3",
    "evaluate_every=150",
    "warmup_steps=20",
    "ema=0",
    "threads=1",
    "device=cpu",
)


def scenes(root) -> TrainingSource:
    """Blocks of 150 colours, each class at least once in the first four images, with some noise."""
    random = np.random.default_rng(0)
    colors = np.stack(np.unravel_index(np.arange(CLASSES), (6, 5, 5)), axis=1) * (48, 60, 60)
    blocks = SIDE // BLOCK
    order = np.concatenate([random.permutation(CLASSES) for _ in range(4)])
    for kind in ("images", "masks"):
        (root / kind).mkdir(parents=True)
    for number in range(4):
        chosen = order[number * blocks**2 : (number + 1) * blocks**2].reshape(blocks, blocks)
        mask = chosen.repeat(BLOCK, axis=0).repeat(BLOCK, axis=1).astype(np.uint8)
        image = (colors[mask] + random.normal(0, 5, (SIDE, SIDE, 3))).clip(0, 255).astype(np.uint8)
        Image.fromarray(image).save(root / "images" / f"{number}.png")
        Image.fromarray(mask).save(root / "masks" / f"{number}.png")
    entries = [
        {"index": index, "name": f"thing {index}", "color": f"#{index:02x}80{255 - index:02x}"}
        for index in range(CLASSES)
    ]
    (root / "classes.json").write_text(json.dumps({"classes": entries, "background": None}))
    return TrainingSource.of_folders(root / "images", root / "masks", root / "classes.json")


@pytest.mark.slow
def test_the_network_of_the_write_up_learns_150_classes_by_heart(tmp_path):
    config = replace(recipe("ade20k").with_set(REDUCED), source=scenes(tmp_path))
    assert (config.activation, config.normalisations, config.loss, config.clip) == ("gelu", 1, "ce", 1.0)
    events = list(train(RunFolder.create(tmp_path / "run", config)))
    assert not [event for event in events if isinstance(event, Failed)]
    last = [event for event in events if isinstance(event, Validated)][-1]
    assert last.pixel_accuracy > 0.95
    assert last.step <= 150
