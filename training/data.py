"""From frozen samples to batches: scaled once, kept in memory up to a bound, patches drawn where labels are.

Every patch depends on the seed and its position in the training alone, so that a resumed run draws what an
uninterrupted one would have drawn, and a batch split over processes or steps is the same batch.
"""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.augment import Augmentation, augment
from training.freeze import FrozenData, FrozenSample
from training.order import Order, times_by_rarity
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.model_card import Preprocessing
from unet_studio.model.devices import available_cores
from unet_studio.model.preprocess import resize, resize_mask, scale

Labels = NDArray[np.uint8]
Shape = tuple[int, int]  # height, width, px
PLACES = 2048  # positions kept of each kind and class; drawing among them is as good as among all
BAND = 1 << 20  # pixels searched for positions at a time: their numbers take eight bytes each
TRIES = 10  # crops looked at before one is centred on a known pixel
MEMORY_SHARE = 0.25  # of the free memory, for scaled samples
MOST_WORKERS = 8  # threads that read images, on half the cores: decoding and scaling don't hold Python's lock


@dataclass(frozen=True)
class Sample:
    """A sample in the network's scale.

    image: (h, w, C) with its own dtype and channels: scale() tells the range of the values by them.
    target: output channels, uint8 (h, w), 255 unknown.
    foreground: for every class but the background that occurs, positions int32 (n, 2); where the classes
    have no background, those of all known pixels as if they were of one.
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
    """The samples of a part of the data, scaled on first use and kept while they fit into `limit` bytes.

    May be read from several threads at once. Where not all fit, those kept stay: with every sample equally
    likely to come next, none is better kept than another.
    """

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
        self._kept: dict[int, Sample] = {}
        self._held = 0
        self._lock = threading.Lock()
        indices = data.classes.indices
        self._channel_of = np.full(256, UNLABELLED, dtype=np.uint8)
        self._channel_of[list(indices)] = np.arange(len(indices))
        background = data.classes.background
        self._background = None if background is None else indices.index(background)

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: int) -> Sample:
        kept = self._kept.get(index)
        if kept is not None:
            return kept
        sample = self._load(index)
        with self._lock:
            if index not in self._kept and self._held + sample.size <= self._limit:
                self._held += sample.size
                self._kept[index] = sample
        return sample

    def name(self, index: int) -> str:
        """A sample's name."""
        return self._samples[index].name

    def times(self, rare: float, seed: int) -> NDArray[np.int64]:
        """How often each is drawn in a turn, see times_by_rarity."""
        pixels = [sample.pixels for sample in self._samples]
        return times_by_rarity(pixels, self._data.classes.background, rare, seed)

    def _load(self, index: int) -> Sample:
        frozen = self._samples[index]
        image = resize(self._data.read_image(frozen), self._preprocessing)
        shape = image.shape[:2]
        target = self._channel_of[resize_mask(self._data.read_truth(frozen), shape)]
        known = target != UNLABELLED
        random = np.random.default_rng([index, len(self._samples)])
        painted, places = self._changed(frozen, known, random), _places(known, random)
        foreground = self._foreground(target, places, random)
        return Sample(np.ascontiguousarray(image), target, foreground, painted, places)

    def _foreground(
        self, target: Labels, known: NDArray[np.int32], random: np.random.Generator
    ) -> tuple[NDArray[np.int32], ...]:
        """Positions by class, see Sample."""
        if self._background is None:
            # All that is known is foreground alike: forcing patches onto small classes only took the large
            # ones out of sight (CamVid, 200 steps: an IoU of 0.36 instead of 0.39).
            return (known,)
        found = (np.flatnonzero(np.bincount(band.ravel())).tolist() for _, band in _bands(target))
        classes = sorted(set().union(*found) - {UNLABELLED, self._background})
        return tuple(_places(target == channel, random) for channel in classes)

    def _changed(
        self, frozen: FrozenSample, known: NDArray[np.bool_], random: np.random.Generator
    ) -> NDArray[np.int32]:
        painted = self._data.read_painted(frozen)
        if painted is None:
            return np.empty((0, 2), dtype=np.int32)
        return _places((resize_mask(painted, known.shape) != UNLABELLED) & known, random)


