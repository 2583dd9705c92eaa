"""What the readers of data sets share: finding the root, pairing files, reading lists of names."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from training.candidates import Candidate, NumberMask
from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.errors import StudioError
from unet_studio.core.files import find_images
from unet_studio.core.split import Split
from unet_studio.core.words import left_out
from unet_studio.formats.color_tables import as_hex, text_of
from unet_studio.formats.found_values import Meaning
from unet_studio.formats.voc_names import voc_palette

SHOWN = 6  # entries of a wrong folder that are named


@dataclass(frozen=True)
class Layout:
    """How the folder of a data set is known. title: what the set is called.

    marks: paths that must all be there; of alternatives "a|b" one. parts: other folders in it, by which it
    is known from within. remedy: a sentence on what to do.
    """

    title: str
    marks: tuple[str, ...]
    remedy: str
    parts: tuple[str, ...] = ()

    def root(self, given: Path) -> Path:
        """The folder given; one in it that has the layout; or the one around it, where it is a part of that.

        Raises StudioError that says what was looked for, and what was found instead.
        """
        if not given.is_dir():
            raise StudioError(f"There is no folder {given}.", f"Name the folder of {self.title}.")
        below = [path for path in sorted(given.iterdir()) if path.is_dir() and path.name[0] not in "._"]
        parts = {*self.parts, *(one.split("/")[0] for mark in self.marks for one in mark.split("|"))}
        above = [given.parent] if given.name in parts else []
        for place in (given, *below, *above):
            if self._fits(place):
                return place
        missing = [mark for mark in self.marks if not self._has(given, mark)]
        raise self.refusal(given, " and no ".join(mark.replace("|", " or ") for mark in missing))

    def refusal(self, given: Path, wanted: str) -> StudioError:
        """What to say of a folder in which something is missing."""
        found = sorted(path.name for path in given.iterdir() if path.name[0] != ".")
        held = ", ".join(found[:SHOWN]) + (", ..." if len(found) > SHOWN else "") or "nothing"
        return StudioError(f"{given} is no {self.title}: it has no {wanted}, but holds {held}.", self.remedy)

    def _fits(self, place: Path) -> bool:
        return all(self._has(place, mark) for mark in self.marks)

    @staticmethod
    def _has(place: Path, mark: str) -> bool:
        return any((place / one).exists() for one in mark.split("|"))


def first_folder(root: Path, *names: str) -> Path | None:
    """The first of some sub-folders that exists."""
    return next((root / name for name in names if (root / name).is_dir()), None)


def as_png(name: PurePosixPath) -> list[str]:
    """The mask of an image where it has the image's name and is a PNG."""
    return [str(name.with_suffix(".png"))]


@dataclass(frozen=True)
class Portion:
    """A folder of images with the folder of their masks. part: of the split, None for unsaid.

    prefix: what their names begin with, as names of several portions must differ.
    """

    images: Path
    masks: Path
    part: Split | None = None
    prefix: str = ""


def collect(
    portions: Iterable[Portion],
    meaning: Meaning,
    mask_of: Callable[[PurePosixPath], list[str]] = as_png,
    channel: int | None = None,
) -> tuple[list[Candidate], list[str]]:
    """The images of portions that exist and have masks, and a note on those that have none.

    mask_of: where the mask of an image, by its path in its folder, may lie in that of the masks. channel: of
    the masks, see NumberMask.
    """
    found, without = [], []
    for portion in portions:
        if not portion.images.is_dir() or not portion.masks.is_dir():
            continue
        for inner in find_images(portion.images):
            name = str(PurePosixPath(portion.prefix, inner))
            places = (portion.masks / place for place in mask_of(PurePosixPath(inner)))
            mask = next((path for path in places if path.is_file()), None)
            if mask is None:
                without.append(name)
                continue
            number_mask = NumberMask(mask, meaning, channel)
            found.append(Candidate.of_numbers(name, portion.images / inner, number_mask, portion.part))
    notes = [left_out(without, "with no mask")] if without else []
    return found, notes


def test_note(folder: Path) -> list[str]:
    """A note on a test part whose masks are not public."""
    return [f"The masks of {folder.name} are not public: it is left out."] if folder.is_dir() else []


def lines(path: Path) -> list[str]:
    """The lines of a list, without remarks and white space."""
    found = (line.strip() for line in text_of(path).splitlines())
    return [line for line in found if line and not line.startswith("#")]


def numbered_classes(names: Iterable[tuple[int, str]], background: int | None = None) -> ClassTable:
    """Classes of these numbers and names, in colours that differ."""
    palette = voc_palette().tolist()
    entries = (PixelClass(number, name, as_hex(tuple(palette[number]))) for number, name in names)
    return ClassTable(tuple(entries), background)
