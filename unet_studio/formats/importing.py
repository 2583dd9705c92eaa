"""Import of foreign masks into a project's annotations, each one read back after it was written."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document_files import IMAGE_HASH, SIZE
from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.project import Project, Status
from unet_studio.formats.import_options import Advance
from unet_studio.formats.import_options import ImportOptions as ImportOptions
from unet_studio.formats.matching import Matches, match
from unet_studio.formats.proof import Comparison, Proof
from unet_studio.formats.sample import Incoming, Labels, class_lut, strange_values
from unet_studio.formats.table import format_named


@dataclass(frozen=True)
class ImportReport:
    """What an import did, by image name. unfinished: imported, but not approved, having unlabelled pixels.

    kept: left as they are, a person had painted them. blank: listed in the source without a word on their
    pixels. missing: images without a mask. unused: masks without an image. problems: image -> why not.
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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        lists = ("unfinished", "kept", "blank", "missing", "unused", "added_classes", "notes")
        return {
            "imported": len(self.imported),
            **{name: list(getattr(self, name)) for name in lists},
            "problems": self.problems,
            "proof": self.proof.to_json(),
        }


def import_masks(
    project: Project,
    format_name: str,
    source: Path,
    options: ImportOptions | None = None,
    advance: Advance = lambda _done, _total: None,
) -> ImportReport:
    """Read the masks of a source into the project, matched to its images by path, then by stem.

    Raises StudioError, before anything is written, where classes or files can't be matched. A single image
    that can't be imported becomes a problem of the report; the others come in.
    """
    options = options or ImportOptions()
    incoming = format_named(format_name).read(source)
    matches = match(incoming.keys, project.images)
    if not matches.pairs:
        raise StudioError(
            f"None of the {len(incoming.keys)} masks in {source} belongs to an image of {project.name}.",
            "Masks match images by relative path or by stem: a.png belongs to a.jpg.",
        )
    table = _classes(project, incoming, options)
    lut = class_lut(incoming.classes, table, options.renames)
    project.prepare()
    added = tuple(entry.name for entry in table.active if project.classes.named(entry.name) is None)
    if table != project.classes:
        project.set_classes(table)
    return _Import(project, incoming, matches, options, lut).run(added, advance)


@dataclass
class _Import:
    """One import under way."""

    project: Project
    incoming: Incoming
    matches: Matches
    options: ImportOptions
    lut: NDArray[np.uint8]
    comparison: Comparison = field(default_factory=Comparison)
    imported: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    blank: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)

    def run(self, added: tuple[str, ...], advance: Advance) -> ImportReport:
        """Import every pair, in the order of the project's images."""
        names = [name for name in self.project.images if name in self.matches.pairs]
        for done, name in enumerate(names):
            advance(done, len(names))
            try:
                self._one(name, self.matches.pairs[name])
            except StudioError as error:
                self.problems[name] = str(error)
        advance(len(names), len(names))
        return ImportReport(
            imported=tuple(self.imported),
            unfinished=tuple(self.unfinished),
            kept=tuple(self.kept),
            blank=tuple(self.blank),
            missing=self.matches.missing,
            unused=self.matches.unused,
            problems=self.problems,
            added_classes=added,
            notes=self.incoming.notes,
            proof=self.comparison.proof(self.project.classes),
        )

    def _one(self, name: str, key: str) -> None:
        if self.incoming.is_blank(key):
            self.blank.append(name)
            return
        if self.project.status(name) is not Status.UNLABELLED and not self.options.replace:
            self.kept.append(name)
            return
        image = read_image(self.project.image_path(name))
        shape = (image.shape[0], image.shape[1])
        labels = self._labels(name, self.incoming.read(key, shape))
        facts = {IMAGE_HASH: pixel_hash(image), SIZE: f"{shape[1]}x{shape[0]}"}
        self._store(name, labels, facts)
        self.imported.append(name)

    def _labels(self, name: str, found: Labels) -> Labels:
        """The project's class indices. Raises StudioError where a pixel value has no meaning."""
        strange = strange_values(found, self.incoming.classes or self.project.classes)
        if strange:
            raise StudioError(
                f"The mask of {name} has pixel values that are no classes: {strange}.",
                "Put a classes.json beside the masks that names them.",
            )
        return self.lut[found]

    def _store(self, name: str, labels: Labels, facts: dict[str, str]) -> None:
        """Write the layers of one image and read them back."""
        finished = self.options.approve and not (labels == UNLABELLED).any()
        if self.options.approve and not finished:
            self.unfinished.append(name)
        self.project.drop_journal(name)
        self.project.write_annotation(name, labels, facts)
        if finished:
            self.project.write_approved(name, labels, facts)
        elif self.project.read_approved(name):
            self.project.remove_approved(name)
        back = self.project.truth(name)
        self.comparison.add(name, labels, np.full_like(labels, UNLABELLED) if back is None else back)


def _classes(project: Project, incoming: Incoming, options: ImportOptions) -> ClassTable:
    """The project's classes after the import. A project that is new takes over those of the source."""
    table, source = project.classes, incoming.classes
    if source is None:
        return table
    if not project.exists and not options.renames:
        return source
    if options.add_classes:
        for entry in source.active:
            name = options.renames.get(entry.name, entry.name)
            if name and entry.index != source.background and table.named(name) is None:
                table = table.add(name, entry.color)
    return table