def _bands(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Consecutive rows of (H, W), about BAND pixels at a time, with the number of the first."""
    rows = max(1, BAND // array.shape[1])
    for top in range(0, array.shape[0], rows):
        yield top, array[top : top + rows]


def _places(where: NDArray[np.bool_], random: np.random.Generator) -> NDArray[np.int32]:
    """Positions, int32 (n, 2), of pixels that are true: all, or PLACES of them spread evenly, with jitter."""
    total = int(np.count_nonzero(where))
    count = min(total, PLACES)
    ranks = ((np.arange(count) + random.random(count)) * (total / max(1, count))).astype(np.int64)
    found, passed = [], 0
    for top, band in _bands(where):
        flat = np.flatnonzero(band)
        first, last = np.searchsorted(ranks, [passed, passed + len(flat)])
        found.append(flat[ranks[first:last] - passed] + top * where.shape[1])
        passed += len(flat)
    return np.stack(np.divmod(np.concatenate(found), where.shape[1]), axis=1).astype(np.int32)


class Batches:
    """Batches of varied patches. shape: of a patch, px; count: patches a batch.

    rare: see times_by_rarity; 0 draws all samples equally often.
    """

    def __init__(
        self,
        samples: Samples,
        preprocessing: Preprocessing,
        shape: Shape,
        count: int,
        preset: Augmentation,
        seed: int,
        device: torch.device,
        rare: float = 0.0,
    ) -> None:
        self._samples = samples
        self._preprocessing = preprocessing
        self._shape = shape
        self.count = count
        self._preset = preset
        self._seed = seed
        self._device = device
        self._order = Order(samples.times(rare, seed), seed)
        self._window = preset.window(shape)
        workers = min(MOST_WORKERS, available_cores() // 2)
        self._workers = ThreadPoolExecutor(workers, "patches") if workers > 1 else None

    def draw(self, step: int, part: slice = slice(None)) -> tuple[Tensor, Tensor]:
        """The batch of a step, from 0: float32 (N, C, h, w) and int64 (N, h, w), 255 unknown.

        part: which of its patches, as they would be in the whole batch.
        """
        positions = range(step * self.count, (step + 1) * self.count)[part]
        taken = self._workers.map(self._take, positions) if self._workers else map(self._take, positions)
        windows = list(taken)
        images = self._send(np.stack([image for image, _, _ in windows]))
        masks = self._send(np.stack([mask for _, mask, _ in windows]))
        return augment(images, masks, self._shape, self._preset, [seed for _, _, seed in windows])

    def _send(self, values: NDArray[Any]) -> Tensor:
        tensor = torch.from_numpy(values)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)

    def _take(self, position: int) -> tuple[NDArray[np.float32], Labels, int]:
        """The window of a position, and the seed of how it is varied."""
        random = np.random.default_rng([self._seed, position])
        sample = self._samples[self._order[position]]
        top, left = place_patch(sample, self._shape, random)
        down, across = ((wide - narrow) // 2 for wide, narrow in zip(self._window, self._shape, strict=True))
        image, mask = cut_window(sample, top - down, left - across, self._window)
        return scale(image, self._preprocessing), mask, int(random.integers(2**62))


def place_patch(sample: Sample, shape: Shape, random: np.random.Generator) -> tuple[int, int]:
    """The top left corner (row, column) of a patch, by thirds: on foreground, on painted pixels, anywhere.

    Foreground: each class of the image is as likely as any other, however few its pixels, or any known pixel
    where there is no background. Anywhere still means with known pixels. An image smaller than the patch lies
    in its middle.
    """
    kind = random.integers(3)
    if kind == 0 and sample.foreground:
        return _around(sample.foreground[random.integers(len(sample.foreground))], sample, shape, random)
    if kind == 1 and len(sample.painted):
        return _around(sample.painted, sample, shape, random)
    for _ in range(TRIES):
        top, left = (
            _offset(int(random.integers(max(1, length - side + 1))), length, side)
            for length, side in zip(sample.target.shape, shape, strict=True)
        )
        part = sample.target[max(0, top) : top + shape[0], max(0, left) : left + shape[1]]
        if (part != UNLABELLED).any():
            return top, left
    return _around(sample.known, sample, shape, random)


def _around(
    places: NDArray[np.int32], sample: Sample, shape: Shape, random: np.random.Generator
) -> tuple[int, int]:
    """A patch that has one of the places in its middle half, kept inside the image."""
    lengths = sample.target.shape
    if len(places):
        place = places[random.integers(len(places))]
        shifts = [random.integers(side // 4, side - side // 4) for side in shape]
        starts = [int(at - shift) for at, shift in zip(place, shifts, strict=True)]
    else:
        starts = [(length - side) // 2 for length, side in zip(lengths, shape, strict=True)]
    top, left = map(_offset, starts, lengths, shape)
    return top, left


def _offset(start: int, length: int, side: int) -> int:
    """A patch's start along one side, inside the image; the image in the middle of a larger patch."""
    return (length - side) // 2 if length <= side else min(max(0, start), length - side)


def cut_window(sample: Sample, top: int, left: int, shape: Shape) -> tuple[NDArray[Any], Labels]:
    """(h, w, C) and uint8 (h, w); outside of the image it is mirrored, and unknown."""
    height, width = sample.target.shape
    rows, columns = np.arange(top, top + shape[0]), np.arange(left, left + shape[1])
    inside = np.ix_((rows >= 0) & (rows < height), (columns >= 0) & (columns < width))
    mask = np.full(shape, UNLABELLED, dtype=np.uint8)
    mask[inside] = sample.target[max(0, top) : max(0, top + shape[0]), max(0, left) : max(0, left + shape[1])]
    down, across = _mirrored(rows, height), _mirrored(columns, width)
    part = sample.image[:, across.min() : across.max() + 1]
    return part.take(down, axis=0).take(across - across.min(), axis=1), mask


def _mirrored(places: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Positions outside of 0..length-1, reflected back inside, the edge pixel not repeated."""
    if length == 1:
        return np.zeros_like(places)
    period = 2 * (length - 1)
    folded = np.abs(places) % period
    return np.asarray(np.where(folded >= length, period - folded, folded))


def middle_patches(
    samples: Samples, preprocessing: Preprocessing, shape: Shape
) -> list[tuple[Tensor, Tensor]]:
    """One patch of every sample as it is, (1, C, h, w) and int64 (1, h, w): in the middle."""
    found = []
    for index in range(len(samples)):
        image, mask = middle_patch(samples[index], shape)
        found.append(
            (torch.from_numpy(scale(image, preprocessing))[None], torch.from_numpy(mask).long()[None])
        )
    return found


def middle_patch(sample: Sample, shape: Shape) -> tuple[NDArray[Any], Labels]:
    """The patch in the middle of a sample, as cut_window gives it."""
    top, left = ((length - side) // 2 for length, side in zip(sample.target.shape, shape, strict=True))
    return cut_window(sample, top, left, shape)
