"""RootPainter: annotations in red (foreground) and green (background) over each image, and its project files.

Sources: RootPainter's own painter/src/main/python/create_project.py (folders and .seg_proj) and
trainer/datasets.py (`annot[:, :, 0]` is foreground, `annot[:, :, 1]` background, everything else is not
learnt from), github.com/Abe404/root_painter. A brush stroke is (255, 0, 0, 180) or (0, 255, 0, 180), and a
pixel that nobody painted is transparent, which is our "unlabelled": nothing is lost.

RootPainter knows one foreground; for several classes its manual (docs/FAQ.md) says "a binary single class
model for each of your classes", so each class gets a project, in which the other classes are background.
Written: projects/<project>/annotations/{train,val}/<stem>.png, with images for testing in annotations/test,
which RootPainter does not learn from, and rootpainter.json, which says what project is what class. The images
belong in datasets/<first project>, flat, under the names that the .seg_proj lists. Read: such a folder, one
project, a folder of annotations, or one of segmentations, (0, 255, 255, 178) where a model saw foreground.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unet_studio.core.classes import UNLABELLED, ClassTable
from unet_studio.core.errors import StudioError
from unet_studio.core.geometry import Rect
from unet_studio.core.image_io import read_image, read_info
from unet_studio.core.storage import atomic_write, read_json, write_json
from unet_studio.formats.matching import flat_names, inside, own_file, path_part
from unet_studio.formats.regions import Legend, Region, Scene, Stencil, from_scenes
from unet_studio.formats.sample import Incoming, Labels, Outgoing, Shape, check_labels, check_shape

FACTS = "rootpainter.json"
PROJECTS, ANNOTATIONS, SEGMENTATIONS = "projects", "annotations", "segmentations"
DATASETS = "datasets"
PARTS = ("train", "val", "test")
EMPTY_FOLDERS = (SEGMENTATIONS, "models", "messages", "logs")  # which RootPainter makes with a project
FOREGROUND, BACKGROUND = (255, 0, 0, 180), (0, 255, 0, 180)  # RGBA
UNNAMED = "foreground"
BACKGROUND_NAME = "background"
COMPRESSION = 6  # zlib level
MEND = "Mend it in RootPainter, or leave that file out."


def write_rootpainter(folder: Path, outgoing: Outgoing) -> Mapping[str, str]:
    """Write a project for each class. Images without a place in the split are for training."""
    table = outgoing.classes
    title = path_part(outgoing.title) or "project"
    projects = _project_names(title, table)
    flat = flat_names(outgoing.names)
    parts = {name: outgoing.split.get(name, "train") for name in outgoing.names}
    first = next(iter(projects.values()))
    for project in projects.values():
        _write_project(folder, project, first, flat)
    for sample in outgoing.samples():
        check_labels(sample, table)
        for index, project in projects.items():
            place = f"{PROJECTS}/{project}/{ANNOTATIONS}"
            for part in PARTS:
                path = inside(folder, f"{place}/{part}/{flat[sample.name]}.png")
                if part == parts[sample.name]:
                    _write_annotation(path, sample.labels, index)
                else:
                    path.unlink(missing_ok=True)  # of an earlier export with another split
    facts = {
        **table.to_json(),
        "projects": {project: index for index, project in projects.items()},
        "images": {stem: name for name, stem in flat.items()},
    }
    write_json(folder / FACTS, facts)
    return {name: f"{PROJECTS}/{first}/{ANNOTATIONS}/{parts[name]}/{stem}.png" for name, stem in flat.items()}


def place_of_image(_image: str, annotation: str) -> str:
    """For Format.image_file: the image of an annotation in the data set, without its suffix."""
    path = PurePosixPath(annotation)
    return f"{DATASETS}/{path.parts[1]}/{path.stem}"


def _project_names(title: str, table: ClassTable) -> dict[int, str]:
    """What the project of each class is called, by the class's index."""
    if not table.foreground:
        raise StudioError("There is no class of objects to write.", "Add a class beside the background.")
    if len(table.foreground) == 1:
        return {table.foreground[0]: title}
    return {index: f"{title}-{index}-{path_part(table.get(index).name)}" for index in table.foreground}


