"""Export of a project's stored layers, with a manifest and the round-trip proof. It never predicts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from unet_studio import __version__
from unet_studio.core.document_files import fits, load_document
from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_json, write_json
from unet_studio.formats.matching import inside
from unet_studio.formats.proof import Proof, prove
from unet_studio.formats.sample import Labels, Outgoing, Sample
from unet_studio.formats.table import Format, format_named

Layer = Literal["mask", "annotation", "prediction"]
Which = Literal["approved", "all"]
LAYERS: tuple[Layer, ...] = ("mask", "annotation", "prediction")
WHICH: tuple[Which, ...] = ("approved", "all")
Advance = Callable[[int, int], None]  # steps done, steps in all; may raise Cancelled
PROGRAM = "U-Net Studio"


@dataclass(frozen=True)
class ExportReport:
    """What an export did. images: names written. empty: chosen images of which nothing is stored.

    problems: image -> why it could not be exported. manifest: the file that lists it all.
    """

    destination: Path
    images: tuple[str, ...]
    empty: tuple[str, ...]
    problems: dict[str, str]
    proof: Proof
    manifest: Path

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "destination": str(self.destination),
            "images": len(self.images),
            "empty": list(self.empty),
            "problems": self.problems,
            "proof": self.proof.to_json(),
            "manifest": str(self.manifest),
        }


@dataclass
class _Export:
    """One export under way: reads layers, and remembers what became of each image."""

    project: Project
    layer: Layer
    model: str | None
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    def samples(self, names: list[str], seen: Callable[[], None]) -> Iterator[Sample]:
        """The samples that can be read, one at a time; the others become problems."""
        for name in names:
            try:
                labels, facts = self._read(name)
            except StudioError as error:
                self.problems[name] = str(error)
            else:
                self.facts[name] = {"status": self.project.status(name).value, **facts}
                yield Sample(name, labels)
            seen()

    def stored(self, name: str) -> bool:
        """Whether anything of the layer may be stored for an image."""
        predicted = self.model is not None and self.project.prediction_path(self.model, name).is_file()
        painted = self.project.status(name) is not Status.UNLABELLED
        return {"mask": predicted or painted, "annotation": painted, "prediction": predicted}[self.layer]

    def _read(self, name: str) -> tuple[Labels, dict[str, Any]]:
        """Labels of the layer, uint8 (H, W), and the model and mode behind them."""
        document = load_document(self.project, name, self.model)
        if self.layer == "annotation":
            return document.annotation.pixels, {"model": None, "mode": None}
        if self.layer == "mask":
            under = document.under
            made = {"model": under.model or None, "mode": under.made.get("mode")} if under else {}
            return document.mask(), {"model": None, "mode": None, **made}
        # The one under an approved image is the finished mask, so the model's own words are read again.
        found = self.project.read_prediction(str(self.model), name)
        if found is None or not fits(found, document):
            raise StudioError(f"The prediction of {name} is of another picture.", "Predict it again.")
        shown = document.thresholds.shown(found.labels, found.confidence)
        return shown, {"model": found.model, "mode": found.made.get("mode")}


def export_masks(
    project: Project,
    format_name: str,
    destination: Path,
    *,
    which: Which = "approved",
    layer: Layer = "mask",
    model: str | None = None,
    advance: Advance = lambda _done, _total: None,
) -> ExportReport:
    """Write a layer of a project's images, read it back, and write down what was written.

    model: whose stored predictions count, by default the project's. Raises StudioError where nothing can be
    exported, where the destination holds files of others, or where a lossless format came back changed.
    """
    entry = format_named(format_name)
    job = _Export(project, layer, _model(project, layer, model))
    chosen = project.with_status(Status.APPROVED) if which == "approved" else list(project.images)
    names = [name for name in chosen if job.stored(name)]
    if not names:
        raise _nothing(project, which, layer)
    manifest = _manifest_path(entry, destination)
    stale = _check_destination(project, entry, destination, manifest)
    done = 0

    def seen() -> None:
        nonlocal done
        done += 1
        advance(done, 2 * len(names))

    advance(0, 2 * len(names))
    outgoing = Outgoing(
        project.name,
        project.classes,
        names,
        lambda: job.samples(names, seen),
        project.split,
        project.image_path,
    )
    files = entry.write(destination, outgoing)
    written = [name for name in names if name in job.facts]
    if not written:
        raise StudioError("No image could be exported.", next(iter(job.problems.values())))
    back = Outgoing(project.name, project.classes, written, lambda: job.samples(written, lambda: None))
    proof = prove(entry, destination, back, seen)
    used = {files[name] for name in written}
    for old in stale - used:
        inside(destination, old).unlink(missing_ok=True)
    empty = tuple(name for name in chosen if name not in names)
    report = ExportReport(destination, tuple(written), empty, job.problems, proof, manifest)
    write_json(manifest, _manifest(report, job, files, format_name, which))
    if entry.lossless and not proof.exact:
        raise StudioError(
            f"{len(proof.differing)} exported masks read back changed, {proof.differing[0]} first.",
            "Export again while nothing else changes the project or the files.",
        )
    return report


def default_model(project: Project) -> str | None:
    """The model whose stored predictions are meant: the one in use, else the only one that has any."""
    if project.model is not None:
        return project.model
    folder = project.folder / "predictions"
    found = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return found[0] if len(found) == 1 else None


def _model(project: Project, layer: Layer, model: str | None) -> str | None:
    chosen = model or default_model(project)
    if layer == "prediction" and chosen is None:
        raise StudioError("It isn't clear which model's predictions are meant.", "Name it with --model.")
    if model is not None and not (project.folder / "predictions" / model).is_dir():
        raise StudioError(f"There are no stored predictions of a model {model!r}.", "Predict first.")
    return chosen


def _nothing(project: Project, which: Which, layer: Layer) -> StudioError:
    if which == "approved":
        return StudioError(
            f"No image of {project.name} is approved yet.", "Approve some, or export all (--which all)."
        )
    return StudioError(f"{project.name} holds no {layer} to export.", "Paint, import or predict first.")


def _manifest_path(entry: Format, destination: Path) -> Path:
    if entry.suffixes and destination.suffix.lower() in entry.suffixes:
        return destination.with_name(f"{destination.stem}.manifest.json")
    return destination / "manifest.json"


def _check_destination(project: Project, entry: Format, destination: Path, manifest: Path) -> set[str]:
    """The files that an earlier export of ours left there. Raises StudioError where others' files are."""
    root, own = project.image_root.resolve(), project.folder.resolve()
    place = destination.resolve()
    if not entry.suffixes and place.is_relative_to(root) and not place.is_relative_to(own):
        raise StudioError(
            f"{destination} lies among the images, where masks would be taken for images.",
            f"Choose a folder outside of {project.image_root}.",
        )
    target = entry.target(destination)
    occupied = target.is_file() or (target.is_dir() and any(target.iterdir()))
    if not occupied:
        return set()
    value = read_json(manifest) if manifest.is_file() else None
    if not isinstance(value, dict) or not str(value.get("program")).startswith(PROGRAM):
        raise StudioError(f"{target} holds files already.", "Choose another place, or clear that one first.")
    samples = value.get("samples", [])
    return {str(sample["file"]) for sample in samples if isinstance(sample, dict) and "file" in sample}


def _manifest(
    report: ExportReport, job: _Export, files: Any, format_name: str, which: Which
) -> dict[str, Any]:
    """manifest.json: which file holds which image, how far it was, and which model and mode it rests on."""
    return {
        "program": f"{PROGRAM} {__version__}",
        "project": job.project.name,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "format": format_name,
        "layer": job.layer,
        "which": which,
        "classes": job.project.classes.to_json(),
        "samples": [{"image": name, "file": files[name], **job.facts[name]} for name in report.images],
        "problems": report.problems,
        "proof": report.proof.to_json(),
    }
