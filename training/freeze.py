"""Freezing: a run keeps the masks that it learns from and notes its images, so that it can be repeated.

Masks of projects and of folders of masks are copied, as people go on working on them. Masks of data sets in
their original layout are referred to by path and hash where they have their images' size; see frozen.py.
Nothing counts before samples.json is written: a start that was interrupted before is begun anew.
"""

import shutil
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from training.candidates import Candidate, NumberMask, Source
from training.frozen import (
    SAMPLES_FILE,
    SPLIT_FILE,
    FrozenData,
    FrozenSample,
    Reference,
    read_frozen,
    stamp_of,
)
from training.overfit import few
from training.parts import Rule, assign_parts, group_names
from training.sources import open_source
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.decoding import NoRoomError
from unet_studio.core.errors import StudioError
from unet_studio.core.events import Freezing
from unet_studio.core.image_io import file_hash, pixel_hash, read_image, read_info
from unet_studio.core.run_folder import RunFolder
from unet_studio.core.storage import write_index_png
from unet_studio.core.training_config import TrainingConfig
from unet_studio.core.words import left_out
from unet_studio.formats.ahead import ahead
from unet_studio.model.preprocess import resize_mask, same_aspect

__all__ = [
    "SAMPLES_FILE",
    "SPLIT_FILE",
    "FrozenData",
    "FrozenSample",
    "freeze",
    "freezing",
    "read_frozen",
]

Labels = NDArray[np.uint8]
INDICATIVE = 5  # with fewer validation images, a score is only a hint
TELL_SECONDS = 2.0  # between two words on how far freezing is
ENOUGH_ERRORS = 10  # samples that can't be used, after which no more are looked at
BYTE = 256  # numbers that a mask of 8 bit can hold


def freeze(run: RunFolder, config: TrainingConfig, check: Callable[[], None]) -> FrozenData:
    """freezing() to its end, silently."""
    steps = freezing(run, config, check)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            data: FrozenData = end.value
            return data


def freezing(
    run: RunFolder, config: TrainingConfig, check: Callable[[], None]
) -> Generator[Freezing, None, FrozenData]:
    """Copy and note everything the run learns from; or read what an earlier start has frozen.

    Yields now and then how far it is. check: called once a sample; may raise to end the work. A few images
    are in memory at a time. Raises StudioError where nothing can be learnt, or samples can't be read: of
    several, their number and the first.
    """
    if (run.data / SAMPLES_FILE).is_file():
        return read_frozen(run.data)
    shutil.rmtree(run.data, ignore_errors=True)  # what a start that was interrupted has left
    check()
    source = open_source(config)
    if config.overfit:
        source = few(source, config.overfit)
    classes, lut = _choose_classes(source.classes, config.classes)
    freezer = _Freezer(run, source.classes, classes, lut)
    count, told = len(source.candidates), time.monotonic()
    samples: list[FrozenSample] = []
    errors: list[StudioError] = []
    for sample in freezer.freeze_all(source):
        check()
        if isinstance(sample, StudioError):
            errors.append(sample)
            if len(errors) == ENOUGH_ERRORS:
                break
        else:
            samples.append(sample)
        if time.monotonic() - told > TELL_SECONDS:
            told = time.monotonic()
            yield Freezing(len(samples), count)
    if errors:
        raise _joined(errors, count)
    data = _finish(run, config, source, freezer, samples)
    data.write()
    return data


def _finish(
    run: RunFolder,
    config: TrainingConfig,
    source: Source,
    freezer: "_Freezer",
    samples: Sequence[FrozenSample],
) -> FrozenData:
    """The samples with their parts of the split, and what a person should know of all that."""
    notes = [*source.notes, *_told(freezer.told)]
    groups = {one.name: one.group for one in source.candidates if one.group is not None}
    if config.group_by and not source.own_split:
        groups, said = group_names([one.name for one in source.candidates], config.group_by)
        notes += said
    kept = [sample for sample in samples if sample.pixels]
    if len(kept) < len(samples):
        empty = [sample.name for sample in samples if not sample.pixels]
        notes.append(left_out(empty, "with no labelled pixel"))
    placed, said = assign_parts(kept, groups, Rule.of(config))
    data = FrozenData(run.data, freezer.classes, tuple(placed), (*notes, *said), freezer.tables)
    return replace(data, notes=(*data.notes, *_check_content(data)))


