"""Import of foreign masks as annotations or predictions; each is read back, and all can be taken back."""

from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core import imported, snapshots
from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.document_files import IMAGE_HASH, SIZE
from unet_studio.core.errors import Cancelled, StudioError
from unet_studio.core.image_io import pixel_hash, read_image
from unet_studio.core.pixels import oriented
from unet_studio.core.prediction import Prediction
from unet_studio.core.project import Project, Status
from unet_studio.core.restoring import Undone, undo
from unet_studio.core.storage import HALF_WRITTEN
from unet_studio.formats.ahead import ahead
from unet_studio.formats.examination import drawn
from unet_studio.formats.foreign import keep_remainder, remainder_layer
from unet_studio.formats.import_classes import classes_after, mapping
from unet_studio.formats.import_options import Advance
from unet_studio.formats.import_options import ImportOptions as ImportOptions
from unet_studio.formats.import_plan import COMING, ImageRow, ImportPlan, fitted, plan_import
from unet_studio.formats.import_report import ImportReport as ImportReport
from unet_studio.formats.import_report import write_report
from unet_studio.formats.proof import Comparison
from unet_studio.formats.sample import Labels, Shape, class_lut, strange_values

KIND = "import"
Picture = tuple[Shape, dict[str, str]]  # an image's (H, W), and what is stored of it with its mask


def import_masks(
    project: Project,
    format_name: str,
    source: Path,
    options: ImportOptions | None = None,
    advance: Advance = lambda _done, _total: None,
    plan: ImportPlan | None = None,
) -> ImportReport:
    """Read the masks of a source into the project, matched to its images by path, then by stem.

    What is there before is kept in a snapshot, from which undo_import takes it back. plan: as it was made for
    this project, source and options, to save the time. Raises StudioError, before anything is written, where
    classes can't be matched or nothing fits; and where the disk fails, after taking back what was written. A
    single image that can't be imported becomes a problem of the report; the others come in. Cancelled leaves
    what came in so far, to be gone on with or taken back. No document of the project may be in memory.
    """
    options = options or ImportOptions()
    plan = plan_import(project, format_name, source, options) if plan is None else plan.under(options)
    if not plan.rows:
        raise StudioError(
            f"None of the {len(plan.incoming.keys)} masks in {source} belongs to an image of {project.name}.",
            "Masks match images by relative path or by stem: a.png belongs to a.jpg.",
        )
    table = classes_after(project, plan.incoming, plan.takes_over, options)
    lut = class_lut(plan.incoming.classes, table, options.renames, plan.incoming.numbered)
    earlier = _earlier(project, plan, options)
    job = _Import(project, plan, options, table, lut, _model(project, plan, options, earlier))
    job.begin(earlier)
    return job.run(advance)


def undo_import(
    project: Project, changed: str = "refuse", advance: Advance = lambda _done, _total: None
) -> Undone:
    """Take the last import back. changed: what becomes of images that somebody changed since, see undo."""
    last = last_import(project)
    if last is None:
        raise StudioError("There is no import to take back.", "Only imports of this project can be undone.")
    return undo(project, last, changed, advance)


def last_import(project: Project) -> snapshots.Snapshot | None:
    """The snapshot of the last import that was not taken back, if it is still kept."""
    found = snapshots.last_undoable(project)
    return found if found is not None and found.kind == KIND else None


def _model(
    project: Project, plan: ImportPlan, options: ImportOptions, earlier: snapshots.Snapshot | None
) -> str:
    """What imported predictions are called; "" for annotations."""
    if options.layer == "annotation":
        return ""
    if earlier is not None:
        return str(earlier.details.get("model", ""))
    folder = project.folder / "predictions"
    stored = [place.name for place in folder.iterdir()] if folder.is_dir() else []
    taken = [*stored, *(entry.name for entry in project.models())]
    if not options.model:
        return imported.new_name(plan.source, taken)
    if options.model in taken or not imported.fits_folder(options.model):
        raise StudioError(
            f"{options.model!r} can't be the name of imported predictions.",
            "Choose a name that no model has, of letters, digits and hyphens.",
        )
    return options.model


