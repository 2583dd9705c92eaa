"""What the gate will compare: the model in use and the new one, scored on the run's validation images.

The model in use is scored once, when the run begins, on the very images that every validation looks at; the
new one whenever it is the best so far. So both scores are there as soon as the run ends, also where it is
stopped: nothing has to be predicted then.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from training.freeze import FrozenData, FrozenSample
from unet_studio.core.gate import GATE_FILE, ModelScores, read_gate, write_gate
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import class_mapping
from unet_studio.core.run_folder import RunFolder
from unet_studio.model.checkpoint import load_model


def measure_rival(
    run: RunFolder,
    folder: str,
    data: FrozenData,
    judged: list[FrozenSample],
    device: torch.device,
    check: Callable[[], None],
) -> None:
    """Score the model in use, unless that has been done. check: called in every tile; may raise to end it.

    Only validation images count: of images that the new model learns from, nothing follows. Raises
    StudioError where the model can't be used.
    """
    path = run.path / GATE_FILE
    if read_gate(path) is not None:
        return
    model = load_model(Path(folder), str(device))
    table = data.classes
    known = {entry.name.casefold() for entry in model.card.classes}
    unknown = tuple(entry.name for entry in table.active if entry.name.casefold() not in known)
    images = [sample for sample in judged if sample.part == "val"]
    lut = class_mapping(model.card, table)
    evaluation = Evaluation(table.indices, tolerance=None)
    for sample in images:
        check()
        found = model.predict(data.read_image(sample), lambda _fraction: check())
        evaluation.add(sample.name, data.read_truth(sample), lut[found.labels])
    write_gate(path, replace(scores_of(model.name, evaluation, data), unknown=unknown), None)


def keep_scores(run: RunFolder, name: str, evaluation: Evaluation, data: FrozenData) -> None:
    """Store the scores of the best model so far beside those of its rival, where there is one."""
    path = run.path / GATE_FILE
    gate = read_gate(path)
    if gate is not None:
        chosen = set(gate[0].images)
        write_gate(path, gate[0], scores_of(name, evaluation, data, chosen))


def scores_of(
    name: str, evaluation: Evaluation, data: FrozenData, chosen: set[str] | None = None
) -> ModelScores:
    """The Dice of the foreground classes that the truth shows, by image; of the chosen images, or all."""
    table = data.classes
    classes = [index for index in evaluation.measured(table.background) if index != table.background]
    rows = [(image, found) for image, found in evaluation.per_image if chosen is None or image in chosen]
    dice = {
        table.get(index).name: tuple(_number(found.dice_of(index)) for _, found in rows) for index in classes
    }
    return ModelScores(name, tuple(image for image, _ in rows), dice)


def _number(value: float) -> float:
    return float(value) if math.isfinite(value) else math.nan
