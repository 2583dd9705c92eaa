"""Export of a project's stored layers, with a manifest and the round-trip proof. It never predicts."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.core.statistics import ClassStatistics, ImageStatistics
from unet_studio.formats.destination import Destination
from unet_studio.formats.export_layers import StoredLayers, nothing_stored
from unet_studio.formats.export_options import LAYERS as LAYERS
from unet_studio.formats.export_options import PARTS, Advance
from unet_studio.formats.export_options import WHICH as WHICH
from unet_studio.formats.export_options import ExportOptions as ExportOptions
from unet_studio.formats.export_plan import ExportPlan as ExportPlan
from unet_studio.formats.export_plan import plan_export as plan_export
from unet_studio.formats.proof import Comparison, Proof, compare
from unet_studio.formats.sample import Outgoing
from unet_studio.formats.table import Format, format_named


@dataclass(frozen=True)
class ExportReport:
    """What an export did. images: names written. empty: chosen images of which nothing is stored.

    problems: image -> why it could not be exported. manifest: the file that lists it all. statistics: of
    each image, where they were asked for; summary: of each class over all images. pictures: how many
    pictures to look at were written. extras: what was written beside the masks, name -> path.
    """

    destination: Path
    images: tuple[str, ...]
    empty: tuple[str, ...]
    problems: dict[str, str]
    proof: Proof
    manifest: Path
    statistics: tuple[ImageStatistics, ...] = ()
    summary: tuple[ClassStatistics, ...] = ()
    pictures: int = 0
    extras: dict[str, Path] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "destination": str(self.destination),
            "images": len(self.images),
            "empty": list(self.empty),
            "problems": self.problems,
            "proof": self.proof.to_json(),
            "manifest": str(self.manifest),
            "pictures": self.pictures,
            "extras": {name: str(path) for name, path in self.extras.items()},
        }


def export_masks(
    project: Project,
    format_name: str,
    destination: Path,
    options: ExportOptions | None = None,
    advance: Advance = lambda _done, _total: None,
) -> ExportReport:
    """Write a layer of a project's images, read it back, and write down what was written.

    Everything is written aside first: what a cancel or a full disk interrupts leaves the destination as it
    was. Raises StudioError where nothing can be exported, where the destination holds files of others, or
    where a lossless format came back changed.
    """
    options = options or ExportOptions()
    entry = format_named(format_name)
    layers = StoredLayers.chosen(project, options)
    if not layers.names:
        raise nothing_stored(project, options)
    place = Destination.of(project, entry, destination, options)
    changed = [] if options.overwrite else place.changed()
    if changed:
        raise StudioError(
            f"{len(changed)} files in {destination} were changed since their export, {changed[0]} first.",
            "Import them, or move them away, before exporting there again.",
        )
    with place.aside() as stage:
        return _Export(project, entry, options, layers, place, stage, advance).run()


@dataclass
class _Export:
    """One export under way. files: image -> the file that holds its labels, relative to the stage."""

    project: Project
    entry: Format
    options: ExportOptions
    layers: StoredLayers
    place: Destination
    stage: Path
    advance: Advance
    files: dict[str, str] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    done: int = 0

    def run(self) -> ExportReport:
        self.advance(0, self.steps)
        for part, names in self._parts().items():
            self._write(part, names)
        written = [name for name in self.layers.names if name in self.layers.facts]
        if not written:
            raise StudioError("No image could be exported.", next(iter(self.layers.problems.values())))
        proof = self.comparison.proof(self.layers.mapping.table)
        if self.entry.lossless and not proof.exact:
            raise StudioError(
                f"{len(proof.differing)} exported masks read back changed, {proof.differing[0]} first.",
                "Export again while nothing else changes the project or the files.",
            )
        report = ExportReport(
            self.place.path,
            tuple(written),
            self.layers.empty,
            self.layers.problems,
            proof,
            self.place.manifest,
        )
        self.place.publish(self.stage, self._manifest(report))
        return report

    @property
    def steps(self) -> int:
        """Each image is written, and read back."""
        return 2 * len(self.layers.names)

    def seen(self) -> None:
        """One step more is done."""
        self.done += 1
        self.advance(self.done, self.steps)

    def _parts(self) -> dict[str, list[str]]:
        """Folder -> the images that go there; "" for the stage itself."""
        if not self.options.split_folders or self.entry.own_split:
            return {"": self.layers.names}
        split = self.project.split
        parts = {part: [n for n in self.layers.names if split.get(n, "none") == part] for part in PARTS}
        return {part: names for part, names in parts.items() if names}

    def _write(self, part: str, names: list[str]) -> None:
        """Write one complete set, and compare it with what it shall hold."""
        place = self.stage / part
        target = place if self.place.path == self.place.folder else place / self.place.path.name
        files = self.entry.write(target, self._outgoing(names, self.seen))
        written = [name for name in names if name in self.layers.facts]
        if written:
            back = self._outgoing(written, lambda: None)
            compare(self.entry, target, back, self.comparison, self.seen)
        self.files.update({name: f"{part}/{files[name]}".lstrip("/") for name in written})

    def _outgoing(self, names: list[str], seen: Callable[[], None]) -> Outgoing:
        return Outgoing(
            self.project.name,
            self.layers.mapping.table,
            names,
            lambda: self.layers.samples(names, seen),
            self.project.split,
            self.project.image_path,
        )

    def _manifest(self, report: ExportReport) -> dict[str, Any]:
        """manifest.json: which file holds which image, how far it was, which model and mode it rests on."""
        options = self.options
        return {
            "project": self.project.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "format": self.entry.name,
            "layer": options.layer,
            "which": options.which,
            "split_folders": options.split_folders,
            "classes": self.layers.mapping.table.to_json(),
            "renames": dict(options.renames),
            "order": [*options.order],
            "samples": [
                {"image": name, "file": self.files[name], **self.layers.facts[name]} for name in report.images
            ],
            "empty": [*report.empty],
            "problems": report.problems,
            "proof": report.proof.to_json(),
        }
