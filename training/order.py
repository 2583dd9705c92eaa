"""Which sample is drawn when: all in a new order every turn, images of rare classes more often."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

MOST_TIMES = 5  # that one image is drawn in a turn, however rare what it shows


class Order:
    """A sample for every position from 0 on, by the seed alone.

    times: int (n,), how often each of n samples comes in a turn, at least once. Nothing is kept but the order
    of the latest two turns: any position can be asked for at any time.
    """

    def __init__(self, times: NDArray[np.int64], seed: int) -> None:
        self._entries = np.repeat(np.arange(len(times)), times)
        self._seed = seed
        self._turns: dict[int, NDArray[np.int64]] = {}

    def __getitem__(self, position: int) -> int:
        turn, place = divmod(position, len(self._entries))
        order = self._turns.get(turn)
        if order is None:
            random = np.random.default_rng([self._seed, turn, 1])
            order = random.permutation(self._entries)
            # A new table, not a changed one: another thread may be reading the old.
            latest = sorted(self._turns)[-1:]
            self._turns = {turn: order, **{key: self._turns[key] for key in latest}}
        return int(order[place])


def times_by_rarity(
    pixels: Sequence[Mapping[int, int]], background: int | None, rare: float, seed: int
) -> NDArray[np.int64]:
    """How often each sample comes in a turn: once, or more where it shows a class that few samples show.

    pixels: of every sample, pixels by class index. rare: the share of samples below which a class is rare; a
    sample comes sqrt(rare / share of its rarest class) times, rounded by chance, at most MOST_TIMES
    (repeat factor sampling: A. Gupta, P. Dollár, R. Girshick, "LVIS", CVPR 2019, appendix).
    """
    present = [{index for index, count in one.items() if count and index != background} for one in pixels]
    counts: dict[int, int] = {}
    for indices in present:
        for index in indices:
            counts[index] = counts.get(index, 0) + 1
    rarest = np.array([min((counts[index] for index in one), default=len(present)) for one in present])
    wanted = np.clip(np.sqrt(rare * len(present) / rarest), 1, MOST_TIMES)
    jitter = np.random.default_rng([seed, 2]).random(len(present))
    return np.floor(wanted + jitter * (wanted > 1)).astype(np.int64)
