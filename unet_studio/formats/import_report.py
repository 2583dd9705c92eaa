"""What an import did, for the screen and as files that stay: report.json, and report.txt for people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unet_studio import __version__
from unet_studio.core.storage import atomic_write, encodable, write_json
from unet_studio.formats.import_options import ImportOptions, Target
from unet_studio.formats.proof import Proof

_LISTS = ("unfinished", "kept", "blank", "missing", "unused", "added_classes", "notes")
_SHOWN = 20  # names that the text lists of each kind; report.json has them all


@dataclass(frozen=True)
class ImportReport:
    """What an import did, by image name. unfinished: imported, but not approved, having unlabelled pixels.

    kept: left as they are, a person had painted them. blank: listed in the source without a word on their
    pixels. missing: images without a mask. unused: masks without an image. problems: image -> why not.
    scaled, turned: imported with their mask fitted so. earlier: came in before the import was broken off that
    this one goes on with. overlapping: image -> px under regions of several classes. classes: name there ->
    name here, "" for unlabelled. model: what predictions are called among the models, "" for annotations.
    snapshot: the folder that keeps what was there before; None where nothing was changed. complete: whether
    it went to its end.
    """

    imported: tuple[str, ...]
    unfinished: tuple[str, ...]
    kept: tuple[str, ...]
    blank: tuple[str, ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    problems: dict[str, str]
    added_classes: tuple[str, ...]
    notes: tuple[str, ...]
    proof: Proof
    scaled: tuple[str, ...] = ()
    turned: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    overlapping: dict[str, int] = field(default_factory=dict)
    classes: dict[str, str] = field(default_factory=dict)
    layer: Target = "annotation"
    model: str = ""
    snapshot: Path | None = None
    complete: bool = True

    @property
    def file(self) -> Path | None:
        """report.txt, for people; None where nothing was changed."""
        return None if self.snapshot is None else self.snapshot / "report.txt"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, with the number of imported images."""
        return {
            "imported": len(self.imported),
            **{name: list(getattr(self, name)) for name in _LISTS},
            "problems": self.problems,
            "scaled": list(self.scaled),
            "turned": list(self.turned),
            "earlier": len(self.earlier),
            "overlapping_pixels": self.overlapping,
            "class_mapping": self.classes,
            "layer": self.layer,
            "model": self.model or None,
            "complete": self.complete,
            "proof": self.proof.to_json(),
            "snapshot": None if self.snapshot is None else str(self.snapshot),
            "report": None if self.file is None else str(self.file),
        }

    def fates(self) -> dict[str, str]:
        """What became of every image of the project that the import looked at or has no mask for."""
        lists: Sequence[tuple[str, Sequence[str]]] = (
            ("has no mask in the source", self.missing),
            ("left out", self.skipped),
            ("listed without a mask", self.blank),
            ("kept as it was painted", self.kept),
            ("imported before", self.earlier),
            ("imported", self.imported),
            ("imported, scaled", self.scaled),
            ("imported, turned", self.turned),
        )
        found = {name: fate for fate, names in lists for name in names}
        for name in self.unfinished:
            found[name] += ", not approved: it has unlabelled pixels"
        return found | {name: f"refused: {why}" for name, why in self.problems.items()}


def write_report(report: ImportReport, title: str, source: str, options: ImportOptions) -> None:
    """Write report.json and report.txt into the snapshot's folder."""
    if report.snapshot is None:
        return
    fates = report.fates()
    value = {
        "program": f"U-Net Studio {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "title": title,
        "source": source,
        "options": options.to_json(),
        **report.to_json(),
        "images": fates,
    }
    write_json(report.snapshot / "report.json", value)
    with atomic_write(report.snapshot / "report.txt") as stream:
        stream.write(encodable("\n".join(_lines(report, title, source, value["created"])) + "\n").encode())


def _lines(report: ImportReport, title: str, source: str, created: str) -> list[str]:
    """The report as text."""
    lines = [title, "=" * len(title), "", f"{created}, from {source}", ""]
    if not report.complete:
        lines += ["It was broken off before its end.", ""]
    what = f"predictions of {report.model}" if report.model else "annotations"
    lines.append(f"{len(report.imported)} masks came in as {what}.")
    lines += _named("were scaled by nearest neighbour", report.scaled)
    lines += _named("were turned as the picture's EXIF orientation says", report.turned)
    lines += _named("have unlabelled pixels and were not approved", report.unfinished)
    lines += _named("were left as a person had painted them", report.kept)
    lines += _named("are listed without a mask and were left as they are", report.blank)
    lines += _named("have no mask in the source", report.missing)
    lines += _named("masks belong to no image", report.unused, of="")
    if report.overlapping:
        lines += ["", "Pixels under regions of several classes:"]
        lines += [f"  {name}: {pixels}" for name, pixels in _first(report.overlapping.items())]
    if report.problems:
        lines += ["", "Refused:"]
        lines += [f"  {name}: {why}" for name, why in _first(report.problems.items())]
    lines += ["", "Classes, there and here:"]
    lines += [f"  {there}: {here or 'unlabelled'}" for there, here in report.classes.items()]
    lines += ["", f"Read back, {report.proof.images} images, IoU:"]
    lines += [f"  {name}: {value:.6f}" for name, value in report.proof.iou.items()]
    return [*lines, "", *report.notes]


def _named(text: str, names: Sequence[str], of: str = "images ") -> list[str]:
    """One line that says how many, and the first of them."""
    return [f"{len(names)} {of}{text}: {', '.join(_first(names))}"] if names else []


def _first(things: Any) -> list[Any]:
    """The first few."""
    return list(things)[:_SHOWN]
