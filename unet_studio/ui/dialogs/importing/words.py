"""An import in words: what would happen, what stands in the way, what came of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from unet_studio.ui.dialogs.importing.images import COMING, fate_of
from unet_studio.ui.dialogs.importing.remarks import Remark
from unet_studio.ui.words import count, duration

if TYPE_CHECKING:
    from unet_studio.core.restoring import Undone
    from unet_studio.formats.examination import Examination
    from unet_studio.formats.import_plan import ImportPlan
    from unet_studio.formats.import_report import ImportReport

SHOWN = 3  # names in a sentence
MOST_PROBLEMS = 20  # that are listed one by one
HOW = {
    "annotation": "as painted pixels to go on with",
    "finished": "as finished masks, approved where every pixel has a class",
    "prediction": "as predictions to be corrected",
}


def masks(number: int, layer: str) -> str:
    """ "1 mask", "48 predictions"."""
    return count(number, "prediction" if layer == "prediction" else "mask")


def button_text(number: int, layer: str) -> str:
    """What the button says: "Import 48 Masks"."""
    return f"Import {masks(number, layer).title()}" if number else "Import"


def summary(plan: "ImportPlan") -> str:
    """What an import would do, in a few short sentences."""
    counts, options = _counts(plan), plan.options
    coming = sum(counts.get(fate, 0) for fate in COMING)
    if not coming:
        return nothing_comes(plan)
    finished = options.approve and options.layer == "annotation"
    how = HOW["finished" if finished else options.layer]
    first = f"{masks(coming, options.layer)} {'comes' if coming == 1 else 'come'} in {how}."
    painted = 0
    if options.replace and options.layer == "annotation":
        painted = sum(row.fate in COMING and row.state.value != "unlabelled" for row in plan.rows)
    details = _listed((counts.get("turn", 0), "turned"), (counts.get("scale", 0), "scaled"))
    details += _listed((painted, "in place of what is painted there"))
    open_ones = _open(plan)
    left = _listed(
        (counts.get("keep", 0), "painted here already"),
        (counts.get("blank", 0), "listed without a mask"),
        (open_ones, "whose mask has to be chosen"),
        (counts.get("refuse", 0) - open_ones, "that can't come in"),
    )
    second = f" Of these, {', '.join(details)}." if details else ""
    third = f" Left out: {', '.join(left)}." if left else ""
    return first + second + third


def _listed(*numbers: tuple[int, str]) -> list[str]:
    """ "3 scaled", for those that are not 0."""
    return [f"{number:,} {words}" for number, words in numbers if number]


def nothing_comes(plan: "ImportPlan") -> str:
    """Why an import would do nothing, and what to do about it."""
    counts = _counts(plan)
    if not plan.rows:
        return (
            f"None of the {len(plan.unused):,} masks belongs to an image of this project. Masks match images "
            "by path or by the name before the dot: a.png belongs to a.jpg. Choose another source, or open "
            "the folder of their images."
        )
    if counts.get("keep", 0) == len(plan.rows):
        return (
            "Every one of these images is painted here already. To import all the same, let masks replace it."
        )
    if counts.get("refuse") and counts["refuse"] == _open(plan):
        return "Several masks fit each image: choose one in the list of images."
    if counts.get("refuse"):
        return "No mask can come in as it is: the list of images says why of each."
    return "No mask would come in: the list of images says why of each."


def _open(plan: "ImportPlan") -> int:
    """How many images have several masks that fit, so that a person has to choose."""
    return sum(fate_of(row) == "choose" for row in plan.rows)


def examination_words(found: "Examination | None", whole: bool, has_regions: bool) -> list[Remark]:
    """What the masks hold, as far as is known; whole: all of them were looked at."""
    if found is None:
        return []
    so_far = "" if whole else f" (so far, in {count(found.images, 'mask')})"
    said = []
    if found.overlapping:
        pixels = sum(found.overlapping.values())
        where = count(len(found.overlapping), "image")
        text = f"{count(pixels, 'pixel')} in {where} {_lie(pixels)} under regions"
        order = "“On top”, below the picture, decides what is seen"
        said.append(Remark("warning", f"{text} of several classes{so_far}: {order}."))
    elif has_regions and whole:
        said.append(Remark("good", "No regions of different classes overlap."))
    if found.touching:
        said.append(Remark("warning", touching_words(found) + so_far))
    if found.strange:
        values = sorted({value for one in found.strange.values() for value in one})
        listed = ", ".join(map(str, values[:8])) + ("…" if len(values) > 8 else "")
        holds = "holds" if len(found.strange) == 1 else "hold"
        text = f"{count(len(found.strange), 'mask')} {holds} pixel values that are no classes ({listed})"
        remedy = "Put a classes.json beside the masks that names them"
        said.append(Remark("danger", f"{text}: these images can't come in. {remedy}."))
    said += [Remark("danger", f"{name}: {why}") for name, why in list(found.problems.items())[:MOST_PROBLEMS]]
    if len(found.problems) > MOST_PROBLEMS:
        more = len(found.problems) - MOST_PROBLEMS
        said.append(Remark("danger", f"{count(more, 'other mask')} can't be drawn either."))
    return said


def touching_words(found: "Examination") -> str:
    """ "212 objects become 198 areas, because 14 touch another of their class"."""
    pairs = [one for image in found.touching.values() for one in image.values()]
    instances = sum(one.instances for one in pairs)
    components = sum(one.components for one in pairs)
    melted = instances - components
    touch = "touches" if melted == 1 else "touch"
    where = count(len(found.touching), "image")
    return (
        f"{count(instances, 'object')} in {where} become "
        f"{count(components, 'area')}, because {melted:,} {touch} another of the same class: "
        "masks here tell classes, not objects."
    )


def similar_words(plan: "ImportPlan") -> list[str]:
    """Which classes were matched by names that are merely alike."""
    return [
        f"“{one.name}” is taken for “{one.here}”, a similar name: look whether that is right."
        for one in plan.classes
        if one.likeness == "similar" and plan.options.renames.get(one.name, one.here) == one.here
    ]


def progress_words(done: int, total: int, seconds_left: float) -> str:
    """ "12 of 48 · about 3 s left"."""
    left = f" · about {duration(seconds_left)} left" if seconds_left == seconds_left else ""
    return f"{done:,} of {total:,}{left}"


def _lie(number: int) -> str:
    return "lies" if number == 1 else "lie"


def result_words(report: "ImportReport") -> tuple[str, str, list[Remark]]:
    """What came of an import: its kind (good, warning or danger), a heading, and remarks."""
    number = len(report.imported)
    if not number and not report.earlier:
        return "warning", "No mask came in.", _left_words(report)
    what = masks(number, report.layer)
    came = f"{what} came in" if number else "Nothing was left to come in"
    remarks = [Remark("good" if report.proof.exact else "danger", proof_words(report))]
    if report.earlier:
        remarks.append(Remark("info", f"{len(report.earlier):,} had come in before."))
    if report.model:
        text = f"They are in the model list as “{report.model}”: correct and approve them like predictions."
        remarks.append(Remark("info", text))
    if report.added_classes:
        remarks.append(Remark("info", f"New classes: {_some(report.added_classes)}."))
    if report.unfinished:
        text = f"{count(len(report.unfinished), 'mask')} with unlabelled pixels came in unfinished"
        remarks.append(Remark("info", f"{text}: {_some(report.unfinished)}. Fill the rest, then approve."))
    fitted = [(report.turned, "Turned as the photo was held"), (report.scaled, "Scaled to the image")]
    remarks += [Remark("info", f"{how}: {count(len(names), 'mask')}.") for names, how in fitted if names]
    if report.overlapping:
        pixels = sum(report.overlapping.values())
        where = count(len(report.overlapping), "image")
        text = f"{count(pixels, 'pixel')} in {where} {_lie(pixels)} under regions"
        remarks.append(Remark("info", f"{text} of several classes; the topmost one counts."))
    remarks += _left_words(report)
    return "warning" if report.problems else "good", f"{came}.", remarks


def proof_words(report: "ImportReport") -> str:
    """The proof in a sentence."""
    proof = report.proof
    if proof.exact:
        return (
            f"Proved: {count(proof.images, 'mask')} read back from the project, every pixel as it was meant."
        )
    figures = ", ".join(f"{name} {value:.6f}" for name, value in proof.iou.items())
    return (
        f"{count(len(proof.differing), 'mask')} of {proof.images:,} read back changed "
        f"({_some(proof.differing)}; IoU: {figures}). Undo the import, and look whether another program "
        "writes to the project."
    )


def _left_words(report: "ImportReport") -> list[Remark]:
    """What did not come in, and why."""
    problems = list(report.problems.items())
    remarks = [Remark("warning", f"{name}: {why}") for name, why in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        more = count(len(problems) - MOST_PROBLEMS, "other mask")
        remarks.append(Remark("warning", f"{more} could not come in; the report lists all."))
    for names, words, noun in (
        (report.kept, "Left as painted here", "image"),
        (report.blank, "Listed in the source without a mask, so left as they are", "image"),
        (report.missing, "Without a mask in the source", "image"),
        (report.unused, "Without an image in the project", "mask"),
    ):
        if names:
            remarks.append(Remark("info", f"{words}: {count(len(names), noun)} ({_some(names)})."))
    return remarks


def undone_words(undone: "Undone") -> tuple[str, str, list[Remark]]:
    """What taking an import back did."""
    heading = f"The import was taken back: {count(len(undone.images), 'image')} as before."
    remarks = []
    if undone.kept:
        remarks.append(Remark("info", f"What was changed since stays: {_some(undone.kept)}."))
    if undone.classes_kept:
        remarks.append(
            Remark("info", f"Classes that stay because they are in use: {_some(undone.classes_kept)}.")
        )
    return "good", heading, remarks


def _some(names: Sequence[str]) -> str:
    """The first few names."""
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _counts(plan: "ImportPlan") -> dict[str, int]:
    """How many images have which fate."""
    return {str(fate): number for fate, number in plan.counts().items()}
