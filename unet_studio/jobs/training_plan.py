"""What a training would learn from, and how its run is set up."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import ClassTable
from unet_studio.core.document_files import seen_mask
from unet_studio.core.errors import StudioError
from unet_studio.core.mask_facts import count_pixels, look, stamp
from unet_studio.core.model_card import ModelClass, ModelEntry
from unet_studio.core.model_file import SUFFIX, unpack
from unet_studio.core.progress import Progress, part, unwatched
from unet_studio.core.project import Project, Status
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.split import PARTS
from unet_studio.core.storage import read_json
from unet_studio.core.training_config import (
    DEFAULT_RECIPE,
    TrainingConfig,
    TrainingSource,
    inherited,
    recipe,
)
from unet_studio.core.versions import next_version

FEW_PIXELS = 500  # a class with fewer labelled pixels is hard to learn


@dataclass(frozen=True)
class TrainingPlan:
    """What a training would learn from. pixels: labelled pixels by class index, None until counted.

    problems: why it can't start; warnings: what may spoil it. Both are sentences. images: the finished ones
    by their part of the split; unfinished: those with loose strokes. joining: finished images that the run
    on show has not seen as they are now. movable: a finished image that could validate, where none does.
    base: what every round restarts from, a model's name or "imagenet". hindrance: why nothing can be learnt
    from the pixels that there are, once they are counted; a sentence, or "".
    """

    train: int = 0
    val: int = 0
    painted: int = 0
    pixels: dict[int, int] | None = None
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    images: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unfinished: tuple[str, ...] = ()
    joining: int = 0
    movable: str = ""
    base: str = ""
    hindrance: str = ""

    @classmethod
    def of_counts(
        cls, project: Project, model: ModelEntry | None = None, entries: Sequence[ModelEntry] = ()
    ) -> "TrainingPlan":
        """The plan as far as the split tells, without looking at pixels. entries: the project's models."""
        parts: dict[str, list[str]] = {part: [] for part in PARTS}
        for name in project.with_status(Status.APPROVED):
            parts[project.split.get(name, "train")].append(name)
        train, val, unfinished = parts["train"], parts["val"], project.with_status(Status.PAINTED)
        painted = [name for name in unfinished if project.split.get(name, "train") == "train"]
        problems, warnings = [], []
        if not train:
            problems.append(
                "No finished image is there to learn from: all are for checking. Finish another one."
                if val or parts["test"]
                else "Approve at least one image first: correct its mask, then press Enter."
            )
        elif not val and len(train) == 1:
            warnings.append("With a second approved image the new model can be checked on one it never saw.")
        elif not val:
            warnings.append(
                "All finished images are learnt from, none is left to check on: nobody will know how good "
                "the new model is."
            )
        return cls(
            len(train), len(val), len(painted), None, problems, warnings,
            {part: tuple(names) for part, names in parts.items()}, tuple(painted),
            movable=train[-1] if len(train) > 1 and not val else "",
            base=_base_of(project, model, {entry.name: entry for entry in entries}),
        )  # fmt: skip


@dataclass(frozen=True)
class ClassFit:
    """How the classes of a model meet those of a project, by name and else by index, as the head is adapted.

    kept: what goes on; fresh: what begins anew; dropped: what the model knew and the project has not;
    renamed: (before, now) of what goes on under another name, as where only the indices agree.
    """

    kept: tuple[str, ...]
    fresh: tuple[str, ...]
    dropped: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, known: Sequence[ModelClass], table: ClassTable) -> "ClassFit":
        """Compare a model's outputs with the active classes of a project."""
        names = {entry.name.casefold(): place for place, entry in enumerate(known)}
        found = [names.get(entry.name.casefold()) for entry in table.active]
        left = {entry.index: place for place, entry in enumerate(known) if place not in found}
        pairs = [
            (entry.name, left.pop(entry.index, None) if place is None else place)
            for entry, place in zip(table.active, found, strict=True)
        ]
        used = {place for _, place in pairs}
        return cls(
            tuple(name for name, place in pairs if place is not None),
            tuple(name for name, place in pairs if place is None),
            tuple(entry.name for place, entry in enumerate(known) if place not in used),
            tuple(
                (known[place].name, name)
                for name, place in pairs
                if place is not None and known[place].name.casefold() != name.casefold()
            ),
        )

    @property
    def differs(self) -> bool:
        """Whether a person should know before the training begins."""
        return bool(self.fresh or self.dropped or self.renamed)


class PixelCounts:
    """Labelled pixels of masks by class, each file read once and again when it has changed."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bool], tuple[str, dict[int, int]]] = {}

    def of(
        self, project: Project, names: Sequence[str], seen: bool = False, progress: Progress = unwatched
    ) -> NDArray[np.int64]:
        """The pixels of these images together, (256,) by class index; one that can't be read has none.

        seen: with the prediction around painted pixels, see seen_mask. progress(fraction), called before each
        image, may raise Cancelled.
        """
        total = np.zeros(256, dtype=np.int64)
        for place, name in enumerate(names):
            progress(place / len(names))
            known = self._known.get((name, seen))
            if known is None or known[0] != stamp(project, name, None):
                known = self._known[name, seen] = _pixels_of(project, name, seen)
            for index, pixels in known[1].items():
                total[index] += pixels
        return total


def _pixels_of(project: Project, name: str, seen: bool) -> tuple[str, dict[int, int]]:
    """The state of an image's mask and its labelled pixels by class index."""
    if not seen:
        facts = look(project, name, None)
        return facts.stamp, facts.truth
    when, mask = stamp(project, name, None), None
    with suppress(StudioError):
        mask = seen_mask(project, name)
    return when, {} if mask is None else count_pixels(mask)


