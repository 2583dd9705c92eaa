"""Operations on a class or on the whole mask: what each of them makes of the mask, px by px.

An operation reads the mask (annotation where labelled, else prediction) and says what it should be; what_to
in its row of OPERATIONS turns that into the annotation to be, so that nothing but the px that change becomes
painted. Everything goes band by band: whole rows from top to bottom, whose borders lie on tiles.

Words that hold for all: "everything" (index None) means all classes but the background. Empty px are
background or unlabelled. Pieces are 8-connected where diagonal px are joined, else 4-connected. Distances are
Euclidean, between the centres of px. Px beyond the border of the image belong to nothing and have no say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import TILE, Rect
from unet_studio.core.neighbours import among, grown, locally, shrunk, smoothed
from unet_studio.core.pieces import Pieces

BAND = 1 << 22  # px of a band, about

Labels = NDArray[np.uint8]
Bands = Iterator[tuple[Rect, Labels]]
Value = bool | int | str


@dataclass(frozen=True)
class Parameter:
    """One choice that an operation leaves to people, from which its form builds a control.

    kind: "int" (low to high, shown with unit; low itself as `lowest`, where that is given), "bool", "choice"
    (one of choices) or "class" (a class index). tip: one sentence.
    """

    name: str
    text: str
    default: Value
    tip: str = ""
    kind: str = "int"
    low: int = 0
    high: int = 100
    unit: str = ""
    lowest: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What an operation works on.

    labels: the mask, uint8 (H, W), of the image or of a part of it that begins at row `top`. index: the class
    it is about; None for everything. foreground, background: the project's classes. values: by parameter.
    progress: gets the part done, 0..1, and raises Cancelled where nobody waits any more. source: another
    mask, of the same shape, for operations that take from one.
    """

    labels: Labels
    index: int | None
    foreground: tuple[int, ...]
    background: int | None
    values: Mapping[str, Any] = field(default_factory=dict)
    progress: Callable[[float], None] = lambda _: None
    top: int = 0
    source: Labels | None = None

    @property
    def meant(self) -> tuple[int, ...]:
        """The classes that it is about."""
        return self.foreground if self.index is None else (self.index,)

    @property
    def empty(self) -> tuple[int, ...]:
        """What holds nothing of interest: unlabelled, and the background where there is one."""
        return (UNLABELLED,) if self.background is None else (self.background, UNLABELLED)

    def bands(self, turn: int = 0, turns: int = 1) -> Iterator[Rect]:
        """The rows in bands, which end on borders of tiles. turn: which of how many walks over them it is."""
        height, width = self.labels.shape
        rows = max(BAND // width // TILE, 1) * TILE
        start = 0
        while start < height:
            self.progress((turn + start / height) / turns)
            end = min(start + rows - (start + self.top) % TILE, height)
            yield Rect(start, 0, end, width)
            start = end
        self.progress((turn + 1) / turns)


@dataclass(frozen=True)
class Layers:
    """A rectangle of a document: mask and annotation, uint8 (height, width); prediction() as it is shown.

    background: the index of the background, if there is one.
    """

    mask: Labels
    annotation: Labels
    prediction: Callable[[], Labels]
    background: int | None


def repaint(wanted: Labels, layers: Layers) -> Labels:
    """The annotation under which the mask becomes as wanted; px of the mask that stay are not painted.

    A px that should hold nothing is forgotten. Where the prediction would show again it becomes background;
    background itself stays, and so does everything in a project without one.
    """
    found = np.where(wanted != layers.mask, wanted, layers.annotation)
    emptied = (wanted == UNLABELLED) & (layers.mask != UNLABELLED)
    if emptied.any():
        emptied &= layers.prediction() != UNLABELLED
        found[emptied] = layers.annotation[emptied]
        if layers.background is not None:
            found[emptied & (layers.mask != layers.background)] = layers.background
    return found


def forget(wanted: Labels, layers: Layers) -> Labels:
    """The annotation without the px that are wanted unlabelled."""
    return np.where(wanted == UNLABELLED, np.uint8(UNLABELLED), layers.annotation)


def accept(wanted: Labels, layers: Layers) -> Labels:
    """The annotation with what is wanted painted where nobody painted."""
    return np.where(layers.annotation == UNLABELLED, wanted, layers.annotation)


def stamp(wanted: Labels, layers: Layers) -> Labels:
    """The annotation with what is wanted painted over it, except where that is unlabelled."""
    return np.where(wanted == UNLABELLED, layers.annotation, wanted)


# -- whole pieces -----------------------------------------------------------------------------------------


def fill_holes(subject: Subject) -> Bands:
    """Holes become the class around them.

    A hole is a piece of the complement of the class that does not touch the border of the image, and has at
    most `size` px where that is not 0. Its connectivity is the other one than that of the class. Only its
    empty px are filled; with `over` those of other classes too. For everything, the complement is all that is
    empty, and a hole becomes the class with which it shares the longest border.
    """
    values, labels = subject.values, subject.labels
    table = _table(subject.meant)
    pieces = _pieces(subject, table, not values["diagonal"], 0, 3)
    hole = (pieces.values == UNLABELLED) & ~pieces.border & pieces.whole
    if values["size"]:
        hole &= pieces.areas <= values["size"]
    if subject.index is None:
        becomes = pieces.around(hole, _keys(subject, table, 1, 3))
        hole &= becomes >= 0
    else:
        becomes = np.full(len(hole), subject.index, dtype=np.int16)
    over = values["over"] and subject.index is not None
    for number, rect in enumerate(subject.bands(2, 3)):
        part = labels[rect.slices]
        runs, roots = pieces.band(number, table[part])
        filled = hole[roots]
        if not filled.any():
            yield rect, part
            continue
        inside = runs.spread(filled) & (part != subject.index if over else among(part, subject.empty))
        yield rect, np.where(inside, runs.spread(becomes[roots].astype(np.uint8)), part)


def drop_specks(subject: Subject) -> Bands:
    """Pieces of fewer than `size` px go; what they become, see _dropped."""
    pieces = _pieces(subject, IDENTITY, subject.values["diagonal"], 0, 3)
    meant = among(pieces.values, subject.meant)
    yield from _dropped(subject, pieces, meant & pieces.whole & (pieces.areas < subject.values["size"]))


def keep_largest(subject: Subject) -> Bands:
    """Of each class the `count` largest pieces stay, of equals the first in scan order; see _dropped."""
    pieces = _pieces(subject, IDENTITY, subject.values["diagonal"], 0, 3)
    gone = among(pieces.values, subject.meant) & pieces.whole
    for index in subject.meant:
        own = np.flatnonzero(gone & (pieces.values == index))
        order = np.argsort(-pieces.areas[own].astype(np.int64), kind="stable")
        gone[own[order[: subject.values["count"]]]] = False
    yield from _dropped(subject, pieces, gone)


def _dropped(subject: Subject, pieces: Pieces, gone: NDArray[np.bool_]) -> Bands:
    """The mask without some of its pieces.

    `becomes` "around": each becomes what it shares the longest border with among all that stays, unlabelled
    included, and stays itself where nothing around it does. "background": the background, where the project
    has one and the piece is not of it.
    """
    to_background = subject.values["becomes"] == BACKGROUND and subject.background is not None
    if to_background and subject.background not in subject.meant:
        becomes = np.full(len(gone), subject.background, dtype=np.int16)
    else:
        becomes = pieces.around(gone, _keys(subject, IDENTITY, 1, 3))
        gone &= becomes >= 0
    for number, rect in enumerate(subject.bands(2, 3)):
        part = subject.labels[rect.slices]
        runs, roots = pieces.band(number, part)
        new = np.where(gone[roots], becomes[roots].astype(np.uint8), runs.values)
        yield rect, part if np.array_equal(new, runs.values) else runs.spread(new)


IDENTITY = np.arange(256, dtype=np.uint8)


def _table(kept: tuple[int, ...]) -> Labels:
    """A look-up table that makes one of all classes but these: 255."""
    table = np.full(256, UNLABELLED, dtype=np.uint8)
    table[list(kept)] = kept
    return table


def _keys(subject: Subject, table: Labels, turn: int, turns: int) -> Iterator[Labels]:
    for rect in subject.bands(turn, turns):
        part = subject.labels[rect.slices]
        yield part if table is IDENTITY else table[part]


def _pieces(subject: Subject, table: Labels, diagonal: bool, turn: int, turns: int) -> Pieces:
    found = Pieces(diagonal)
    for keys in _keys(subject, table, turn, turns):
        found.add(keys)
    found.close()
    return found


# -- around each px ---------------------------------------------------------------------------------------


def grow(subject: Subject) -> Bands:
    """Px within `radius` of the class become it: empty px, and with `over` those of other classes.

    Everything grows at once: an empty px becomes the nearest class, of equals the lowest.
    """
    over = bool(subject.values["over"]) and subject.index is not None
    radius = subject.values["radius"]
    return _locally(subject, radius, lambda labels: grown(labels, subject.meant, subject.empty, radius, over))


def shrink(subject: Subject) -> Bands:
    """Px of the class within `radius` of anything else become what is nearest of that, of equals the lowest.

    Everything shrinks at once, from what is empty.
    """
    radius = subject.values["radius"]
    around = subject.empty if subject.index is None else None
    return _locally(subject, radius, lambda labels: shrunk(labels, subject.meant, around, radius))


def smooth(subject: Subject) -> Bands:
    """Each px becomes what most px within `radius` are, itself included; at a draw it stays, see smoothed."""
    radius = subject.values["radius"]
    return _locally(subject, radius, lambda labels: smoothed(labels, subject.index, radius))


def _locally(subject: Subject, reach: int, change: Callable[[Labels], Labels]) -> Bands:
    labels = subject.labels
    for rect in subject.bands():
        done = rect.top / labels.shape[0]
        yield rect, locally(labels, rect, reach, change, partial(subject.progress, done))


# -- px by px ---------------------------------------------------------------------------------------------


def relabel(subject: Subject) -> Bands:
    """Px of the class become the class `into`."""
    return _looked_up(subject, {index: int(subject.values["into"]) for index in subject.meant})


def clear(subject: Subject) -> Bands:
    """Px of the class are forgotten, for everything all px: the prediction shows again."""
    indices = range(256) if subject.index is None else (subject.index,)
    return _looked_up(subject, dict.fromkeys(indices, UNLABELLED))


def accept_prediction(subject: Subject) -> Bands:
    """Px that show the class, for everything all px, are painted as they are."""
    wanted = range(256) if subject.index is None else (subject.index,)
    return _looked_up(subject, dict.fromkeys(set(range(256)).difference(wanted), UNLABELLED))


def copy_from(subject: Subject) -> Bands:
    """What the other mask holds of the class, for everything of all classes but the background, is painted.

    `over`: also over what the mask shows here; else only where that is empty.
    """
    if subject.source is None:
        raise ValueError("there is nothing to copy from")
    table = _table(subject.meant)
    for rect in subject.bands():
        wanted = table[subject.source[rect.slices]]
        if not subject.values["over"]:
            wanted[~among(subject.labels[rect.slices], subject.empty)] = UNLABELLED
        yield rect, wanted


def _looked_up(subject: Subject, changes: Mapping[int, int]) -> Bands:
    table = IDENTITY.copy()
    table[list(changes)] = list(changes.values())
    for rect in subject.bands():
        yield rect, table[subject.labels[rect.slices]]


# -- the table --------------------------------------------------------------------------------------------

AROUND, BACKGROUND = "The class around", "Background"

DIAGONAL = Parameter(
    "diagonal", "Join diagonal pixels", True, "Whether pixels that meet at a corner belong together", "bool"
)
BECOMES = Parameter(
    "becomes", "They become", AROUND, "What the pixels become that go", "choice", choices=(AROUND, BACKGROUND)
)
OVER = Parameter("over", "Also over other classes", False, "Whether pixels of other classes change", "bool")


def _size(text: str, default: int, low: int, tip: str, lowest: str = "") -> Parameter:
    return Parameter("size", text, default, tip, low=low, high=1_000_000, unit="px", lowest=lowest)


def _radius(default: int, high: int) -> Parameter:
    return Parameter("radius", "By", default, "How far, in image pixels", low=1, high=high, unit="px")


@dataclass(frozen=True)
class Operation:
    """One operation. title: what menus and undo call it; icon: in qtawesome; hint: one sentence.

    change: the mask as wanted, in bands. what_to: the annotation to be. local: what a px becomes depends on
    nothing farther away than the value "radius", 0 without one. everything: what it is about without a class;
    mostly_everything: whether that is what people mean unless they say otherwise. copies: whether it takes
    from another mask.
    """

    name: str
    title: str
    icon: str
    hint: str
    change: Callable[[Subject], Bands]
    parameters: tuple[Parameter, ...] = ()
    what_to: Callable[[Labels, Layers], Labels] = repaint
    local: bool = False
    everything: str = "All classes but the background"
    mostly_everything: bool = False
    copies: bool = False

    @property
    def defaults(self) -> dict[str, Value]:
        """The value of each parameter before anybody chose another."""
        return {parameter.name: parameter.default for parameter in self.parameters}

    def reach(self, values: Mapping[str, Any]) -> int | None:
        """How far away, in px, what a px becomes may be decided; None for anywhere in the image."""
        return int({**self.defaults, **values}.get("radius", 0)) if self.local else None


OPERATIONS: dict[str, Operation] = {
    operation.name: operation
    for operation in (
        Operation(
            "fill_holes", "Fill Holes", "mdi6.circle-slice-8",
            "Fills what a class encloses.", fill_holes,
            (
                _size("Only up to", 0, 0, "Larger holes stay", "any size"),
                OVER, DIAGONAL,
            ),
        ),
        Operation(
            "drop_specks", "Drop Specks", "mdi6.dots-hexagon",
            "Removes pieces of a class that are too small.", drop_specks,
            (
                _size("Smaller than", 50, 1, "Pieces of fewer pixels go"),
                BECOMES, DIAGONAL,
            ),
        ),
        Operation(
            "keep_largest", "Keep Largest", "mdi6.arrow-expand-all",
            "Removes all pieces of a class but the largest.", keep_largest,
            (
                Parameter("count", "Keep", 1, "So many pieces of each class stay", low=1, high=1000),
                BECOMES, DIAGONAL,
            ),
        ),
        Operation(
            "grow", "Grow", "mdi6.arrow-expand",
            "Makes a class larger on all sides.", grow, (_radius(2, 100), OVER), local=True,
        ),
        Operation(
            "shrink", "Shrink", "mdi6.arrow-collapse",
            "Makes a class smaller on all sides; what lies around it moves in.", shrink,
            (_radius(2, 100),), local=True,
        ),
        Operation(
            "smooth", "Smooth", "mdi6.blur",
            "Rounds off ragged borders: every pixel becomes what most pixels around it are.", smooth,
            (_radius(3, 50),), local=True,
        ),
        Operation(
            "relabel", "Relabel", "mdi6.swap-horizontal",
            "Gives the pixels of a class another class.", relabel,
            (Parameter("into", "Becomes", 0, "The class that its pixels get", "class"),), local=True,
        ),
        Operation(
            "clear", "Clear to Prediction", "mdi6.backup-restore",
            "Takes painted pixels back, so that the prediction shows again.", clear,
            what_to=forget, local=True, everything="All classes", mostly_everything=True,
        ),
        Operation(
            "accept", "Accept Prediction", "mdi6.check-decagram-outline",
            "Paints what the model says wherever nobody painted.", accept_prediction,
            what_to=accept, local=True, everything="All classes", mostly_everything=True,
        ),
        Operation(
            "copy", "Copy from Previous Image", "mdi6.content-copy",
            "Paints what the mask of the image before holds, in the same places.", copy_from,
            (
                Parameter(
                    "over", "Also over what is here", True,
                    "Whether classes that the mask shows here are painted over", "bool",
                ),
            ),
            what_to=stamp, local=True, mostly_everything=True, copies=True,
        ),
    )
}  # fmt: skip
