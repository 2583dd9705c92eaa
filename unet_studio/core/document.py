"""One image with its two layers: what a person painted, and what a model says.

The mask that people see is the annotation where it is labelled, else the prediction. Approving says that all
of this mask is right; it pins the prediction under the annotation and copies no pixel.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import EMPTY, TILE, Rect, tile_rect
from unet_studio.core.history import HISTORY_BYTES, History
from unet_studio.core.labelled import Labelled
from unet_studio.core.mask import Mask, Plan, TileDiff
from unet_studio.core.metrics import foreground_dice
from unet_studio.core.prediction import Prediction, Thresholds

STEP_BYTES = 600  # of a step without its tiles, about
BAND = 1 << 22  # px that are looked at in one go
SLIP = 60.0  # seconds within which an approval that is taken back was none: what it found is found anew

FILL_REST, FORGET_ALL = "Fill the rest", "Forget all corrections"  # what undo calls them


@dataclass(frozen=True)
class Approval:
    """That a person found the whole mask right.

    prediction: what lies under the annotation, pinned (None where every pixel is painted). model: who made
    it, or "". corrective_dice: the mask against that prediction when it was approved, 0..1; an honest measure
    of the model on an image it had not seen, so it is never computed again. thresholds: those that held then:
    other ones don't change what a person found right. when: in Unix seconds, None where nobody knows.
    """

    prediction: Prediction | None
    model: str
    corrective_dice: float | None
    thresholds: Thresholds = field(default_factory=Thresholds)
    when: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Measured:
    """How right a model was about an image before a person corrected it: dice, 0..1, None of no prediction.

    when: in Unix seconds, None where nobody knows. final: it stays, whatever is approved later: the model may
    have learnt from the image by then, or what lies under the annotation is the finished mask itself.
    """

    model: str
    dice: float | None
    when: float | None
    final: bool = False


@dataclass(frozen=True)
class DocumentStep:
    """One undoable step: the pixels it changed, and the approval before and after it.

    when: it was done, in Unix seconds.
    """

    name: str
    diff: TileDiff | None
    before: Approval | None
    after: Approval | None
    when: float = field(default_factory=time.time, compare=False)

    @property
    def nbytes(self) -> int:
        """The memory it takes, in bytes, without the predictions that its approvals pin."""
        return STEP_BYTES + (self.diff.nbytes if self.diff else 0)

    @property
    def pixels(self) -> int:
        """How many pixels it changed."""
        return self.diff.pixels if self.diff else 0

    @property
    def tiles(self) -> int:
        """How many tiles it changed: what undoing it costs."""
        return len(self.diff.tiles) if self.diff else 0

    @property
    def pinned(self) -> list[Prediction]:
        """The predictions that lie under the annotation before or after it, where it is approved there."""
        approvals = (self.before, self.after)
        return [found.prediction for found in approvals if found is not None and found.prediction is not None]


@dataclass(frozen=True)
class Change:
    """What an edit, undo or redo did. rect: the pixels; step: what was done, the last one of several."""

    rect: Rect
    approval_changed: bool
    step: DocumentStep


@dataclass(frozen=True)
class Judgement:
    """What approving an image rests on. version: of the document it is about; complete: no pixel unlabelled.

    corrective_dice: the mask against the prediction now shown, 0..1; None without a prediction.
    """

    version: int
    complete: bool
    corrective_dice: float | None


class UnfinishedError(StudioError):
    """A mask can't be approved: some of its pixels have no class."""


