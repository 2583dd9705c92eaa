"""Mapillary Vistas: streets of the whole world, seen by many cameras; 65 classes (version 1.2) or 123 (2.0).

Layout: training/images/X.jpg with training/labels/X.png in version 1.2, training/v2.0/labels/X.png in 2.0;
validation likewise. Specification of the numbers: README.md of mapillary/mapillary_vistas ("pixel values are
treated as indices for the label list in the config file") and the config.json, config_v1.2.json or
config_v2.0.json that comes with the data: {"labels": [{"name", "readable", "color": [r, g, b], ...}]}. The
label that ends with "unlabeled", the last one, is unknown.
"""

from pathlib import Path
from typing import Any

from training.candidates import Source
from training.datasets.layout import Layout, Portion, collect, test_note
from unet_studio.core.classes import UNLABELLED, ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.split import Split
from unet_studio.core.storage import read_json
from unet_studio.formats.color_tables import as_hex
from unet_studio.formats.found_values import Meaning

PARTS: dict[str, Split] = {"training": "train", "validation": "val"}
# Where the masks lie in a part, and the list that says what they mean; the newest version first.
VERSIONS = (
    ("v2.0/labels", "config_v2.0.json"),
    ("v1.2/labels", "config_v1.2.json"),
    ("labels", "config.json"),
)
VOID = ("unlabeled", "void--unlabeled")
LAYOUT = Layout(
    "Mapillary Vistas",
    ("training/images", "|".join(f"training/{masks}" for masks, _ in VERSIONS)),
    "Unpack the archive of the data set, and name the folder that holds training and config.json.",
)


def read_mapillary_vistas(folder: Path) -> Source:
    """The official training and validation parts, of the newest version that is there."""
    root = LAYOUT.root(folder)
    masks, config = next(pair for pair in VERSIONS if (root / "training" / pair[0]).is_dir())
    classes, meaning = _classes(root / config if (root / config).is_file() else root / "config.json")
    portions = [
        Portion(root / place / "images", root / place / masks, part, place) for place, part in PARTS.items()
    ]
    candidates, notes = collect(portions, meaning)
    notes += test_note(root / "testing")
    return Source(classes, tuple(candidates), tuple(notes))


def _classes(path: Path) -> tuple[ClassTable, Meaning]:
    """The classes of a config.json, by their place in its list."""
    if not path.is_file():
        raise StudioError(
            f"There is no {path}, which says what the numbers mean.", "Copy it from the data set's archive."
        )
    value = read_json(path)
    try:
        labels = value["labels"]
        names = [str(label.get("readable") or label["name"]) for label in labels]
        void = {place for place, label in enumerate(labels) if str(label["name"]).lower() in VOID}
        void |= {place for place, name in enumerate(names) if name.lower() in VOID}
        entries = tuple(
            PixelClass(place, name, _color(labels[place]))
            for place, name in enumerate(names)
            if place not in void
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StudioError(
            f"{path} is no list of labels ({error!r}).", "Copy it from the data set's archive."
        ) from error
    indices = {place: UNLABELLED if place in void else place for place in range(len(names))}
    return ClassTable(entries), Meaning.of(indices)


def _color(label: dict[str, Any]) -> str:
    red, green, blue = (min(255, max(0, int(part))) for part in label["color"])
    return as_hex((red, green, blue))