def _joined(errors: Sequence[StudioError], count: int) -> StudioError:
    """One error of several samples that can't be used."""
    first = errors[0]
    if len(errors) == 1:
        return first
    many = f"{len(errors)} of {count}" if len(errors) < ENOUGH_ERRORS else f"{len(errors)} or more of {count}"
    return StudioError(f"{many} images can't be learnt from; the first: {first.message}", first.remedy)


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
        only = f"{kept[0].index} {kept[0].name} is the only class" if kept else "there is no class"
        raise StudioError(
            f"There is nothing to tell apart: {only}, and a network needs two.",
            "Add a class, or check that the masks hold more than one number.",
        )
    return ClassTable(kept, table.background), lut


@dataclass
class _Freezer:
    """Freezes one sample at a time, in several threads.

    known: the classes of the source; classes, lut: those to learn, and how indices become theirs.
    told: what happened to masks, once a mask; tables: the tables by which masks that are not copied are read.
    """

    run: RunFolder
    known: ClassTable
    classes: ClassTable
    lut: Labels
    told: list[str] = field(default_factory=list)
    tables: tuple[tuple[int, ...], ...] = ()
    _numbers: dict[int, int] = field(default_factory=dict)  # of tables, by the identity of what they mean

    def freeze_all(self, source: Source) -> Iterator[FrozenSample | StudioError]:
        """Each sample frozen, or why it can't be, in order."""
        for candidate in source.candidates:
            if candidate.stored is not None:
                self._table_of(candidate.stored)  # before the threads begin, so that they only look it up
        if not source.parallel:
            yield from map(self._tried, source.candidates)
            return
        for candidate, result in ahead(source.candidates, self._freeze):
            # What found no room beside others may find it with fewer of them about.
            yield self._tried(candidate) if isinstance(result, NoRoomError) else result

    def _tried(self, candidate: Candidate) -> FrozenSample | StudioError:
        try:
            return self._freeze(candidate)
        except StudioError as error:
            return error

    def _freeze(self, candidate: Candidate) -> FrozenSample:
        info = read_info(candidate.image)
        shape = info.height, info.width
        stamp, content = stamp_of(candidate.image), file_hash(candidate.image)
        stored = candidate.truth()
        truth = self._fit(candidate.name, stored, shape)
        _refuse_strangers(candidate.name, truth, self.known)
        truth = self.lut[truth]
        mask, reference = self._keep(candidate, truth, stored.shape == shape)
        counts = np.bincount(truth.ravel(), minlength=256)
        return FrozenSample(
            name=candidate.name,
            image=str(candidate.image.absolute()),
            image_hash=content,
            stamp=stamp,
            height=info.height,
            width=info.width,
            channels=info.channels,
            dtype=info.dtype,
            mask=mask,
            painted=self._keep_painted(candidate, truth),
            part=candidate.part or "",
            pixels={index: int(counts[index]) for index in self.classes.indices if counts[index]},
            reference=reference,
            pixel_hash=pixel_hash(read_image(candidate.image)),
        )

    def _keep(self, candidate: Candidate, truth: Labels, as_stored: bool) -> tuple[str, Reference | None]:
        """Copy a mask, or refer to it; returns its path and the reference."""
        stored = candidate.stored
        if stored is not None and as_stored and not stored.meaning.known[BYTE:].any():
            reference = Reference(
                file_hash(stored.path), stamp_of(stored.path), self._table_of(stored), stored.channel
            )
            return str(stored.path.absolute()), reference
        path = f"masks/{candidate.name}.png"
        write_index_png(self.run.data / path, truth, self.classes.palette())
        return path, None

    def _keep_painted(self, candidate: Candidate, truth: Labels) -> str | None:
        """Copy which pixels a person changed, where that is known and says something; returns its path."""
        painted = candidate.painted()
        if painted is None:
            return None
        painted = self._fit(candidate.name, painted, (truth.shape[0], truth.shape[1]))
        if not ((painted != UNLABELLED) & (truth != UNLABELLED)).any():
            return None
        path = f"painted/{candidate.name}.png"
        write_index_png(self.run.data / path, self.lut[painted], self.classes.palette())
        return path

    def _table_of(self, stored: NumberMask) -> int:
        """The number of the table by which a mask is read."""
        key = id(stored.meaning)
        if key not in self._numbers:
            table = tuple(self.lut[stored.meaning.lut[:BYTE]].tolist())
            if table not in self.tables:
                self.tables = (*self.tables, table)
            self._numbers[key] = self.tables.index(table)
        return self._numbers[key]

    def _fit(self, name: str, labels: Labels, shape: tuple[int, int]) -> Labels:
        """A mask of its image's size (H, W): as it is, scaled where only the scale differs, or refused."""
        if labels.shape == shape:
            return labels
        if not same_aspect(labels.shape, shape):
            raise StudioError(
                f"The mask of {name} is {labels.shape[1]} x {labels.shape[0]} px, "
                f"its image {shape[1]} x {shape[0]} px: another shape.",
                "Make the mask again from this image, or turn the mask as the image is turned.",
            )
        self.told.append("scaled")
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