def _details(plan: ImportPlan, options: ImportOptions, model: str) -> dict[str, Any]:
    """What an import must have in common with an earlier one to go on with it."""
    told = {**options.to_json(), "resume": False}
    return {"format": plan.format, "source": str(plan.source.resolve()), "options": told, "model": model}


def _earlier(project: Project, plan: ImportPlan, options: ImportOptions) -> snapshots.Snapshot | None:
    """The import that was stopped or killed, where this one is to go on with it."""
    last = last_import(project) if options.resume else None
    if last is None or last.state == "done":
        return None
    return last if _details(plan, options, str(last.details.get("model", ""))) == last.details else None


@dataclass
class _Import:
    """One import under way. model: the name of predictions, "" for annotations."""

    project: Project
    plan: ImportPlan
    options: ImportOptions
    table: ClassTable
    lut: NDArray[np.uint8]
    model: str
    comparison: Comparison = field(default_factory=Comparison)
    done: list[str] = field(default_factory=list)
    scaled: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    overlapping: dict[str, int] = field(default_factory=dict)
    rows: list[ImageRow] = field(default_factory=list)
    recorder: snapshots.Recorder | None = None
    added: tuple[str, ...] = ()
    resumed: bool = False

    def begin(self, earlier: snapshots.Snapshot | None) -> None:
        """Find the images to import, and keep what is there of them."""
        self.rows = [row for row in self.plan.rows if row.fate in COMING]
        self.problems = {row.name: row.remark for row in self.plan.rows if row.fate == "refuse"}
        before = self.project.classes
        self.added = tuple(entry.name for entry in self.table.active if before.named(entry.name) is None)
        if earlier is not None:
            self.recorder = snapshots.resume(self.project, earlier)
            self.resumed = True
            self._leave_out_earlier(earlier)
        elif self.rows:
            self.recorder = self._keep()

    def _keep(self) -> snapshots.Recorder:
        """Take the snapshot."""
        work = {**snapshots.WORK, **remainder_layer(self.plan.incoming)}
        layers = {f"predictions/{self.model}": ".png"} if self.model else work
        content = replace(self.project.content, classes=self.table)
        return snapshots.take(
            self.project,
            KIND,
            self._title(),
            [row.name for row in self.rows],
            layers,
            (imported.marker(self.model),) if self.model else (),
            _details(self.plan, self.options, self.model),
            replace(content, model=self.model) if self.model else content,
        )

    def _title(self) -> str:
        return f"the import of {self.plan.source.name or self.plan.source} ({self.plan.format})"

    def _leave_out_earlier(self, earlier: snapshots.Snapshot) -> None:
        """What came in before is left alone; what was being written is written again."""
        log, names = earlier.log(), set(earlier.names())
        self.earlier = [name for name, left in log.items() if left is not None]
        rows = {row.name: row for row in self.rows if row.name in names}
        for row in self.plan.rows:
            if row.name in log and log[row.name] is None and row.fate == "keep":
                fate, remark = fitted(row, self.options)
                rows[row.name] = replace(row, fate=fate, remark=remark)
        self.rows = [
            rows[row.name]
            for row in self.plan.rows
            if row.name in rows and log.get(row.name) is None and rows[row.name].fate in COMING
        ]

    def run(self, advance: Advance) -> ImportReport:
        """Import the images, in the order of the project's."""
        if self.recorder is None:
            return self._report()
        try:
            with self.recorder, self.project.split_in_batches():
                self._prepare()
                self._mend_earlier()
                with closing(ahead(self.rows, self._picture)) as pictures:
                    for done, (row, picture) in enumerate(pictures):
                        advance(done, len(self.rows))
                        self._try(row, done, picture)
                advance(len(self.rows), len(self.rows))
            self.recorder.finish("done")
            if not self.done and not self.earlier:
                return self._nothing_came_in()
            return self._written(complete=True)
        except (Cancelled, KeyboardInterrupt):
            self._written(complete=False)
            raise
        except OSError as error:
            raise self._taken_back(error) from error

    def _prepare(self) -> None:
        """Bring the project to what the masks need: classes, and a place for predictions."""
        if self.table != self.project.classes:
            self.project.set_classes(self.table)
        if self.model:
            facts = {"source": str(self.plan.source), "format": self.plan.format, "title": self._title()}
            imported.write_marker(self.project.folder, self.model, facts)
            self.project.set_model(self.model)

    def _mend_earlier(self) -> None:
        """Make up for what a kill kept from the disk: places in the split; and remove half-written files."""
        for layer in self.recorder.snapshot.layers if self.recorder and self.resumed else ():
            for half in (self.project.folder / layer).rglob(HALF_WRITTEN):
                half.unlink(missing_ok=True)
        for name in self.earlier:
            if self.project.status(name) is Status.APPROVED:
                self.project.assign_split(name)

    def _nothing_came_in(self) -> ImportReport:
        """Take the classes back too: not one mask could be read, as of a source in another format."""
        assert self.recorder is not None
        undo(self.project, self.recorder.snapshot, "restore", keep=False)
        self.added = ()
        return replace(self._written(complete=True), snapshot=None)

    def _written(self, complete: bool) -> ImportReport:
        """The report, which is on disk as well."""
        report = self._report(complete)
        with suppress(OSError) if not complete else nullcontext():
            write_report(report, self._title(), str(self.plan.source), self.options)
        return report

    def _taken_back(self, error: OSError) -> StudioError:
        """Take back what was written before the disk failed; returns what to say of it."""
        reason = error.strerror or str(error)
        assert self.recorder is not None
        try:
            undo(self.project, self.recorder.snapshot, "restore", keep=False)
        except (StudioError, OSError):
            return StudioError(
                f"The import broke off: {reason}. What had come in is still there.",
                f"Make room in {self.project.folder}, then go on with the import or undo it.",
            )
        return StudioError(
            f"The import broke off: {reason}. Everything is as it was before.",
            f"Make room in {self.project.folder}, or check that it can be written to.",
        )

    def _report(self, complete: bool = True) -> ImportReport:
        earlier = set(self.earlier)
        others = [row for row in self.plan.rows if row.name not in earlier]
        by_fate = {
            fate: tuple(row.name for row in others if row.fate == fate) for fate in ("keep", "blank", "skip")
        }
        return ImportReport(
            imported=tuple(self.done),
            unfinished=tuple(self.unfinished),
            kept=by_fate["keep"],
            blank=by_fate["blank"],
            missing=self.plan.missing,
            unused=self.plan.unused,
            problems=self.problems,
            added_classes=self.added,
            notes=self.plan.notes,
            proof=self.comparison.proof(self.project.classes),
            scaled=tuple(self.scaled),
            turned=tuple(self.turned),
            skipped=by_fate["skip"],
            earlier=tuple(self.earlier),
            overlapping=self.overlapping,
            classes=mapping(self.plan.incoming.classes, self.table, self.lut),
            layer=self.options.layer,
            model=self.model,
            snapshot=self.recorder.snapshot.folder if self.recorder else None,
            complete=complete,
        )

    def _try(self, row: ImageRow, place: int, picture: Picture | StudioError) -> None:
        """Import one image; what is wrong with it alone becomes a problem."""
        try:
            if isinstance(picture, StudioError):
                raise picture
            shape, facts = picture
            labels = self._read(row, shape)
        except StudioError as error:
            self.problems[row.name] = str(error)
            return
        assert self.recorder is not None
        self.recorder.touch(row.name, [one.name for one in self.rows[place + 1 : place + snapshots.TOGETHER]])
        if self.model:
            self._store_prediction(row.name, labels, facts)
        else:
            self._store(row.name, labels, facts)
            if row.fate == "import":  # what is turned or scaled fits its coordinates no more
                keep_remainder(self.project, row.name, self.plan.incoming, row.key)
        self.recorder.touched(row.name)
        self.done.append(row.name)
        fitted_ones = {"scale": self.scaled, "turn": self.turned}.get(row.fate)
        if fitted_ones is not None:
            fitted_ones.append(row.name)

    def _picture(self, row: ImageRow) -> Picture:
        """What an image's pixels say; they are gone when its mask is drawn. Runs in a thread."""
        image = read_image(self.project.image_path(row.name))
        shape = (image.shape[0], image.shape[1])
        return shape, {IMAGE_HASH: pixel_hash(image), SIZE: f"{shape[1]}x{shape[0]}"}

    def _read(self, row: ImageRow, shape: Shape) -> Labels:
        """The labels of one image, uint8 (H, W) in the project's classes."""
        try:
            found = self._draw(row, shape)
        except OSError as error:
            raise StudioError(
                f"The mask of {row.name} can't be read ({error.strerror or error}).", "Look at its file."
            ) from error
        if row.fate == "turn":
            found = np.ascontiguousarray(oriented(found, row.orientation))
        elif row.fate == "scale":
            found = scaled(found, shape)
        if found.shape != shape:
            raise StudioError(
                f"The mask of {row.name} is {found.shape[1]} x {found.shape[0]} px, "
                f"but its image is {shape[1]} x {shape[0]} px.",
                "Look at the plan again: the picture has changed meanwhile.",
            )
        return self._meant(row.name, found)

    def _draw(self, row: ImageRow, shape: Shape) -> Labels:
        """The labels as the source has them, in its own classes and size."""
        incoming = self.plan.incoming
        size = row.theirs if row.fate in ("turn", "scale") else shape
        if incoming.scene is None or incoming.legend is None:
            return incoming.read(row.key, size)
        found = drawn(incoming.scene(row.key, size), incoming.legend, self.options.order)
        if found.shared:
            self.overlapping[row.name] = found.shared
        return found.labels

    def _meant(self, name: str, found: Labels) -> Labels:
        """The project's class indices. Raises StudioError where a pixel value has no meaning."""
        strange = strange_values(found, self.plan.incoming.classes or self.project.classes)
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
        elif self.project.status(name) is Status.APPROVED:
            self.project.remove_approved(name)
        back = self.project.truth(name)
        self.comparison.add(name, labels, np.full_like(labels, UNLABELLED) if back is None else back)

    def _store_prediction(self, name: str, labels: Labels, facts: dict[str, str]) -> None:
        """Write a prediction, certain where the mask says anything, and read it back."""
        confidence = np.where(labels == UNLABELLED, np.uint8(0), np.uint8(255))
        made = {
            IMAGE_HASH: facts[IMAGE_HASH],
            "mode": "imported",
            "format": self.plan.format,
            "source": str(self.plan.source),
        }
        self.project.write_prediction(name, Prediction(labels, confidence, self.model, made))
        back = self.project.read_prediction(self.model, name)
        self.comparison.add(name, labels, np.full_like(labels, UNLABELLED) if back is None else back.labels)


def scaled(labels: Labels, shape: Shape) -> Labels:
    """Labels, uint8 (h, w), in another size (H, W): every pixel takes the one whose area holds its centre."""
    rows = (2 * np.arange(shape[0], dtype=np.int64) + 1) * labels.shape[0] // (2 * shape[0])
    columns = (2 * np.arange(shape[1], dtype=np.int64) + 1) * labels.shape[1] // (2 * shape[1])
    result: Labels = labels[rows[:, None], columns]
    return result
