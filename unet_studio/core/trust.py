"""Whether the model gets better on images it has not seen: the corrective Dice of every approved image.

An image's corrective Dice is measured once, when a person approves it first, and stored with its mask: with
the model whose prediction was corrected, and the time. Approving it again, after it was mended or a model had
learnt from it, changes none of them. Here it is only read.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from unet_studio.core.document_files import measured
from unet_studio.core.progress import Progress, unwatched
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_texts

LATEST = 7e9  # Unix seconds, in the year 2191: a file's time may be anything, a date may not
WINDOW = 5  # approved images that one point of the running mean stands for


@dataclass(frozen=True)
class Correction:
    """An approved image. when: in Unix seconds. dice: the mask against the prediction it came from, 0..1."""

    name: str
    when: float
    model: str
    dice: float


def read_correction(project: Project, name: str) -> Correction | None:
    """What is stored of one image; None where it is not approved, or had no prediction to compare with."""
    return _read(project.approved_path(name), name)


def read_corrections(project: Project, progress: Progress = unwatched) -> dict[str, Correction]:
    """Of all approved images, by name; reads the first bytes of every file, no pixel.

    progress(fraction) may raise Cancelled.
    """
    names = project.with_status(Status.APPROVED)
    found: dict[str, Correction] = {}
    for place, name in enumerate(names):
        progress(place / len(names))
        correction = read_correction(project, name)
        if correction is not None:
            found[name] = correction
    return found


def _read(path: Path, name: str) -> Correction | None:
    try:
        texts, whole = read_index_texts(path)
        first = measured(texts)
        when = first.when
        if when is None:  # approved before the time was stored: the file is not written again after that
            when = min(max(path.stat().st_mtime, 0.0), LATEST)
    except (OSError, ValueError):
        return None
    if not whole or first.dice is None or not 0 <= first.dice <= 1:
        return None
    return Correction(name, when, first.model, first.dice)


def in_order(corrections: Iterable[Correction]) -> list[Correction]:
    """In the order in which they were approved."""
    return sorted(corrections, key=lambda one: (one.when, one.name))


def running_mean(values: Sequence[float], window: int = WINDOW) -> list[float]:
    """The mean of each value and those before it, `window` at most."""
    parts = (values[max(0, place + 1 - window) : place + 1] for place in range(len(values)))
    return [math.fsum(part) / len(part) for part in parts]


def by_model(corrections: Iterable[Correction]) -> Mapping[str, list[Correction]]:
    """The corrections of every model, in the order in which the models were corrected first."""
    found: dict[str, list[Correction]] = {}
    for one in in_order(corrections):
        found.setdefault(one.model, []).append(one)
    return found
