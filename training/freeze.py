"""Freezing: a run copies the masks that it learns from and notes its images, so that it can be repeated.

data/samples.json         classes, and every sample with its image, hash, size, split and pixel counts
data/masks/<name>.png     the truth, class indices, 255 unknown, of the image's size
data/painted/<name>.png   255 but where a person changed pixels, where that is known
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.sources import Candidate, automatic_part, open_source
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import file_hash, read_image, read_info
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import read_index_png, read_json, write_index_png, write_json
from unet_studio.core.training_config import TrainingConfig
from unet_studio.model.preprocess import resize_mask

Labels = NDArray[np.uint8]
SAMPLES_FILE = "samples.json"
ASPECT_TOLERANCE = 0.02  # a mask of another size than its image may differ so much in its aspect
INDICATIVE = 5  # with fewer validation images, a score is only a hint


@dataclass(frozen=True)
class FrozenSample:
    """One sample. image: absolute path; mask, painted: relative to data/. pixels: count by class index.

    stamp: size and modification time (ns) of the image's file when it was hashed.
    """

    name: str
    image: str
    image_hash: str
    stamp: tuple[int, int]
    height: int
    width: int
    channels: int
    dtype: str
    mask: str
    painted: str | None
    part: str
    pixels: Mapping[int, int]


@dataclass(frozen=True)
class FrozenData:
    """What a run learns from and is measured on. classes: those it learns, in the order of its outputs."""

    folder: Path
    classes: ClassTable
    samples: tuple[FrozenSample, ...]
    notes: tuple[str, ...] = ()

    def part(self, name: str) -> list[FrozenSample]:
        """The samples of train, val or test."""
        return [sample for sample in self.samples if sample.part == name]

    def pixels(self, part: str = "train") -> dict[int, int]:
        """Known pixels of a part, by class index."""
        total: Counter[int] = Counter()
        for sample in self.part(part):
            total.update(sample.pixels)
        return {index: total[index] for index in self.classes.indices}

    def read_truth(self, sample: FrozenSample) -> Labels:
        """The truth of a sample: class indices, uint8 (H, W), 255 unknown."""
        return read_index_png(self.folder / sample.mask)[0]

    def read_painted(self, sample: FrozenSample) -> Labels | None:
        """255 but where a person changed pixels; None where that is not known."""
        return None if sample.painted is None else read_index_png(self.folder / sample.painted)[0]

    def read_image(self, sample: FrozenSample) -> NDArray[Any]:
        """The image. Raises StudioError where its file is gone or no longer what it was."""
        path = Path(sample.image)
        try:
            same = _stamp(path) == sample.stamp or file_hash(path) == sample.image_hash
        except OSError as error:
            raise StudioError(
                f"The image {path} can't be read: {error}.", "Put it back, or start another run."
            ) from error
        if not same:
            raise StudioError(
                f"The image {path} has changed since this run began.", "Put it back, or start another run."
            )
        return read_image(path)


def freeze(run: RunFolder, config: TrainingConfig, check: Callable[[], None]) -> FrozenData:
    """Copy and note everything the run learns from; or read what an earlier start has frozen.

    check: called once a sample; may raise to end the work. Raises StudioError where nothing can be learnt.
    """
    if (run.data / SAMPLES_FILE).is_file():
        return read_frozen(run.data)
    source = open_source(config)
    classes, lut = _choose_classes(source.classes, config.classes)
    notes = list(source.notes)
    samples = []
    for candidate in source.candidates:
        check()
        samples.append(_freeze_one(run.data, candidate, source.classes, classes, lut, notes))
    samples, said = _assign_parts(samples)
    data = FrozenData(run.data, classes, tuple(samples), (*_brief(notes), *said))
    data = replace(data, notes=(*data.notes, *_check_content(data)))
    write_json(
        run.data / SAMPLES_FILE,
        {
            "classes": classes.to_json(),
            "notes": list(data.notes),
            "samples": [asdict(sample) for sample in samples],
        },
    )
    return data


def read_frozen(folder: Path) -> FrozenData:
    """The inverse of freeze. Raises StudioError where samples.json is broken."""
    value = read_json(folder / SAMPLES_FILE)
    try:
        samples = tuple(
            FrozenSample(
                **{
                    **entry,
                    "stamp": tuple(entry["stamp"]),
                    "pixels": {int(index): count for index, count in entry["pixels"].items()},
                }
            )
            for entry in value["samples"]
        )
        return FrozenData(folder, ClassTable.from_json(value["classes"]), samples, tuple(value["notes"]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudioError(
            f"{folder / SAMPLES_FILE} can't be understood ({error!r}).", "Start another run."
        ) from error


def _choose_classes(table: ClassTable, names: tuple[str, ...]) -> tuple[ClassTable, Labels]:
    """The classes to learn, and the look-up table, uint8 (256,), from the source's indices to theirs.

    Without names, all active ones. A class not named becomes background, or unknown where there is none.
    """
    lut = np.full(256, UNLABELLED, dtype=np.uint8)
    chosen = []
    for name in names:
        entry = table.named(name)
        if entry is None:
            raise StudioError(f"There is no class {name!r}.", f"The classes are {table.describe()}.")
        chosen.append(entry.index)
    wanted = set(chosen or table.indices)
    if table.background is not None:
        wanted.add(table.background)
        lut[list(table.indices)] = table.background
    # The background is the first output: with two classes, one channel says how much a pixel is the other.
    ordered = sorted(table.active, key=lambda entry: entry.index != table.background)
    kept = tuple(entry for entry in ordered if entry.index in wanted)
    for entry in kept:
        lut[entry.index] = entry.index
    if len(kept) < 2:
        raise StudioError("There is nothing to tell apart: a network needs two classes.", "Add a class.")
    return ClassTable(kept, table.background), lut


def _freeze_one(
    folder: Path, candidate: Candidate, known: ClassTable, classes: ClassTable, lut: Labels, notes: list[str]
) -> FrozenSample:
    info = read_info(candidate.image)
    shape = info.height, info.width
    truth = _fit(candidate.name, candidate.truth(), shape, notes)
    _refuse_strangers(candidate.name, truth, known)
    painted = candidate.painted()
    if painted is not None:
        painted = _fit(candidate.name, painted, shape, notes)
    truth = lut[truth]
    palette = classes.palette()
    mask = f"masks/{candidate.name}.png"
    write_index_png(folder / mask, truth, palette)
    changed = None
    if painted is not None and (painted != UNLABELLED).any() and (truth != UNLABELLED).any():
        changed = f"painted/{candidate.name}.png"
        write_index_png(folder / changed, lut[painted], palette)
    counts = np.bincount(truth.ravel(), minlength=256)
    return FrozenSample(
        name=candidate.name,
        image=str(candidate.image.absolute()),
        image_hash=file_hash(candidate.image),
        stamp=_stamp(candidate.image),
        height=info.height,
        width=info.width,
        channels=info.channels,
        dtype=info.dtype,
        mask=mask,
        painted=changed,
        part=candidate.part or "",
        pixels={index: int(counts[index]) for index in classes.indices if counts[index]},
    )


def _fit(name: str, labels: Labels, shape: tuple[int, int], notes: list[str]) -> Labels:
    """A mask of its image's size (H, W): as it is, scaled where only the scale differs, or refused."""
    if labels.shape == shape:
        return labels
    ratio = (labels.shape[0] / labels.shape[1]) / (shape[0] / shape[1])
    if not 1 / (1 + ASPECT_TOLERANCE) <= ratio <= 1 + ASPECT_TOLERANCE:
        raise StudioError(
            f"The mask of {name} is {labels.shape[1]} x {labels.shape[0]} px, "
            f"its image {shape[1]} x {shape[0]} px: another shape.",
            "Make the mask again from this image, or turn the mask as the image is turned.",
        )
    notes.append("scaled")
    return resize_mask(labels, shape)


