"""TensorBoard files of a run: scalars of training and validation, pictures, confusion matrix, settings.

The tags are Loss and IoU, with /train and /val, Dice, BoundaryF1 and PixelAccuracy with /val, all means over
images; "IoU pooled/val"; "IoU of NAME/val" of every class; images Validation/N (image, truth, prediction from
left to right) and Confusion/val; the text Settings.
"""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from training.gallery import Gallery
from unet_studio.core.confusion_sheet import confusion_sheet
from unet_studio.core.events import Event, Progress, Validated
from unet_studio.core.metrics import Evaluation
from unet_studio.core.sheet_picture import draw_sheet
from unet_studio.core.training_config import TrainingConfig


class Board:
    """Writes what happens. step: where the run resumes; what was written later is replaced."""

    def __init__(self, folder: Path, step: int, config: TrainingConfig | None = None) -> None:
        # Imported here: it takes 0.13 s on top of torch's 2.6 s, which only a run that writes should pay.
        from torch.utils.tensorboard import SummaryWriter

        began = folder.is_dir() and any(folder.iterdir())
        self._writer: Any = SummaryWriter(str(folder), purge_step=step + 1 if step else 0 if began else None)
        if config is not None and step == 0:
            text = json.dumps(config.to_json(), indent=2)
            # As a block of code, Markdown leaves foreign names as they are.
            self._writer.add_text("Settings", "\n".join(f"    {line}" for line in text.splitlines()), 0)

    def record(self, event: Event) -> None:
        """Write what an event says in numbers."""
        if isinstance(event, Progress):
            self._add("Loss/train", event.loss, event.step)
            self._add("LearningRate", event.learning_rate, event.step)
        elif isinstance(event, Validated):
            self._add("Loss/val", event.loss, event.step)
            self._add("IoU/val", event.mean_iou, event.step)
            self._add("IoU/train", event.train_iou, event.step)
            self._add("Dice/val", event.mean_dice, event.step)
            self._add("BoundaryF1/val", event.mean_boundary_f1, event.step)
            self._add("PixelAccuracy/val", event.pixel_accuracy, event.step)
            self._add("IoU pooled/val", event.pooled.get("mean_iou", math.nan), event.step)
            for name, value in event.iou.items():
                self._add(f"IoU of {name}/val", value, event.step)
            self._writer.flush()

    def show(self, step: int, evaluation: Evaluation, gallery: Gallery) -> None:
        """Write the pictures of a validation: a few images and the confusion matrix."""
        for number, (_name, picture) in enumerate(gallery.followed, start=1):
            self._writer.add_image(f"Validation/{number}", picture, step, dataformats="HWC")
        names = [entry.name for entry in gallery.table.active]
        drawn = np.asarray(draw_sheet(confusion_sheet(evaluation.confusion(), names)))
        self._writer.add_image("Confusion/val", drawn, step, dataformats="HWC")
        self._writer.flush()

    def close(self) -> None:
        """Finish the files."""
        self._writer.close()

    def _add(self, tag: str, value: float, step: int) -> None:
        if math.isfinite(value):
            self._writer.add_scalar(tag, value, step)
