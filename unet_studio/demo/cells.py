"""Cells for the procedural pictures: where they lie, their outlines, the fibres and nuclei inside them."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]


@dataclass(frozen=True)
class Cell:
    """One cell. row, column: centre, px. radius: of the disc of about equal area, px. angle: its long axis.

    outline: amplitudes and phases of harmonics 2, 3, ... of its radius over the angle, (n, 2).
    arms: (angle, length, sharpness) of each protrusion, (m, 3). light: how much stain it took, 1 is usual.
    round_up: dividing, therefore round and bright, with its chromosomes in a plate.
    """

    row: float
    column: float
    radius: float
    elongation: float
    angle: float
    outline: NDArray[np.float64]
    arms: NDArray[np.float64]
    light: float
    round_up: bool

    @property
    def reach(self) -> int:
        """Half the side of a square that holds the cell, px."""
        return int(self.radius * self.elongation**0.5 * (1.3 + float(self.arms[:, 1].sum()))) + 16


@dataclass(frozen=True)
class Habit:
    """What all cells of a field have in common; see generator.Settings. Ranges are (low, high)."""

    radius: float
    elongation: tuple[float, float]
    faint: float
    faint_light: tuple[float, float]


@dataclass(frozen=True)
class Field:
    """A field. actin, nuclei: light of the two stains, float32 (H, W). truth: uint8 (H, W), 1 cell."""

    actin: FloatImage
    nuclei: FloatImage
    truth: NDArray[np.uint8]


def grow_cells(rng: Generator, size: tuple[int, int], density: float, habit: Habit) -> Field:
    """A field (H, W) = size of cells that touch but never overlap. density: share of it that is tried for."""
    cells = [_draw_cell(rng, *place, habit) for place in _places(rng, size, density, habit.radius)]
    owner, depth = _settle(rng, cells, size)
    grain = 0.6 * smooth_noise(rng, size, 1.6) + 0.6 * smooth_noise(rng, size, 6.0)
    actin, nuclei = np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.float32)
    for index, cell in enumerate(cells):
        window = _window(cell, size)
        own = owner[window] == index
        if own.any():
            body, chromatin = _stain(rng, cell, window, np.where(own, depth[window], 0.0), grain[window])
            actin[window] += np.where(own, body, 0.0).astype(np.float32)
            nuclei[window] += np.where(own, chromatin, 0.0).astype(np.float32)
    return Field(actin, nuclei, (owner >= 0).astype(np.uint8))


def _settle(rng: Generator, cells: list[Cell], size: tuple[int, int]) -> tuple[NDArray[np.int32], FloatImage]:
    """Who owns each pixel of the field, int32 (H, W), -1 nobody; and how many px it lies inside, float32."""
    bend = (4.5 * smooth_noise(rng, size, 22.0), 4.5 * smooth_noise(rng, size, 22.0))
    depth = np.zeros(size, dtype=np.float32)
    owner = np.full(size, -1, dtype=np.int32)
    for index, cell in enumerate(cells):
        window = _window(cell, size)
        inward = _inward(cell, window, bend)
        mine = inward > depth[window]
        depth[window][mine] = inward[mine]
        owner[window][mine] = index
    return owner, depth


def smooth_noise(rng: Generator, size: tuple[int, int], scale: float) -> FloatImage:
    """Smooth noise, float32 (H, W), mean 0, standard deviation about 1, details of about scale px."""
    height, width = size
    coarse = (int(np.ceil(height / scale)) + 3, int(np.ceil(width / scale)) + 3)
    values = rng.standard_normal(coarse, dtype=np.float32)
    wide = cv2.resize(values, (int(coarse[1] * scale), int(coarse[0] * scale)), interpolation=cv2.INTER_CUBIC)
    noise = wide[int(scale) : int(scale) + height, int(scale) : int(scale) + width]
    return np.asarray(noise / 0.75, dtype=np.float32)


def _places(
    rng: Generator, size: tuple[int, int], density: float, radius: float
) -> list[tuple[float, float, float]]:
    """Row, column and radius of each cell: thrown at random, crowding around a few colonies."""
    height, width = size
    wanted = max(1, round(density * height * width / (np.pi * radius**2)))
    colonies = rng.uniform((0.0, 0.0), (height, width), (max(2, wanted // 7), 2))
    places: list[tuple[float, float, float]] = []
    for _ in range(40 * wanted):
        if len(places) == wanted:
            break
        if rng.random() < 0.6:
            row, column = colonies[int(rng.integers(len(colonies)))] + rng.normal(0.0, 1.9 * radius, 2)
        else:
            row, column = rng.uniform((-0.3 * radius, -0.3 * radius), (height, width))
        own = radius * float(np.clip(rng.lognormal(0.0, 0.22), 0.6, 1.6))
        inside = -0.5 * own < row < height + 0.5 * own and -0.5 * own < column < width + 0.5 * own
        if inside and all(np.hypot(row - r, column - c) > 0.74 * (own + other) for r, c, other in places):
            places.append((float(row), float(column), own))
    return places


def _draw_cell(rng: Generator, row: float, column: float, radius: float, habit: Habit) -> Cell:
    """A cell of its own shape and stain."""
    round_up = rng.random() < 0.06
    strength = np.array([0.10, 0.08, 0.06, 0.04, 0.03]) * (0.25 if round_up else 1.0)
    outline = np.stack([rng.normal(0.0, strength), rng.uniform(0, 2 * np.pi, 5)], axis=1)
    count = 0 if round_up else int(rng.integers(0, 5))
    ends = np.pi * rng.integers(0, 2, count) + rng.normal(0.0, 0.6, count)  # mostly along the long axis
    arms = np.stack([ends, rng.uniform(0.15, 0.55, count), rng.uniform(8.0, 30.0, count)], axis=1)
    faint, usual = rng.random() < habit.faint, float(np.clip(rng.lognormal(0.0, 0.22), 0.6, 1.6))
    light = rng.uniform(*habit.faint_light) if faint else usual
    return Cell(
        row,
        column,
        radius * (0.62 if round_up else 1.0),
        1.0 if round_up else rng.uniform(*habit.elongation),
        rng.uniform(0, np.pi),
        outline,
        arms,
        1.5 if round_up else light,
        round_up,
    )


def _window(cell: Cell, size: tuple[int, int]) -> tuple[slice, slice]:
    """The part of the field (H, W) = size that a cell may cover."""
    row, column = int(cell.row), int(cell.column)
    rows = slice(max(0, row - cell.reach), min(size[0], row + cell.reach))
    return rows, slice(max(0, column - cell.reach), min(size[1], column + cell.reach))


def _axes(
    cell: Cell, window: tuple[slice, slice], bend: tuple[FloatImage, FloatImage] | None = None
) -> tuple[FloatImage, FloatImage]:
    """Position along the cell's long and short axis, px, for each pixel of the window."""
    rows, columns = np.mgrid[window].astype(np.float32)
    if bend is not None:
        give = np.float32(0.25 if cell.round_up else 1.0)
        rows, columns = rows + give * bend[0][window], columns + give * bend[1][window]
    dy, dx = rows - np.float32(cell.row), columns - np.float32(cell.column)
    cos, sin = np.float32(np.cos(cell.angle)), np.float32(np.sin(cell.angle))
    return dx * cos + dy * sin, dy * cos - dx * sin


