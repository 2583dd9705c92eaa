"""Devices: the one asked for, or a sentence that says why not."""

import os
from types import SimpleNamespace

import pytest
import torch

from unet_studio.core.errors import StudioError
from unet_studio.model import devices
from unet_studio.model.devices import (
    choose_device,
    describe_build,
    describe_devices,
    fast_dtype,
    lost,
    out_of_memory,
    set_threads,
)


@pytest.fixture
def machine(monkeypatch):
    """Pretend to be a machine with so many CUDA devices, with Metal or not."""

    def pretend(cuda: int, mps: bool = False) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)

    return pretend


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"), [(0, False, "cpu"), (2, False, "cuda"), (0, True, "mps")]
)
def test_auto_takes_the_fastest(machine, cuda, mps, expected):
    machine(cuda, mps)
    assert choose_device() == torch.device(expected)


@pytest.mark.parametrize("name", ["cpu", "cuda", "cuda:0", "cuda:1", "mps"])
def test_a_device_that_is_there_is_given(machine, name):
    machine(2, True)
    assert choose_device(name) == torch.device(name)


@pytest.mark.parametrize(
    ("name", "cuda", "message"),
    [
        ("cuda", 0, "no CUDA device"),
        ("cuda:1", 1, "finds 1 CUDA device\\."),
        ("cuda:3", 2, "finds 2 CUDA devices\\."),
        ("mps", 0, "Apple"),
        ("tpu", 0, "no device 'tpu'"),
        ("cpu:1", 0, "no device 'cpu:1'"),
        ("cuda:x", 4, "no device 'cuda:x'"),
    ],
)
def test_a_device_that_is_not_there_is_explained(machine, name, cuda, message):
    machine(cuda)
    with pytest.raises(StudioError, match=message) as caught:
        choose_device(name)
    assert "cpu" in caught.value.remedy


def test_a_wrong_name_is_answered_with_the_right_ones(machine):
    machine(2, True)
    for name in ("gpu", "cuda:2"):
        with pytest.raises(StudioError) as caught:
            choose_device(name)
        assert caught.value.remedy == "Use auto, cuda:0, cuda:1, mps, or cpu."
    assert choose_device(" CUDA:1 ") == torch.device("cuda:1")


def test_a_broken_driver_counts_as_no_device(monkeypatch):
    import warnings

    def broken() -> bool:
        warnings.warn("CUDA initialization: the driver is too old", stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", broken)
    assert devices.cuda_count() == 0


def test_devices_are_described(machine, monkeypatch):
    machine(1, True)
    properties = SimpleNamespace(name="Some GPU", total_memory=8 * 2**30, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: properties)
    found = {info.name: info for info in describe_devices()}
    assert list(found) == ["cuda:0", "mps", "cpu"]
    assert (found["cuda:0"].title, found["cuda:0"].memory) == ("Some GPU", 8 * 2**30)
    assert "bfloat16 in fast mode" in found["cuda:0"].note
    assert "threads" in found["cpu"].note
    properties.major = 7
    assert "float16 in fast mode" in describe_devices()[0].note
    assert all(choose_device(name) for name in found)


def test_the_build_of_pytorch_is_described(monkeypatch):
    monkeypatch.setattr(torch.version, "cuda", None)
    monkeypatch.setattr(torch.version, "hip", None)
    monkeypatch.setattr(torch.backends.mps, "is_built", lambda: False)
    assert describe_build() == f"torch {torch.__version__}, made for the processor alone"
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    assert describe_build().endswith("made for CUDA 13.0")


@pytest.mark.parametrize("native", [True, False])
def test_fast_on_a_processor_is_bfloat16_or_nothing(monkeypatch, native):
    monkeypatch.setattr(devices, "native_bfloat16", lambda: native)
    assert fast_dtype(torch.device("cpu")) == (torch.bfloat16 if native else None)
    assert fast_dtype(torch.device("mps")) is None


@pytest.mark.parametrize("native", [True, False])
def test_fast_on_a_graphics_card_is_half_precision(monkeypatch, native):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert fast_dtype(torch.device("cuda")) == (torch.bfloat16 if native else torch.float16)


def test_threads_are_set_and_0_means_all_cores(monkeypatch):
    before = torch.get_num_threads()
    try:
        set_threads(1)
        assert torch.get_num_threads() == 1
        monkeypatch.setattr(devices, "available_cores", lambda: 2)
        set_threads(0)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_cores_are_those_this_process_may_use(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    assert devices.available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert devices.available_cores() == 1


LOSSES = [
    RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later"),
    torch.AcceleratorError("CUDA error: unspecified launch failure"),
    RuntimeError("CUDA error: no kernel image is available for execution on the device"),
    RuntimeError("CUDA error: the launch timed out and was terminated"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasSgemm(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR"),
    RuntimeError("CUDA unknown error - this may be due to an incorrectly set up environment"),
    RuntimeError("Found no NVIDIA driver on your system."),
    RuntimeError("HIP error: invalid device function"),
    NotImplementedError(
        "The operator 'aten::x' is not currently implemented for the MPS device. If you want this op"
    ),
]
SHORTAGES = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    RuntimeError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes"),
    MemoryError(),
]
MISTAKES = [
    RuntimeError(
        "Given groups=1, weight of size [4, 3, 3, 3], expected input[1, 1, 8, 8] to have 3 channels"
    ),
    RuntimeError("Expected all tensors to be on the same device, but found cuda:0 and cpu"),
    ValueError("CUDA error"),
    StudioError("no", "yes"),
]


@pytest.mark.parametrize("error", LOSSES, ids=str)
def test_a_lost_card_is_told(error):
    assert lost(error)
    assert not out_of_memory(error)


@pytest.mark.parametrize("error", SHORTAGES, ids=str)
def test_a_full_memory_is_no_lost_card(error):
    assert out_of_memory(error)
    assert not lost(error)


@pytest.mark.parametrize("error", MISTAKES, ids=str)
def test_what_a_program_does_wrong_is_neither(error):
    assert not lost(error)
    assert not out_of_memory(error)