def _write_project(folder: Path, project: str, dataset: str, flat: Mapping[str, str]) -> None:
    """The folders and the .seg_proj of one project."""
    place = inside(folder, f"{PROJECTS}/{project}")
    for name in (f"{ANNOTATIONS}/train", f"{ANNOTATIONS}/val", *EMPTY_FOLDERS):
        (place / name).mkdir(parents=True, exist_ok=True)
    facts = {
        "name": project,
        "dataset": dataset,
        "original_model_file": "random weights",
        "location": f"{PROJECTS}/{project}",
        "file_names": [f"{stem}{PurePosixPath(name).suffix}" for name, stem in flat.items()],
    }
    write_json(place / f"{project}.seg_proj", facts)


def _write_annotation(path: Path, labels: Labels, index: int) -> None:
    colors = np.zeros((256, 4), dtype=np.uint8)
    colors[:UNLABELLED] = BACKGROUND
    colors[index] = FOREGROUND
    with atomic_write(path) as stream:
        Image.fromarray(colors[labels]).save(stream, "PNG", compress_level=COMPRESSION)


# -- reading ----------------------------------------------------------------------------------------------


@dataclass
class _Projects:
    """The projects of a source. files: project -> key -> file. names: project -> what its class is called.

    segmented: whether the files are what models saw. twice: images with annotations in several folders.
    """

    files: dict[str, dict[str, Path]] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    segmented: bool = False
    twice: int = 0
    waiting: int = 0

    @property
    def keys(self) -> tuple[str, ...]:
        """What the masks of any project are called, each once."""
        return tuple(dict.fromkeys(key for files in self.files.values() for key in files))

    def of(self, key: str) -> dict[str, Path]:
        """The file of a mask in each project that has one, by what its class is called."""
        return {self.names[project]: files[key] for project, files in self.files.items() if key in files}


def read_rootpainter(source: Path) -> Incoming:
    """Open RootPainter's folder, a project of it, or a folder of annotations or segmentations."""
    found = _find(source)
    if not found.keys:
        raise StudioError(
            f"{source} holds no annotations of RootPainter.",
            "Choose the project's folder, or its folder annotations or segmentations.",
        )
    legend = _legend(source, found)
    table = legend.table
    background = None if table.background is None else table.get(table.background).name

    def size(key: str) -> Shape:
        info = read_info(next(iter(found.of(key).values())))
        return info.height, info.width

    def scene(key: str, shape: Shape | None) -> Scene:
        files = found.of(key)
        wanted = shape or size(key)
        regions = []
        everywhere = np.ones(wanted, dtype=np.bool_) if len(files) == len(found.files) else None
        for name, path in files.items():
            here, elsewhere = _read_segmentation(path) if found.segmented else _read_annotation(path)
            check_shape(str(path), (here.shape[0], here.shape[1]), wanted)
            regions.append(_region(name, here))
            if everywhere is not None:
                everywhere &= elsewhere
        if background is not None and everywhere is not None:
            regions.insert(0, _region(background, everywhere))
        return Scene(wanted, tuple(regions), lambda reason: _broken(source, reason), UNLABELLED)

    return from_scenes(legend, found.keys, scene, notes=_notes(found), size=size)


def _notes(found: _Projects) -> tuple[str, ...]:
    notes = []
    if len(found.files) > 1:
        notes.append("A pixel is background where all projects that were read say so.")
    if found.twice:
        notes.append(f"{found.twice} images are annotated for training and for validation; training counts.")
    if found.waiting:
        notes.append(
            f"{found.waiting} segmentations are there too: import the folder {SEGMENTATIONS} as predictions."
        )
    return tuple(notes)


