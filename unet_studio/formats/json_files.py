"""Folders of JSON files, one an image: which they are, what they hold, the size that they state."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unet_studio.core.errors import StudioError
from unet_studio.formats.matching import files_below, inside
from unet_studio.formats.regions import MAX_SIDE
from unet_studio.formats.sample import Shape

SMALL = 1 << 20  # bytes


def json_files(source: Path, sign: str, tool: str) -> dict[str, Path]:
    """The files of a folder at any depth, or the one, by what they are called without .json.

    sign: a text that those of the tool hold. Links out of the folder are not followed. Raises StudioError
    where there are none.
    """
    if source.is_file():
        return {source.stem: source}
    remedy = f"Choose the folder that holds {tool}'s .json files."
    if not source.is_dir():
        raise StudioError(f"There is no {source}.", remedy)
    found = {
        path.relative_to(source).as_posix().removesuffix(".json"): path
        for path in files_below(source, "**/*.json")
        if sign.encode() in _bytes_of(path)
    }
    if not found:
        raise StudioError(f"{source} holds no {tool} file.", remedy)
    return found


def text_of(path: Path) -> str:
    """The text of a small file, a list of classes for instance; "" where it can't be read or is large."""
    try:
        if not inside(path.parent, path.name).is_file():  # a pipe would make us wait
            return ""
        with path.open("rb") as stream:
            data = stream.read(SMALL + 1)
    except (OSError, ValueError, StudioError):
        return ""
    return data.decode("utf-8-sig", errors="replace") if len(data) <= SMALL else ""


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def load_json(path: Path, tool: str, remedy: str) -> Mapping[str, Any]:
    """The object in a JSON file. Raises StudioError, naming file and tool, where there is none."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise unusable(path, tool, remedy)(f"it can't be read: {error}") from error
    if not isinstance(value, dict):
        raise unusable(path, tool, remedy)("it holds no object")
    return value


def unusable(path: Path, tool: str, remedy: str) -> Callable[[str], StudioError]:
    """Makes the error of a file that can't be used, from the reason."""
    return lambda reason: StudioError(f"{path} is not a usable {tool} file: {reason}.", remedy)


def size_of(height: Any, width: Any) -> Shape:
    """A size that a file states. Raises ValueError where it is none."""
    if type(height) is not int or type(width) is not int:
        raise ValueError("the image's height and width are not whole numbers")
    if not (0 < height < MAX_SIDE and 0 < width < MAX_SIDE):
        raise ValueError("the image has an impossible size")
    return height, width