def _told(told: Sequence[str]) -> list[str]:
    """What happened to masks, counted."""
    scaled = list(told).count("scaled")
    if not scaled:
        return []
    return [f"{scaled} masks had another size than their image and were scaled to it."]


def _check_content(data: FrozenData) -> list[str]:
    """What a person should know of the data. Raises StudioError where nothing can be learnt from them."""
    if not data.samples:
        raise StudioError(
            "No pixel of the training images is labelled.",
            "Approve images, or paint; of masks, check which of their numbers means unknown.",
        )
    if not data.part("train"):
        raise StudioError("No image is in the training part of the split.", "Put some there.")
    counts = data.pixels("train")
    known = {index for index, count in counts.items() if count}
    if len(known) == 1:
        only = data.classes.get(next(iter(known))).name
        raise StudioError(
            f"All labelled pixels are {only}: there is nothing to tell apart.",
            "Label pixels of another class too.",
        )
    missing = [data.classes.get(index).name for index, count in counts.items() if not count]
    return [*_missing(missing), *_validation(data)]


_NAMED = 20  # classes that a note names at most: of hundreds it would be a page


def _missing(names: Sequence[str]) -> list[str]:
    """A note on classes that no training pixel shows."""
    if not names:
        return []
    if len(names) == 1:
        return [f"No training pixel shows {names[0]}: it can't be learnt."]
    shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    return [f"No training pixel shows {shown}: these {len(names)} classes can't be learnt."]


def _validation(data: FrozenData) -> list[str]:
    """Notes where there are few validation images, or none, or where these leave classes out."""
    validation = len(data.part("val"))
    if not validation:
        return [
            "There are no validation images: scores are taken on the training images, and only indicative."
        ]
    notes = []
    if validation < INDICATIVE:
        images = "image" if validation == 1 else "images"
        notes.append(f"Scores on {validation} validation {images} are only indicative.")
    learnt, judged = data.pixels("train"), data.pixels("val")
    unseen = [data.classes.get(index).name for index, count in judged.items() if learnt[index] and not count]
    if unseen:
        scores = "its score says" if len(unseen) == 1 else "their scores say"
        notes.append(f"No validation pixel shows {', '.join(unseen)}: {scores} nothing, and judges no model.")
    return notes
