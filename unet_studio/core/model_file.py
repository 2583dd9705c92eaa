"""A model as one file, to give away: a zip archive of its card and its weights.

Nothing in it is executed when it is opened: the card is JSON, the weights are safetensors, whose header is
checked before they are taken in.
"""

import json
import lzma
import re
import shutil
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from unet_studio.core.errors import StudioError
from unet_studio.core.model_card import (
    CARD_FILE,
    MODEL_FILE,
    ModelCard,
    ModelEntry,
    read_card,
    write_card,
)
from unet_studio.core.storage import atomic_write

SUFFIX = ".unet.zip"
MOST_CARD = 16 << 20  # bytes; a card with 100,000 sample names has some 10 MB
PLAIN_NAME = re.compile(
    r"[^./\\\\:*?\"<>|\x00-\x1f][^/\\\\:*?\"<>|\x00-\x1f]{0,99}"
)  # of a folder, on any system
# Of zipfile, on damaged archives, and of what unpacks those that somebody has compressed.
BROKEN = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError)
MOST_HEADER = 100 << 20  # bytes of a safetensors header, the limit of its specification


def pack(entry: ModelEntry, path: Path) -> None:
    """Write a model to one file, whole or not at all. Raises StudioError where it can't be used."""
    if entry.card is None:
        raise StudioError(f"The model {entry.name} can't be used: {entry.problem}", "Choose another model.")
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(CARD_FILE, json.dumps(entry.card.to_json(), indent=1))
        archive.write(entry.folder / MODEL_FILE, MODEL_FILE)


def packed_card(path: Path) -> ModelCard:
    """The card of a model that is one file. Raises StudioError where the file is no such model."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check(archive, path)
            return ModelCard.from_json(json.loads(archive.read(CARD_FILE)), str(path))
    except (*BROKEN, ValueError, OSError) as error:
        raise StudioError(f"{path} is no model of U-Net Studio ({error}).", _REMEDY) from error


def unpack(path: Path, models: Path, kept: Collection[str] = ()) -> ModelEntry:
    """Take a model in from one file, under its own name or, where that is taken, name-2, name-3, ...

    kept: names that are not given either, such as those of trainings whose models are still to come. Raises
    StudioError where the file is no such model.
    """
    models.mkdir(parents=True, exist_ok=True)
    waiting = Path(tempfile.mkdtemp(prefix=".", dir=models))
    try:
        _extract(path, waiting)
        card = read_card(waiting)
        _check_weights(waiting / MODEL_FILE, path)
        return _settle(waiting, models, card, kept)
    except BROKEN as error:
        raise StudioError(f"{path} is no model of U-Net Studio ({error}).", _REMEDY) from error
    finally:
        shutil.rmtree(waiting, ignore_errors=True)


_REMEDY = "Export the model again where it comes from."


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    """Refuse an archive that lacks a part of a model, or would fill the disk or the memory."""
    held = {entry.filename: entry for entry in archive.infolist()}
    missing = [name for name in (CARD_FILE, MODEL_FILE) if name not in held]
    if missing:
        raise StudioError(f"{path} is no model of U-Net Studio: {missing[0]} is missing.", _REMEDY)
    # They are stored, not compressed: one that claims to be larger than the file would fill the disk.
    if held[CARD_FILE].file_size > MOST_CARD or held[MODEL_FILE].file_size > path.stat().st_size:
        raise StudioError(f"{path} claims to hold more than it does.", _REMEDY)


def _extract(path: Path, folder: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        _check(archive, path)
        for name in (CARD_FILE, MODEL_FILE):
            with archive.open(name) as source, atomic_write(folder / name) as target:
                shutil.copyfileobj(source, target)


def _check_weights(weights: Path, path: Path) -> None:
    """Refuse what isn't safetensors: 8 bytes of the header's length, the header in JSON, the tensors."""
    with weights.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else MOST_HEADER + 1
        header = stream.read(length) if length <= MOST_HEADER else b""
    try:
        if not isinstance(json.loads(header), dict):
            raise ValueError("no table of tensors")
    except ValueError as error:
        raise StudioError(f"The weights in {path} are damaged ({error}).", _REMEDY) from error


def _settle(waiting: Path, models: Path, card: ModelCard, kept: Collection[str]) -> ModelEntry:
    """Give the waiting folder a free name; renaming onto another folder fails, so that none is replaced."""
    own = card.name if PLAIN_NAME.fullmatch(card.name) else "model"
    waiting.chmod(0o755)  # temporary folders are private
    number = 1
    while True:
        name = own if number == 1 else f"{own}-{number}"
        target = models / name
        number += 1
        if target.exists() or name in kept:
            continue
        named = replace(card, name=name)
        write_card(waiting, named)
        try:
            return ModelEntry(name, waiting.rename(target), named)
        except OSError:
            if not target.exists():
                raise
