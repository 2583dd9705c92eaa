"""Cutting an area out of a small picture from a few pixels that surely belong: GrabCut, then its border.

GrabCut (Rother, Kolmogorov and Blake 2004) learns the colours of inside and outside, and finds the border
that is short and follows edges. Its time grows fast with the pixels, so it sees a reduced picture; the guided
filter (He, Sun and Tang 2010) then moves the border to the edges of the picture itself.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Stencil = NDArray[np.bool_]
Soft = NDArray[np.float32]

SIDE = 128  # px; GrabCut sees a picture of at most as many as such a square has
ITERATIONS = 1  # more changed nothing that counts
FAR = 9.0  # in reaches: what is seen around the places pointed at, and may change
BLIND = 4.0  # in reaches: beyond it nothing may change where no model has a say
RUNAWAY = 0.9  # of the pixels beyond that: who takes so many has found no border, and starts again without
NEAR = 1.0  # in reaches: up to here pixels probably belong
CORE = 0.5  # in reaches: up to here they surely do
SURE = 2.0  # in reaches: beyond it, the model is believed where it is surer than at the places pointed at
SURER = 0.5  # natural logarithms of odds by which it must be so
LEAST = 4.0  # px, the smallest reach
LOW = 0.4  # of the way to what is inside: so far a reach goes whatever the colours are
LOOK = 64  # px, the diameter at which colours around the path are compared
CENTRE = 0.15  # of the way to what is inside: what counts as being on the path
ALIKE = 2.5  # standard deviations by which a colour may differ
MOST = 0.65  # of the pixels at one distance that must look alike
LITTLE = 6.0  # units of CIE Lab by which colours on the path differ at least
SOFTNESS = 1e-3  # of the guided filter: squared contrast, of 1, below which there is no edge
SEED = 1  # GrabCut starts from colours drawn at random; the same click shall always do the same


@dataclass(frozen=True)
class Scene:
    """What a cut is about. picture: uint8 (h, w, 3). inside: what shows the wanted class already.

    fixed: what must stay as it is. path: the places pointed at, which become inside. All three: bool (h, w).
    chance: what the model says of the wanted class, 0..1, float32 (h, w); None without a model.
    """

    picture: NDArray[np.uint8]
    inside: Stencil
    fixed: Stencil
    path: Stencil
    chance: Soft | None = None

    def part(self, index: tuple[slice, slice]) -> "Scene":
        """The same of fewer rows and columns."""
        rows, columns = index
        return Scene(
            np.ascontiguousarray(self.picture[rows, columns]),
            np.ascontiguousarray(self.inside[rows, columns]),
            np.ascontiguousarray(self.fixed[rows, columns]),
            np.ascontiguousarray(self.path[rows, columns]),
            None if self.chance is None else np.ascontiguousarray(self.chance[rows, columns]),
        )


def reach(scene: Scene) -> float:
    """How far the wrong area goes, in px, around the places pointed at.

    Who corrects a mask points at the middle of what is wrong, and most of it lies beside what is right: so it
    goes to what is inside already, or to the border; but not far beyond where the colours change.
    """
    import cv2

    outside = np.pad((~scene.inside).astype(np.uint8), 1)
    space = cv2.distanceTransform(outside, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1]
    far = float(space[scene.path].max())
    return max(min(far, max(_even(scene, far), LOW * far)), LEAST)


def _even(scene: Scene, far: float) -> float:
    """How far around the path, at most far, most pixels look like those on it; in px."""
    import cv2

    rows, columns = np.nonzero(scene.path)
    margin = int(far) + 2
    top, left = max(int(rows.min()) - margin, 0), max(int(columns.min()) - margin, 0)
    part = np.s_[top : int(rows.max()) + margin, left : int(columns.max()) + margin]
    away = cv2.distanceTransform((~scene.path[part]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    scale = max(1.0, 2 * far / LOOK)
    size = max(1, round(away.shape[1] / scale)), max(1, round(away.shape[0] / scale))
    picture = cv2.resize(scene.picture[part], size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    rings = (cv2.resize(away, size, interpolation=cv2.INTER_AREA) / scale).astype(np.intp)
    colors = cv2.cvtColor(picture, cv2.COLOR_RGB2LAB)
    core = colors[rings <= max(1.0, CENTRE * far / scale)]
    spread = np.sqrt(core.var(axis=0) + LITTLE**2)
    alike = (np.abs(colors - core.mean(axis=0)) < ALIKE * spread).all(axis=2)
    share = np.bincount(rings.ravel(), alike.ravel()) / np.maximum(np.bincount(rings.ravel()), 1)
    other = np.flatnonzero(share < MOST)
    return float(other[0] * scale) if other.size else far


def cut(scene: Scene, far: float) -> Soft:
    """How surely pixels belong to the area pointed at, 0..1, (h, w); 0 where they are inside or fixed.

    far: the reach, in px. More than 0.5 is connected with the path.
    """
    import cv2

    away = cv2.distanceTransform((~scene.path).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5) / far
    height, width = scene.inside.shape
    scale = max(1.0, math.sqrt(height * width) / SIDE)
    size = max(1, round(width / scale)), max(1, round(height / scale))

    def small(array: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.resize(array.astype(np.float32), size, interpolation=cv2.INTER_AREA))

    path, distance = small(scene.path) > 0, small(away)
    marks = _marks(small(scene.inside) > 0.5, small(scene.fixed) > 0.5, path, distance)
    if scene.chance is None:
        _stay(marks, distance > BLIND)
    else:
        _stay(marks, _surer(small(scene.chance), path) & (distance > SURE))
    picture = np.asarray(cv2.resize(scene.picture, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    found, beyond = _grab(picture, marks), (marks == cv2.GC_PR_BGD) & (distance > BLIND)
    if beyond.any() and found[beyond].mean() > RUNAWAY:  # nothing holds a flat colour back
        _stay(marks, beyond)
        found = _grab(picture, marks)
    large = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    soft = np.asarray(large, dtype=np.float32)
    if scale > 1:
        soft = guided(scene.picture, soft, max(2, round(1.5 * scale)))
    soft[scene.path] = 1
    soft[(scene.inside | scene.fixed) & ~scene.path] = 0
    return np.where(_connected(soft > 0.5, scene.path) | (soft <= 0.5), soft, np.float32(0))


def guided(picture: NDArray[np.uint8], soft: Soft, radius: int) -> Soft:
    """Let the edges of soft, (h, w), follow those of the picture, (h, w, 3), within radius px."""
    import cv2

    guide = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)

    def mean(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(cv2.blur(values, (2 * radius + 1, 2 * radius + 1)))

    middle, level = mean(guide), mean(soft)
    contrast = mean(guide * guide) - middle * middle + np.float32(SOFTNESS)
    slope = (mean(guide * soft) - middle * level) / contrast
    followed: Soft = mean(slope) * guide + mean(level - slope * middle)
    return followed


def _marks(inside: Stencil, fixed: Stencil, path: Stencil, away: Soft) -> NDArray[np.uint8]:
    """What GrabCut is told of each pixel. away: distance to the path, in reaches."""
    import cv2

    marks = np.full(inside.shape, cv2.GC_PR_BGD, dtype=np.uint8)
    marks[away <= NEAR] = cv2.GC_PR_FGD
    marks[fixed] = cv2.GC_BGD
    marks[(away <= CORE) & ~fixed] = cv2.GC_FGD
    marks[inside | path] = cv2.GC_FGD
    return marks


def _surer(chance: Soft, path: Stencil) -> Stencil:
    """Where the model is surer that the wanted class is not there than it is on the path."""
    likely = chance.clip(0.01, 0.99)
    odds = np.log(likely / (1 - likely))
    return np.asarray(odds < odds[path].min() - SURER)


def _stay(marks: NDArray[np.uint8], where: Stencil) -> None:
    """Take pixels out of what may change."""
    import cv2

    marks[where & ((marks == cv2.GC_PR_BGD) | (marks == cv2.GC_PR_FGD))] = cv2.GC_BGD


def _grab(picture: NDArray[np.uint8], marks: NDArray[np.uint8]) -> Stencil:
    """Run GrabCut. Returns what is in the foreground, bool (h, w)."""
    import cv2

    if not (marks & 1 == 0).any():
        return np.ones(marks.shape, dtype=np.bool_)
    cv2.setRNGSeed(SEED)
    colors, others = np.zeros((1, 65)), np.zeros((1, 65))
    anywhere = (0, 0, 0, 0)  # the marks say where, not a rectangle
    result = marks.copy()
    cv2.grabCut(picture, result, anywhere, colors, others, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return np.asarray(result & 1, dtype=np.bool_)


def _connected(area: Stencil, path: Stencil) -> Stencil:
    """The part of an area that is connected with the path, bool (h, w)."""
    import cv2

    count, labels = cv2.connectedComponents(area.astype(np.uint8), connectivity=4)
    wanted = np.zeros(count, dtype=np.bool_)
    wanted[labels[path]] = True
    wanted[0] = False
    return np.asarray(wanted[labels])
