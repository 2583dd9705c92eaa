"""Which mask belongs to which image: by relative path first, then by stem; never by guessing."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Matches:
    """pairs: image -> key of its mask. unused: keys without an image. missing: images without a mask."""

    pairs: dict[str, str]
    unused: tuple[str, ...]
    missing: tuple[str, ...]


def match(keys: Sequence[str], images: Sequence[str]) -> Matches:
    """Pair masks with images, both named by posix paths. Keys may carry an image's suffix or none.

    Three rules, the strictest first: the same path; the same path but for the suffix; the same stem in any
    folder. A key that fits several images, or an image that fits several keys, raises StudioError that lists
    them; an image that a stricter rule has paired takes no second mask.
    """
    pairs: dict[str, str] = {}
    left = list(dict.fromkeys(keys))
    for rule in (normal, without_suffix, stem):
        left = _pair_by(rule, left, images, pairs)
    taken = set(pairs)
    return Matches(pairs, tuple(left), tuple(image for image in images if image not in taken))


def _pair_by(
    rule: Callable[[str], str], keys: Sequence[str], images: Sequence[str], pairs: dict[str, str]
) -> list[str]:
    """Add the pairs that one rule finds; returns the keys that it leaves over."""
    by_name = defaultdict(list)
    for image in images:
        by_name[rule(image)].append(image)
    found: dict[str, str] = {}
    left = []
    for key in keys:
        candidates = by_name.get(rule(key), [])
        if len(candidates) > 1:
            raise _ambiguous(f"The mask {key}", "images", candidates)
        if not candidates or candidates[0] in pairs:
            left.append(key)
        elif candidates[0] in found:
            raise _ambiguous(f"The image {candidates[0]}", "masks", [found[candidates[0]], key])
        else:
            found[candidates[0]] = key
    pairs.update(found)
    return left


def _ambiguous(subject: str, kind: str, candidates: Sequence[str]) -> StudioError:
    return StudioError(
        f"{subject} fits several {kind}: {' and '.join(candidates[:5])}.",
        "Give them distinct names, or put them in the same sub-folders as their images.",
    )


def normal(name: str) -> str:
    """A name as it is compared: forward slashes, composed Unicode (macOS stores names decomposed)."""
    return unicodedata.normalize("NFC", name.replace("\\", "/").removeprefix("./"))


def without_suffix(name: str) -> str:
    """The path without an image's suffix. Only those are cut: "shot.rf.1a2b" keeps its dots."""
    return _cut(normal(name))


def stem(name: str) -> str:
    """The last part of the path, without an image's suffix."""
    return PurePosixPath(without_suffix(name)).name


def mask_names(images: Iterable[str]) -> dict[str, str]:
    """The relative path of each image's mask PNG: `<stem>.png` in the same sub-folder.

    Where images differ in their suffix alone, their masks keep it: a.jpg and a.tif give a.jpg.png, a.tif.png.
    Raises StudioError where two would still share a file.
    """
    names = list(images)
    # Counted without case, because a.png and A.png are one file on Windows and macOS.
    owners = Counter(_cut(name).casefold() for name in names)
    result = {name: f"{_cut(name) if owners[_cut(name).casefold()] == 1 else name}.png" for name in names}
    files = Counter(result.values())
    shared = [name for name in names if files[result[name]] > 1]
    if shared:
        raise StudioError(
            f"{' and '.join(shared[:5])} would share one mask file, {result[shared[0]]}.",
            "Rename one of these images.",
        )
    return result


def _cut(name: str) -> str:
    """The path without an image's suffix, every other character as it is on disk."""
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_SUFFIXES else name


def inside(folder: Path, relative: str) -> Path:
    """folder / relative. Raises StudioError where that would lie outside of folder, links followed."""
    path = folder / relative
    if not path.resolve().is_relative_to(folder.resolve()):
        raise StudioError(
            f"{relative} leads outside of {folder}.", "Rename the image, or remove the link in that folder."
        )
    return path
