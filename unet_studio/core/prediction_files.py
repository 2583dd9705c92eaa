"""Predictions on disk: one PNG of labels and confidence, with how they were made in its text chunk."""

import json
from pathlib import Path

import numpy as np
from PIL import Image, PngImagePlugin

from unet_studio.core.prediction import Prediction
from unet_studio.core.storage import atomic_write

_KEY = "unet-studio"


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
            pixels = np.asarray(image)
            facts = json.loads(getattr(image, "text", {}).get(_KEY, ""))
        return Prediction(
            np.ascontiguousarray(pixels[..., 0]),
            np.ascontiguousarray(pixels[..., 1]),
            str(facts["model"]),
            facts["made"],
        )
    except (OSError, ValueError, SyntaxError, KeyError, TypeError):
        return None
