"""Folders of images beside masks, as UNET_STUDIO_DATA holds them, and splits drawn from them."""

import json
import random
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class ImageSet:
    """images/, masks/<stem>.png, classes.json and a split.json, all absolute."""

    images: Path
    masks: Path
    classes: Path
    split: Path

    @classmethod
    def open(cls, folder: Path) -> "ImageSet":
        """A set in the layout of UNET_STUDIO_DATA."""
        found = cls(folder / "images", folder / "masks", folder / "classes.json", folder / "split.json")
        for path in (found.images, found.masks, found.classes):
            if not path.exists():
                raise FileNotFoundError(f"There is no {path}: set UNET_STUDIO_DATA, or give --data.")
        return found

    @property
    def source(self) -> list[str | Path]:
        """The words of `unet-studio train` that say to learn from it."""
        words: list[str | Path] = ["--images", self.images, "--masks", self.masks]
        return [*words, "--classes", self.classes, "--split", self.split]

    def names(self, part: str) -> list[str]:
        """The file names of a part of the split, sorted."""
        value = json.loads(self.split.read_text())
        return sorted(value[part])

    def all_names(self) -> list[str]:
        """The file names of all images, sorted."""
        return sorted(path.name for path in self.images.iterdir() if not path.name.startswith("."))

    def with_split(self, path: Path, parts: Mapping[str, Sequence[str]]) -> "ImageSet":
        """The same images under a split of their own, written to path; an equal one there stays."""
        value = {part: sorted(parts.get(part, [])) for part in ("train", "val", "test")}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value, indent=1))
        return replace(self, split=path)

    def mask_of(self, name: str) -> Path:
        """The mask file of an image."""
        return self.masks / f"{Path(name).stem}.png"

    def part_folder(self, part: str, home: Path) -> Path:
        """A folder with copies of a part's images, made once under home: a short command can name it."""
        folder = home / part
        folder.mkdir(parents=True, exist_ok=True)
        names = self.names(part)
        for name in names:
            if not (folder / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.images / name, folder / name)
        for path in (path for path in folder.rglob("*") if path.is_file()):
            if path.relative_to(folder).as_posix() not in names:
                raise FileExistsError(f"{path} is of another split; choose another --out.")
        return folder


def draw(names: Sequence[str], count: int, seed: int) -> list[str]:
    """So many of the names, by seed, in the order drawn: fewer are the beginning of more."""
    order = sorted(names)
    random.Random(seed).shuffle(order)
    return order[:count]
