"""What the gate will compare: the model in use and the new one, scored on the run's validation images.

The model in use is scored once, when the run begins. The new one is scored whenever it is the best so far, on
the images that validations look at, and when the run ends by itself on all others too. So both scores are
there as soon as the run ends, also where it is stopped: nothing has to be predicted then.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training.frozen import FrozenData, FrozenSample, evenly
from unet_studio.core.gate import GATE_FILE, ModelScores, read_gate, write_gate
from unet_studio.core.metrics import Evaluation
from unet_studio.core.model_card import class_mapping
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.checkpoint import load_model
from unet_studio.model.predict import Model

MOST_PIXELS = 30e6  # that the models are compared on at most, each: some half a minute of a processor
SHARE, PIXELS_A_MINUTE = 0.1, 60e6  # of a time limit; what a processor predicts, measured at one thread


def gate_images(data: FrozenData, judged: Sequence[FrozenSample], minutes: float) -> list[FrozenSample]:
    """The images that two models are compared on: all validation images, as far as the time goes.

    judged: what every validation looks at; those are among them. minutes: the time limit, 0 for none.
    """
    known = [sample for sample in data.part("val") if sample.pixels]
    if not known:
        return []
    pixels = min(MOST_PIXELS, SHARE * minutes * PIXELS_A_MINUTE) if minutes else MOST_PIXELS
    most = int(pixels / np.mean([sample.height * sample.width for sample in known]))
    chosen = {sample.name for sample in (*judged, *evenly(known, max(1, most)))}
    return [sample for sample in known if sample.name in chosen]


def measure_rival(
    run: RunFolder,
    config: TrainingConfig,
    data: FrozenData,
    images: Sequence[FrozenSample],
    device: torch.device,
    check: Callable[[], None],
) -> int:
    """Score the model in use, unless that has been done; returns how many images it had learnt from.

    Those are left out: it would look better than it is. check: called in every tile; may raise to end it.
    Raises StudioError where the model can't be used.
    """
    path = run.path / GATE_FILE
    if read_gate(path) is not None:
        return 0
    model = load_model(Path(config.rival), str(device))
    known = {entry.name.casefold() for entry in model.card.classes}
    unknown = tuple(entry.name for entry in data.classes.active if entry.name.casefold() not in known)
    learnt = _learnt_from(model, config)
    fair = [sample for sample in images if sample.name not in learnt]
    scores = scores_of(model.name, _evaluated(model, data, fair, check), data)
    write_gate(path, replace(scores, unknown=unknown), None)
    return len(images) - len(fair)


def _learnt_from(model: Model, config: TrainingConfig) -> set[str]:
    """The images of this project that a model learnt from; elsewhere the same name is another image."""
    samples, project = model.card.training.get("samples"), config.source.project_dir
    own = project is not None and Path(config.rival).parent == Path(project) / "models"
    return set(samples.get("train", ())) if own and isinstance(samples, dict) else set()


def to_compare(run: RunFolder, judged: Sequence[FrozenSample]) -> bool:
    """Whether images are left for measure_best, where the validations look at these."""
    gate = read_gate(run.path / GATE_FILE)
    return gate is not None and not {sample.name for sample in judged}.issuperset(gate[0].images)


def measure_best(
    run: RunFolder, name: str, data: FrozenData, device: torch.device, check: Callable[[], None]
) -> None:
    """Score the best model on all images of its rival, where validations have looked at fewer."""
    gate = read_gate(run.path / GATE_FILE)
    if gate is None or gate[1] is None or set(gate[1].images) == set(gate[0].images):
        return
    chosen = set(gate[0].images)
    images = [sample for sample in data.part("val") if sample.name in chosen]
    found = _evaluated(load_model(run.best, str(device)), data, images, check)
    write_gate(run.path / GATE_FILE, gate[0], scores_of(name, found, data))


def _evaluated(
    model: Model, data: FrozenData, images: Sequence[FrozenSample], check: Callable[[], None]
) -> Evaluation:
    lut = class_mapping(model.card, data.classes)
    evaluation = Evaluation(data.classes.indices, tolerance=None)
    for sample in images:
        check()
        found = model.predict(data.read_image(sample), lambda _fraction: check())
        evaluation.add(sample.name, data.read_truth(sample), lut[found.labels])
    return evaluation


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
