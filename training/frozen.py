"""What a run has frozen: its samples as data/samples.json lists them, and how they are read again.

data/samples.json         classes, and every sample with its image, hash, size, split and pixel counts
data/split.json           the split that is used, as `unet-studio train --split` takes it
data/masks/<name>.png     the truth, class indices, 255 unknown, of the image's size
data/painted/<name>.png   255 but where a person changed pixels, where that is known

The masks of a data set in its original layout are not copied where they have their images' size: a sample
then refers to the mask's file with its hash and says what its numbers mean (see docs/datasets.md).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from training.candidates import Labels, read_numbers
from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import file_hash, read_image
from unet_studio.core.split import Split, write_split
from unet_studio.core.storage import read_index_png, read_json, write_json

SAMPLES_FILE = "samples.json"
SPLIT_FILE = "split.json"
Stamp = tuple[int, int]  # size and modification time (ns) of a file


@dataclass(frozen=True)
class Reference:
    """A mask that stays where it is. hash, stamp: of its file. table: which of FrozenData.tables reads it.

    channel: of an RGB picture, from 0; None where every pixel is a number.
    """

    hash: str
    stamp: Stamp
    table: int
    channel: int | None = None


@dataclass(frozen=True)
class FrozenSample:
    """One sample. image: absolute path; mask, painted: relative to data/. pixels: count by class index.

    stamp: of the image's file when it was hashed. reference: where the mask was not copied; mask is then its
    absolute path. pixel_hash: of the image as it is seen, the same for the same picture in another file.
    """

    name: str
    image: str
    image_hash: str
    stamp: Stamp
    height: int
    width: int
    channels: int
    dtype: str
    mask: str
    painted: str | None
    part: str
    pixels: Mapping[int, int]
    reference: Reference | None = None
    pixel_hash: str = ""


@dataclass(frozen=True)
class FrozenData:
    """What a run learns from and is measured on. classes: those it learns, in the order of its outputs.

    tables: for masks that were not copied, from a number, 0..255, to a class index or 255.
    """

    folder: Path
    classes: ClassTable
    samples: tuple[FrozenSample, ...]
    notes: tuple[str, ...] = ()
    tables: tuple[tuple[int, ...], ...] = ()

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
        """The truth of a sample: class indices, uint8 (H, W), 255 unknown.

        Raises StudioError where it was not copied and its file is gone or no longer what it was.
        """
        if sample.reference is None:
            return read_index_png(self.folder / sample.mask)[0]
        reference, path = sample.reference, Path(sample.mask)
        _ensure_same(path, reference.stamp, reference.hash, "mask")
        table = np.array(self.tables[reference.table], dtype=np.uint8)
        return np.asarray(table.take(read_numbers(path, reference.channel)))

    def read_painted(self, sample: FrozenSample) -> Labels | None:
        """255 but where a person changed pixels; None where that is not known."""
        return None if sample.painted is None else read_index_png(self.folder / sample.painted)[0]

    def read_image(self, sample: FrozenSample) -> NDArray[Any]:
        """The image. Raises StudioError where its file is gone or no longer what it was."""
        path = Path(sample.image)
        _ensure_same(path, sample.stamp, sample.image_hash, "image")
        return read_image(path)

    def write(self) -> None:
        """Write split.json, then samples.json, whose presence says that everything else is there."""
        parts = {sample.name: cast("Split", sample.part) for sample in self.samples}
        write_split(self.folder / SPLIT_FILE, parts)
        value: dict[str, Any] = {
            "classes": self.classes.to_json(),
            "notes": list(self.notes),
            "samples": [_plain(sample) for sample in self.samples],
        }
        if self.tables:
            value["tables"] = [list(table) for table in self.tables]
        write_json(self.folder / SAMPLES_FILE, value)


def read_frozen(folder: Path) -> FrozenData:
    """The inverse of write(). Raises StudioError where samples.json is broken."""
    value = read_json(folder / SAMPLES_FILE)
    try:
        samples = tuple(_sample(entry) for entry in value["samples"])
        tables = tuple(tuple(int(index) for index in table) for table in value.get("tables", []))
        return FrozenData(
            folder, ClassTable.from_json(value["classes"]), samples, tuple(value["notes"]), tables
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudioError(
            f"{folder / SAMPLES_FILE} can't be understood ({error!r}).", "Start another run."
        ) from error


def stamp_of(path: Path) -> Stamp:
    """Size and modification time (ns) of a file."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _plain(sample: FrozenSample) -> dict[str, Any]:
    """A sample as JSON values, without what it has not."""
    value = asdict(sample)
    return {key: item for key, item in value.items() if key != "reference" or item is not None}


def _sample(entry: dict[str, Any]) -> FrozenSample:
    reference = entry.get("reference")
    if reference is not None:
        reference = Reference(**{**reference, "stamp": tuple(reference["stamp"])})
    return FrozenSample(
        **{
            **entry,
            "stamp": tuple(entry["stamp"]),
            "pixels": {int(index): count for index, count in entry["pixels"].items()},
            "reference": reference,
        }
    )


def _ensure_same(path: Path, stamp: Stamp, known_hash: str, what: str) -> None:
    """Raise StudioError where a file is gone or no longer what it was."""
    try:
        same = stamp_of(path) == stamp or file_hash(path) == known_hash
    except OSError as error:
        raise StudioError(
            f"The {what} {path} can't be read: {error}.", "Put it back, or start another run."
        ) from error
    if not same:
        raise StudioError(
            f"The {what} {path} has changed since this run began.", "Put it back, or start another run."
        )


def evenly(samples: Sequence[FrozenSample], most: int) -> list[FrozenSample]:
    """At most so many of the samples, evenly spread over them, the first and the last among them."""
    if len(samples) <= most:
        return list(samples)
    return [samples[round(place)] for place in np.linspace(0, len(samples) - 1, most)]
