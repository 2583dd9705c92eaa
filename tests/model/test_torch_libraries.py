"""PyTorch's libraries are loaded before the import, by a call that holds no lock of the interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

LOADED = "print(*(line.split()[-1] for line in open('/proc/self/maps') if 'torch' in line))"
LOAD = "from unet_studio.model.torch_libraries import load_torch_libraries\nload_torch_libraries()\n"


def run(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads Linux's list of loaded files")
def test_they_are_loaded_and_torch_is_not_imported():
    out = run(f"{LOAD}{LOADED}\nimport sys\nprint('torch' in sys.modules)")
    assert "libtorch_cpu" in out
    assert out.split()[-1] == "False"


def test_torch_works_afterwards():
    assert "3.0" in run(f"{LOAD}import torch\nprint(torch.ones(3).sum().item(), torch.cuda.is_available())")


def test_without_torch_nothing_happens():
    run(f"import sys\nsys.path[:] = [p for p in sys.path if 'site-packages' not in p]\n{LOAD}")