def _inward(cell: Cell, window: tuple[slice, slice], bend: tuple[FloatImage, FloatImage]) -> FloatImage:
    """About how many px each pixel of the window lies inside the cell's outline, float32 (h, w); 0 outside.

    Only the largest part counts, so that a bent arm never leaves an island behind.
    """
    along, across = _axes(cell, window, bend)
    stretch = np.float32(cell.elongation**0.5)
    along, across = along / stretch, across * stretch
    theta = np.arctan2(across, along)
    reach = np.ones_like(theta)
    for order, (amplitude, phase) in enumerate(cell.outline, start=2):
        reach += np.float32(amplitude) * np.cos(order * theta + np.float32(phase))
    for angle, length, sharpness in cell.arms:
        reach += np.float32(length) * np.exp(
            np.float32(sharpness) * (np.cos(theta - np.float32(angle)) - 1.0)
        )
    inward = np.float32(cell.radius) * reach - np.hypot(along, across)
    return np.where(_largest(inward > 0), inward, 0.0).astype(np.float32)


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of a mask (h, w)."""
    count, parts, facts, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    if count <= 2:
        return mask
    return np.asarray(parts == 1 + int(np.argmax(facts[1:, cv2.CC_STAT_AREA])))


def _stain(
    rng: Generator, cell: Cell, window: tuple[slice, slice], inside: FloatImage, grain: FloatImage
) -> tuple[FloatImage, FloatImage]:
    """A cell's light in the two stains, float32 (h, w) each. inside: px from its outline, grain: noise."""
    along, across = _axes(cell, window)
    flat = rng.uniform(0.12, 0.4)  # how thin the cell runs out at its edge
    thick = flat + (1.0 - flat) * (1.0 - np.exp(-inside / np.float32(rng.uniform(0.25, 0.5) * cell.radius)))
    patch = 0.5 + 0.5 * np.tanh(1.5 * smooth_noise(rng, inside.shape, 22.0))
    rim = patch * np.exp(-(((inside - 2.0) / 2.2) ** 2))
    fibres = _fibres(rng, along, across, cell)
    nucleus, chromatin = _nucleus(rng, cell, along, across, grain)
    heap = np.exp(
        -(along**2 / np.float32(cell.elongation) + across**2) / np.float32((0.6 * cell.radius) ** 2)
    )
    texture = 1.0 + rng.uniform(0.08, 0.30) * (0.2 if cell.round_up else 1.0) * fibres + 0.12 * grain
    body = thick * texture * (0.62 + 0.5 * heap) * (1.0 - 0.55 * nucleus) + rng.uniform(0.1, 0.45) * rim
    edge = np.minimum(inside / 1.5, 1.0) * cell.light
    actin = np.maximum(body, 0.05) * edge
    stained = chromatin * min(1.0, 0.45 + 0.55 * cell.light) + 0.05 * thick * edge
    return actin.astype(np.float32), stained.astype(np.float32)


