"""What a project has stored of its images, as an export writes it: one layer, in the classes there."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from unet_studio.core.document_files import IMAGE_HASH, fits, load_document
from unet_studio.core.errors import StudioError
from unet_studio.core.pixels import Pixels
from unet_studio.core.project import Project, Status
from unet_studio.formats.ahead import ahead
from unet_studio.formats.export_options import (
    PARTS,
    ClassMapping,
    ExportOptions,
    Layer,
    chosen_images,
    class_mapping,
)
from unet_studio.formats.sample import Labels, Sample
from unet_studio.formats.table import Format


@dataclass
class StoredLayers:
    """The layers of an export's images. names: those of which something is stored, in the project's order.

    empty: chosen images of which nothing is. facts: image -> what the manifest says of it, once it was read.
    problems: image -> why it could not be.
    """

    project: Project
    layer: Layer
    model: str | None
    mapping: ClassMapping
    names: list[str]
    empty: tuple[str, ...]
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)

    @classmethod
    def chosen(cls, project: Project, options: ExportOptions) -> "StoredLayers":
        """The layers that the options choose. Raises StudioError where they name what there is not."""
        model = _model(project, options.layer, options.model)
        chosen = chosen_images(project, options)
        mapping = class_mapping(project.classes, options)
        found = cls(project, options.layer, model, mapping, [], ())
        found.names = [name for name in chosen if found.stored(name)]
        kept = set(found.names)
        found.empty = tuple(name for name in chosen if name not in kept)
        return found

    def stored(self, name: str) -> bool:
        """Whether anything of the layer may be stored for an image."""
        if self.layer != "prediction" and self.project.status(name) is not Status.UNLABELLED:
            return True
        predicted = self.model is not None and self.layer != "annotation"
        return predicted and self.project.prediction_path(str(self.model), name).is_file()

    def samples(self, names: Sequence[str], seen: Callable[[], None] = lambda: None) -> Iterator[Sample]:
        """The samples that can be read, one at a time; the others become problems. seen: called for each."""
        for name, labels, _ in self.with_images(names, seen):
            yield Sample(name, labels)

    def with_images(
        self, names: Sequence[str], seen: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[str, Labels, Pixels]]:
        """The same with the images' pixels: (H, W) or (H, W, C), as read_image gives them."""
        results = ahead(names, self._read, _held)
        with closing(results):
            for name, found in results:
                if isinstance(found, StudioError):
                    self.problems[name] = str(found)
                else:
                    labels, image, self.facts[name] = found
                    yield name, labels, image
                seen()

    def labels(self, name: str) -> Labels:
        """The labels of one image anew. Raises StudioError where they can't be read any more."""
        return self._read(name)[0]

    def _read(self, name: str) -> tuple[Labels, Pixels, dict[str, Any]]:
        """Labels of the layer, uint8 (H, W), the image, and what the manifest says of them."""
        document = load_document(self.project, name, self.model)
        height, width = document.shape
        facts = {
            "status": self.project.status(name).value,
            "model": None,
            "mode": None,
            "split": self.project.split.get(name),
            "width": width,
            "height": height,
            "image_hash": document.facts.get(IMAGE_HASH),
        }
        if self.layer == "annotation":
            labels = document.annotation.pixels
        elif self.layer == "mask":
            labels, under = document.mask(), document.under
            if under is not None:
                facts |= {"model": under.model or None, "mode": under.made.get("mode")}
        else:
            # The one under an approved image is the finished mask, so the model's own words are read again.
            found = self.project.read_prediction(str(self.model), name)
            if found is None or not fits(found, document):
                raise StudioError(f"The prediction of {name} is of another picture.", "Predict it again.")
            labels = document.thresholds.shown(found.labels, found.confidence)
            facts |= {"model": found.model, "mode": found.made.get("mode")}
        return (self.mapping.lut[labels] if self.mapping.changes else labels), document.image, facts


def _held(found: tuple[Labels, Pixels, dict[str, Any]]) -> int:
    """Bytes of memory of what was read of an image."""
    return found[0].nbytes + found[1].nbytes


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


def nothing_stored(project: Project, options: ExportOptions) -> StudioError:
    """Why there is nothing to export."""
    if options.which == "approved":
        return StudioError(
            f"No image of {project.name} is approved yet.", "Approve some, or export all (--which all)."
        )
    return StudioError(
        f"{project.name} holds no {options.layer} to export.", "Paint, import or predict first."
    )


def check_images_place(entry: Format, options: ExportOptions) -> None:
    """Raise StudioError where images shall go out in a format that has no place for them."""
    if options.with_images and entry.image_file is None and not entry.writes_images:
        raise StudioError(f"{entry.title} has no place for the images.", "Export without them.")


def parts_of(
    project: Project, entry: Format, options: ExportOptions, names: Sequence[str]
) -> dict[str, list[str]]:
    """Folder -> the images of the complete set that it gets; "" for the destination itself."""
    if not options.split_folders or entry.own_split:
        return {"": list(names)}
    parts: dict[str, list[str]] = {part: [] for part in PARTS}
    for name in names:
        parts[project.split.get(name, "none")].append(name)
    return {part: found for part, found in parts.items() if found}
