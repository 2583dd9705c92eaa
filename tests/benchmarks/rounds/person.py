"""What a person does to a project between trainings, done from the truth: repair a mask, and approve it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.recipes.projects import store_prediction
from tests.benchmarks.recipes.sets import ImageSet
from unet_studio.core.document import Document
from unet_studio.core.document_files import load_document, save_document
from unet_studio.core.geometry import Rect
from unet_studio.core.project import Project
from unet_studio.core.storage import read_index_png


def take_in(project: Project, names: Iterable[str], masks: Path, model: str) -> None:
    """Store predicted masks, index PNGs masks/<stem>.png, as what a model says of these images."""
    for name in names:
        labels = read_index_png(masks / f"{Path(name).stem}.png")[0]
        store_prediction(project, name, labels, model)


def finish(
    project: Project, images: ImageSet, names: Iterable[str], model: str | None
) -> list[dict[str, Any]]:
    """Repair every image by its truth, approve it and save it, one after the other.

    model: whose predictions are repaired. Returns for each image the share of pixels that were painted and
    the corrective Dice as the window shows it, None without a prediction.
    """
    facts = []
    for name in names:
        document = load_document(project, name, model)
        painted = repair(document, read_index_png(images.mask_of(name))[0])
        document.approve()
        save_document(project, document)
        dice = None if document.approval is None else document.approval.corrective_dice
        facts.append({"image": name, "painted": painted, "corrective_dice": dice})
    return facts


def repair(document: Document, truth: NDArray[np.uint8]) -> float:
    """Paint as one step what differs from the truth, uint8 (H, W); all of it where nothing was predicted.

    Returns the share of pixels that were painted.
    """
    wrong = document.mask() != truth
    document.begin("Repair")
    for value in np.unique(truth[wrong]):
        document.annotation.paint(Rect.of(document.shape), wrong & (truth == value), int(value))
    document.commit()
    return float(wrong.mean())
