"""The pinned image of a run on disk: how the model saw one image at the start and after every validation.

RUN/pinned/image.png     the image as it is looked at, its long side at most SIDE px
RUN/pinned/<step>.png    labels and confidence of that step, of the same size, as a prediction file
RUN/pinned/best.png      the same of the best step so far, at the size of the image itself

The training process writes them; whoever shows them looks into the folder.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.overlays import Picture
from unet_studio.core.prediction import Prediction
from unet_studio.core.prediction_files import read_made, read_prediction, write_prediction
from unet_studio.core.storage import atomic_write

FOLDER = "pinned"
SIDE = 512  # px, the long side of what a strip shows
MOST_FRAMES = 120  # of one run; of more, every second one is dropped
IMAGE, BEST = "image.png", "best.png"


@dataclass(frozen=True)
class Frame:
    """One step of the strip. dice: mean Dice of the validation at that step, None where there was none.

    best: whether it was the best so far.
    """

    step: int
    dice: float | None
    best: bool

    @classmethod
    def of(cls, step: int, made: Mapping[str, Any]) -> "Frame":
        """From what a prediction file says of how it was made; what can't be meant counts as unknown."""
        dice = made.get("dice")
        known = isinstance(dice, int | float) and not isinstance(dice, bool) and math.isfinite(dice)
        return cls(step, float(dice) if known and dice is not None else None, made.get("best") is True)


def frame_path(run: Path, step: int) -> Path:
    """Where the frame of a step lies. run: the run's folder."""
    return run / FOLDER / f"{step}.png"


def steps_of(run: Path) -> list[int]:
    """The steps that have a frame, in order; none where the run has no pinned image."""
    try:
        stems = [path.stem for path in (run / FOLDER).iterdir() if path.suffix == ".png"]
    except OSError:
        return []
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit() and len(stem) < 10)


def read_frame(run: Path, step: int) -> Frame | None:
    """What is known of a frame without reading a pixel; None where it is broken or gone."""
    found = read_made(frame_path(run, step))
    return None if found is None else Frame.of(step, found[1])


def read_labels(run: Path, step: int) -> NDArray[np.uint8] | None:
    """The class indices of a frame, uint8 (h, w); None where it is broken, gone or larger than a frame."""
    path = frame_path(run, step)
    try:
        with Image.open(path) as image:
            if max(image.size) > SIDE:
                return None
    except (OSError, ValueError, SyntaxError):
        return None
    found = read_prediction(path)
    return None if found is None else found.labels


def read_image(run: Path) -> Picture | None:
    """The pinned image as it is looked at, uint8 (h, w, 3); None where there is none that can be read."""
    try:
        with Image.open(run / FOLDER / IMAGE) as image:
            if max(image.size) > SIDE or image.format != "PNG":
                return None
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        return None


def write_image(run: Path, picture: Picture) -> None:
    """Store the image as it is looked at, uint8 (h, w, 3)."""
    with atomic_write(run / FOLDER / IMAGE, sync=False) as stream:
        Image.fromarray(picture).save(stream, format="PNG", compress_level=1)


def write_frame(run: Path, frame: Frame, prediction: Prediction) -> None:
    """Store what the model says at a step; of the best so far, also at full size."""
    made = {**prediction.made, "step": frame.step, "dice": frame.dice, "best": frame.best}
    full = Prediction(prediction.labels, prediction.confidence, prediction.model, made)
    if frame.best:
        write_prediction(run / FOLDER / BEST, full)
    small = Prediction(_shrunk(full.labels), _shrunk(full.confidence), full.model, made)
    write_prediction(frame_path(run, frame.step), small)


def thin(run: Path, best: int | None) -> None:
    """Drop every second frame where there are too many; the first, the last and the best one stay."""
    steps = steps_of(run)
    if len(steps) > MOST_FRAMES:
        for step in set(steps[1:-1:2]) - {best}:
            frame_path(run, step).unlink(missing_ok=True)


def _shrunk(layer: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A layer as small as overlays.plain makes the image: the middle one of every block of pixels."""
    every = max(1, math.ceil(max(layer.shape) / SIDE))
    rows, columns = (
        np.minimum(np.arange(every // 2, length + every // 2, every), length - 1) for length in layer.shape
    )
    return np.ascontiguousarray(layer[np.ix_(rows, columns)])
