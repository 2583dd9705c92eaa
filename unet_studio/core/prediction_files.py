"""Predictions on disk: one PNG of labels and confidence, with how they were made in its text chunk."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from unet_studio.core.prediction import Prediction
from unet_studio.core.storage import atomic_write, read_index_texts

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


def read_made(path: Path) -> tuple[str, dict[str, Any]] | None:
    """The model of a stored prediction and how it was made, without reading a pixel; None where none is.

    A file that breaks off counts as none. The text stands before the pixels: it costs 0.1 ms.
    """
    try:
        texts, whole = read_index_texts(path)
        facts = json.loads(texts[_KEY])
        return (str(facts["model"]), dict(facts["made"])) if whole else None
    except (OSError, ValueError, KeyError, TypeError):
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
