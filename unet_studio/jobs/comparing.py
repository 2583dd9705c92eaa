"""What changed between two models on the approved validation images: from a run's gate, or measured now."""

from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.changes import ALL, ChangeTable, changes_of_gate
from unet_studio.core.document_files import IMAGE_HASH
from unet_studio.core.errors import StudioError
from unet_studio.core.gate import GATE_FILE, Change, read_gate
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.model_card import ModelEntry
from unet_studio.core.pixels import Pixels
from unet_studio.core.progress import Progress
from unet_studio.core.project import Project, Status
from unet_studio.core.words import count

if TYPE_CHECKING:
    from unet_studio.model import Model, PredictSettings
    from unet_studio.model.comparison import Comparing, Comparison

Advance = Callable[[float, int, str], None]  # images done, of how many, the one in work; may raise Cancelled


def validation_images(project: Project) -> list[str]:
    """The approved images that no training learns from, as the split has it now."""
    return [name for name in project.with_status(Status.APPROVED) if project.split.get(name) == "val"]


def gate_changes(project: Project, first: ModelEntry, second: ModelEntry) -> ChangeTable | None:
    """What the gate of the run that made the second model said of both; None where it compared others.

    Raises StudioError where its file is broken.
    """
    made = second.card.training.get("run") if second.card is not None else None
    if not isinstance(made, str) or made not in {path.name for path in project.runs()}:
        return None
    gate = read_gate(project.runs_folder / made / GATE_FILE)
    if gate is None or gate[1] is None or gate[0].model != first.name:
        return None
    before, after = gate[0], gate[1]
    images = count(len(after.images), "validation image")
    source = f"From the gate of the training {made}: {images}, as they were when it began."
    try:
        found = changes_of_gate(before, after, source)
    except ValueError:  # they were scored on different images
        return None
    return ChangeTable(first.name, second.name, found.by_class, source)


def measure_changes(
    project: Project,
    first: ModelEntry,
    second: ModelEntry,
    device: str,
    threads: Callable[[], int],
    advance: Advance,
) -> ChangeTable:
    """Predict the validation images with both models, as exactly as `unet-studio compare` does, and score.

    threads(): CPU threads to use, 0 for all. Takes seconds to minutes. Raises StudioError where a model can't
    be used, or no image compared.
    """
    from unet_studio.model.torch_libraries import load_torch_libraries

    load_torch_libraries()
    from unet_studio.model import PredictSettings, load_model
    from unet_studio.model.comparison import Comparing, Rival

    names = validation_images(project)
    if not names:
        raise StudioError(
            "No approved image is for validation.",
            "Approve another image: the second one, and every sixth after it, is kept for checking.",
        )
    settings, rivals = PredictSettings("exact"), []
    for entry in (first, second):
        advance(0.0, len(names), "")
        model = load_model(entry.folder, device)
        rivals.append(Rival(entry.name, model.card, partial(_predict, model, settings, threads)))
    work = Comparing(rivals, project.classes, len(names), 0)
    _compare(project, work, names, advance)
    return changes_of_comparison(work.result())


def _predict(
    model: "Model", settings: "PredictSettings", threads: Callable[[], int], image: Pixels, progress: Progress
) -> NDArray[np.uint8]:
    from unet_studio.model.comparison import labels_of
    from unet_studio.model.devices import set_threads

    set_threads(threads())
    return labels_of(model, settings, image, progress)


def _compare(project: Project, work: "Comparing", names: list[str], advance: Advance) -> None:
    from unet_studio.formats.ahead import ahead

    with closing(ahead(names, partial(_read, project), _size)) as entries:
        for done, (name, found) in enumerate(entries):
            progress = _advancing(advance, done, len(names), name)
            progress(0.0)
            if isinstance(found, StudioError):
                work.fail(name, found.message)
            else:
                work.add(name, *found, progress)
    advance(len(names), len(names), "")


def _read(project: Project, name: str) -> tuple[Pixels, NDArray[np.uint8]]:
    """An image with its finished mask. Raises StudioError where they don't belong together any more."""
    image, layer = read_image(project.image_path(name)), project.read_approved(name)
    if layer is None:
        raise StudioError("It is not approved any more.", "Approve it again.")
    labels, facts = layer
    digest = pixel_hash(image)
    if facts.get(IMAGE_HASH, digest) != digest:
        raise StudioError("The image was changed after its mask was approved.", "Open it to see what to do.")
    return image, labels


def _size(read: tuple[Pixels, NDArray[np.uint8]] | StudioError) -> int:
    return 0 if isinstance(read, StudioError) else int(read[0].nbytes)


def _advancing(advance: Advance, done: int, total: int, name: str) -> Progress:
    return lambda fraction: advance(done + fraction, total, name)


def changes_of_comparison(found: "Comparison") -> ChangeTable:
    """The figures of a comparison of two models with truth, as the command `compare` prints them."""
    first, second = found.evaluations
    table = found.table
    by_class: dict[str, tuple[Change, ...]] = {
        ALL: _changes(first.names, first.image_dice(table.background), second.image_dice(table.background))
    }
    for index in first.measured(table.background):
        sides: list[Any] = [[one.dice_of(index) for _, one in side.per_image] for side in (first, second)]
        by_class[table.get(index).name] = _changes(first.names, *sides)
    source = f"Measured now on {count(len(found.names), 'approved validation image')}."
    names = [rival.name for rival in found.rivals]
    return ChangeTable(names[0], names[1], by_class, source, found.notes, found.failures)


def _changes(names: list[str], before: list[float], after: list[float]) -> tuple[Change, ...]:
    return tuple(Change(*row) for row in zip(names, before, after, strict=True))
