"""A document from its files and back: image, annotation, approval, prediction and the journal of a crash."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from unet_studio.core import journal
from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import BAND, Approval, Document, Measured
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.mask import Mask, Tile
from unet_studio.core.prediction import Prediction, Thresholds
from unet_studio.core.progress import Progress, part, unwatched
from unet_studio.core.project import Project

IMAGE_HASH, SIZE, SECONDS, MODEL, DICE = "image-hash", "size", "seconds", "model", "corrective-dice"
APPROVED = "approved"  # when, in UTC by ISO 8601, to the second
MEASURED_BY, MEASURED_AT = "corrective-model", "corrective-time"  # whose the corrective Dice is, and of when
TOLD = (APPROVED, DICE, MEASURED_BY, MEASURED_AT)  # of approvals, none where there is nothing to tell
_DECODED, _HASHED = 0.8, 0.9  # of the time of loading that is over then


def picture_of(document: Document) -> journal.Picture:
    """Which picture the document's journal belongs to."""
    return journal.Picture(document.shape, document.facts[IMAGE_HASH])


def load_document(
    project: Project, name: str, model: str | None = None, progress: Progress = unwatched
) -> Document:
    """Open one image with its layers; edits that a crash left in the journal are applied.

    model: whose stored prediction lies under the annotation; an image with painted pixels keeps the one it
    was corrected against. progress(fraction) may raise Cancelled. Raises StudioError where the image can't be
    read, or where what is stored does not fit it: such an image is never opened as blank.
    """
    image = read_image(project.image_path(name), progress=part(progress, 0.0, _DECODED))
    shape = (image.shape[0], image.shape[1])
    digest = pixel_hash(image, part(progress, _DECODED, _HASHED))
    with project.layer_lock:  # a save that came between would leave its steps neither in layers nor journal
        annotation, facts = _stored_layer(project.read_annotation(name), name, shape, digest)
        finished, finished_facts = _stored_layer(project.read_approved(name), name, shape, digest)
        mask = Mask(annotation, copy=False) if annotation is not None else Mask.full(shape, UNLABELLED)
        with project.journal_lock:  # what is being written now is no half-written end to cut away
            picture = journal.Picture(shape, digest)
            last = journal.replay(project.journal_path(name), picture, mask, project.read_only is None)
    now = project.classes.successors()
    if last is not None and now is not None:  # edits of before a class was deleted
        mask = Mask(now[mask.pixels])
    facts = {**facts, **finished_facts, IMAGE_HASH: digest, SIZE: f"{shape[1]}x{shape[0]}"}
    document = Document(
        name,
        image,
        mask,
        project.classes,
        thresholds=project.thresholds,
        facts=facts,
        replayed=last is not None,
    )
    _set_truth(document, finished, last, _stored_prediction(project, document, model))
    return document


def _set_truth(
    document: Document, finished: NDArray[np.uint8] | None, last: bytes | None, stored: Prediction | None
) -> None:
    """Put prediction and approval in place, from the finished mask and the journal's last word."""
    facts = document.facts
    pinned = None
    if finished is not None or MEASURED_AT in facts:
        document.measured = measured(facts)
    if finished is not None:
        full = np.broadcast_to(np.uint8(255), document.shape)  # certain everywhere, in no memory
        pinned = Prediction(finished, full, facts.get(MODEL, ""), {IMAGE_HASH: facts[IMAGE_HASH]})
    # What was approved is never exchanged for what another model says meanwhile.
    of_the_same = pinned is None or (stored is not None and stored.model == pinned.model)
    document.prediction = stored if of_the_same else pinned
    if pinned is not None and last is None:
        dice = document.measured.dice if document.measured is not None else None
        document.approval = Approval(pinned, pinned.model, dice, when=instant(facts.get(APPROVED, "")))
    elif last == journal.APPROVED:
        try:
            document.approve()
        except StudioError:  # the prediction it rested on is gone: the image is unfinished again
            return
        document.history.clear()


def measured(facts: Mapping[str, str]) -> Measured:
    """What the first approval of an image found, as stored with its mask.

    In files of before that was stored it is the approval in force. Raises ValueError on a Dice that is none.
    """
    dice = facts.get(DICE)
    when = instant(facts.get(MEASURED_AT, facts.get(APPROVED, "")))
    return Measured(facts.get(MEASURED_BY, facts.get(MODEL, "")), float(dice) if dice else None, when, True)


def _stored_prediction(project: Project, document: Document, model: str | None) -> Prediction | None:
    """The prediction that belongs under the annotation, if it is stored and of these very pixels.

    Where nobody painted and the chosen model has none, the newest one by another model: better than nothing
    until it is replaced.
    """
    corrected = document.facts.get(MODEL) if document.painted else None
    wanted = [name for name in (corrected, model) if name]
    others = [] if document.painted or model is None else project.predicted_by(document.name)
    for name in (*wanted, *(other for other in others if other not in wanted)):
        found = project.read_prediction(name, document.name)
        if found is not None and fits(found, document):
            return found
    return None


def fits(prediction: Prediction, document: Document) -> bool:
    """Whether a prediction was made of exactly this image."""
    return _made_of(prediction, document.shape, document.facts)


