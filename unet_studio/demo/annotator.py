"""A simulated person who corrects a mask with a few brush strokes, through the brush that the window uses.

The person sees the truth, but not to the pixel: borders are seen a little displaced, the hand trembles, the
tip is round and a stroke has an end. Each stroke goes to the largest error left; small ones are left alone.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from unet_studio.core.document import Document
from unet_studio.demo.cells import smooth_noise
from unet_studio.tools import TOOLS, ToolContext

Point = tuple[float, float]  # row, column in image px
Labels = NDArray[np.uint8]

HEADINGS = tuple(2 * math.pi * part / 16 for part in range(16))


@dataclass(frozen=True)
class Habits:
    """How the person works. strokes: at most so many an image. length: of a stroke, px.

    smallest: errors of fewer px, once their rims are taken off, are left. rim: px of an error's border that
    nobody notices. blur: how far a border is seen from where it is, standard deviation in px. tremor: of the
    hand, px. tips: smallest and largest radius of the brush, px.
    """

    strokes: int = 15
    length: float = 240.0
    smallest: int = 25
    rim: int = 2
    blur: float = 1.2
    tremor: float = 0.5
    tips: tuple[float, float] = (2.5, 24.0)


def correct(document: Document, truth: Labels, seed: int = 0, habits: Habits | None = None) -> int:
    """Correct a document's mask towards truth, uint8 (H, W). Returns how many strokes that took."""
    habits = habits or Habits()
    rng = np.random.default_rng(seed)
    seen = see(rng, truth, habits.blur)
    brush = TOOLS["brush"]()
    for done in range(habits.strokes):
        error = largest_error(document.mask(), seen, habits)
        if error is None:
            return done
        value, region = error
        radius, path = plan_stroke(rng, document.mask(), seen, value, region, habits)
        context = ToolContext(document, value, radius, document.classes.background)
        brush.press(context, *path[0])
        for point in path[1:]:
            brush.move(context, *point)
        brush.release(context, *path[-1])
    return habits.strokes


def see(rng: Generator, truth: Labels, blur: float) -> Labels:
    """The truth as a person sees it, uint8 (H, W): every border displaced smoothly by about blur px."""
    rows, columns = np.mgrid[0 : truth.shape[0], 0 : truth.shape[1]].astype(np.float32)
    shift = [np.float32(blur) * smooth_noise(rng, truth.shape, 12.0) for _ in range(2)]
    moved = cv2.remap(
        truth, columns + shift[0], rows + shift[1], cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, dtype=np.uint8)


def largest_error(mask: Labels, seen: Labels, habits: Habits) -> tuple[int, NDArray[np.bool_]] | None:
    """The class that is missing in the largest error, and where, bool (H, W); None where all looks right."""
    best, found = habits.smallest - 1, None
    kernel = np.ones((2 * habits.rim + 1, 2 * habits.rim + 1), np.uint8)
    wrong = mask != seen
    for value in np.unique(seen[wrong]):
        core = cv2.erode((wrong & (seen == value)).astype(np.uint8), kernel)
        count, parts, facts, _ = cv2.connectedComponentsWithStats(core, connectivity=4)
        if count > 1:
            largest = 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA]))
            if facts[largest, cv2.CC_STAT_AREA] > best:
                best, found = int(facts[largest, cv2.CC_STAT_AREA]), (int(value), parts == largest)
    return found


def plan_stroke(
    rng: Generator, mask: Labels, seen: Labels, value: int, region: NDArray[np.bool_], habits: Habits
) -> tuple[float, list[Point]]:
    """The radius of the tip and the path, in image px, of one stroke of class value over the region."""
    depth = cv2.distanceTransform(region.astype(np.uint8), cv2.DIST_L2, 3)
    row, column = (int(place) for place in np.unravel_index(int(np.argmax(depth)), depth.shape))
    room = cv2.distanceTransform((seen == value).astype(np.uint8), cv2.DIST_L2, 3)[row, column]
    inner = float(depth[row, column]) + habits.rim
    radius = float(np.clip(min(0.9 * float(room), 1.5 * inner) - 0.5, *habits.tips))
    worth = np.where(mask == seen, np.where(seen == value, 0.0, -2.0), 0.0)
    worth[(mask != seen) & (seen == value)] = 1.0
    worth[(mask != seen) & (seen != value)] = -0.5  # wrong now, wrong afterwards
    half = habits.length / 2
    there = list(_wander(worth, (row + 0.5, column + 0.5), radius, half))
    back = list(_wander(worth, (row + 0.5, column + 0.5), radius, habits.length - half))
    path = [*reversed(back), *there[1:]] if back else there
    shaken = rng.normal(0.0, habits.tremor, (len(path), 2))
    return radius, [(r + float(dr), c + float(dc)) for (r, c), (dr, dc) in zip(path, shaken, strict=True)]


def _wander(worth: NDArray[np.float64], start: Point, radius: float, length: float) -> Iterator[Point]:
    """Points of a path that collects worth, (H, W), which it uses up, until nothing more is gained."""
    reach = max(2.0, 0.6 * radius)
    _collect(worth, start, radius, take=True)
    yield start
    point, walked = start, 0.0
    while walked + reach <= length:
        steps = [(point[0] + reach * math.sin(a), point[1] + reach * math.cos(a)) for a in HEADINGS]
        gains = [_collect(worth, step, radius, take=False) for step in steps]
        best = int(np.argmax(gains))
        if gains[best] < max(2.0, 0.4 * radius):
            return
        point, walked = steps[best], walked + reach
        _collect(worth, point, radius, take=True)
        yield point


def _collect(worth: NDArray[np.float64], point: Point, radius: float, take: bool) -> float:
    """The sum of worth under a disc; take sets it to nothing there."""
    row, column = point
    top, left = max(0, math.floor(row - radius)), max(0, math.floor(column - radius))
    bottom, right = math.ceil(row + radius) + 1, math.ceil(column + radius) + 1
    part = worth[top:bottom, left:right]
    rows = np.arange(top, top + part.shape[0])[:, None] + 0.5 - row
    columns = np.arange(left, left + part.shape[1])[None, :] + 0.5 - column
    disc = rows**2 + columns**2 <= radius**2
    gain = float(part[disc].sum())
    if take:
        part[disc] = 0.0
    return gain
