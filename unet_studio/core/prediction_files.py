"""Predictions on disk: one PNG of labels and confidence, with how they were made in its text chunk."""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from unet_studio.core.prediction import Prediction
from unet_studio.core.storage import atomic_write

_KEY = "unet-studio"
_BAND = 1 << 22  # pixels handed over at a time


def write_prediction(path: Path, prediction: Prediction) -> None:
    """Store labels as grey and confidence as alpha of one 8-bit PNG: one file, so they never disagree."""
    image = Image.fromarray(np.dstack([prediction.labels, prediction.confidence]), mode="LA")
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt(_KEY, json.dumps({"model": prediction.model, "made": dict(prediction.made)}))
    with atomic_write(path) as stream:
        image.save(stream, format="PNG", pnginfo=chunks, compress_level=1)


def read_prediction(path: Path) -> Prediction | None:
    """Read a stored prediction; None where there is none or it is broken: it can be made again."""
    try:
        with Image.open(path) as image:
            if image.mode != "LA":
                return None
            image.load()
            labels, confidence = _layers(image)
            facts = json.loads(getattr(image, "text", {}).get(_KEY, ""))
        return Prediction(labels, confidence, str(facts["model"]), facts["made"])
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return None


def _layers(image: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Labels and confidence, uint8 (H, W), handed over in bands: a copy of the whole takes much memory."""
    width, height = image.size
    labels, confidence = (np.empty((height, width), dtype=np.uint8) for _ in range(2))
    rows = max(1, _BAND // width)
    for top in range(0, height, rows):
        band = np.asarray(image.crop((0, top, width, min(top + rows, height))))
        labels[top : top + rows], confidence[top : top + rows] = band[..., 0], band[..., 1]
    return labels, confidence
