"""How good the model is: on whole images, by the very code that predicts for people."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.freeze import FrozenData, FrozenSample
from training.losses import IGNORE, Loss
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.events import Validated
from unet_studio.core.metrics import Evaluation, Scores
from unet_studio.core.pixels import Pixels
from unet_studio.model.calibration import Evidence
from unet_studio.model.predict import Model

Labels = NDArray[np.uint8]
EVIDENCE = 50_000  # pixels to calibrate with, of all images together: plenty for one number
# Is shown every sample: its name, image, truth and labels (uint8 (H, W) both) and scores.
Look = Callable[[str, Pixels, Labels, Labels, Scores], None]


def evaluate(
    model: Model,
    data: FrozenData,
    samples: Sequence[FrozenSample],
    check: Callable[[], None],
    look: Look | None = None,
) -> tuple[Evaluation, Evidence]:
    """Predict every sample and compare. check: called once a tile; may raise to end the work.

    The evidence holds the logits of some known pixels of each, spread evenly, to calibrate with.
    """
    evaluation, evidence = Evaluation(data.classes.indices), Evidence()
    most = max(1, EVIDENCE // max(1, len(samples)))
    for sample in samples:
        check()
        truth = data.read_truth(sample)
        looked_at = _Lookout(truth, data.classes, most)
        image = data.read_image(sample)
        prediction = model.predict(image, lambda _fraction: check(), watch=looked_at.see)
        scores = evaluation.add(sample.name, truth, prediction.labels)
        if look is not None:
            look(sample.name, image, truth, prediction.labels, scores)
        looked_at.tell(evidence)
    return evaluation, evidence


class _Lookout:
    """Picks the logits of at most so many known pixels out of an image's bands."""

    def __init__(self, truth: NDArray[np.uint8], table: ClassTable, most: int) -> None:
        known = np.flatnonzero(truth != UNLABELLED)
        places = known[:: max(1, -(-len(known) // most))]
        self._rows, self._columns = np.divmod(places, truth.shape[1])
        lut = np.zeros(256, dtype=np.int64)
        lut[list(table.indices)] = np.arange(len(table.indices))
        self._truth = torch.from_numpy(lut[truth.ravel()[places]])
        self._logits: Tensor | None = None  # (K, n)
        self._seen = np.zeros(len(places), dtype=np.bool_)

    def see(self, top: int, columns: slice, logits: Tensor) -> None:
        """A Watch."""
        inside = (self._rows >= top) & (self._rows < top + logits.shape[1])
        inside &= (self._columns >= columns.start) & (self._columns < columns.stop)
        found = np.flatnonzero(inside)
        if found.size:
            rows = torch.from_numpy(self._rows[found] - top)
            across = torch.from_numpy(self._columns[found] - columns.start)
            values = logits[:, rows.to(logits.device), across.to(logits.device)].float().cpu()
            if self._logits is None:
                self._logits = values.new_empty(len(values), len(self._rows))
            self._logits[:, torch.from_numpy(found)] = values
            self._seen[found] = True

    def tell(self, evidence: Evidence) -> None:
        """Hand over what was seen."""
        if self._logits is not None:
            seen = torch.from_numpy(self._seen)
            evidence.add(self._logits[:, seen], self._truth[seen])


@torch.no_grad()
def mean_loss(
    model: Model,
    patches: Sequence[tuple[Tensor, Tensor]],
    loss: Loss,
    background: int | None,
    check: Callable[[], None],
) -> float:
    """The loss of patches as they are (see data.middle_patches), averaged over those with a known pixel."""
    model.network.eval()
    values = []
    for image, target in patches:
        check()
        if (target != IGNORE).any():
            logits = model.network(image.to(model.device))
            values.append(loss(logits, target.to(model.device), background).item())
    return sum(values) / len(values) if values else float("nan")


def report(
    evaluation: Evaluation, table: ClassTable, step: int, loss: float, best: float, seconds: float
) -> Validated:
    """The event of a validation. best: the highest mean Dice before this one.

    The measure is the Dice of evaluation.measured, its mean over images first, then over classes. Where it
    is not a number it is no gain.
    """
    names = [table.get(index).name for index in evaluation.classes]
    mean, pooled = evaluation.mean_over_images(), evaluation.pooled()
    chosen = evaluation.measured(table.background)
    means, pooled_means = mean.only(chosen), pooled.only(chosen)

    def by_name(values: Sequence[float]) -> dict[str, float]:
        return dict(zip(names, values, strict=True))

    return Validated(
        step=step,
        loss=loss,
        iou=by_name(mean.iou),
        dice=by_name(mean.dice),
        pixel_accuracy=mean.pixel_accuracy,
        mean_iou=means.mean_iou(),
        mean_dice=means.mean_dice(),
        best=means.mean_dice() > best,
        seconds=seconds,
        boundary_f1=by_name(mean.boundary_f1),
        mean_boundary_f1=means.mean_boundary_f1(),
        pooled={
            "pixel_accuracy": pooled.pixel_accuracy,
            "mean_iou": pooled_means.mean_iou(),
            "mean_dice": pooled_means.mean_dice(),
            "mean_boundary_f1": pooled_means.mean_boundary_f1(),
        },
        pooled_iou=by_name(pooled.iou),
        pooled_dice=by_name(pooled.dice),
        pooled_boundary_f1=by_name(pooled.boundary_f1),
    )


def metrics(event: Validated) -> dict[str, Any]:
    """What the card says of a validation, as plain JSON values: means over images, and under "pooled"."""
    of_images = {
        "mean_dice": event.mean_dice,
        "mean_iou": event.mean_iou,
        "mean_boundary_f1": event.mean_boundary_f1,
        "pixel_accuracy": event.pixel_accuracy,
        "iou": event.iou,
        "dice": event.dice,
        "boundary_f1": event.boundary_f1,
        "loss": event.loss,
    }
    pooled = {
        **event.pooled,
        "iou": event.pooled_iou,
        "dice": event.pooled_dice,
        "boundary_f1": event.pooled_boundary_f1,
    }
    return {"step": event.step, **_plain(of_images), "pooled": _plain(pooled)}


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Figures rounded, also those in tables of their own; None where there is none."""

    def plain(value: Any) -> Any:
        if isinstance(value, Mapping):
            return _plain(value)
        return round(value, 6) if math.isfinite(value) else None

    return {key: plain(value) for key, value in values.items()}
