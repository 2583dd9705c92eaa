"""What a run may learn from, before it is frozen: images, how their masks are read, what the values mean."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.split import Split
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.index_masks import numbers_of
from unet_studio.formats.mask_pictures import read_picture

Labels = NDArray[np.uint8]


def unpainted() -> None:
    """For Candidate.painted: nobody knows who painted what."""


@dataclass(frozen=True)
class NumberMask:
    """A mask picture whose numbers are looked up: all that is needed to read it again without its data set.

    channel: which channel of an RGB picture holds the numbers, from 0; None where every pixel is a number.
    """

    path: Path
    meaning: Meaning
    channel: int | None = None

    def read(self) -> Labels:
        """Class indices, uint8 (H, W), 255 unknown. Raises StudioError where a number means nothing."""
        numbers = read_numbers(self.path, self.channel)
        strange = self.meaning.strange(numbers)
        if strange:
            known = np.flatnonzero(self.meaning.known).tolist()
            raise StudioError(
                f"{self.path} has pixel values that are no class: {strange[:20]}.",
                f"Values from {known[0]} to {known[-1]} are known: copy it again from its source.",
            )
        return self.meaning.labels(numbers)


def read_numbers(path: Path, channel: int | None = None) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """The numbers of a mask picture, (H, W); of one of its channels where that is named."""
    if channel is None:
        values = numbers_of(path).values
        assert values is not None  # numbers_of sees to that
        return values
    picture = read_picture(path)
    if picture.colors is not None:
        return np.ascontiguousarray(picture.colors[..., channel])
    assert picture.values is not None  # what has no colours has numbers
    return picture.values


@dataclass(frozen=True)
class Candidate:
    """A sample on offer. truth(), painted(): class indices, uint8 (H, W), 255 unknown; painted may be None.

    painted: the pixels that a person changed, where that is known. part: train, val, test, or None: unsaid.
    group: images of the same group are alike, such as the frames of one film; None for one by itself.
    stored: where the truth is a picture of numbers that stays where it is, so that it need not be copied.
    """

    name: str
    image: Path
    truth: Callable[[], Labels]
    painted: Callable[[], Labels | None] = unpainted
    part: Split | None = None
    group: str | None = None
    stored: NumberMask | None = None

    @classmethod
    def of_numbers(
        cls, name: str, image: Path, mask: NumberMask, part: Split | None = None, group: str | None = None
    ) -> "Candidate":
        """One whose mask is a picture of numbers in a data set, which is referred to, not copied."""
        return cls(name, image, mask.read, unpainted, part, group, mask)


@dataclass(frozen=True)
class Source:
    """All samples on offer, what their pixel values mean, and what a person should know of them.

    parallel: whether several masks may be read at once. own_split: the split is permanent, as a project's is.
    split: a split.json that lies with the samples.
    """

    classes: ClassTable
    candidates: tuple[Candidate, ...]
    notes: tuple[str, ...] = ()
    parallel: bool = True
    own_split: bool = False
    split: Path | None = None
