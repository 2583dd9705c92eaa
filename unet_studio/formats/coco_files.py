"""Which COCO files a folder means: its only one, or those of the parts of one set, train, val and test.

COCO itself and Datumaro keep `annotations/instances_train.json` and `instances_val.json` beside the images;
Roboflow keeps `train/_annotations.coco.json` and so on beside the images of each part.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from unet_studio.core.errors import StudioError
from unet_studio.formats.coco_index import OTHER_KINDS
from unet_studio.formats.json_elements import elements
from unet_studio.formats.matching import files_below

_PART = re.compile(r"(?i)(?<![a-z])(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?)(?![a-z])")
_OWN_NAME = "instances"  # what COCO calls files of masks, beside stuff_, panoptic_, captions_ and others
_KINDS = {**{key: kind for key, (kind, _) in OTHER_KINDS.items()}, "keypoints": "keypoints file"}


@dataclass(frozen=True)
class CocoFile:
    """A file of a set. part: "train", "val" or whatever its name or folder says; "" where it stands alone.

    folder: what its file names are relative to, as seen from the set's folder; "" for that one itself.
    """

    path: Path
    part: str = ""
    folder: str = ""


def find_coco_files(source: Path) -> tuple[tuple[CocoFile, ...], tuple[str, ...]]:
    """The files of a set, and what a person should know of the others there.

    Raises StudioError where there is none, or where it isn't clear which are meant.
    """
    if source.is_file():
        return (CocoFile(source),), ()
    if not source.is_dir():
        raise StudioError(f"There is no {source}.", "Name a COCO .json file, or the folder that holds it.")
    others: list[str] = []
    found: list[CocoFile] = []
    for pattern in ("*.json", "annotations/*.json", "*/*.json"):
        kinds = {path: _kind(path) for path in files_below(source, pattern)}
        named = [f"{path.name} ({kind})" for path, kind in kinds.items() if kind not in ("", _OWN_NAME)]
        others += [name for name in named if name not in others]
        found = [_placed(source, path) for path, kind in kinds.items() if kind == _OWN_NAME]
        if found:
            break
    chosen, unlike = _one_set(found)
    if not chosen:
        names = ", ".join(file.path.relative_to(source).as_posix() for file in found)
        several = (
            f"holds several files that may be meant: {names}" if found else "holds no COCO instances file"
        )
        beside = f"; {', '.join(others)} can't be read" if others else ""
        raise StudioError(f"{source} {several}{beside}.", "Name the .json file.")
    aside = [*others, *(file.path.name for file in unlike)]
    return chosen, ((f"Passed over: {', '.join(aside)}.",) if aside else ())


def _placed(source: Path, path: Path) -> CocoFile:
    folder = "" if path.parent in (source, source / "annotations") else path.parent.name
    word = _PART.search(folder or path.stem)
    return CocoFile(path, word.group().lower() if word else "", folder)


def _one_set(files: list[CocoFile]) -> tuple[tuple[CocoFile, ...], list[CocoFile]]:
    """The files that are parts of one set, none where that isn't clear, and those that are not."""
    families: dict[str, list[CocoFile]] = defaultdict(list)
    for file in files:
        families[_PART.sub("*", file.path.name)].append(file)
    own = [name for name in families if _OWN_NAME in name.lower()]
    chosen = own if len(own) == 1 else list(families)
    if len(chosen) != 1:
        return (), files
    family = families[chosen[0]]
    if len(family) > 1 and len({file.part for file in family} - {""}) < len(family):
        return (), files
    return tuple(family), [file for file in files if file not in family]


def _kind(path: Path) -> str:
    """ "instances", another kind of COCO file, or "" for what is none. Broken files may be meant as one."""
    arrays: set[str] = set()
    try:
        with path.open("rb") as stream:
            for element in elements(stream, arrays):
                if element.key == "annotations":
                    return _kind_of(element.value)
    except (ValueError, RecursionError):
        return _OWN_NAME if "images" in arrays or "annotations" in arrays else ""
    except OSError:
        return ""
    return _OWN_NAME if "annotations" in arrays else ""


def _kind_of(annotation: object) -> str:
    if not isinstance(annotation, dict):
        return _OWN_NAME
    return next((kind for key, kind in _KINDS.items() if key in annotation), _OWN_NAME)
