"""What a px becomes by what lies around it: growing, shrinking and smoothing classes by a radius.

Distances are Euclidean and exact, between the centres of px; px beyond the border of the array have no say.
"""

from collections.abc import Callable, Collection

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.geometry import Rect

WINDOW = 2048  # px, side of what is looked at in one piece, without the margin it needs

Labels = NDArray[np.uint8]


def locally(
    labels: Labels,
    rect: Rect,
    reach: int,
    change: Callable[[Labels], Labels],
    pause: Callable[[], None] = lambda: None,
) -> Labels:
    """change(labels)[rect.slices], where a px depends on nothing farther than reach, window by window.

    Windows that hold a single value are left as they are: change must do so too.
    """
    result = labels[rect.slices].copy()
    for top in range(rect.top, rect.bottom, WINDOW):
        for left in range(rect.left, rect.right, WINDOW):
            pause()
            inner = Rect(top, left, top + WINDOW, left + WINDOW).intersect(rect)
            outer = inner.expand(reach).clip(labels.shape)
            window = labels[outer.slices]
            if (window != window[0, 0]).any():
                result[within(inner, rect)] = change(window)[within(inner, outer)]
    return result


def among(labels: Labels, classes: Collection[int]) -> NDArray[np.bool_]:
    """Which px are of one of the classes."""
    table = np.zeros(256, dtype=np.bool_)
    table[list(classes)] = True
    return table[labels]


def grown(
    labels: Labels, meant: Collection[int], empty: Collection[int], radius: int, over: bool = False
) -> Labels:
    """Empty px within radius of a class become the nearest one meant, of equals the lowest.

    over: px of every other class too.
    """
    target = ~among(labels, meant)
    if not over:
        target &= among(labels, empty)
    return _nearest(labels, target, meant, radius)


def shrunk(labels: Labels, meant: Collection[int], around: Collection[int] | None, radius: int) -> Labels:
    """Px of the classes meant become what is nearest within radius, of equals the lowest.

    around: the classes to look for; None for all that are not meant.
    """
    target = among(labels, meant)
    others = set(np.unique(labels).tolist()).difference(meant)
    return _nearest(labels, target, others if around is None else others.intersection(around), radius)


def smoothed(labels: Labels, index: int | None, radius: int) -> Labels:
    """Each px becomes the value that most px within radius have, itself included.

    At a draw that its own value is part of it stays, else the lowest wins. index: only what concerns that
    class changes: px of it that more than half of the others outvote, which become what most of those are,
    and px that more than half of the px around them are of it.
    """
    import cv2

    span = np.arange(-radius, radius + 1)
    disc = (span[:, None] ** 2 + span**2 <= radius**2).astype(np.float32)

    def count(where: NDArray[np.bool_]) -> NDArray[np.float32]:
        found = cv2.filter2D(where.astype(np.uint8), cv2.CV_32F, disc, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(np.rint(found, out=found), dtype=np.float32)  # large discs are counted by FFT

    most = np.full(labels.shape, -1, dtype=np.float32)
    best = labels.copy()
    own = np.zeros(labels.shape, dtype=np.float32)
    for value in np.unique(labels).tolist():
        mine = labels == value
        votes = count(mine)
        own[mine] = votes[mine]
        if value != index:
            more = votes > most
            best[more], most[more] = value, votes[more]
    if index is None:
        return np.where(own >= most, labels, best)
    total, votes = count(np.ones(labels.shape, dtype=np.bool_)), count(labels == index)
    lost = (labels == index) & (2 * votes < total)
    return np.where(2 * votes > total, np.uint8(index), np.where(lost, best, labels))


def _nearest(labels: Labels, target: NDArray[np.bool_], classes: Collection[int], radius: int) -> Labels:
    """Target px become the nearest of the classes within radius, of equals the lowest; others stay."""
    import cv2

    result = labels.copy()
    if not target.any():
        return result
    least = np.full(labels.shape, np.float32(radius) + np.float32(0.25), dtype=np.float32)
    for index in sorted(classes):
        elsewhere = labels != index
        if elsewhere.all():
            continue
        distance = cv2.distanceTransform(elsewhere.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        nearer = target & (distance < least) & (distance <= radius)
        result[nearer], least[nearer] = index, distance[nearer]
    return result


def within(inner: Rect, outer: Rect) -> tuple[slice, slice]:
    """The numpy index of a rectangle in an array that holds a larger one."""
    top, left = inner.top - outer.top, inner.left - outer.left
    return slice(top, top + inner.height), slice(left, left + inner.width)
