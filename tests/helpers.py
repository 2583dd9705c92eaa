"""What several tests build: folders of small pictures, and small models that need no training."""

from pathlib import Path

import numpy as np
from PIL import Image

from unet_studio.core.classes import ClassTable
from unet_studio.core.model_card import Architecture, ModelCard, ModelClass, Preprocessing

SHAPE = (96, 128)


def picture(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Bright discs on a dark, noisy ground, uint8 (H, W, 3)."""
    random = np.random.default_rng(seed)
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    image = random.normal(60, 8, shape)
    for _ in range(4):
        row, column = random.integers(0, shape[0]), random.integers(0, shape[1])
        radius = random.integers(8, 20)
        image[(rows - row) ** 2 + (columns - column) ** 2 < radius**2] += 110
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def make_folder(folder: Path, count: int = 4, shape: tuple[int, int] = SHAPE) -> Path:
    """A folder of pictures 0.png, 1.png, ..."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(picture(number, shape)).save(folder / f"{number}.png")
    return folder


def truth(seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """Which pixels of picture(seed) are bright, uint8 (H, W)."""
    return (picture(seed, shape)[..., 0] > 115).astype(np.uint8)


def make_model(folder: Path, table: ClassTable | None = None, seed: int = 0, tile: int = 64) -> Path:
    """A small plain U-Net with random weights, as a model folder."""
    import torch

    from unet_studio.model import build_network, save_model

    torch.manual_seed(seed)
    classes = table or ClassTable.binary()
    architecture = Architecture("unet", 3, len(classes.indices), {"depth": 2, "channels": 8})
    card = ModelCard(
        folder.name,
        architecture,
        tuple(ModelClass(entry.index, entry.name, entry.color) for entry in classes.active),
        classes.background,
        Preprocessing(3, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        tile=tile,
    )
    save_model(folder, build_network(architecture), card)
    return folder
