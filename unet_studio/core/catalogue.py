"""The images of a project filtered and sorted as a person wants to see them, also 100,000 of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.image_table import STATUSES
from unet_studio.core.mask_facts import MaskFacts

BROKEN = "broken"
STATES = (*(status.value for status in STATUSES), BROKEN)  # places in it are the codes of states
Places = NDArray[np.int32]


@dataclass(frozen=True)
class Wish:
    """What is to be listed. text: part of the name, in any case. states: some of STATES; None for all.

    class_index: a class that the mask shows; None for any. sort: one of SORTS.
    """

    text: str = ""
    states: frozenset[str] | None = None
    class_index: int | None = None
    sort: str = "name"


@dataclass(frozen=True)
class ImageOrder:
    """Images in the order in which they are listed.

    names, places: all images in natural order. shown: places in it, int32, by row; rows: the inverse, or -1.
    """

    names: Sequence[str] = ()
    places: Mapping[str, int] = field(default_factory=dict)
    shown: Places = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    rows: Places = field(default_factory=lambda: np.zeros(0, dtype=np.int32))

    @classmethod
    def of(cls, names: Sequence[str], places: Mapping[str, int], shown: Places) -> "ImageOrder":
        """The order that shows these places."""
        rows = np.full(len(names), -1, dtype=np.int32)
        rows[shown] = np.arange(len(shown), dtype=np.int32)
        return cls(names, places, shown, rows)

    @classmethod
    def all(cls, names: Sequence[str]) -> "ImageOrder":
        """Every image in natural order."""
        places = {name: place for place, name in enumerate(names)}
        return cls.of(names, places, np.arange(len(names), dtype=np.int32))

    def __len__(self) -> int:
        return len(self.shown)

    def name(self, row: int) -> str:
        """The image of a row."""
        return self.names[int(self.shown[row])]

    def row(self, name: str | None) -> int | None:
        """The row of an image; None where it is not listed."""
        place = self.places.get(name) if name is not None else None
        row = -1 if place is None else int(self.rows[place])
        return None if row < 0 else row

    def beside(self, name: str | None, by: int) -> str | None:
        """The image so many rows after another one; None beyond the ends.

        From an image that is not listed, every step leads into the list: to what comes next by name where
        the list is in that order, else to its first image, or backwards to its last.
        """
        row = self.row(name)
        if row is None and len(self):
            place = self.places.get(name, -1) if name is not None else -1
            before = int(np.count_nonzero(self.shown < place)) if self._by_name else 0
            return self.name(before % len(self) if by > 0 else (before or len(self)) - 1)
        row = (-1 if row is None else row) + by
        return self.name(row) if 0 <= row < len(self) else None

    def around(self, name: str | None, by: int) -> list[int]:
        """The rows after an image and then those before it, all but its own; by < 0: the other way round."""
        row = self.row(name)
        start = -1 if row is None else row
        after, before = range(start + 1, len(self)), range(max(start, 0))
        return [*after, *before] if by > 0 else [*reversed(before), *reversed(after)]

    @property
    def _by_name(self) -> bool:
        return bool(np.all(np.diff(self.shown) > 0))


class Catalogue:
    """Names in natural order with what is known of each: dates, confidence, classes. Not safe in threads."""

    def __init__(self) -> None:
        self.names: Sequence[str] = ()
        self.places: Mapping[str, int] = {}
        self._folded: list[str] = []
        self._dates = np.zeros(0)
        self._confidence = np.zeros(0, dtype=np.float32)
        self._uncertain = np.zeros(0, dtype=np.float32)
        self._classes = np.zeros((0, 4), dtype=np.uint64)  # one bit a class

    def set_names(self, names: Sequence[str], places: Mapping[str, int] | None = None) -> None:
        """List other images; what is known of those that stay is kept. places: of every name, if at hand."""
        before, dates, confidence, classes = self.places, self._dates, self._confidence, self._classes
        uncertain = self._uncertain
        self.names = names
        self.places = places if places is not None else {name: place for place, name in enumerate(names)}
        self._folded = []
        self._dates = np.full(len(names), np.nan)
        self._confidence = np.full(len(names), np.nan, dtype=np.float32)
        self._uncertain = np.full(len(names), np.nan, dtype=np.float32)
        self._classes = np.zeros((len(names), 4), dtype=np.uint64)
        if np.isfinite(dates).any() or np.isfinite(confidence).any() or classes.any():
            pairs = [(before[name], place) for place, name in enumerate(names) if name in before]
            old, new = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
            self._dates[new] = dates[old]
            self._confidence[new] = confidence[old]
            self._uncertain[new] = uncertain[old]
            self._classes[new] = classes[old]

    def forget_facts(self) -> None:
        """Nothing is known of masks any more: the model, or the project, is another one."""
        self._confidence[:] = np.nan
        self._uncertain[:] = np.nan
        self._classes[:] = 0

    def set_facts(self, facts: Sequence[MaskFacts]) -> None:
        """Take over what was found in masks."""
        for found in facts:
            place = self.places.get(found.name)
            if place is not None:
                self._confidence[place] = np.nan if found.confidence is None else found.confidence
                self._uncertain[place] = np.nan if found.uncertain is None else found.uncertain
                bits = [0, 0, 0, 0]
                for index in found.shown:
                    bits[index >> 6] |= 1 << (index & 63)
                self._classes[place] = bits

    def set_dates(self, names: Sequence[str], dates: NDArray[np.float64]) -> None:
        """Take over when image files were changed last, in seconds since 1970, NaN where unknown."""
        if names is self.names:
            self._dates = dates
            return
        for name, date in zip(names, dates, strict=True):
            if name in self.places:
                self._dates[self.places[name]] = date

    def confidence(self, name: str) -> float | None:
        """Mean confidence of the prediction, 0..1; None where it is not known."""
        return self._known(self._confidence, name)

    def uncertain(self, name: str) -> float | None:
        """The share of uncertain pixels of the prediction, 0..1; None where it is not known."""
        return self._known(self._uncertain, name)

    def _known(self, values: NDArray[np.float32], name: str) -> float | None:
        place = self.places.get(name)
        value = float("nan") if place is None else float(values[place])
        return None if np.isnan(value) else value

    @property
    def folded(self) -> list[str]:
        """The names without case."""
        if len(self._folded) != len(self.names):
            self._folded = [name.casefold() for name in self.names]
        return self._folded

    def order(self, wish: Wish, codes: NDArray[np.uint8]) -> ImageOrder:
        """What a person wants to see. codes: the state of every image, places in STATES."""
        shown: Places = np.arange(len(self.names), dtype=np.int32)
        if wish.text:
            text = wish.text.casefold()
            shown = np.array([i for i, name in enumerate(self.folded) if text in name], dtype=np.int32)
        if wish.states is not None:
            wanted = np.array([state in wish.states for state in STATES])
            shown = shown[wanted[codes[shown]]]
        if wish.class_index is not None:
            word, bit = wish.class_index >> 6, np.uint64(wish.class_index & 63)
            shown = shown[((self._classes[shown, word] >> bit) & np.uint64(1)).astype(bool)]
        return ImageOrder.of(self.names, self.places, SORTS[wish.sort](self, shown, codes))


def _ascending(values: NDArray[np.floating[Any]], shown: Places) -> Places:
    """shown by rising value, what is unknown last, equal ones as they were."""
    return shown[np.argsort(values[shown], kind="stable")]


Sort = Callable[[Catalogue, Places, NDArray[np.uint8]], Places]
SORTS: Mapping[str, Sort] = {
    "name": lambda _, shown, __: shown,
    "name_reversed": lambda _, shown, __: shown[::-1],
    "status": lambda _, shown, codes: shown[np.argsort(codes[shown], kind="stable")],
    "newest": lambda all_, shown, _: _ascending(-all_._dates, shown),
    "oldest": lambda all_, shown, _: _ascending(all_._dates, shown),
    "least_sure": lambda all_, shown, _: _ascending(all_._confidence, shown),
    "surest": lambda all_, shown, _: _ascending(-all_._confidence, shown),
}
