"""How good the model is: on whole images, by the very code that predicts for people."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from training.freeze import FrozenData, FrozenSample
from training.losses import IGNORE, Loss
from unet_studio.core.classes import ClassTable
from unet_studio.core.events import Validated
from unet_studio.core.metrics import Evaluation
from unet_studio.model.predict import Model


def evaluate(
    model: Model, data: FrozenData, samples: Sequence[FrozenSample], check: Callable[[], None]
) -> Evaluation:
    """Predict every sample and compare. check: called once a tile; may raise to end the work."""
    evaluation = Evaluation(data.classes.indices)
    for sample in samples:
        check()
        prediction = model.predict(data.read_image(sample), lambda _fraction: check())
        evaluation.add(sample.name, data.read_truth(sample), prediction.labels)
    return evaluation


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

    The measure is the Dice of the classes but the background, its mean over images first, then over classes.
    """
    scores = evaluation.mean_over_images()
    names = [table.get(index).name for index in scores.classes]
    mean = scores.mean_dice(table.background)
    return Validated(
        step=step,
        loss=loss,
        iou=dict(zip(names, scores.iou, strict=True)),
        dice=dict(zip(names, scores.dice, strict=True)),
        pixel_accuracy=scores.pixel_accuracy,
        mean_iou=scores.mean_iou(table.background),
        mean_dice=mean,
        best=mean > best,
        seconds=seconds,
    )


def metrics(event: Validated) -> dict[str, Any]:
    """What the card says of a validation, as plain JSON values."""
    return {
        "step": event.step,
        "mean_dice": _plain(event.mean_dice),
        "mean_iou": _plain(event.mean_iou),
        "pixel_accuracy": _plain(event.pixel_accuracy),
        "iou": {name: _plain(value) for name, value in event.iou.items()},
        "dice": {name: _plain(value) for name, value in event.dice.items()},
        "loss": _plain(event.loss),
    }


def _plain(value: float) -> float | None:
    return round(value, 6) if math.isfinite(value) else None
