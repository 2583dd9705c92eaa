"""A folder of predicted masks: what each was made of, and whether the same would be made of its image now."""

import os
import stat
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import file_hash
from unet_studio.core.storage import HALF_WRITTEN, atomic_write, encodable, read_index_texts, write_index_png

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unet_studio.core.classes import ClassTable
    from unet_studio.core.prediction import Prediction

IMAGE, FILE, STAMP, WEIGHTS = "image", "image-file", "image-stamp", "weights"
MEAN, UNCERTAIN_SHARE, MADE = "mean-confidence", "uncertain-share", "made"
COMPRESSION = 6  # zlib level: masks are read often and written once
SETTLED = 2.0  # seconds: the coarsest clock of a file system (FAT's). See stamp_of
LEFT_BEHIND = 600.0  # seconds after which a half-written file is what a kill has left


@dataclass(frozen=True)
class Item:
    """An image to predict. name: in the destination; target: its mask, relative to the folder."""

    name: str
    path: Path
    target: str


@dataclass(frozen=True)
class Source:
    """An image file as it was before it was read. digest: of its bytes; stamp: "" where it says nothing."""

    digest: str
    stamp: str


@dataclass(frozen=True)
class PredictionFolder:
    """Where masks go. rules: what decides about pixels beside the image, as texts of a mask.

    former: what masks were made by that say nothing of a rule, as those of earlier versions do. extras: the
    pictures beside each mask, keys of EXTRAS. force: write every mask, whatever is there.
    """

    out: Path
    table: "ClassTable"
    rules: Mapping[str, str]
    former: Mapping[str, str] = field(default_factory=dict)
    extras: frozenset[str] = frozenset()
    force: bool = False
    _known: set[Path] = field(default_factory=set)

    def done(self, item: Item) -> dict[str, str] | None:
        """The texts of an image's mask where it need not be made again, else None.

        An image counts as unchanged where the time and size of its file are those that the mask states, or
        else its bytes. Raises StudioError where the image can't be read, or another's file is in the way.
        """
        mask = self._mask(item)
        if self.force:
            return None
        try:
            if not stat.S_ISREG(mask.stat().st_mode):
                raise _foreign(mask, item)
            texts, whole = read_index_texts(mask)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StudioError(f"{mask} can't be read: {error.strerror}.", "Check its permissions.") from error
        if texts.get(IMAGE) != encodable(item.name) or WEIGHTS not in texts:
            raise _foreign(mask, item)
        same = all(texts.get(key, self.former.get(key)) == value for key, value in self.rules.items())
        if not (whole and same and all(path.is_file() for path in self._pictures(mask).values())):
            return None
        return texts if _unchanged(item.path, texts) else None

    def write(
        self,
        item: Item,
        source: Source,
        image: "NDArray[Any]",
        labels: "NDArray[np.uint8]",
        found: "Prediction",
    ) -> None:
        """Write an image's mask of the project's or the model's class indices, after the pictures beside it.

        Raises OSError.
        """
        mask = self._mask(item)
        for kind, path in self._pictures(mask).items():
            EXTRAS[kind][1](path, image, labels, found, self.table)
        texts = {
            IMAGE: item.name,
            FILE: source.digest,
            STAMP: source.stamp,
            **self.rules,
            MADE: _words(found.made),
            MEAN: f"{found.mean_confidence:.5f}",
            UNCERTAIN_SHARE: f"{found.uncertain_share:.5f}",
        }
        write_index_png(mask, labels, self.table.palette(), texts, COMPRESSION)

    def check_kind(self) -> None:
        """Raise StudioError where the destination can't be a folder."""
        existing = self._existing()
        if not existing.is_dir():
            raise StudioError(f"{existing} is a file.", "Name a folder with --out.")

    def check_rights(self) -> None:
        """Raise StudioError where nothing can be written here, before work is done in vain."""
        existing = self._existing()
        if not os.access(existing, os.W_OK):
            raise StudioError(
                f"{existing} can't be written to.", "Check its permissions, or choose another --out."
            )

    def _existing(self) -> Path:
        """The destination, or the nearest above it that exists."""
        place = self.out.absolute()
        return next(above for above in (place, *place.parents) if above.exists())

    def _mask(self, item: Item) -> Path:
        """Where a mask belongs. What a kill left half-written in its folder is removed, once."""
        from unet_studio.formats.matching import inside

        mask = self.out / item.target
        if mask.parent not in self._known:
            inside(self.out, item.target)
            _clear(mask.parent)
            self._known.add(mask.parent)
        return mask

    def _pictures(self, mask: Path) -> dict[str, Path]:
        return {kind: mask.with_name(mask.name[:-4] + EXTRAS[kind][0]) for kind in self.extras}


def source_of(path: Path) -> Source:
    """An image file as it is now. Ask before it is read: where it is replaced meanwhile, the mask then says
    that it was made of the one before, and is made again. Raises StudioError.
    """
    try:
        stamp = stamp_of(path)
        return Source(file_hash(path), stamp)
    except OSError as error:  # of this image alone; where the destination fails, all end
        raise StudioError(f"{path} can't be read: {error.strerror}.", "Check its permissions.") from error


def stamp_of(path: Path) -> str:
    """Size and time of change of a file, which tell an unchanged one. Raises OSError.

    "" where it was changed this very moment: what is written next might get the same time.
    """
    found = path.stat()
    settled = time.time_ns() - found.st_mtime_ns > SETTLED * 1e9
    return f"{found.st_size} {found.st_mtime_ns}" if settled else ""


def _unchanged(path: Path, texts: Mapping[str, str]) -> bool:
    try:
        stamp = stamp_of(path)
        return bool(stamp and stamp == texts.get(STAMP)) or file_hash(path) == texts.get(FILE)
    except OSError as error:
        raise StudioError(f"{path} can't be read: {error.strerror}.", "Check its permissions.") from error


def _foreign(mask: Path, item: Item) -> StudioError:
    return StudioError(
        f"{mask} is there already and is no prediction of {encodable(item.name)}.",
        "Choose another --out, or overwrite it with --force.",
    )


def _clear(folder: Path) -> None:
    """Remove what a kill has left half-written; what is younger may be another process's work."""
    for path in folder.glob(HALF_WRITTEN):
        try:
            if time.time() - path.stat().st_mtime > LEFT_BEHIND:
                path.unlink()
        except OSError:
            continue


def _words(made: Mapping[str, Any]) -> str:
    """How a prediction was made, for people: "device cpu, tile 512, ...". Rules that are stated apart go."""
    return ", ".join(f"{key} {value}" for key, value in made.items() if key != "notes")


def _write_overlay(
    path: Path, image: Any, labels: "NDArray[np.uint8]", _found: "Prediction", table: "ClassTable"
) -> None:
    from unet_studio.core.overlays import PLAIN, overlay, write_picture

    write_picture(path, overlay(image, labels, table, PLAIN))


def _write_confidence(
    path: Path, _image: Any, _labels: "NDArray[np.uint8]", found: "Prediction", _table: "ClassTable"
) -> None:
    from PIL import Image

    with atomic_write(path) as stream:
        Image.fromarray(found.confidence).save(stream, format="PNG")


# The pictures beside a mask: option -> what replaces .png, and who writes it.
EXTRAS = {
    "overlay": (".overlay.jpg", _write_overlay),
    "confidence": (".confidence.png", _write_confidence),
}
