"""What a person should know before an export, in sentences that hold a number."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.project import Project, Status
from unet_studio.formats.census import MOST_OBJECTS, Census
from unet_studio.formats.export_layers import StoredLayers
from unet_studio.formats.export_options import ExportOptions
from unet_studio.formats.table import Format
from unet_studio.formats.trial import Traits, traits


@dataclass(frozen=True)
class Remark:
    """One thing to know before an export. kind: tells remarks apart, for programs. count: the number in it.

    text: a sentence that holds the number. loss: whether the masks come back otherwise than they are.
    """

    kind: str
    count: int
    text: str
    loss: bool = False


@dataclass(frozen=True)
class Facts:
    """What remarks are made of. census: None where no pixel was looked at. parts: folder -> images."""

    project: Project
    entry: Format
    options: ExportOptions
    layers: StoredLayers
    census: Census | None
    parts: Mapping[str, list[str]]
    replaces: int

    @property
    def traits(self) -> Traits:
        """What the format keeps of these classes."""
        return traits(self.entry.name, self.layers.mapping.table.background is not None)


def remarks(facts: Facts) -> tuple[Remark, ...]:
    """Everything that there is to say, losses first."""
    found = [remark for maker in _MAKERS for remark in maker(facts)]
    return tuple(sorted(found, key=lambda remark: not remark.loss))


def _images(facts: Facts) -> Iterator[Remark]:
    empty, broken = len(facts.layers.empty), len(facts.layers.problems)
    if empty:
        layer, stay = facts.options.layer, "stays" if empty == 1 else "stay"
        text = f"{_many(empty, 'image has', 'images have')} no {layer} and {stay} out."
        yield Remark("empty", empty, text)
    if broken:
        first = next(iter(facts.layers.problems.values()))
        yield Remark("broken", broken, f"{_many(broken, 'image', 'images')} can't be exported: {first}", True)
    if facts.options.layer == "mask":
        names = facts.layers.names
        unfinished = sum(facts.project.status(name) is not Status.APPROVED for name in names)
        if unfinished:
            text = f"{_many(unfinished, 'image is', 'images are')} not approved."
            yield Remark("unfinished", unfinished, text)


def _split(facts: Facts) -> Iterator[Remark]:
    without = [name for name in facts.layers.names if name not in facts.project.split]
    if without and facts.options.split_folders:
        where = "the format's own place" if facts.entry.own_split else "the folder none"
        has = _many(len(without), "image has", "images have")
        go = "goes" if len(without) == 1 else "go"
        yield Remark("unsplit", len(without), f"{has} no part in the split and {go} to {where}.")


def _earlier(facts: Facts) -> Iterator[Remark]:
    if facts.replaces:
        text = f"{_many(facts.replaces, 'file', 'files')} of an earlier export there are replaced or removed."
        yield Remark("replaces", facts.replaces, text)


def _classes(facts: Facts) -> Iterator[Remark]:
    mapping, census = facts.layers.mapping, facts.census
    for entry in mapping.dropped:
        pixels = 0 if census is None else int(census.here[entry.index])
        count = "" if census is None else f": {pixels:,} px"
        yield Remark("dropped", pixels, f"The class {entry.name} becomes unlabelled{count}.", pixels > 0)
    for there in mapping.table.active:
        sources = mapping.sources(there.index)
        if len(sources) > 1:
            text = f"{len(sources)} classes become {there.name}: {', '.join(sources)}."
            yield Remark("merged", len(sources), text)
    if census is not None and census.joined:
        text = f"{_many(census.joined, 'object becomes', 'objects become')} one with a neighbour of another "
        yield Remark("joined", census.joined, f"{text}class, because their classes do.", True)


def _unlabelled(facts: Facts) -> Iterator[Remark]:
    if facts.entry.lossless and facts.traits.keeps_unlabelled and facts.traits.says_unlabelled:
        return
    census = facts.census
    if census is None:
        if facts.entry.loses:
            yield Remark("loses", 0, facts.entry.loses, True)
        return
    pixels = int(census.pixels[UNLABELLED])
    if pixels and not facts.traits.keeps_unlabelled:
        images = _many(census.unlabelled, "image", "images")
        text = f"{pixels:,} unlabelled px in {images} become background."
        yield Remark("unlabelled", pixels, text, True)
    elif pixels and not facts.traits.says_unlabelled:
        images = _many(census.unlabelled, "image", "images")
        text = f"{pixels:,} unlabelled px in {images} lie in no region: others take them for background."
        yield Remark("unlabelled", pixels, text)
    elif facts.traits.keeps_unlabelled and facts.entry.loses:
        yield Remark("loses", 0, facts.entry.loses, True)


def _objects(facts: Facts) -> Iterator[Remark]:
    census, pieces = facts.census, facts.traits.pieces
    if census is None:
        return
    background = facts.layers.mapping.table.background
    own = [index for index in facts.layers.mapping.table.indices if index != background]
    touching = int(census.touching[own].sum())
    if touching:
        text = f"{_many(touching, 'object touches', 'objects touch')} one of another class."
        yield Remark("touching", touching, text)
    if not pieces:
        return
    written, objects = int(census.written[own].sum()), int(census.objects[own].sum())
    rule = "objects of one class that touch are one"
    yield Remark("objects", written, f"{_many(written, 'object is', 'objects are')} written; {rule}.")
    if written > objects:
        text = f"{written - objects:,} of them are parts that hang together with another at a corner alone."
        yield Remark("corners", written - objects, text)
    if census.crowded:
        images = _many(census.crowded, "image holds", "images hold")
        text = f"{images} more than {MOST_OBJECTS:,} objects, more than 16 bits can number."
        yield Remark("crowded", census.crowded, text)


def _holes(facts: Facts) -> Iterator[Remark]:
    if facts.census is None or not facts.entry.bridges_holes:
        return
    background = facts.layers.mapping.table.background
    own = [index for index in facts.layers.mapping.table.indices if index != background]
    holes = int(facts.census.holes[own].sum())
    if holes:
        text = f"{_many(holes, 'hole is', 'holes are')} joined to the outline by a cut of no width."
        yield Remark("holes", holes, text)


_MAKERS: tuple[Callable[[Facts], Iterator[Remark]], ...] = (
    _images,
    _split,
    _earlier,
    _classes,
    _unlabelled,
    _objects,
    _holes,
)


def _many(count: int, one: str, several: str) -> str:
    return f"{count:,} {one if count == 1 else several}"