def _refuse_strangers(name: str, truth: Labels, table: ClassTable) -> None:
    found = np.flatnonzero(np.bincount(truth.ravel(), minlength=256))
    known = {UNLABELLED, *(entry.index for entry in table.classes)}
    strange = [int(value) for value in found if value not in known]
    if strange:
        raise StudioError(
            f"The mask of {name} has pixel values that are no class: {strange}.",
            f"The classes are {table.describe()}; add them, or name the one that means void as ignore_index.",
        )


def _brief(notes: list[str]) -> list[str]:
    """The notes, with the scaled masks counted in one sentence."""
    scaled = notes.count("scaled")
    told = [note for note in notes if note != "scaled"]
    if scaled:
        told.append(f"{scaled} masks had another size than their image and were scaled to it.")
    return told


def _assign_parts(samples: list[FrozenSample]) -> tuple[list[FrozenSample], list[str]]:
    """Give every sample without a place one, and keep copies of one image out of two parts.

    Where the copies were put into different parts by a person, they stay there and a note says so.
    """
    unsaid = [sample for sample in samples if not sample.part]
    parts = {sample.image_hash: automatic_part(sample.image_hash) for sample in unsaid}
    alone = len(set(parts.values())) == 1
    if alone and (len(parts) > 1 or "val" in parts.values()):
        # Too few for chance: one of them is moved, the same one in whatever order they come.
        moved = min(parts)
        parts[moved] = "train" if parts[moved] == "val" else "val"
    placed = [sample if sample.part else replace(sample, part=parts[sample.image_hash]) for sample in samples]
    where: dict[str, set[str]] = {}
    for sample in placed:
        where.setdefault(sample.image_hash, set()).add(sample.part)
    leaks = sum(1 for found in where.values() if len(found) > 1)
    if not leaks:
        return placed, []
    return placed, [f"{leaks} images are byte for byte the same in two parts of the split."]


def _check_content(data: FrozenData) -> list[str]:
    """What a person should know of the data. Raises StudioError where nothing can be learnt from them."""
    counts = data.pixels("train")
    if not data.part("train"):
        raise StudioError("No image is in the training part of the split.", "Put some there.")
    known = {index for index, count in counts.items() if count}
    if not known:
        raise StudioError(
            "No pixel of the training images is labelled.", "Approve images, or paint, and try again."
        )
    if len(known) == 1:
        only = data.classes.get(next(iter(known))).name
        raise StudioError(
            f"All labelled pixels are {only}: there is nothing to tell apart.",
            "Label pixels of another class too.",
        )
    missing = [data.classes.get(index).name for index, count in counts.items() if not count]
    notes = [f"No training pixel shows {name}: it can't be learnt." for name in missing]
    validation = sum(1 for sample in data.part("val") if sample.pixels)
    if not validation:
        notes.append(
            "There are no validation images: scores are taken on the training images, and only indicative."
        )
    elif validation < INDICATIVE:
        notes.append(
            f"Scores on {validation} validation image{'s' if validation > 1 else ''} are only indicative."
        )
    return notes


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
