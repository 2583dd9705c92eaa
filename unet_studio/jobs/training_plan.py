"""What a training would learn from, and how its run is set up."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.errors import StudioError
from unet_studio.core.mask_facts import look, stamp
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.project import Project, Status
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.training_config import TrainingConfig, TrainingSource, inherited, recipe
from unet_studio.core.versions import next_version

FEW_PIXELS = 500  # a class with fewer labelled pixels is hard to learn


@dataclass(frozen=True)
class TrainingPlan:
    """What a training would learn from. pixels: labelled pixels by class index, None until counted.

    problems: why it can't start; warnings: what may spoil it. Both are sentences.
    """

    train: int = 0
    val: int = 0
    painted: int = 0
    pixels: dict[int, int] | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def of_counts(cls, project: Project) -> "TrainingPlan":
        """The plan as far as the split tells, without looking at pixels."""
        approved = project.with_status(Status.APPROVED)
        val = sum(1 for name in approved if project.split.get(name) == "val")
        test = sum(1 for name in approved if project.split.get(name) == "test")
        train = len(approved) - val - test
        painted = len(project.with_status(Status.PAINTED))
        problems = [] if train else ["Approve at least one image first: correct its mask, then press Enter."]
        warnings = []
        if train and not val:
            warnings.append("With a second approved image the new model can be checked on one it never saw.")
        return cls(train, val, painted, None, problems, warnings)


class PixelCounts:
    """Labelled pixels of finished masks by class, each file read once and again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, dict[int, int]]] = {}

    def of(self, project: Project, names: Sequence[str]) -> NDArray[np.int64]:
        """The pixels of these images together, (256,) by class index; one that can't be read has none."""
        total = np.zeros(256, dtype=np.int64)
        for name in names:
            known = self._known.get(name)
            if known is None or known[0] != stamp(project, name, None):
                facts = look(project, name, None)
                known = self._known[name] = (facts.stamp, facts.truth)
            for index, pixels in known[1].items():
                total[index] += pixels
        return total


def make_plan(project: Project, counted: PixelCounts) -> TrainingPlan:
    """The plan with the labelled pixels of every class counted."""
    plan = TrainingPlan.of_counts(project)
    counts = counted.of(project, project.with_status(Status.APPROVED))
    pixels = {index: int(counts[index]) for index in project.classes.indices}
    warnings = list(plan.warnings)
    if plan.train:
        rare = [project.classes.get(index).name for index, count in pixels.items() if count < FEW_PIXELS]
        warnings += [f"{name} has hardly any labelled pixels yet: it will not be learnt." for name in rare]
    return TrainingPlan(plan.train, plan.val, plan.painted, pixels, plan.problems, warnings)


def make_run(
    project: Project, model: ModelEntry | None, settings: dict[str, Any], path: Path | None = None
) -> RunFolder:
    """Set up a run on a project. model: the one in use; the training restarts from its base, not from it.

    settings: values of TrainingConfig; "init" may also be "base" (the default), or the name of a model.
    path: the run's folder, by default a new one of the project.
    Raises StudioError where there is nothing to learn from.
    """
    painted = bool(settings.get("painted", False))
    if not project.with_status(Status.APPROVED) and not (painted and project.with_status(Status.PAINTED)):
        raise StudioError("There is nothing to learn from yet.", "Correct an image and approve it first.")
    entries = {entry.name: entry for entry in project.models()}
    chosen = str(settings.get("init", "base"))
    if chosen == "base":
        chosen = _base_of(project, model, entries)
    origin = entries.get(chosen)
    init = str(origin.folder) if origin else chosen
    base = recipe()
    name = next_version(project.models_folder, project.runs_folder)
    config = TrainingConfig.from_json(
        {
            **(inherited(origin.card.training) if origin is not None and origin.card is not None else {}),
            "rival": str(model.folder) if model is not None and model.card is not None else "",
            **settings,
            "init": init,
            "name": name,
            "source": TrainingSource.of_project(project.image_root, project.folder).to_json(),
        },
        base,
    )
    return RunFolder.create(path or project.new_run(name), config)


def _base_of(project: Project, model: ModelEntry | None, entries: dict[str, ModelEntry]) -> str:
    """What every round restarts from: the base of a version made here; any other model is a base itself."""
    if model is None or model.card is None:
        return "imagenet"
    base = model.card.base
    made_here = model.card.training.get("run") in {path.name for path in project.runs()}
    return base if made_here and base and (base in entries or base == "imagenet") else model.name