def _fibres(rng: Generator, along: FloatImage, across: FloatImage, cell: Cell) -> FloatImage:
    """Stress fibres along the cell, gently bowed, float32 (h, w), mean 0, standard deviation about 1."""
    angle = cell.angle + rng.normal(0.0, 0.12)
    noise = rng.standard_normal(along.shape, dtype=np.float32)
    kernel = np.zeros((31, 31), dtype=np.float32)
    dx, dy = 14.0 * np.cos(angle), 14.0 * np.sin(angle)
    ends = [(round(16 * (15 + sign * dx)), round(16 * (15 + sign * dy))) for sign in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA, 4)
    drawn = cv2.GaussianBlur(cv2.filter2D(noise, -1, kernel, borderType=cv2.BORDER_REFLECT), (0, 0), 0.7)
    rows, columns = np.mgrid[0 : along.shape[0], 0 : along.shape[1]].astype(np.float32)
    # Fibres arch around the nucleus: look sideways by an amount that grows with the distance along the cell.
    lift = np.float32(rng.normal(0.0, 0.12)) * along**2 / np.float32(cell.radius) + 0.15 * across
    bowed = cv2.remap(
        drawn,
        columns - lift * np.float32(np.sin(cell.angle)),
        rows + lift * np.float32(np.cos(cell.angle)),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REFLECT,
    )
    return np.asarray((bowed - bowed.mean()) / (bowed.std() + np.float32(1e-6)), dtype=np.float32)


def _nucleus(
    rng: Generator, cell: Cell, along: FloatImage, across: FloatImage, grain: FloatImage
) -> tuple[FloatImage, FloatImage]:
    """Where the nucleus is, 0..1, and the light of its stain, both float32 (h, w)."""
    long = cell.radius * (rng.uniform(0.36, 0.46) * cell.elongation**0.25)
    short = long * rng.uniform(0.66, 0.92)
    shift = rng.normal(0.0, 0.1 * cell.radius, 2)
    if cell.round_up:  # the chromosomes stand in a plate across the middle
        long, short, shift = cell.radius * 0.2, cell.radius * 0.62, shift * 0.2
    u = (along - np.float32(shift[0])) / np.float32(long)
    v = (across - np.float32(shift[1])) / np.float32(short)
    theta = np.arctan2(v, u)
    wobble = 1.0 + 0.05 * np.cos(2 * theta + rng.uniform(0, 6)) + 0.04 * np.cos(3 * theta + rng.uniform(0, 6))
    distance = np.hypot(u, v) / wobble
    place = 0.5 - 0.5 * np.tanh((distance - 1.0) * np.float32(short / 2.2))
    light = place * (0.85 + 0.10 * grain) * (0.8 + 0.3 * np.maximum(0.0, 1.0 - distance))
    for _ in range(0 if cell.round_up else int(rng.integers(1, 5))):
        angle, radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.1, 0.55)
        spot = (u - radius * np.cos(angle)) ** 2 + (v - radius * np.sin(angle)) ** 2
        light = light * (1.0 - 0.5 * np.exp(-spot / rng.uniform(0.01, 0.035)))
    bright = 1.6 if cell.round_up else 1.0
    return place.astype(np.float32), (light * bright).astype(np.float32)
