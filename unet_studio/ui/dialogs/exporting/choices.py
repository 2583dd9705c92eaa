"""The form of the export assistant: format, images, layer, place, and what goes beside the masks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSignalBlocker, Signal, Slot
from PySide6.QtWidgets import QCheckBox, QLineEdit, QVBoxLayout, QWidget

from unet_studio.core.project import Status
from unet_studio.session import Session
from unet_studio.ui.dialogs.exporting.class_names import ClassNames
from unet_studio.ui.dialogs.exporting.format_words import purpose
from unet_studio.ui.dialogs.messages import ask_file_to_write, ask_folder
from unet_studio.ui.pixel_size_field import PixelSizeField
from unet_studio.ui.section import Section
from unet_studio.ui.widgets import button, combo, form, label, row

if TYPE_CHECKING:
    from unet_studio.formats.table import Format
    from unet_studio.session.exporter import ExportWish

LAYERS = {
    "mask": ("Masks", "as you see them, painted over predicted"),
    "annotation": ("Annotations", "painted pixels alone, the others unlabelled"),
    "prediction": ("Predictions", "what the model says, without corrections"),
}
COPIES: dict[str, tuple[bool | None, str]] = {
    "Where the format expects them": (
        None,
        "Copies of the images go along where the format's users need them",
    ),
    "Yes": (True, "Copies of the images go along in formats that have a place for them"),
    "No": (False, "Masks only"),
}
ANY_PROJECT = ("format", "layer", "pictures", "statistics", "split_folders")  # remembered across projects


class Choices(QWidget):
    """changed(): something else is to be written, or elsewhere."""

    changed = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        from unet_studio.formats.table import WRITTEN  # OpenCV and pycocotools: only when it is wanted

        self._session = session
        self._formats: Mapping[str, Format] = WRITTEN
        self._selected: Sequence[str] = ()
        self._places: dict[str, str] = {}  # what a person chose, by format
        self.format = combo("export_format", "Format", "How the masks are written", 10)
        self.purpose = label("", "muted")
        self.loses = label("", "warning")
        self.which = combo("export_images", "Images", "Which images are written", 10)
        self.layer = combo("export_layer", "Layer", "What is written of each image", 10)
        self.destination = QLineEdit()
        self.destination.setObjectName("export_destination")
        self.browse = button("Choose…", "Choose where to write to", self._browse)
        self.browse.setObjectName("export_choose")
        self.statistics = self._tick(
            "export_statistics",
            "Statistics (CSV)",
            "Also write a table of objects and areas, by image and class",
        )
        self.overlay = self._tick(
            "export_overlay", "Overlays", "Also write a picture of each image with its mask over it"
        )
        self.side_by_side = self._tick(
            "export_side_by_side", "Side by side", "Also write a picture of each image beside its mask"
        )
        self.split_folders = self._tick(
            "export_split",
            "A folder each for train, val and test",
            "One complete export in each; formats with a place of their own for the split use theirs",
        )
        self.overwrite = self._tick(
            "export_overwrite",
            "Replace changed files",
            "Also replace files of an earlier export that somebody changed since",
        )
        self.copies = combo("export_copies", "Copies of the images", "Whether the images go along", 10)
        self.model = combo("export_model", "Predictions of", "Whose stored predictions count", 10)
        self.pixel_size = PixelSizeField(session)
        self.class_names = ClassNames()
        self.classes = Section(
            "Classes", "Rename classes in the files, merge them, or leave some out", self.class_names
        )
        self.more = Section("More", "What rarely matters", self._more_content())
        for section, name in ((self.classes, "export_classes_section"), (self.more, "export_more_section")):
            section.head.setObjectName(name)
        self._fill()
        self._build()
        self._connect()

    def _tick(self, name: str, text: str, tip: str) -> QCheckBox:
        made = QCheckBox(text)
        made.setObjectName(name)
        made.setToolTip(tip)
        return made

    def _more_content(self) -> QWidget:
        content = QWidget()
        self._fields = form(
            ("Predictions of", self.model),
            ("Copies of images", self.copies),
            ("Pixel size", self.pixel_size),
        )
        layout = QVBoxLayout(content)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(self._fields)
        layout.addWidget(self.split_folders)
        layout.addWidget(self.overwrite)
        return content

    def _fill(self) -> None:
        for entry in self._formats.values():
            self.format.addItem(entry.title, entry.name)
        for layer, (text, tip) in LAYERS.items():
            self.layer.addItem(f"{text}, {tip}", layer)
        for text, (value, tip) in COPIES.items():
            self.copies.addItem(text, value)
            self.copies.setItemData(self.copies.count() - 1, tip, 3)
        self.class_names.show_classes(self._session.classes)
        self.offer_images()
        self.offer_models()

    def _build(self) -> None:
        self.destination.setAccessibleName("Destination")
        self.destination.setToolTip("Where the files go; folders that are missing are made")
        place = row(self.destination, self.browse)
        place.setStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 12, 0)
        layout.setSpacing(12)
        words = QVBoxLayout()
        words.setSpacing(2)
        for widget in (self.purpose, self.loses):
            words.addWidget(widget)
        fields = (("Format", self.format), ("", words), ("Images", self.which), ("Layer", self.layer))
        layout.addLayout(form(*fields, ("To", place)))
        layout.addLayout(row(self.statistics, self.overlay, self.side_by_side, None, spacing=16))
        layout.addWidget(self.classes)
        layout.addWidget(self.more)
        layout.addStretch(1)

    def _connect(self) -> None:
        self.format.currentIndexChanged.connect(self._format_changed)
        for choice in (self.which, self.layer, self.copies, self.model):
            choice.currentIndexChanged.connect(self._tell)
        for tick in (self.statistics, self.overlay, self.side_by_side, self.overwrite):
            tick.toggled.connect(self._tell)
        self.split_folders.toggled.connect(self._split_changed)
        self.destination.textChanged.connect(self._tell)
        self.destination.textEdited.connect(self._place_typed)
        self.class_names.changed.connect(self._tell)
        self._session.classesChanged.connect(self._classes_changed)
        self._session.predictor.modelsChanged.connect(self.offer_models)
        self._format_changed()

    @Slot()
    def _tell(self, *_: object) -> None:
        self.classes.summary.setText(self.class_names.summary())
        self.more.summary.setText(self._more_in_words())
        self.changed.emit()

    def _more_in_words(self) -> str:
        parts = [
            "train, val and test apart" if self._split else "",
            {True: "with the images", False: "without the images", None: ""}[self._with_images],
            "replaces changed files" if self.overwrite.isChecked() else "",
        ]
        return ", ".join(part for part in parts if part)

    # -- what there is to choose from ---------------------------------------------------------------------

    @property
    def entry(self) -> "Format":
        """The chosen format."""
        return self._formats[self.format.currentData()]

    def offer_images(self, selected: Sequence[str] | None = None) -> None:
        """Say how many images each choice means. selected: those selected in the panel of images."""
        project = self._session.project
        if selected is not None:
            self._selected = selected
        approved = project.counts()[Status.APPROVED] if project else 0
        texts = {
            "approved": f"Approved images ({approved:,})",
            "all": f"All images that have something to export (of {len(self._session.images):,})",
            "selection": f"Selected in the panel of images ({len(self._selected):,})",
        }
        first = self.which.count() == 0
        with QSignalBlocker(self.which):
            for place, (which, text) in enumerate(texts.items()):
                if first:
                    self.which.addItem(text, which)
                self.which.setItemText(place, text)
            if first:
                self.which.setCurrentIndex(0 if approved else 1)

    @Slot()
    def offer_models(self) -> None:
        """Offer the models whose predictions are stored; only where there are several."""
        project = self._session.project
        chosen = self.model.currentData()
        folder = project.folder / "predictions" if project else None
        found = folder.iterdir() if folder is not None and folder.is_dir() else ()
        names = sorted(path.name for path in found if path.is_dir())
        with QSignalBlocker(self.model):
            self.model.clear()
            self.model.addItem("The model in use", None)
            for name in names:
                self.model.addItem(name, name)
            self.model.setCurrentIndex(max(0, self.model.findData(chosen) if chosen else 0))
        for place in range(self._fields.columnCount()):
            item = self._fields.itemAtPosition(0, place)
            widget = item.widget() if item is not None else None
            if widget is not None:
                widget.setVisible(len(names) > 1)

    @Slot()
    def _classes_changed(self) -> None:
        if self._session.project is not None:
            self.class_names.show_classes(self._session.classes)

    # -- where to -----------------------------------------------------------------------------------------

    @Slot()
    def _format_changed(self, *_: object) -> None:
        entry = self.entry
        self.copies.setEnabled(entry.writes_images or entry.image_file is not None)
        self.copies.setToolTip(
            "Whether the images go along"
            if self.copies.isEnabled()
            else "This format has no place for images"
        )
        self.split_folders.setEnabled(not entry.own_split)
        self.split_folders.setToolTip(
            "This format has a place of its own for training, validation and testing"
            if entry.own_split
            else "One complete export in each folder, and one for images that are in no part yet"
        )
        self.purpose.setText(purpose(entry))
        self.purpose.setVisible(bool(purpose(entry)))
        self.loses.setText(entry.loses)
        self.loses.setVisible(bool(entry.loses))
        self.destination.setText(self._places.get(entry.name) or self._proposed())
        self._tell()

    def _proposed(self) -> str:
        """Beside the folder of images, named after it and the format."""
        project = self._session.project
        if project is None:
            return ""
        root, entry = project.image_root, self.entry
        folder = root.parent / f"{root.name}-{entry.name}"
        return str(folder if self._split else entry.target(folder))

    @property
    def _split(self) -> bool:
        """Whether each part gets a folder."""
        return self.split_folders.isChecked() and self.split_folders.isEnabled()

    @property
    def _with_images(self) -> bool | None:
        """Whether copies of the images are asked for; None: where the format expects them."""
        chosen: bool | None = self.copies.currentData()
        return chosen if self.copies.isEnabled() else None

    @Slot()
    def _split_changed(self, *_: object) -> None:
        """A file can't hold folders: propose another place, unless a person chose one."""
        if not self._places.get(self.entry.name):
            self.destination.setText(self._proposed())
        self._tell()

    @Slot(str)
    def _place_typed(self, text: str) -> None:
        self._places[self.entry.name] = text

    def _browse(self) -> None:
        place, entry = self.place or Path.home(), self.entry
        if entry.suffixes:
            ask_file_to_write(self, "Write to", entry.target(place), entry.suffixes[0], self.set_place)
        else:
            ask_folder(self, "Folder to Write to", _existing(place), self.set_place)

    def set_place(self, text: str) -> None:
        """Write there."""
        self._places[self.entry.name] = text
        self.destination.setText(text)

    @property
    def place(self) -> Path | None:
        """Where to; None where nobody said."""
        text = self.destination.text().strip()
        return Path(text).expanduser().absolute() if text else None

    # -- what is chosen -----------------------------------------------------------------------------------

    def wish(self) -> "ExportWish":
        """What a person chose."""
        from unet_studio.formats.export_options import ExportOptions
        from unet_studio.session.exporter import ExportWish

        ticked = (("overlay", self.overlay), ("side-by-side", self.side_by_side))
        which = self.which.currentData()
        options = ExportOptions(
            which=which,
            names=tuple(self._selected) if which == "selection" else (),
            layer=self.layer.currentData(),
            model=self.model.currentData(),
            split_folders=self._split,
            renames=self.class_names.renames,
            pictures=frozenset(name for name, tick in ticked if tick.isChecked()),  # type: ignore[misc]
            with_images=self._with_images,
            statistics=self.statistics.isChecked(),
            overwrite=self.overwrite.isChecked(),
            resume=True,  # what a window that was killed has written need not be written again
        )
        return ExportWish(self.entry.name, self.place, options)

    def stored(self) -> dict[str, object]:
        """What is remembered for the next time, as plain JSON values."""
        return {
            "format": self.format.currentData(),
            "which": self.which.currentData(),
            "layer": self.layer.currentData(),
            "places": self._places,
            "renames": self.class_names.renames,
            "pictures": [self.overlay.isChecked(), self.side_by_side.isChecked()],
            "statistics": self.statistics.isChecked(),
            "split_folders": self.split_folders.isChecked(),
            "copies": self.copies.currentText(),
        }

    def restore(self, stored: Mapping[str, Any]) -> None:
        """Show what was chosen the last time, as far as it still can be."""
        places = stored.get("places")
        if isinstance(places, dict):
            self._places = {str(name): str(text) for name, text in places.items()}
        for choice, key in ((self.format, "format"), (self.layer, "layer"), (self.which, "which")):
            place = choice.findData(stored.get(key))
            if place >= 0:
                choice.setCurrentIndex(place)
        self.copies.setCurrentIndex(max(0, self.copies.findText(str(stored.get("copies")))))
        renames = stored.get("renames")
        if isinstance(renames, dict):
            self.class_names.set_renames({str(name): str(there) for name, there in renames.items()})
        pictures = stored.get("pictures")
        if isinstance(pictures, list) and len(pictures) == 2:
            self.overlay.setChecked(pictures[0] is True)
            self.side_by_side.setChecked(pictures[1] is True)
        self.statistics.setChecked(stored.get("statistics") is True)
        self.split_folders.setChecked(stored.get("split_folders") is True)
        self._format_changed()

    def choose_all(self) -> None:
        """All images that have something to export."""
        self.which.setCurrentIndex(self.which.findData("all"))


def _existing(place: Path) -> Path:
    """The folder, or the closest above it that is there."""
    return next((path for path in (place, *place.parents) if path.is_dir()), Path.home())