def make_plan(
    project: Project,
    counted: PixelCounts,
    run: RunFolder | None = None,
    painted: bool = False,
    model: ModelEntry | None = None,
    surroundings: bool = True,
    progress: Progress = unwatched,
) -> TrainingPlan:
    """The plan with the labelled pixels of every class counted, those of unfinished images too if `painted`.

    run: the one on show; model: the one in use; surroundings: whether the prediction around painted pixels
    counts. progress(fraction of the counting), called before every image, may raise Cancelled.
    """
    models = project.models()
    plan = TrainingPlan.of_counts(project, model, models)
    approved, unfinished = plan.images["train"], plan.unfinished if painted else ()
    share = len(approved) / max(len(approved) + len(unfinished), 1)
    counts = counted.of(project, approved, progress=part(progress, 0.0, share))
    counts += counted.of(project, unfinished, surroundings, part(progress, share, 1.0))
    pixels = {index: int(counts[index]) for index in project.classes.indices}
    warnings, hindrance = list(plan.warnings), ""
    if plan.train or (painted and plan.painted):
        hindrance = _hindrance(project, pixels)
        warnings += [] if hindrance else _class_warnings(project, pixels)
    joining = 0 if run is None else _joining(project, run)
    return replace(plan, pixels=pixels, warnings=warnings, joining=joining, hindrance=hindrance)


def _hindrance(project: Project, pixels: Mapping[int, int]) -> str:
    """Why nothing can be learnt from these labelled pixels of the training images, by class index; or ""."""
    there = [project.classes.get(index).name for index, count in pixels.items() if count]
    if len(there) != 1:
        return ""
    return (
        f"All pixels to learn from are {there[0]}: there is nothing to tell apart. Finish an image that "
        "shows another class too."
    )


def _class_warnings(project: Project, pixels: Mapping[int, int]) -> list[str]:
    """What the labelled pixels of each class spoil, by class index."""
    names = {index: project.classes.get(index).name for index in pixels}
    rare = [index for index, count in pixels.items() if count < FEW_PIXELS]
    return [f"{names[index]} has hardly any labelled pixels yet: it will not be learnt." for index in rare]


def _joining(project: Project, run: RunFolder) -> int:
    """How many images were finished, or finished anew, since a run froze what it learns from.

    Freezing takes a while: what is finished meanwhile joins too, unless the run has it already.
    """
    frozen = run.data / "samples.json"
    if not frozen.is_file():
        return 0
    count = 0
    with suppress(OSError, StudioError, KeyError, TypeError):
        known = {sample["name"] for sample in read_json(frozen)["samples"]}
        begun, over = (run.path / "config.json").stat().st_mtime_ns, frozen.stat().st_mtime_ns
        for name in project.with_status(Status.APPROVED):
            with suppress(OSError):
                since = over if name in known else begun
                count += project.approved_path(name).stat().st_mtime_ns > since
    return count


def make_run(
    project: Project, model: ModelEntry | None, settings: dict[str, Any], path: Path | None = None
) -> RunFolder:
    """Set up a run on a project. model: the one in use; the training restarts from its base, not from it.

    settings: values of TrainingConfig; "init" may also be "base" (the default), the name of a model, or a
    model packed as one file; "recipe" names the recipe that they change.
    path: the run's folder, by default a new one of the project.
    Raises StudioError where there is nothing to learn from.
    """
    painted = bool(settings.get("painted", False))
    if not project.with_status(Status.APPROVED) and not (painted and project.with_status(Status.PAINTED)):
        raise StudioError("There is nothing to learn from yet.", "Correct an image and approve it first.")
    entries = {entry.name: entry for entry in project.models()}
    settings = dict(settings)
    base = recipe(str(settings.pop("recipe", "") or DEFAULT_RECIPE))
    name = next_version(project.models_folder, project.runs_folder)
    folder = path or project.new_run(name)
    chosen = str(settings.get("init") or ("random" if base.init == "random" else "base"))
    if chosen == "base":
        chosen = _base_of(project, model, entries)
    packed = chosen.endswith(SUFFIX)
    origin = unpack(Path(chosen), folder / "start") if packed else entries.get(chosen)
    init = str(origin.folder) if origin else chosen
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
    return RunFolder.create(folder, config)


def _base_of(project: Project, model: ModelEntry | None, entries: dict[str, ModelEntry]) -> str:
    """What every round restarts from: the base of a version made here; any other model is a base itself."""
    if model is None or model.card is None:
        return "imagenet"
    base, run = model.card.base, model.card.training.get("run")
    made_here = isinstance(run, str) and (project.runs_folder / run / "config.json").is_file()
    return base if made_here and base and (base in entries or base == "imagenet") else model.name
