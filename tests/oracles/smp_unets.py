"""Writes tests/model/smp_unets.json: what U-Nets of segmentation_models.pytorch hold, and what they answer.

Run by hand, where that package and timm are installed (0.6.0 and 1.0.31 when the file was written):

    python -m tests.oracles.smp_unets

Weights and image are those of tests.model.foreign_weights, so that the file need not hold them.
"""

import json
from pathlib import Path

import torch

from tests.model.foreign_weights import filled, wave

NAMES = ("resnet18", "tu-tf_efficientnet_lite0", "tu-efficientnet_b0", "timm-efficientnet-b0", "vgg16_bn")
TARGET = Path(__file__).parents[1] / "model" / "smp_unets.json"


def described(name: str) -> dict[str, object]:
    """The keys with their shapes, without counters, and logits on the diagonal of one image."""
    import segmentation_models_pytorch as smp

    network = smp.Unet(name, encoder_weights=None, classes=2).eval()
    shapes = {key: list(tensor.shape) for key, tensor in network.state_dict().items() if tensor.dim()}
    network.load_state_dict(filled(shapes), strict=False)
    with torch.inference_mode():
        logits = network(wave((1, 3, 64, 96), 0))
    return {"shapes": shapes, "logits": logits[0, :, range(64), range(64)].flatten().tolist()}


if __name__ == "__main__":
    found = {name: described(name) for name in NAMES}
    TARGET.write_text(json.dumps(found, separators=(",", ":")), encoding="utf-8")
