"""Export of a project's stored layers, with a manifest and the round-trip proof. It never predicts."""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project
from unet_studio.core.statistics import ClassStatistics, ImageStatistics
from unet_studio.core.storage import HALF_WRITTEN
from unet_studio.formats.destination import Destination, files_below
from unet_studio.formats.export_extras import Extras
from unet_studio.formats.export_layers import StoredLayers, check_images_place, nothing_stored, parts_of
from unet_studio.formats.export_log import LOG, ExportLog, Written, can_go_on
from unet_studio.formats.export_options import Advance
from unet_studio.formats.export_options import ExportOptions as ExportOptions
from unet_studio.formats.export_plan import ExportPlan as ExportPlan
from unet_studio.formats.export_plan import plan_export as plan_export
from unet_studio.formats.foreign import kept_remainder
from unet_studio.formats.image_copies import copy_image
from unet_studio.formats.matching import inside
from unet_studio.formats.proof import Comparison, Fingerprint, Proof, compare
from unet_studio.formats.sample import Labels, Outgoing, Sample
from unet_studio.formats.table import Format, format_named


@dataclass(frozen=True)
class ExportReport:
    """What an export did. images: names written. empty: chosen images of which nothing is stored.

    problems: image -> why it could not be exported. manifest: the file that lists it all. statistics: of
    each image, where they were asked for; summary: of each class over all images. pictures: how many
    pictures to look at were written. extras: what was written beside the masks, name -> path. copies: of
    images. earlier: how many of the images an export that was broken off had written.
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
    copies: int = 0
    earlier: int = 0

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
            "copies": self.copies,
            "earlier": self.earlier,
            "summary": [entry.to_json() for entry in self.summary],
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
    check_images_place(entry, options)
    place = Destination.of(project, entry, destination, options)
    if not options.overwrite:
        place.check_unchanged()
    keep = options.keep_aside and can_go_on(entry, options)
    with place.aside(options.resume, keep) as stage:
        log = ExportLog(stage.parent / LOG, layers, entry, options)
        job = _Export(project, entry, options, layers, place, stage, log, advance)
        job.begin()
        return job.run()


@dataclass
class _Export:
    """One export under way. files: image -> the file that holds its labels, relative to the stage.

    earlier: the images that an export which was broken off has written. meant: what was given to the writer,
    by image. images: image -> its copy, relative to the stage.
    """

    project: Project
    entry: Format
    options: ExportOptions
    layers: StoredLayers
    place: Destination
    stage: Path
    log: ExportLog
    advance: Advance
    earlier: dict[str, Written] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    meant: dict[str, Fingerprint] = field(default_factory=dict)
    comparison: Comparison = field(default_factory=Comparison)
    done: int = 0

    def __post_init__(self) -> None:
        self.pixel_size = self.options.pixel_size or self.project.pixel_size
        table, names = self.layers.mapping.table, self.layers.names
        self.extras = Extras(self.stage, self.place.beside, self.options, table, names, self.pixel_size)

    def begin(self) -> None:
        """Go on with what an export that was broken off has left, where that is wanted and can be done."""
        found = self.log.written() if self.options.resume and can_go_on(self.entry, self.options) else None
        if found is None:
            shutil.rmtree(self.stage)
            self.stage.mkdir()
            self.log.begin()
        for half in self.stage.rglob(HALF_WRITTEN):
            half.unlink()
        self.earlier = found or {}

    def run(self) -> ExportReport:
        """Write everything aside, prove it, and put it in its place."""
        self.advance(0, self.steps)
        for part, names in parts_of(self.project, self.entry, self.options, self.layers.names).items():
            self._write(part, names)
        written = [name for name in self.layers.names if name in self.files]
        if not written:
            raise StudioError("No image could be exported.", next(iter(self.layers.problems.values())))
        proof = self.comparison.proof(self.layers.mapping.table)
        if self.entry.lossless and not proof.exact:
            raise StudioError(
                f"{len(proof.differing)} exported masks read back changed, {proof.differing[0]} first.",
                "Export again while nothing else changes the project or the files.",
            )
        report = self._report(written, proof)
        self.log.forget()  # what is partly moved can't be gone on with
        self.place.publish(self.stage, self._manifest(report))
        self.advance(self.steps, self.steps)
        return report

    @property
    def steps(self) -> int:
        """Each image is written, and read back."""
        return 2 * len(self.layers.names)

    def seen(self) -> None:
        """One step more is done."""
        self.done += 1
        self.advance(min(self.done, self.steps), self.steps)

    def _write(self, part: str, names: list[str]) -> None:
        """Write one complete set, and compare it with what it shall hold."""
        folder = self.stage / part
        target = folder if self.place.path == self.place.folder else folder / self.place.path.name
        files = self._written(folder, target, names)
        if not files and part:
            shutil.rmtree(folder)  # not one image of it could be read
        meant = {name: self.meant[name] for name in names if name in files}
        if meant:
            table = self.layers.mapping.table
            compare(self.entry, target, table, meant, self._again, self.comparison, self.seen)
        for name in meant:
            self.files[name] = f"{part}/{files[name]}".lstrip("/")
            if self.options.with_images and self.entry.image_file is not None:
                place = inside(folder, self.entry.image_file(name, files[name]))
                copy = copy_image(self.project.image_path(name), place)
                self.images[name] = copy.relative_to(self.stage).as_posix()

    def _written(self, folder: Path, target: Path, names: list[str]) -> Mapping[str, str]:
        """Write the images that can be read; returns the file of each.

        Which ones can't shows while they are read. Lists may name them by then, so the set is written anew.
        """
        files = self.entry.write(target, self._outgoing(names))
        left = [name for name in names if name not in self.layers.problems]
        if len(left) == len(names):
            return files
        beside = [folder / place for place in self.extras.written().values()]
        for path in [folder / name for name in files_below(folder)]:
            if not any(path.is_relative_to(place) for place in beside):
                path.unlink()
        self.earlier.clear()
        self.log.begin()
        return self._written(folder, target, left) if left else {}

    def _outgoing(self, names: list[str]) -> Outgoing:
        wanted = self.entry.writes_images if self.options.with_images is None else self.options.with_images
        return Outgoing(
            self.project.name,
            self.layers.mapping.table,
            names,
            lambda: self._samples(names),
            self.project.split,
            self.project.image_path if wanted else None,
            partial(kept_remainder, self.project),
        )

    def _samples(self, names: list[str]) -> Iterator[Sample]:
        """What the writer gets; what goes beside it is made on the way, while the image is in memory."""
        for name in names:
            if name in self.earlier:
                self.meant[name], self.layers.facts[name] = self.earlier[name].meant, self.earlier[name].facts
                self.seen()
        left = [name for name in names if name not in self.earlier]
        for name, labels, image in self.layers.with_images(left, self.seen):
            self.meant[name] = Fingerprint.of(labels)
            self.extras.take(name, labels, image, self.layers.facts[name]["status"])
            yield Sample(name, labels)
            self.log.add(name, self.meant[name])  # the writer asks for the next one, so this one is complete

    def _again(self, name: str) -> Labels:
        labels = self.layers.labels(name)
        if Fingerprint.of(labels) != self.meant[name]:
            raise StudioError(f"{name} was changed while it was exported.", "Export again.")
        return labels

    def _report(self, written: list[str], proof: Proof) -> ExportReport:
        statistics, together = self.extras.finish()
        return ExportReport(
            self.place.path,
            tuple(written),
            self.layers.empty,
            self.layers.problems,
            proof,
            self.place.manifest,
            statistics,
            together,
            self.extras.pictures + len(self.earlier) * len(self.options.pictures),
            {kind: self.place.folder / name for kind, name in self.extras.written().items()},
            len(self.images),
            len(self.earlier),
        )

    def _manifest(self, report: ExportReport) -> dict[str, Any]:
        """The manifest: which file holds which image, how far it was, which model and mode it rests on."""
        copies = {name: {"copy": file} for name, file in self.images.items()}
        return {
            "project": self.project.name,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "format": self.entry.name,
            **self.options.to_json(),
            "classes": self.layers.mapping.table.to_json(),
            "class_mapping": self.layers.mapping.to_json(),
            "pixel_size": self.pixel_size.to_json() if self.pixel_size else None,
            "samples": [
                {"image": name, "file": self.files[name], **self.layers.facts[name], **copies.get(name, {})}
                for name in report.images
            ],
            "empty": [*report.empty],
            "problems": report.problems,
            "proof": report.proof.to_json(),
        }