def _made_of(prediction: Prediction, shape: tuple[int, ...], facts: Mapping[str, str]) -> bool:
    """Whether a prediction was made of the image of this shape and with these facts."""
    return prediction.made.get(IMAGE_HASH) == facts.get(IMAGE_HASH) and prediction.labels.shape == shape


def _stored_layer(
    found: tuple[NDArray[np.uint8], dict[str, str]] | None, name: str, shape: tuple[int, int], digest: str
) -> tuple[NDArray[np.uint8] | None, dict[str, str]]:
    """A stored layer, checked against the image it belongs to."""
    if found is None:
        return None, {}
    labels, facts = found
    if labels.shape != shape:
        raise StudioError(
            f"The mask stored for {name} is {labels.shape[1]} x {labels.shape[0]} px, "
            f"but the image is {shape[1]} x {shape[0]} px.",
            "Put the original image back, or set the mask aside to start anew.",
        )
    if facts.get(IMAGE_HASH, digest) != digest:
        raise StudioError(
            f"The image {name} has changed since its mask was made.",
            "Put the original image back, or set the mask aside to start anew.",
        )
    return labels, facts


@dataclass(frozen=True)
class Snapshot:
    """What a save writes: copies, so that painting may go on. mask: the finished mask, or None.

    tiles: which ones changed since the save before.
    """

    name: str
    version: int
    annotation: NDArray[np.uint8]
    mask: NDArray[np.uint8] | None
    facts: dict[str, str]
    tiles: frozenset[Tile] = frozenset()


def snapshot(document: Document) -> Snapshot:
    """Copy what is to be saved, as it is after the last step. May run beside painting, in another thread.

    The document's unsaved tiles count as saved from now on; put them back where the save fails.
    """

    def state() -> tuple[int, Approval | None, Prediction | None, Thresholds, dict[str, str], set[Tile]]:
        facts, rules = {**document.facts, **_told(document)}, document.rules
        return document.version, document.approval, document.under, rules, facts, document.unsaved.take()

    annotation, (version, approval, under, rules, facts, tiles) = document.annotation.copy(state)
    if under is not None and under.model:
        facts[MODEL] = under.model
    facts = {key: value for key, value in facts.items() if value or key not in TOLD}
    mask = _composed(annotation, under, rules) if approval is not None else None
    return Snapshot(document.name, version, annotation, mask, facts, frozenset(tiles))


def _told(document: Document) -> dict[str, str]:
    """What is stored of the approval in force and of the first one; "" for what is not known (any more)."""
    approval, first = document.approval, document.measured
    kept = first if first is not None and (approval is not None or first.final) else None
    return {
        APPROVED: _iso(approval.when if approval is not None else None),
        DICE: f"{kept.dice:.6f}" if kept is not None and kept.dice is not None else "",
        MEASURED_BY: kept.model if kept is not None else "",
        MEASURED_AT: _iso(kept.when if kept is not None else None),
    }


def _iso(when: float | None) -> str:
    return "" if when is None else datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")


def instant(text: str) -> float | None:
    """A time by ISO 8601 in Unix seconds; None where it is none, has no zone, or can't be meant."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.timestamp() if found.tzinfo is not None and 1970 < found.year < 2200 else None


def _composed(
    annotation: NDArray[np.uint8], under: Prediction | None, thresholds: Thresholds
) -> NDArray[np.uint8]:
    """The annotation where it is labelled, else the prediction under it, uint8 (H, W)."""
    mask = annotation.copy()
    rows = max(BAND // annotation.shape[1], 1)
    for top in range(0, len(mask) if under is not None else 0, rows):
        band = np.s_[top : top + rows]
        bare = mask[band] == UNLABELLED
        if under is not None and bare.any():
            mask[band][bare] = thresholds.shown(under.labels[band], under.confidence[band])[bare]
    return mask


def seen_mask(project: Project, name: str) -> NDArray[np.uint8] | None:
    """What a person saw of an image that is not approved, class indices, uint8 (H, W), 255 where nothing is.

    Painted pixels over the prediction that they correct; without such a prediction, or where nobody painted,
    the painted pixels alone. None where there is no annotation.
    """
    found = project.read_annotation(name)
    if found is None:
        return None
    labels, facts = found
    if MODEL not in facts or (labels == UNLABELLED).all():
        return labels
    under = project.read_prediction(facts[MODEL], name)
    if under is None or not _made_of(under, labels.shape, facts):
        return labels
    return _composed(labels, under, project.thresholds)


def digest(labels: NDArray[np.uint8]) -> str:
    """Tells class indices, uint8 (H, W), from all others."""
    return hashlib.blake2b(np.ascontiguousarray(labels).data, digest_size=16).hexdigest()


def save_snapshot(project: Project, saved: Snapshot) -> None:
    """Write annotation and approval; the journal stays, until what is newer in it is told from the rest."""
    project.write_layers(saved.name, saved.annotation, saved.mask, saved.facts)


def save_document(project: Project, document: Document) -> None:
    """Write a document whose edits nobody journals meanwhile, and forget its journal."""
    save_snapshot(project, snapshot(document))
    project.drop_journal(document.name)
