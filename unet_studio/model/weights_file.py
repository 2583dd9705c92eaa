"""Weights files of this and other programs: tensors by name, read without executing anything."""

import pickle
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from unet_studio.core.errors import StudioError

SUFFIXES = (".pth", ".pt", ".ckpt", ".bin", ".safetensors")  # of weights files
WRAPPERS = ("state_dict", "model_state_dict", "model_state", "model", "network", "net", "weights")
PREFIXES = ("module.", "model.", "_orig_mod.")  # what wrappers put before every key
LARGEST_FILE = 4 * 2**30  # bytes
MOST_TENSORS = 100_000
# What torch.load was seen to raise on broken files, beside UnpicklingError.
UNREADABLE = (
    OSError,
    SafetensorError,
    RuntimeError,
    EOFError,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    AssertionError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zipfile.BadZipFile,
)


def is_weights_file(path: Path) -> bool:
    """Whether a path is a file, or is named like one that holds weights."""
    return path.is_file() or (path.suffix.lower() in SUFFIXES and not path.is_dir())


def read_state(path: Path) -> dict[str, Tensor]:
    """The weights of a safetensors file, or of a foreign .pth, .pt or .ckpt, by key, on the CPU.

    Of a foreign file only tensors are read, never objects; wrappers around the weights and prefixes before
    the keys are taken off. Raises StudioError where the file can't be read so, or claims more than it holds.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise ValueError(f"it has {size / 2**30:.1f} GB, more than any such network")
        if path.suffix.lower() == ".safetensors":
            return _checked(dict(load_file(path)), size)
        _check_archive(path, size)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # about pickle protocols of old files
            return _checked(_unwrapped(torch.load(path, map_location="cpu", weights_only=True)), size)
    except pickle.UnpicklingError as error:
        raise StudioError(
            f"{path} holds more than weights: opening it would execute code.",
            "Save only its state_dict() with the program that made it.",
        ) from error
    except UNREADABLE as error:
        raise StudioError(
            f"The weights in {path} can't be read: {error}.", "Copy the model again from its source."
        ) from error


def _check_archive(path: Path, size: int) -> None:
    """Raise ValueError where an archive unpacks to more than it is: torch.save never compresses."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > size:
            raise ValueError("it would unpack to more than its size")


def _unwrapped(value: Any) -> dict[str, Tensor]:
    """The tensors by key, out of what a trainer saved."""
    for key in WRAPPERS:
        if isinstance(value, Mapping) and isinstance(value.get(key), Mapping):
            value = value[key]
    if not isinstance(value, Mapping):
        raise ValueError("there are no weights by name in it")
    state = {str(key): item for key, item in value.items() if isinstance(item, Tensor)}
    if not state:
        raise ValueError("there are no weights by name in it")
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): item for key, item in state.items()}
    return state


def _checked(state: dict[str, Tensor], size: int) -> dict[str, Tensor]:
    """The tensors, if they are plain ones that a file of so many bytes can hold.

    A tensor of stride 0 takes no room in a file, and all memory once it is copied.
    """
    if len(state) > MOST_TENSORS:
        raise ValueError(f"it has {len(state)} tensors")
    for key, tensor in state.items():
        plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or tensor.is_complex():
            raise ValueError(f"{key[:80]!r} is no plain tensor")
        if tensor.numel() * tensor.element_size() > size:
            raise ValueError(f"{key[:80]!r} claims more numbers than the file holds")
    return state
