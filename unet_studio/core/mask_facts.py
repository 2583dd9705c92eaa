"""What one wants to know of an image's mask without opening it: its classes, and how sure the model is."""

import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.errors import StudioError
from unet_studio.core.files import stored_names
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project

BAND = 1 << 19  # px counted at a time, so that no large copy is made and no thread waits long


@dataclass(frozen=True)
class MaskFacts:
    """shown: pixels of each class in the mask as people see it; truth: of those, painted or approved.

    stamp: the state of the files this was read from. confidence: mean of the prediction's, 0..1, or None;
    uncertain: the share of its pixels that are uncertain, see Prediction.
    """

    name: str
    stamp: str
    shown: dict[int, int]
    truth: dict[int, int]
    confidence: float | None
    uncertain: float | None = None


def names_with_masks(project: Project, model: str | None) -> list[str]:
    """The listed images that have painted pixels, a finished mask, or a prediction of that model."""
    kinds = ["annotations", "approved", *([f"predictions/{model}"] if model else [])]
    found: set[str] = set()
    for kind in kinds:
        for names in stored_names(project.folder / kind, ".png"):
            found.update(names)
    return [name for name in project.images if name in found]


def stamp(project: Project, name: str, model: str | None) -> str:
    """What changes when the mask of an image may have."""
    places = [project.annotation_path(name), project.approved_path(name)]
    if model:
        places.append(project.prediction_path(model, name))
    rules = repr((model, sorted(project.thresholds.values.items()), _retired(project)))
    return f"{zlib.crc32(rules.encode()):08x} {' '.join(str(_time(place)) for place in places)}"


def _retired(project: Project) -> list[tuple[int, int | None]]:
    return [(entry.index, entry.becomes) for entry in project.classes.classes if entry.retired]


def _time(place: os.PathLike[str]) -> int:
    try:
        return os.stat(place).st_mtime_ns  # noqa: PTH116 - asked of very many files
    except OSError:
        return 0


def look(project: Project, name: str, model: str | None, prediction: Prediction | None = None) -> MaskFacts:
    """Read the stored layers of an image and count. A broken mask has no facts.

    prediction: what is stored of that model, where it is in memory.
    """
    when = stamp(project, name, model)
    try:
        annotation, finished = project.read_layers(name)
    except StudioError:
        return MaskFacts(name, when, {}, {}, None)
    found = finished or annotation
    truth = found[0] if found else None
    if prediction is None and model:
        prediction = project.read_prediction(model, name)
    if prediction is not None and truth is not None and prediction.labels.shape != truth.shape:
        prediction = None
    counted = count_pixels(truth) if truth is not None else {}
    confidence = uncertain = None
    shown = counted
    if prediction is not None:
        confidence, uncertain = prediction.mean_confidence, prediction.uncertain_share
        if finished is None:
            labels = project.thresholds.shown(prediction.labels, prediction.confidence)
            shown = count_pixels(labels if truth is None else np.where(truth == UNLABELLED, labels, truth))
    return MaskFacts(name, when, shown, counted, confidence, uncertain)


def count_pixels(labels: NDArray[np.uint8]) -> dict[int, int]:
    """Pixels of each class, without the unlabelled."""
    counts = np.zeros(256, dtype=np.int64)
    for band in _bands(labels.reshape(-1)):
        counts += np.bincount(band, minlength=256)
    return {int(index): int(counts[index]) for index in np.flatnonzero(counts) if index != UNLABELLED}


def _bands(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    for start in range(0, len(pixels), BAND):
        yield pixels[start : start + BAND]
