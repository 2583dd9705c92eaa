"""TensorBoard files of a run: Loss, IoU, Dice and pixel accuracy, of training and validation."""

import math
from pathlib import Path
from typing import Any

from unet_studio.core.events import Event, Progress, Validated


class Board:
    """Writes the scalars of events. step: where the run resumes; what was written later is replaced."""

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else None)

    def record(self, event: Event) -> None:
        """Write what an event says in numbers."""
        if isinstance(event, Progress):
            self._add("Loss/train", event.loss, event.step)
            self._add("LearningRate", event.learning_rate, event.step)
        elif isinstance(event, Validated):
            self._add("Loss/val", event.loss, event.step)
            self._add("IoU/val", event.mean_iou, event.step)
            self._add("Dice/val", event.mean_dice, event.step)
            self._add("PixelAccuracy/val", event.pixel_accuracy, event.step)
            for name, value in event.iou.items():
                self._add(f"IoU of {name}/val", value, event.step)
            self._writer.flush()

    def train_iou(self, value: float, step: int) -> None:
        """Write the IoU on the training patches since the last validation."""
        self._add("IoU/train", value, step)

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()

    def _add(self, tag: str, value: float, step: int) -> None:
        if math.isfinite(value):
            self._writer.add_scalar(tag, value, step)
