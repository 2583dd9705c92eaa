"""Classes of a source and of a project: which seem to be the same, and which there are after an import."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import DEFAULT_COLORS, UNLABELLED, ClassTable
from unet_studio.core.project import Project
from unet_studio.formats.import_options import ImportOptions
from unet_studio.formats.sample import Incoming, counterpart

Likeness = Literal["same", "background", "similar", "none"]


@dataclass(frozen=True)
class FoundClass:
    """A class of the source. color: #rrggbb; what it would get here, where the project lacks the class.

    here: the name of the project's class that it seems to be, "" where its pixels become unlabelled, None
    where the project has nothing like it. likeness: how sure that is: "same" name but for case; "background"
    of both; "similar" but for spaces, hyphens or plural, which a person should confirm: an import takes it
    for another class unless renames say otherwise.
    """

    name: str
    color: str
    here: str | None
    likeness: Likeness


def is_fresh(project: Project) -> bool:
    """Whether nobody has given the project classes yet, so that it may take over those of a source."""
    if not project.exists:
        return True
    used = any((project.folder / kind).exists() for kind in ("predictions", "models", "runs"))
    return project.classes == ClassTable.binary() and not project.table.any_work and not used


def found_classes(
    source: ClassTable | None, table: ClassTable, numbered: bool = False
) -> tuple[FoundClass, ...]:
    """The classes of a source, each with the project's class that it seems to be. numbered: see Incoming."""
    if source is None:
        return ()
    fresh = new_colors(source, table) if table is not source else {}
    source = replace(
        source,
        classes=tuple(replace(one, color=fresh.get(one.name, one.color)) for one in source.classes),
    )
    if numbered:
        meant = {entry.name: counterpart(entry, source, table) for entry in source.active}
        return tuple(
            FoundClass(entry.name, entry.color, one.name, "same" if one.name == entry.name else "similar")
            if (one := meant[entry.name]) is not None
            else FoundClass(
                entry.name, entry.color, *_like(entry.name, entry.index == source.background, table)
            )
            for entry in source.active
        )
    return tuple(
        FoundClass(entry.name, entry.color, *_like(entry.name, entry.index == source.background, table))
        for entry in source.active
    )


def _like(name: str, is_background: bool, table: ClassTable) -> tuple[str | None, Likeness]:
    """The class of a table that a source's class seems to be, and how sure that is."""
    same = table.named(name)
    if same is not None:
        return same.name, "same"
    if is_background:
        return "" if table.background is None else table.get(table.background).name, "background"
    similar = [entry.name for entry in table.active if _plain(entry.name) == _plain(name)]
    return (similar[0], "similar") if len(similar) == 1 else (None, "none")


def _plain(name: str) -> str:
    """A class name without what people write now one way, now another: case, hyphens, plural."""
    words = re.sub(r"[\s_\-.]+", " ", name).strip().casefold()
    for ending, singular in (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh")):
        if words.endswith(ending):
            return words.removesuffix(ending) + singular
    return words[:-1] if len(words) > 3 and words[-1] == "s" and words[-2] not in "su" else words


def new_colors(source: ClassTable, table: ClassTable) -> dict[str, str]:
    """The colours of those classes of a source that a table lacks: their own unless another class has it."""
    used = {entry.color.lower() for entry in table.active}
    free = [color for color in DEFAULT_COLORS if color not in used]
    own = {entry.color.lower() for entry in source.active}
    free.sort(key=lambda color: color in own)  # what no class of the source has comes first
    found = {}
    for entry in source.active:
        if table.named(entry.name) is None and entry.index != source.background:
            color = entry.color
            if color.lower() in used:
                color = next((each for each in free if each not in used), color)
            used.add(color.lower())
            found[entry.name] = color
    return found


def classes_after(
    project: Project, incoming: Incoming, takes_over: bool, options: ImportOptions
) -> ClassTable:
    """The project's classes after the import. A project that is new takes over those of the source.

    takes_over: see ImportPlan. Names that renames give to classes, and their order there, hold for those that
    are added.
    """
    table, source = project.classes, incoming.classes
    if source is None:
        return table
    if takes_over and not options.renames:
        return source
    if takes_over:
        return _taken_over(source, options.renames)
    if options.add_classes:
        colors = new_colors(source, table)
        places = {name: place for place, name in enumerate(options.renames)}
        for entry in sorted(source.active, key=lambda entry: places.get(entry.name, len(places))):
            name = options.renames.get(entry.name, entry.name)
            known = incoming.numbered and name == entry.name and counterpart(entry, source, table)
            if name and entry.index != source.background and table.named(name) is None and not known:
                table = table.add(name, colors.get(entry.name, entry.color))
    return table


def _taken_over(source: ClassTable, renames: Mapping[str, str]) -> ClassTable:
    """The classes of a source for a project without any, under other names; those named "" are left out."""
    kept: dict[str, Any] = {}
    places = {name: place for place, name in enumerate(renames)}
    for entry in sorted(source.active, key=lambda entry: places.get(entry.name, len(places))):
        name = renames.get(entry.name, entry.name).strip()
        if name:
            kept.setdefault(name.casefold(), replace(entry, name=name))
    table = ClassTable(tuple(kept.values()))
    return replace(table, background=source.background if source.background in table.indices else None)


def mapping(source: ClassTable | None, table: ClassTable, lut: NDArray[np.uint8]) -> dict[str, str]:
    """Class name there -> name here, "" for unlabelled."""
    found = {}
    for entry in (source or table).active:
        here = int(lut[entry.index])
        found[entry.name] = "" if here == UNLABELLED else table.get(here).name
    return found
