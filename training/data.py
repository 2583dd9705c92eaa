"""From frozen samples to batches: scaled once, kept in memory up to a bound, patches drawn where labels are.

Every batch depends on the seed and the number of its step alone, so that a resumed run draws what an
uninterrupted one would have drawn.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augment import Augmentation, augment
from training.freeze import FrozenData, FrozenSample
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.model_card import Preprocessing
from unet_studio.model.preprocess import resize, resize_mask, scale

Labels = NDArray[np.uint8]
PLACES = 2048  # positions kept of each kind and class; drawing among them is as good as among all
TRIES = 10  # crops looked at before one is centred on a known pixel
MEMORY_SHARE = 0.25  # of the free memory, for scaled samples


@dataclass(frozen=True)
class Sample:
    """A sample in the network's scale.

    image: (h, w, C) with its own dtype and channels: scale() tells the range of the values by them.
    target: output channels, uint8 (h, w), 255 unknown.
    foreground: for every class but the background that occurs, positions int32 (n, 2).
    painted, known: positions int32 (n, 2); painted may be empty.
    """

    image: NDArray[Any]
    target: Labels
    foreground: tuple[NDArray[np.int32], ...]
    painted: NDArray[np.int32]
    known: NDArray[np.int32]

    @property
    def size(self) -> int:
        """Bytes held."""
        places = (*self.foreground, self.painted, self.known)
        return self.image.nbytes + self.target.nbytes + sum(array.nbytes for array in places)


class Samples:
    """The samples of a part of the data, scaled on first use and kept while they fit into `limit` bytes."""

    def __init__(
        self,
        data: FrozenData,
        samples: Sequence[FrozenSample],
        preprocessing: Preprocessing,
        limit: int | None = None,
    ) -> None:
        self._data = data
        self._samples = list(samples)
        self._preprocessing = preprocessing
        self._limit = int(psutil.virtual_memory().available * MEMORY_SHARE) if limit is None else limit
        self._kept: OrderedDict[int, Sample] = OrderedDict()
        self._held = 0
        indices = data.classes.indices
        self._channel_of = np.full(256, UNLABELLED, dtype=np.uint8)
        self._channel_of[list(indices)] = np.arange(len(indices))
        background = data.classes.background
        self._background = None if background is None else indices.index(background)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        if index not in self._kept:
            sample = self._load(index)
            if self._held + sample.size > self._limit:
                return sample
            self._held += sample.size
            self._kept[index] = sample
        return self._kept[index]

    def _load(self, index: int) -> Sample:
        frozen = self._samples[index]
        image = resize(self._data.read_image(frozen), self._preprocessing)
        shape = image.shape[:2]
        target = self._channel_of[resize_mask(self._data.read_truth(frozen), shape)]
        painted = self._data.read_painted(frozen)
        changed = (
            np.zeros(shape, dtype=bool) if painted is None else resize_mask(painted, shape) != UNLABELLED
        )
        known = target != UNLABELLED
        random = np.random.default_rng([index, len(self._samples)])
        classes = [int(channel) for channel in np.unique(target[known]) if channel != self._background]
        return Sample(
            image=np.ascontiguousarray(image),
            target=target,
            foreground=tuple(_places(target == channel, random) for channel in classes),
            painted=_places(changed & known, random),
            known=_places(known, random),
        )


def _places(where: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int32]:
    """At most PLACES positions, int32 (n, 2), of the pixels that are true."""
    flat = np.flatnonzero(where)
    if len(flat) > PLACES:
        flat = random.choice(flat, PLACES, replace=False)
    return np.stack(np.divmod(flat, where.shape[1]), axis=1).astype(np.int32)


class Batches:
    """Batches of varied patches. size: side of a patch, px; count: patches a batch."""

    def __init__(
        self,
        samples: Samples,
        preprocessing: Preprocessing,
        size: int,
        count: int,
        preset: Augmentation,
        seed: int,
        device: torch.device,
    ) -> None:
        self._samples = samples
        self._preprocessing = preprocessing
        self._size = size
        self.count = count
        self._preset = preset
        self._seed = seed
        self._device = device
        self._window = size + 2 * int(np.ceil(size * (preset.margin - 1) / 2))

    def draw(self, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a step, from 0: float32 (N, C, size, size) and int64 (N, size, size), 255 unknown."""
        random = np.random.default_rng([self._seed, step])
        windows = [self._cut(self._samples[index], random) for index in self._turn(step)]
        images = torch.from_numpy(np.stack([image for image, _ in windows])).to(self._device)
        masks = torch.from_numpy(np.stack([mask for _, mask in windows])).to(self._device)
        generator = torch.Generator().manual_seed(int(random.integers(2**62)))
        return augment(images, masks, self._size, self._preset, generator)

    def _turn(self, step: int) -> list[int]:
        """Which samples a step takes: each once before any comes again, in a new order every time."""
        count = len(self._samples)
        chosen = []
        for position in range(step * self.count, (step + 1) * self.count):
            order = np.random.default_rng([self._seed, position // count, 1]).permutation(count)
            chosen.append(int(order[position % count]))
        return chosen

    def _cut(self, sample: Sample, random: np.random.Generator) -> tuple[NDArray[np.float32], Labels]:
        top, left = place_patch(sample, self._size, random)
        margin = (self._window - self._size) // 2
        image, mask = cut_window(sample, top - margin, left - margin, self._window)
        return scale(image, self._preprocessing), mask


def place_patch(sample: Sample, size: int, random: np.random.Generator) -> tuple[int, int]:
    """The top left corner (row, column) of a patch, by thirds: on foreground, on painted pixels, anywhere.

    Anywhere still means with known pixels. An image smaller than the patch lies in its middle.
    """
    kind = random.integers(3)
    if kind == 0 and sample.foreground:
        return _around(sample.foreground[random.integers(len(sample.foreground))], sample, size, random)
    if kind == 1 and len(sample.painted):
        return _around(sample.painted, sample, size, random)
    height, width = sample.target.shape
    for _ in range(TRIES):
        top = _offset(int(random.integers(max(1, height - size + 1))), height, size)
        left = _offset(int(random.integers(max(1, width - size + 1))), width, size)
        part = sample.target[max(0, top) : top + size, max(0, left) : left + size]
        if (part != UNLABELLED).any():
            return top, left
    return _around(sample.known, sample, size, random)


def _around(
    places: NDArray[np.int32], sample: Sample, size: int, random: np.random.Generator
) -> tuple[int, int]:
    """A patch that has one of the places in its middle half, kept inside the image."""
    if not len(places):
        height, width = sample.target.shape
        return _offset((height - size) // 2, height, size), _offset((width - size) // 2, width, size)
    row, column = places[random.integers(len(places))]
    down, across = random.integers(size // 4, size - size // 4, size=2)
    height, width = sample.target.shape
    return _offset(int(row - down), height, size), _offset(int(column - across), width, size)


def _offset(start: int, length: int, size: int) -> int:
    """A patch's start along one side, inside the image; the image in the middle of a larger patch."""
    return (length - size) // 2 if length <= size else min(max(0, start), length - size)


def cut_window(sample: Sample, top: int, left: int, size: int) -> tuple[NDArray[Any], Labels]:
    """(size, size, C) and uint8 (size, size); outside of the image it is mirrored, and unknown."""
    height, width = sample.target.shape
    rows, columns = np.arange(top, top + size), np.arange(left, left + size)
    image = sample.image.take(_mirrored(rows, height), axis=0).take(_mirrored(columns, width), axis=1)
    mask = np.full((size, size), UNLABELLED, dtype=np.uint8)
    inside_rows = (rows >= 0) & (rows < height)
    inside_columns = (columns >= 0) & (columns < width)
    mask[np.ix_(inside_rows, inside_columns)] = sample.target[
        max(0, top) : max(0, top + size), max(0, left) : max(0, left + size)
    ]
    return image, mask


def _mirrored(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Positions outside of 0..length-1, reflected back inside, the edge pixel not repeated."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    folded = np.abs(places) % period
    return np.asarray(np.where(folded >= length, period - folded, folded))


def middle_patches(samples: Samples, preprocessing: Preprocessing, size: int) -> list[tuple[Tensor, Tensor]]:
    """One patch of every sample as it is, (1, C, size, size) and int64 (1, size, size): in the middle."""
    found = []
    for index in range(len(samples)):
        sample = samples[index]
        height, width = sample.target.shape
        corner = (height - size) // 2, (width - size) // 2
        image, mask = cut_window(sample, *corner, size)
        found.append(
            (torch.from_numpy(scale(image, preprocessing))[None], torch.from_numpy(mask).long()[None])
        )
    return found