def _legend(source: Path, found: _Projects) -> Legend:
    """What the projects mean, from our own facts where they are there; sets the names of their classes."""
    if own_file(source, FACTS) is None:
        return Legend.of((BACKGROUND_NAME, *found.names.values()))
    try:
        facts = read_json(source / FACTS)
        table = ClassTable.from_json(facts)
        indices = {project: int(facts["projects"][project]) for project in found.files}
        images = {str(stem): str(name) for stem, name in facts["images"].items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _broken(source / FACTS, f"it does not say {error}") from error
    found.names = {project: table.get(index).name for project, index in indices.items()}
    found.files = {
        project: {images.get(key, key): path for key, path in files.items()}
        for project, files in found.files.items()
    }
    return Legend(table, {entry.name: entry.index for entry in table.active})


def _find(source: Path) -> _Projects:
    if not source.is_dir():
        raise StudioError(f"{source} is not a folder.", "Choose the folder of a RootPainter project.")
    if (source / PROJECTS).is_dir():
        return _found(sorted(place for place in (source / PROJECTS).iterdir() if place.is_dir()))
    if (source / ANNOTATIONS).is_dir():
        return _found([source])
    found = _Projects(segmented=source.name == SEGMENTATIONS)
    name = source.parent.name if source.name in (ANNOTATIONS, SEGMENTATIONS) else UNNAMED
    found.names[name] = name
    found.files[name], found.twice = _annotated(source)
    return found


def _found(places: list[Path]) -> _Projects:
    found = _Projects()
    for place in places:
        project = _project_name(place)
        files, twice = _annotated(place / ANNOTATIONS)
        if files:
            found.files[project], found.names[project] = files, project
            found.twice += twice
        waiting = place / SEGMENTATIONS
        found.waiting += len(list(waiting.glob("*.png"))) if waiting.is_dir() else 0
    return found


def _project_name(place: Path) -> str:
    """What a project is called: by its .seg_proj, else by its folder."""
    return next((path.stem for path in sorted(place.glob("*.seg_proj"))), place.name)


def _annotated(folder: Path) -> tuple[dict[str, Path], int]:
    """The files of a folder or its parts by stem, and how many stems come in several parts."""
    files: dict[str, Path] = {}
    twice = 0
    for place in (folder, *(folder / part for part in PARTS)):
        for path in sorted(place.glob("*.png")) if place.is_dir() else ():
            if path.name.startswith(".") or not inside(folder, str(path.relative_to(folder))).is_file():
                continue
            twice += path.stem in files
            files.setdefault(path.stem, path)
    return files, twice


def _region(name: str, stencil: Stencil) -> Region:
    return Region(name, lambda _shape: (Rect.of(stencil.shape), stencil))


def _read_annotation(path: Path) -> tuple[Stencil, Stencil]:
    """The foreground and the background, bool (H, W), of an annotation."""
    pixels = _colors(path)
    here, elsewhere = pixels[..., 0] > 0, pixels[..., 1] > 0
    if (pixels[..., 2] > 0).any():
        raise _broken(
            path, f"it has blue in it, as segmentations have, which belong in a folder {SEGMENTATIONS}"
        )
    both = int(np.count_nonzero(here & elsewhere))
    if both:
        raise _broken(path, f"{both} of its pixels are both foreground and background")
    return here, elsewhere


def _read_segmentation(path: Path) -> tuple[Stencil, Stencil]:
    """The foreground and the rest, bool (H, W), of a segmentation."""
    pixels = _colors(path)
    here = (pixels[..., 3] if pixels.shape[2] == 4 else pixels[..., 2]) > 0
    return here, ~here


def _colors(path: Path) -> NDArray[Any]:
    pixels = read_image(path)
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        raise _broken(path, "it is not in colour")
    return pixels


def _broken(path: Path, reason: str) -> StudioError:
    return StudioError(f"{path} is not a usable file of RootPainter: {reason}.", MEND)
