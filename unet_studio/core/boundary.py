"""Boundary F1: how well the outlines of masks agree, within a tolerance.

G. Csurka, D. Larlus, F. Perronnin: "What is a good evaluation measure for semantic segmentation?", BMVC 2013:
of a class, precision is the share of its predicted outline that lies no further than the tolerance from the
true one, recall the share of the true outline that lies so near the predicted one; F1 = 2 P R / (P + R). The
tolerance is theirs, 0.75 % of the image's diagonal; distances are Euclidean. (F. Perazzi et al., "A benchmark
dataset and evaluation methodology for video object segmentation", CVPR 2016, measure the same with 0.8 %,
rounded up.)

The outline of a class is its pixels with a side in common with a known pixel of another class; the image's
edge is no outline. Where the truth is unknown nothing can be said, and nearer to it than the tolerance what
would match may lie in the unknown: pixels of outlines there are not counted, but others may match them.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED

TOLERANCE = 0.0075  # of the diagonal
BAND = (
    1 << 22
)  # px looked at at a time: 60 MB beside the masks, with more than eight classes a few times that
EXACT = 1e-6  # px squared; lets a reach of 3 px be 3 px whatever the diagonal's last digit
BITS = 64  # classes looked for at once, a bit of a pixel each

# Pixels of outlines, int64 (K, 4), a row a class: true, true and near the predicted, predicted, predicted and
# near the true.
Outlines = NDArray[np.int64]
TRUE, TRUE_MET, SAID, SAID_MET = range(4)
Mask = NDArray[np.integer[Any]]
Flags = NDArray[np.bool_]
Bits = NDArray[np.unsignedinteger[Any]]


def outlines(
    truth: Mask,
    labels: Mask,
    classes: Sequence[int],
    ignore: int | None = UNLABELLED,
    tolerance: float = TOLERANCE,
) -> Outlines:
    """Count the pixels of outlines, and those that have a counterpart.

    truth, labels: class indices 0..255, the same shape (H, W). tolerance: share of the image's diagonal.
    Counts of several images may be added up.
    """
    height, width = truth.shape
    reach = (tolerance * math.hypot(height, width)) ** 2 + EXACT
    margin = math.isqrt(int(reach)) + 2  # rows beyond a band that its pixels may be matched by
    rows = max(4 * margin, BAND // max(1, width))
    total = np.zeros((len(classes), 4), dtype=np.int64)
    for top in range(0, height, rows):
        first = max(0, top - margin)
        window = slice(first, top + rows + margin)
        inside = slice(top - first, top - first + rows)
        total += _outlines(truth[window], labels[window], classes, ignore, int(reach), inside)
    return total


def boundary_f1(found: Outlines) -> NDArray[np.float64]:
    """F1 of each class, (K,): 0 where one outline alone is empty, NaN where both are."""
    recall = found[:, TRUE_MET] / np.maximum(found[:, TRUE], 1)
    precision = found[:, SAID_MET] / np.maximum(found[:, SAID], 1)
    both = np.maximum(recall + precision, np.finfo(float).tiny)
    return np.where(found[:, TRUE] + found[:, SAID] > 0, 2 * recall * precision / both, np.nan)


def _outlines(
    truth: Mask, labels: Mask, classes: Sequence[int], ignore: int | None, reach: int, inside: slice
) -> Outlines:
    """The counts of one band: of the rows `inside`; the others may match them. reach: px squared."""
    known = np.ones(truth.shape, dtype=np.bool_) if ignore is None else truth != ignore
    counted = np.zeros(truth.shape, dtype=np.bool_)
    counted[inside] = True
    if not known.all():
        counted &= _spread((~known).astype(np.uint8), reach) == 0
    edges = _edge(truth, known), _edge(labels, known)
    found = np.zeros((len(classes), 4), dtype=np.int64)
    there = set(np.unique(truth[edges[0]]).tolist()) | set(np.unique(labels[edges[1]]).tolist())
    rows = [row for row, index in enumerate(classes) if index in there]
    for start in range(0, len(rows), BITS):
        some = rows[start : start + BITS]
        found[some] = _count((truth, labels), edges, [classes[row] for row in some], counted, reach)
    return found


def _edge(mask: Mask, known: Flags) -> Flags:
    """Which pixels have a side in common with one of another value, both known."""
    edge = np.zeros(mask.shape, dtype=np.bool_)
    down = (mask[1:] != mask[:-1]) & known[1:] & known[:-1]
    across = (mask[:, 1:] != mask[:, :-1]) & known[:, 1:] & known[:, :-1]
    edge[1:] |= down
    edge[:-1] |= down
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    return edge


def _count(
    masks: tuple[Mask, Mask], edges: tuple[Flags, Flags], classes: list[int], counted: Flags, reach: int
) -> Outlines:
    """The counts of at most BITS classes: each is a bit of every pixel, so that all are spread at once."""
    kind = next(
        kind for kind in (np.uint8, np.uint16, np.uint32, np.uint64) if len(classes) <= 8 * kind().nbytes
    )
    bit = np.zeros(256, dtype=kind)
    bit[classes] = [1 << place for place in range(len(classes))]
    place = np.zeros(256, dtype=np.int64)
    place[classes] = np.arange(len(classes))
    bits = [np.where(edge, bit[mask], kind(0)) for mask, edge in zip(masks, edges, strict=True)]
    found = np.zeros((len(classes), 4), dtype=np.int64)
    for column, mask, own, other in ((TRUE, masks[0], bits[0], bits[1]), (SAID, masks[1], bits[1], bits[0])):
        met = (own & _spread(other, reach)) != 0
        for offset, chosen in enumerate((own != 0, met)):
            values = place[mask[chosen & counted]]
            found[:, column + offset] = np.bincount(values, minlength=len(classes))
    return found


def _spread(bits: Bits, reach: int) -> Bits:
    """Every pixel's bits and those of all pixels within the square root of `reach` px, (H, W).

    Row by row of a disc: the further up or down, the shorter the piece of a row that belongs to it.
    """
    result, row = np.zeros_like(bits), bits.copy()
    half = 0  # of the piece of a row that `row` holds, px
    for down in range(math.isqrt(reach), -1, -1):
        while (half + 1) ** 2 + down**2 <= reach:
            half += 1
            row[:, half:] |= bits[:, :-half]
            row[:, :-half] |= bits[:, half:]
        result[down:] |= row[:-down] if down else row
        if down:
            result[:-down] |= row[down:]
    return result
