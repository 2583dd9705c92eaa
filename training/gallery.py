"""What is kept of a validation to be looked at: small pictures of a few images, figures of every image.

RUN/validation.json holds those of the best validation, so that the report needs no image and no model:

step, part, classes, confusion    what was validated, and the pooled matrix, a row a true class
images                            name, mean Dice and IoU, pixel accuracy of every image, in their order
worst, best                       of a few: name, and its pictures as data URLs (JPEG)
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import ClassTable
from unet_studio.core.error_picture import error_picture
from unet_studio.core.metrics import Evaluation, Scores
from unet_studio.core.overlays import Picture, PictureStyle, overlay, plain
from unet_studio.core.pixels import Pixels
from unet_studio.core.sheet import jpeg_url
from unet_studio.core.storage import atomic_write, json_bytes

FOLLOWED = 4  # images whose pictures are shown at every validation
EXTREMES = 4  # images at either end that are remembered
STYLE = PictureStyle(side=320)
VIEWS = ("image", "truth", "prediction", "errors")
GAP = 4  # px between pictures side by side


@dataclass(frozen=True, order=True)
class Exhibit:
    """One image in small pictures, by VIEWS. rank: by which it is kept; number: minus its own."""

    rank: float
    number: int
    name: str = field(compare=False)
    score: float = field(compare=False)
    pictures: dict[str, Picture] = field(compare=False)


@dataclass
class Gallery:
    """Watches one validation of so many images. part: of the split that they belong to."""

    table: ClassTable
    count: int
    part: str = "val"
    followed: list[tuple[str, Picture]] = field(default_factory=list)
    _seen: int = 0
    _worst: list[Exhibit] = field(default_factory=list)
    _best: list[Exhibit] = field(default_factory=list)

    def look(
        self, name: str, image: Pixels, truth: NDArray[np.uint8], labels: NDArray[np.uint8], scores: Scores
    ) -> None:
        """One image with its truth and labels, uint8 (H, W) both."""
        number, self._seen = self._seen, self._seen + 1
        score = scores.mean_dice(self.table.background)
        ends = ((self._worst, -score), (self._best, score)) if math.isfinite(score) else ()
        wanted = [(heap, rank) for heap, rank in ends if len(heap) < EXTREMES or rank > heap[0].rank]
        follow = number % max(1, -(-self.count // FOLLOWED)) == 0 and len(self.followed) < FOLLOWED
        if not wanted and not follow:
            return
        pictures = self._draw(image, truth, labels)
        if follow:
            self.followed.append((name, _joined([pictures[view] for view in VIEWS[:3]])))
        for heap, rank in wanted:
            exhibit = Exhibit(rank, -number, name, score, pictures)
            (heapq.heappush if len(heap) < EXTREMES else heapq.heapreplace)(heap, exhibit)

    def _draw(self, image: Pixels, truth: NDArray[np.uint8], labels: NDArray[np.uint8]) -> dict[str, Picture]:
        drawn = (
            plain(image, STYLE),
            overlay(image, truth, self.table, STYLE),
            overlay(image, labels, self.table, STYLE),
            error_picture(image, truth, labels, self.table.background, STYLE),
        )
        return dict(zip(VIEWS, drawn, strict=True))

    def extremes(self) -> tuple[list[Exhibit], list[Exhibit]]:
        """The worst images, the worst first, and the best ones that are not among these, the best first."""
        worst = sorted(self._worst, reverse=True)
        known = {exhibit.number for exhibit in worst}
        best = [exhibit for exhibit in sorted(self._best, reverse=True) if exhibit.number not in known]
        return worst, best

    def save(self, path: Path, step: int, evaluation: Evaluation) -> None:
        """Write validation.json, atomically."""
        worst, best = self.extremes()
        value = {
            "step": step,
            "part": self.part,
            "classes": self.table.to_json(),
            "confusion": evaluation.confusion().tolist(),
            "images": [_figures(name, scores, self.table) for name, scores in evaluation.per_image],
            "worst": [_packed(exhibit) for exhibit in worst],
            "best": [_packed(exhibit) for exhibit in best],
        }
        with atomic_write(path, sync=False) as stream:  # made anew at the next best validation
            stream.write(json_bytes(value))


def _figures(name: str, scores: Scores, table: ClassTable) -> dict[str, Any]:
    values = {
        "dice": scores.mean_dice(table.background),
        "iou": scores.mean_iou(table.background),
        "pixel_accuracy": scores.pixel_accuracy,
    }
    plain_values = {key: round(one, 5) if math.isfinite(one) else None for key, one in values.items()}
    return {"name": name, **plain_values}


def _packed(exhibit: Exhibit) -> dict[str, Any]:
    pictures = {view: jpeg_url(picture) for view, picture in exhibit.pictures.items()}
    return {"name": exhibit.name, "dice": round(exhibit.score, 5), "pictures": pictures}


def _joined(pictures: Sequence[Picture]) -> Picture:
    """Pictures of one height from left to right."""
    gap = np.full((pictures[0].shape[0], GAP, 3), 255, dtype=np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)][:-1]
    return np.hstack(parts)
