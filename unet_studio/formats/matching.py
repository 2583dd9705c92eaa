"""Which mask belongs to which image: by relative path first, then by stem; never by guessing."""

import glob
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from unet_studio.core.errors import StudioError
from unet_studio.core.image_io import IMAGE_SUFFIXES


@dataclass(frozen=True)
class Matches:
    """pairs: image -> key of its mask. unused: keys without an image. missing: images without a mask.

    ambiguous: image -> the keys that may be its mask, where it could not be told; see match_certain.
    """

    pairs: dict[str, str]
    unused: tuple[str, ...]
    missing: tuple[str, ...]
    ambiguous: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def match(keys: Sequence[str], images: Sequence[str]) -> Matches:
    """Pair masks with images, both named by posix paths. Keys may carry an image's suffix or none.

    Three rules, the strictest first: the same path; the same path but for the suffix; the same stem in any
    folder. A key that fits several images, or an image that fits several keys, raises StudioError that lists
    them; an image that a stricter rule has paired takes no second mask.
    """
    pairs: dict[str, str] = {}
    left = list(dict.fromkeys(keys))
    for rule in (normal, without_suffix, stem):
        found = _pair_by(rule, left, images, pairs)
        if found.clashes:
            raise found.clashes[0].error()
        pairs.update(found.pairs)
        left = found.left
    return Matches(pairs, tuple(left), tuple(image for image in images if image not in pairs))


def match_certain(
    keys: Sequence[str], images: Sequence[str], chosen: Mapping[str, str] | None = None
) -> Matches:
    """Pair masks with images by the rules of match(), leaving open where several fit.

    chosen: image -> key that a person paired, before any rule; what is not there is not paired. An ambiguous
    image is in ambiguous alone, with the keys that may be its mask; such keys go to no other image and are
    not unused.
    """
    known, here = set(keys), set(images)
    pairs = {image: key for image, key in (chosen or {}).items() if image in here and key in known}
    taken = set(pairs.values())
    left = [key for key in dict.fromkeys(keys) if key not in taken]
    ambiguous: dict[str, list[str]] = defaultdict(list)
    for rule in (normal, without_suffix, stem):
        open_images = [image for image in images if image not in ambiguous]
        found = _pair_by(rule, left, open_images, pairs)
        pairs.update(found.pairs)
        left = found.left
        for clash in found.clashes:
            fitting = [image for image in clash.images if image not in pairs]
            for image in fitting:
                ambiguous[image] += [key for key in clash.keys if key not in ambiguous[image]]
            if not fitting:
                left.extend(clash.keys)
    unused = set(left)
    return Matches(
        pairs,
        tuple(key for key in dict.fromkeys(keys) if key in unused),
        tuple(image for image in images if image not in pairs and image not in ambiguous),
        {image: tuple(ambiguous[image]) for image in images if image in ambiguous},
    )


def match_renamed(matches: Matches, also: Callable[[str], str]) -> Matches:
    """Pair what is left over by the other name that the files give to a mask's image, "" for none."""
    known: dict[str, list[str]] = defaultdict(list)
    for key in matches.unused:
        known[also(key)].append(key)
    others = {name: keys[0] for name, keys in known.items() if name and len(keys) == 1}
    if not others:
        return matches
    again = match_certain([*others], matches.missing)
    found = {image: others[name] for image, name in again.pairs.items()}
    taken = set(found.values())
    return Matches(
        {**matches.pairs, **found},
        tuple(key for key in matches.unused if key not in taken),
        tuple(image for image in matches.missing if image not in found),
        matches.ambiguous,
    )


@dataclass(frozen=True)
class _Clash:
    """Keys and images that fit one another, without a word on which belong together."""

    keys: tuple[str, ...]
    images: tuple[str, ...]

    def error(self) -> StudioError:
        """What to say of it."""
        if len(self.images) > 1:
            subject, kind, candidates = f"The mask {self.keys[0]}", "images", self.images
        else:
            subject, kind, candidates = f"The image {self.images[0]}", "masks", self.keys
        return StudioError(
            f"{subject} fits several {kind}: {' and '.join(candidates[:5])}.",
            "Give them distinct names, or put them in the same sub-folders as their images.",
        )


@dataclass(frozen=True)
class _Round:
    """What one rule found. left: the keys that it has no image for."""

    pairs: dict[str, str]
    clashes: list[_Clash]
    left: list[str]


def _pair_by(
    rule: Callable[[str], str], keys: Sequence[str], images: Sequence[str], paired: Mapping[str, str]
) -> _Round:
    """The pairs that one rule finds among images of which some are paired already."""
    images_by, keys_by = defaultdict(list), defaultdict(list)
    for image in images:
        images_by[rule(image)].append(image)
    for key in keys:
        keys_by[rule(key)].append(key)
    found = _Round({}, [], [])
    for name, alike in keys_by.items():
        candidates = images_by.get(name, [])
        if len(candidates) > 1:
            found.clashes.append(_Clash(tuple(alike), tuple(candidates)))
        elif not candidates or candidates[0] in paired:
            found.left.extend(alike)
        elif len(alike) > 1:
            found.clashes.append(_Clash(tuple(alike), tuple(candidates)))
        else:
            found.pairs[candidates[0]] = alike[0]
    return found


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


def flat_names(images: Iterable[str]) -> dict[str, str]:
    """A name without folders and suffix for each image: its path, with underscores between folders."""
    flat = {name: path.removesuffix(".png").replace("/", "_") for name, path in mask_names(images).items()}
    taken: set[str] = set()
    for name, first in flat.items():
        number, unique = 2, first
        while unique.casefold() in taken:
            unique, number = f"{first}-{number}", number + 1
        taken.add(unique.casefold())
        flat[name] = unique
    return flat


def path_part(name: str) -> str:
    """A name as a part of a path that every file system takes; "" where nothing of it can stay."""
    return re.sub(r"[^\w\- ]", "_", name)[:80].strip()


def _cut(name: str) -> str:
    """The path without an image's suffix, every other character as it is on disk."""
    path = PurePosixPath(name)
    return str(path.with_suffix("")) if path.suffix.lower() in IMAGE_SUFFIXES else name


def inside(folder: Path, relative: str) -> Path:
    """folder / relative. Raises StudioError where that would lie outside of folder, links followed."""
    path = folder / relative
    try:
        lies_within = path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # links in a circle, a name that can't be one
        lies_within = False
    if not lies_within:
        raise StudioError(
            f"{relative} leads outside of {folder}.", "Rename the image, or remove the link in that folder."
        )
    return path


def own_file(folder: Path, name: str) -> Path | None:
    """The regular file of that name in a foreign folder; None where there is none, or a link out of it."""
    return next(iter(files_below(folder, glob.escape(name))), None)


def files_below(folder: Path, pattern: str) -> list[Path]:
    """The regular files of a foreign folder that fit a glob pattern, sorted; "**/*.json" for any depth.

    Links that lead out of the folder are left out, and so is what could not be read to its end: a pipe, a
    device, a link in a circle. None where there is no such folder.
    """
    if not folder.is_dir():
        return []
    root = os.path.realpath(folder)
    near = {folder: True}
    found = []
    for path in sorted(folder.glob(pattern)):
        if path.parent not in near:
            near[path.parent] = _within(path.parent, root)
        if near[path.parent] and path.is_file() and (not path.is_symlink() or _within(path, root)):
            found.append(path)
    return found


def _within(path: Path, root: str) -> bool:
    return os.path.realpath(path).startswith(root.rstrip(os.sep) + os.sep)
