"""The undo histories of a session: one budget for all, and kept when an image leaves the memory.

A step is the XOR of what was before and after, so it is worth something on exactly the annotation that it was
made on. That is told by a digest of the annotation as it was saved, and of the prediction that approvals pin:
an image that comes back with others begins a new history.
"""

import hashlib
import threading
from dataclasses import dataclass, replace

import numpy as np

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Approval, Document, DocumentStep
from unet_studio.core.document_files import digest
from unet_studio.core.history import HISTORY_BYTES, Budget, History
from unet_studio.core.prediction import Prediction

SAMPLES = 1 << 16  # px of a prediction that are looked at to tell it from another one
_ABSENT = Prediction(np.empty((0, 0), np.uint8), np.empty((0, 0), np.uint8))  # stands for the one on disk


@dataclass(frozen=True)
class Kept:
    """A history whose document is not in memory.

    annotation: digest of what its last step left. approval: the one in force then, or None. prediction: tells
    the one that approvals pin, "" where none does.
    """

    history: History[DocumentStep]
    annotation: str
    approval: Approval | None
    prediction: str


class Histories:
    """Gives every document its history. `leave` when it is dropped from memory, `enter` when it comes."""

    def __init__(self, limit: int = HISTORY_BYTES) -> None:
        self.budget = Budget(limit)
        self._kept: dict[str, Kept] = {}
        self._lock = threading.Lock()  # documents come in a thread of their own

    def enter(self, document: Document) -> None:
        """Give a document that was just read the history it had, if it is as it left, else a new one."""
        with self._lock:
            kept = self._kept.pop(document.name, None)
        document.history = History(budget=self.budget)
        if kept is not None and len(kept.history) and digest(document.annotation.pixels) == kept.annotation:
            _return(kept, document)

    def leave(self, document: Document) -> None:
        """Keep the history of a document that is saved and will be dropped."""
        history = document.history
        if not len(history) or not document.saved_as:
            return
        pinned = {id(found): found for step in history.steps for found in step.pinned}
        approval = document.approval
        present = document.under
        if any(found is not present for found in pinned.values()):
            return  # nobody could bring back what these steps rest on
        kept = Kept(
            history,
            document.saved_as,
            _with(approval, _ABSENT),
            _sample(present) if pinned and present is not None else "",
        )
        history.exchange([_exchanged(step, _ABSENT) for step in history.steps])
        with self._lock:
            self._kept[document.name] = kept

    def clear(self) -> None:
        """Forget what is kept of documents that are not in memory."""
        with self._lock:
            self._kept.clear()


def _return(kept: Kept, document: Document) -> None:
    """Give a document its history back, where approval and prediction are what they were, too."""
    if (kept.approval is None) != (document.approval is None):
        return
    if kept.prediction:
        present = document.prediction
        if (
            present is None
            or _sample(present) != kept.prediction
            or not _shows(document, present, kept.approval)
        ):
            return
        kept.history.exchange([_exchanged(step, present) for step in kept.history.steps])
        if document.approval is not None:
            document.approval = _with(kept.approval, present)
    document.history = kept.history


def _shows(document: Document, prediction: Prediction, before: Approval | None) -> bool:
    """Whether an approved mask is what it was before, with this prediction under the annotation."""
    if document.approval is None or before is None or document.approval.prediction is prediction:
        return True
    shown = before.thresholds.shown(prediction.labels, prediction.confidence)
    bare = document.annotation.pixels == UNLABELLED
    return not bool((shown != document.mask())[bare].any())


def _exchanged(step: DocumentStep, prediction: Prediction) -> DocumentStep:
    if not step.pinned:
        return step
    return replace(step, before=_with(step.before, prediction), after=_with(step.after, prediction))


def _with(approval: Approval | None, prediction: Prediction) -> Approval | None:
    """An approval that pins another prediction, where it pins one."""
    if approval is None or approval.prediction is None:
        return approval
    return replace(approval, prediction=prediction)


def _sample(prediction: Prediction) -> str:
    """Tells a prediction from those of other models, by a sample of its px."""
    height, width = prediction.labels.shape
    step = max(int((height * width / SAMPLES) ** 0.5), 1)
    found = hashlib.blake2b(prediction.model.encode(errors="backslashreplace"), digest_size=16)
    for layer in (prediction.labels, prediction.confidence):
        found.update(np.ascontiguousarray(layer[::step, ::step]).data)
    return found.hexdigest()