@dataclass
class Document:
    """An open image. image: (H, W) or (H, W, C), uint8, uint16 or float32. annotation: its painted layer.

    measured: what its first approval found. facts: what is stored beside the mask, such as the image's hash.
    replayed: whether a journal of unsaved edits was found and applied. version: counts the changes, so that a
    save knows whether it is the newest; journalled: the last one that is in the journal or saved. saved_as:
    digest of the annotation that was saved last. unjournalled and unsaved: the tiles that changed since they
    were written to the journal or to the PNG. One thread at a time edits, under annotation.lock.
    """

    name: str
    image: NDArray[Any]
    annotation: Mask
    classes: ClassTable
    prediction: Prediction | None = None
    approval: Approval | None = None
    measured: Measured | None = None
    thresholds: Thresholds = field(default_factory=Thresholds)
    facts: dict[str, str] = field(default_factory=dict)
    replayed: bool = False
    history: History[DocumentStep] = field(default_factory=lambda: History(HISTORY_BYTES))
    version: int = 0
    journalled: int = 0
    saved_as: str = ""
    _open: str | None = None

    def __post_init__(self) -> None:
        if self.annotation.shape != self.shape:
            raise ValueError(f"annotation {self.annotation.shape} does not fit image {self.shape}")
        self.unjournalled = self.annotation.watch()
        self.unsaved = self.annotation.watch()
        self._labelled = Labelled(self.annotation)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in px."""
        return self.image.shape[0], self.image.shape[1]

    @property
    def approved(self) -> bool:
        """Whether a person found the whole mask right."""
        return self.approval is not None

    @property
    def painted(self) -> bool:
        """Whether a person labelled any pixel."""
        return self._any_painted() if self.editing else self._labelled.any()

    @property
    def editing(self) -> bool:
        """Whether a drag is open."""
        return self._open is not None

    @property
    def under(self) -> Prediction | None:
        """The prediction under the annotation: the pinned one of an approved image, else the latest."""
        return self.approval.prediction if self.approval is not None else self.prediction

    @property
    def rules(self) -> Thresholds:
        """The thresholds that hold here: those of its approval, else the project's."""
        return self.approval.thresholds if self.approval is not None else self.thresholds

    def set_thresholds(self, thresholds: Thresholds) -> bool:
        """Show the prediction with other thresholds. Returns whether the mask may be another one now."""
        if thresholds == self.thresholds:
            return False
        self.thresholds = thresholds
        self.version += 1
        return self.approval is None and self.prediction is not None

    def annotation_region(self, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
        """Painted pixels of rect, every step-th row and column; 255 where unlabelled."""
        return self.annotation.pixels[rect.top : rect.bottom : step, rect.left : rect.right : step]

    def prediction_region(self, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
        """Predicted pixels of rect as shown, every step-th row and column; 255 where there are none."""
        under = self.under
        index = np.s_[rect.top : rect.bottom : step, rect.left : rect.right : step]
        if under is None:
            return np.full(self.annotation.pixels[index].shape, UNLABELLED, dtype=np.uint8)
        return self.rules.shown(under.labels[index], under.confidence[index])

    def mask_region(self, rect: Rect, step: int = 1) -> NDArray[np.uint8]:
        """The mask of rect, every step-th row and column: annotation where labelled, else prediction."""
        painted = self.annotation_region(rect, step)
        if self.under is None:
            return painted.copy()
        labelled = (painted != UNLABELLED).view(np.uint8)
        over: NDArray[np.uint8] = np.negative(labelled, out=labelled)  # all bits where somebody painted
        over |= self.prediction_region(rect, step)
        over &= painted  # UNLABELLED is all bits; quicker than np.where
        return over

    def mask(self) -> NDArray[np.uint8]:
        """The whole mask, uint8 (H, W), as a new array."""
        return self.mask_region(Rect.of(self.shape))

    def begin(self, name: str) -> None:
        """Open an edit that commit or rollback closes. name: what undo calls it."""
        self.annotation.begin()
        self._open = name

    def commit(self) -> Change | None:
        """Close the edit as one step; None where it changed nothing. An approved image becomes unfinished."""
        if self._open is None:
            raise RuntimeError("no edit is open")
        with self.annotation.lock:
            name, self._open = self._open, None
            diff = self.annotation.commit()
            return self._push(name, diff) if diff is not None else None

    def land(self, name: str, plan: Plan | None) -> Change | None:
        """Make one step of what annotation.plan worked out on the pixels as they are; None where nothing.

        Whoever planned in another thread compares version before and after: it must be the same.
        """
        if plan is None:
            return None
        with self.annotation.lock:
            return self._push(name, self.annotation.land(plan))

    def rollback(self) -> Rect:
        """Close the edit and take it back. Returns the pixels that may have changed."""
        self._open = None
        return self.annotation.rollback()

    def undo(self) -> Change | None:
        """Take the last step back."""
        return self.jump(self.history.place - 1)

    def redo(self) -> Change | None:
        """Do the step last undone again."""
        return self.jump(self.history.place + 1)

    def jump(self, place: int, plan: Plan | None = None) -> Change | None:
        """Undo or redo until so many steps are done; None where there are not so many, or they are already.

        It costs what distance() says; plan: what plan_jump worked out before.
        """
        history = self.history
        if not 0 <= place <= len(history) or place == history.place:
            return None
        before = self.approval
        with self.annotation.lock:
            back, steps = self._between(place)
            rect = self.annotation.land(plan).rect if plan is not None else EMPTY
            for step in steps:
                if plan is None and step.diff is not None:
                    rect = rect.union(self.annotation.apply(step.diff))
                self._set_approval(step.before if back else step.after)
            history.place = place
        changed = self.approval is not before
        return Change(Rect.of(self.shape) if changed else rect, changed, steps[-1])

    def plan_jump(self, place: int, progress: Callable[[float], None] = lambda _: None) -> Plan:
        """Work out a long jump; reads alone, so it may run in another thread. See land for the version."""
        _, steps = self._between(place)
        return self.annotation.plan_back([step.diff for step in steps if step.diff is not None], progress)

    def distance(self, place: int) -> int:
        """How many tiles a jump writes."""
        return sum(step.tiles for step in self._between(place)[1])

    def _between(self, place: int) -> tuple[bool, list[DocumentStep]]:
        """Whether a jump goes back, and its steps in order."""
        now, between = self.history.place, self.history.between
        return place < now, between(place, now)[::-1] if place < now else between(now, place)

    def judge(self) -> Judgement:
        """Look at the whole mask as approval needs it. Reads alone, so it may run in another thread."""
        missing = any((self.mask_region(rect) == UNLABELLED).any() for rect in self._tiles())
        if missing or self.prediction is None:
            return Judgement(self.version, not missing, None)
        shown = self.prediction_region(Rect.of(self.shape))
        return Judgement(self.version, True, foreground_dice(self.mask(), shown, self.classes))

    def approve(self, judgement: Judgement | None = None) -> Change | None:
        """Say that the whole mask is right; None where it is approved already.

        judgement: what judge() found, where it has been asked before. Raises UnfinishedError where pixels
        are unlabelled and no prediction lies under them.
        """
        if self.approval is not None:
            return None
        if judgement is None or judgement.version != self.version:
            judgement = self.judge()
        if not judgement.complete:
            raise UnfinishedError(
                f"Parts of {self.name} have no class yet.",
                "Predict the image, paint the rest, or fill the rest with background, and approve again.",
            )
        model, now = self.prediction.model if self.prediction else "", time.time()
        first = self.measured
        if first is None or (not first.final and first.model in ("", model)):
            first = self.measured = Measured(model, judgement.corrective_dice, now)
        after = Approval(self.prediction, model, first.dice, self.thresholds, now)
        return self._set_step(DocumentStep("Approve", None, None, after))

    def unapprove(self) -> Change | None:
        """Take the approval back; the prediction that it pinned stays visible."""
        if self.approval is None:
            return None
        return self._set_step(DocumentStep("Take approval back", None, self.approval, None))

    def set_prediction(self, prediction: Prediction | None) -> None:
        """Show another prediction under the annotation. Raises ValueError where its size differs."""
        if prediction is not None and prediction.labels.shape != self.shape:
            raise ValueError(f"prediction {prediction.labels.shape} does not fit image {self.shape}")
        self.prediction = prediction
        self.version += 1
        self._weigh_history()

    def fill_rest(self, class_index: int) -> Change | None:
        """Label every pixel of the mask that has no class yet, as one step; None where all have one."""
        self.begin(FILL_REST)
        for rect in self._tiles():
            rest = self.mask_region(rect) == UNLABELLED
            if rest.any():
                self.annotation.paint(rect, rest, class_index)
        return self.commit()

    def forget_all(self) -> Change | None:
        """Return every painted pixel to unlabelled, as one step."""
        self.begin(FORGET_ALL)
        for rect in self._tiles():
            if (self.annotation.pixels[rect.slices] != UNLABELLED).any():
                self.annotation.write(rect, UNLABELLED)
        return self.commit()

    def _tiles(self) -> list[Rect]:
        whole = Rect.of(self.shape)
        return [tile_rect(*key, self.shape) for key in whole.tiles(TILE)]

    def _any_painted(self) -> bool:
        rows = max(BAND // self.shape[1], 1)
        bands = (self.annotation.pixels[top : top + rows] for top in range(0, self.shape[0], rows))
        return any((band != UNLABELLED).any() for band in bands)

    def _set_step(self, step: DocumentStep) -> Change:
        with self.annotation.lock:
            self._set_approval(step.after)
            self.history.push(step)
        return Change(self._around(EMPTY, step), True, step)

    def _push(self, name: str, diff: TileDiff) -> Change:
        """Remember a change of pixels; an approved image becomes unfinished."""
        step = DocumentStep(name, diff, self.approval, None)
        self._set_approval(None)
        self.history.push(step)
        return Change(self._around(diff.rect, step), step.before is not None, step)

    def _set_approval(self, approval: Approval | None) -> None:
        """Change the approval; the prediction it pinned stays the one under the annotation."""
        before = self.approval
        if approval is None and before is not None:
            if before.prediction is not None:
                self.prediction = before.prediction
            if self.measured is not None and before.when and time.time() - before.when > SLIP:
                self.measured = replace(self.measured, final=True)
        self.approval = approval
        self.version += 1

    def _around(self, rect: Rect, step: DocumentStep) -> Rect:
        """All of the image where the approval changed: the pinned prediction may differ from the latest."""
        return Rect.of(self.shape) if step.before is not step.after else rect

    def _weigh_history(self) -> None:
        """Count predictions that nothing but a step holds any more: with the newest step that does."""
        held = {id(found) for found in (self.prediction, self.under)}
        extra: dict[int, int] = {}
        for step in reversed(self.history.steps):
            for found in step.pinned:
                if id(found) not in held:
                    held.add(id(found))
                    extra[id(step)] = extra.get(id(step), 0) + found.nbytes
        if extra:
            self.history.weigh(lambda step: step.nbytes + extra.get(id(step), 0))
