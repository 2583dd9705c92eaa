"""What a network can run on: the processor, or a graphics card."""

import os
import warnings
from dataclasses import dataclass

import torch

from unet_studio.core.errors import StudioError

MEMORY_SIGNS = ("out of memory", "can't allocate memory", "ALLOC_FAILED")  # in the text of a RuntimeError
# In the text of a RuntimeError that comes from the device itself or its libraries, never from a network.
LOSS_SIGNS = (
    "CUDA error",
    "CUDA driver",
    "HIP error",
    "CUBLAS_STATUS",
    "cuBLAS",
    "cuDNN error",
    "CUDNN_STATUS",
    "device-side assert",
    "no kernel image",
    "launch failure",
    "NVIDIA driver",
    "CUDA unknown error",
    "MPS backend",
    "the MPS device",
    "Metal",
)


@dataclass(frozen=True)
class DeviceInfo:
    """A device for people. name: as choose_device takes it. memory: bytes, or None. note: what it can do."""

    name: str
    title: str
    memory: int | None
    note: str


def choose_device(name: str = "auto") -> torch.device:
    """The device of a name: auto (the fastest present), cpu, cuda, cuda:N or mps.

    Raises StudioError where the name is unknown or the device isn't there.
    """
    kind, _, number = name.strip().lower().partition(":")
    if (kind, number) == ("auto", ""):
        return torch.device("cuda" if cuda_count() else "mps" if has_mps() else "cpu")
    if kind not in ("cpu", "cuda", "mps") or not (number == "" or (kind == "cuda" and number.isdecimal())):
        raise StudioError(f"There is no device {name!r}.", f"Use {_choices()}.")
    if kind == "cuda" and cuda_count() <= int(number or 0):
        present = cuda_count()
        found = f"{present} CUDA device{'s' if present > 1 else ''}" if present else "no CUDA device"
        driver = (
            "Use the cpu, or install a driver and a CUDA build of PyTorch (unet-studio doctor tells more)."
        )
        raise StudioError(
            f"{name} is not there: PyTorch finds {found}.", f"Use {_choices()}." if present else driver
        )
    if kind == "mps" and not has_mps():
        raise StudioError("mps is not there: it needs a Mac with Apple silicon.", "Use the cpu.")
    return torch.device(kind, int(number)) if number else torch.device(kind)


def _choices() -> str:
    """The names that choose_device takes here, for a sentence."""
    cards = [f"cuda:{index}" for index in range(cuda_count())]
    return ", ".join(["auto", *cards, *(["mps"] if has_mps() else []), "or cpu"])


def cuda_count() -> int:
    """How many CUDA devices PyTorch can use; a broken driver counts as none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.cuda.device_count() if torch.cuda.is_available() else 0


def has_mps() -> bool:
    """Whether PyTorch can use Apple's Metal."""
    return torch.backends.mps.is_available()


def available_cores() -> int:
    """Processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def set_threads(count: int) -> None:
    """Let torch compute with so many threads; 0 means one a core. Call it in the thread that computes."""
    wanted = count or available_cores()
    if torch.get_num_threads() != wanted:
        torch.set_num_threads(wanted)


def native_bfloat16() -> bool:
    """Whether the processor computes bfloat16 fast; elsewhere it would be slower than float32."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def fast_dtype(device: torch.device) -> torch.dtype | None:
    """The number format of fast mode on a device, or None for plain float32.

    Never float16 on a processor: it is emulated there, 60 times slower.
    """
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if device.type == "cpu" and native_bfloat16():
        return torch.bfloat16
    return None


def out_of_memory(error: Exception) -> bool:
    """Whether memory ran out: PyTorch's exception for it isn't used by all its parts."""
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or (isinstance(error, RuntimeError) and any(sign in str(error) for sign in MEMORY_SIGNS))


def lost(error: Exception) -> bool:
    """Whether an error says that a graphics card can't be used (any more), for another reason than memory.

    A failed kernel ("device-side assert triggered", "unspecified launch failure"), a card that PyTorch has no
    code for ("no kernel image"), a driver that went away, an operation that Metal lacks. CUDA then refuses
    every further call in this process, also to read what lies on the card and to empty its cache: the
    processor needs a copy of the weights that never was there.
    """
    if not isinstance(error, RuntimeError) or out_of_memory(error):
        return False
    return isinstance(error, torch.AcceleratorError) or any(sign in str(error) for sign in LOSS_SIGNS)


def describe_devices() -> list[DeviceInfo]:
    """All devices of this machine, the fastest first, the processor last."""
    found = []
    for index in range(cuda_count()):
        properties = torch.cuda.get_device_properties(index)
        # Compute capability 8.0, of Ampere, is the first with bfloat16 (CUDA C++ Programming Guide).
        fast = "bfloat16" if properties.major >= 8 else "float16"
        note = f"CUDA {properties.major}.{properties.minor}, {fast} in fast mode"
        found.append(DeviceInfo(f"cuda:{index}", properties.name, properties.total_memory, note))
    if has_mps():
        found.append(DeviceInfo("mps", "Apple GPU", None, "Metal, no fast mode"))
    fast = "bfloat16 in fast mode" if native_bfloat16() else "no fast mode"
    note = f"{available_cores()} cores, {torch.get_num_threads()} threads, {fast}"
    found.append(DeviceInfo("cpu", "Processor", None, note))
    return found


def describe_build() -> str:
    """Which build of PyTorch this is, and what it was made for."""
    made_for = [
        f"CUDA {torch.version.cuda}" if torch.version.cuda else "",
        f"ROCm {torch.version.hip}" if torch.version.hip else "",
        "Metal" if torch.backends.mps.is_built() else "",
    ]
    kinds = ", ".join(filter(None, made_for)) or "the processor alone"
    return f"torch {torch.__version__}, made for {kinds}"
