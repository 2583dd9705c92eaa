"""Classes: what a pixel can be, with permanent indices, names and colours."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.errors import StudioError
from unet_studio.core.storage import read_json, write_json

UNLABELLED = 255  # the pixel value that says "nobody has said what this is"
MAX_CLASSES = 255  # indices 0..254

# Okabe and Ito's colour-blind-safe palette ("Color Universal Design", 2008) without its black, in an order
# that keeps neighbours far apart, then lighter and darker relatives for projects with many classes.
DEFAULT_COLORS = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7",
    "#8c510a", "#80cdc1", "#762a83", "#b8e186", "#c51b7d", "#4d4d4d", "#fdb863",
)  # fmt: skip


@dataclass(frozen=True)
class PixelClass:
    """One class. index: 0..254, permanent. color: #rrggbb. key: its keyboard key. retired: not offered.

    name: one line; foreign files may hold line ends and outer spaces, which become single spaces and nothing.
    becomes: what the pixels of a retired class are since, another index or 255 for unlabelled; None where
    nobody said.
    """

    index: int
    name: str
    color: str
    key: str | None = None
    retired: bool = False
    becomes: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.index < MAX_CLASSES:
            raise StudioError(
                f"Class index {self.index} is out of range.", "Use 0 to 254; 255 means unlabelled."
            )
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", self.color):
            raise StudioError(f"{self.color!r} is not a colour.", "Write it as #rrggbb, for example #e69f00.")
        object.__setattr__(self, "name", one_line(self.name))
        if not self.name:
            raise StudioError("A class needs a name.", "Type a name.")
        if self.becomes is not None and not (self.retired and 0 <= self.becomes <= UNLABELLED):
            raise StudioError(
                f"{self.name} can't become class {self.becomes}.", "Only a retired class becomes 0 to 255."
            )


@dataclass(frozen=True)
class ClassTable:
    """The classes of a project. background: the index that means "nothing of interest", if there is one."""

    classes: tuple[PixelClass, ...]
    background: int | None = None

    def __post_init__(self) -> None:
        indices = [entry.index for entry in self.classes]
        if len(set(indices)) != len(indices):
            raise StudioError(f"Two classes share an index: {sorted(indices)}.", "Give each class an index.")
        if self.background is not None and self.background not in indices:
            raise StudioError(
                f"The background index {self.background} is not a class.", "Name an existing index or null."
            )

    @classmethod
    def binary(cls, name: str = "object") -> "ClassTable":
        """Background and one class: what a new project starts with."""
        return cls((PixelClass(0, "background", "#000000"), PixelClass(1, name, DEFAULT_COLORS[0])), 0)

    @property
    def active(self) -> tuple[PixelClass, ...]:
        """The classes that are not retired, in their order."""
        return tuple(entry for entry in self.classes if not entry.retired)

    @property
    def indices(self) -> tuple[int, ...]:
        """The indices of the active classes, in their order."""
        return tuple(entry.index for entry in self.active)

    @property
    def foreground(self) -> tuple[int, ...]:
        """The active indices that are not the background."""
        return tuple(index for index in self.indices if index != self.background)

    def get(self, index: int) -> PixelClass:
        """The class of an index, retired or not. Raises StudioError where there is none."""
        for entry in self.classes:
            if entry.index == index:
                return entry
        raise StudioError(f"There is no class {index}.", f"The classes are {self.describe()}.")

    def named(self, name: str) -> PixelClass | None:
        """The active class of that name, first exactly, then without regard to case."""
        wanted = one_line(name)
        exact = [entry for entry in self.active if entry.name == wanted]
        loose = [entry for entry in self.active if entry.name.casefold() == wanted.casefold()]
        return next(iter(exact or loose), None)

    def like(self, name: str, is_background: bool) -> PixelClass | None:
        """The active class that another table's class is: by name, else background for background."""
        match = self.named(name)
        if match is None and is_background and self.background is not None:
            return self.get(self.background)
        return match

    def gone(self, name: str) -> PixelClass | None:
        """A retired class of that name whose pixels became something else, if there is one."""
        wanted = one_line(name).casefold()
        retired = (entry for entry in self.classes if entry.becomes is not None)
        return next((entry for entry in retired if entry.name.casefold() == wanted), None)

    def describe(self) -> str:
        """The active classes in words: "0 background, 1 cell"."""
        return ", ".join(f"{entry.index} {entry.name}" for entry in self.active)

    def palette(self) -> NDArray[np.uint8]:
        """Colours by class index, uint8 (256, 3); indices without a class are mid grey."""
        table = np.full((256, 3), 128, dtype=np.uint8)
        for entry in self.classes:
            table[entry.index] = rgb(entry.color)
        return table

    def add(self, name: str, color: str | None = None) -> "ClassTable":
        """A table with one more class, on the lowest index never used before."""
        if self.named(name):
            raise StudioError(f"There is a class {name!r} already.", "Choose another name.")
        index = max((entry.index for entry in self.classes), default=-1) + 1
        if index >= MAX_CLASSES:
            raise StudioError("All 255 class indices are used.", "Start another project for more classes.")
        used = {entry.color.lower() for entry in self.classes}
        free = [candidate for candidate in DEFAULT_COLORS if candidate not in used]
        chosen = color or (free[0] if free else DEFAULT_COLORS[index % len(DEFAULT_COLORS)])
        return replace(self, classes=(*self.classes, PixelClass(index, name, chosen)))

    def renamed(self, index: int, name: str) -> "ClassTable":
        """A table in which the class has another name."""
        other = self.named(name)
        if other is not None and other.index != index:
            raise StudioError(f"There is a class {name!r} already.", "Choose another name.")
        return self._with(replace(self.get(index), name=name))

    def recolored(self, index: int, color: str) -> "ClassTable":
        """A table in which the class has another colour, #rrggbb."""
        return self._with(replace(self.get(index), color=color))

    def moved(self, index: int, place: int) -> "ClassTable":
        """A table in which an active class comes at another place among the active ones, from 0 on.

        Only the order changes: every class keeps its index. Retired classes come last.
        """
        others = [entry for entry in self.active if entry.index != index]
        others.insert(min(max(place, 0), len(others)), self._active(index))
        retired = tuple(entry for entry in self.classes if entry.retired)
        return replace(self, classes=(*others, *retired))

    def keyed(self, index: int, key: str | None) -> "ClassTable":
        """A table in which the class has this keyboard key alone; None for whichever is free."""
        self._active(index)
        freed = (
            replace(entry, key=None) if key is not None and entry.key == key else entry
            for entry in self.classes
        )
        return replace(self, classes=tuple(freed))._with(replace(self.get(index), key=key))

    def retire(self, index: int, becomes: int | None = None) -> "ClassTable":
        """A table that no longer offers the class; its index is never given to another.

        becomes: what its pixels are from now on, the index of an active class or 255 for unlabelled.
        """
        if index == self.background:
            raise StudioError("The background can't be deleted.", "Rename it instead.")
        entry = self._active(index)
        if becomes == index or (becomes not in (None, UNLABELLED) and becomes not in self.indices):
            raise StudioError(
                f"The pixels of {entry.name} can't become class {becomes}.",
                f"Choose another of {self.describe()}.",
            )
        return self._with(replace(entry, retired=True, becomes=becomes, key=None))

    def successors(self) -> NDArray[np.uint8] | None:
        """What every pixel value stands for now, uint8 (256,); None where each stands for itself.

        Masks and predictions that were stored before a class was retired are read through it.
        """
        table = np.arange(256, dtype=np.uint8)
        left = {entry.index: entry.becomes for entry in self.classes if entry.becomes is not None}
        for index in left:
            now, seen = index, set[int]()
            while now in left and now not in seen:  # a file made by hand may go round in circles
                seen.add(now)
                now = left[now]
            table[index] = now
        return table if left else None

    @property
    def free_colors(self) -> tuple[str, ...]:
        """The colours of the default palette that no active class has."""
        used = {entry.color.lower() for entry in self.active}
        return tuple(color for color in DEFAULT_COLORS if color not in used)

    def _active(self, index: int) -> PixelClass:
        entry = self.get(index)
        if entry.retired:
            raise StudioError(f"The class {entry.name} was deleted.", f"The classes are {self.describe()}.")
        return entry

    def _with(self, changed: PixelClass) -> "ClassTable":
        self.get(changed.index)
        return replace(
            self,
            classes=tuple(changed if entry.index == changed.index else entry for entry in self.classes),
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, as project.json and classes.json hold them."""
        entries = []
        for entry in self.classes:
            value: dict[str, Any] = {"index": entry.index, "name": entry.name, "color": entry.color}
            if entry.key:
                value["key"] = entry.key
            if entry.retired:
                value["retired"] = True
            if entry.becomes is not None:
                value["becomes"] = entry.becomes
            entries.append(value)
        return {"classes": entries, "background": self.background}

    @classmethod
    def from_json(cls, value: Any) -> "ClassTable":
        """The inverse of to_json. A missing "background" means index 0 where it is named so, else none."""
        try:
            classes = tuple(
                PixelClass(
                    int(entry["index"]),
                    str(entry["name"]),
                    str(entry["color"]),
                    entry.get("key"),
                    bool(entry.get("retired", False)),
                    None if entry.get("becomes") is None else int(entry["becomes"]),
                )
                for entry in value["classes"]
            )
            named = [entry.index for entry in classes if entry.name.casefold() == "background"]
            background = value.get("background", named[0] if named else None)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            lacks = isinstance(error, KeyError)
            reason = f'no "{error.args[0]}" where there must be one' if lacks else repr(error)
            raise StudioError(
                f"The list of classes can't be understood ({reason}).",
                'It looks like {"classes": [{"index": 0, "name": "background", "color": "#000000"}]}.',
            ) from error
        return cls(classes, background)


def one_line(name: str) -> str:
    """A name of a class without outer white space, and with a single space for each stretch of it inside."""
    return " ".join(name.split())


def rgb(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0..255, of #rrggbb."""
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def read_classes_file(path: Path) -> tuple[ClassTable, int | None]:
    """The classes of a classes.json and its ignore_index (the pixel value that means void, or None).

    A class that sits on the ignore index is left out: void is not a class.
    """
    value = read_json(path)
    try:
        table = ClassTable.from_json(value)
    except StudioError as error:
        raise StudioError(f"{path}: {error.message}", error.remedy) from error
    ignore = value.get("ignore_index")
    kept = tuple(entry for entry in table.classes if entry.index != ignore)
    background = None if table.background == ignore else table.background
    return ClassTable(kept, background), ignore


def write_classes_file(
    path: Path, name: str, table: ClassTable, ignore_index: int | None = UNLABELLED
) -> None:
    """Write a classes.json beside exported masks."""
    entries = [{"index": entry.index, "name": entry.name, "color": entry.color} for entry in table.active]
    write_json(
        path,
        {"name": name, "classes": entries, "background": table.background, "ignore_index": ignore_index},
    )
