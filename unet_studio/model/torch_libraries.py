"""Loading PyTorch's shared libraries without holding up the other threads of the interpreter."""

import ctypes
import os
import sys
from importlib.util import find_spec
from pathlib import Path

# In the order in which they need each other; each draws in what it was linked with. The one that binds
# Python is left to the import itself: what runs when it is loaded may need the interpreter's lock.
LIBRARIES = ("torch_global_deps", "c10", "torch_cpu", "c10_cuda", "torch_cuda", "torch")
GLOBAL = "torch_global_deps"  # PyTorch loads this one with its names visible to all others


def load_torch_libraries() -> None:
    """Load what `import torch` is about to load, without the interpreter's lock; without PyTorch, nothing.

    The import statement holds the lock while the system maps and links some hundred megabytes, so that a
    window stands still (0.4 s were measured). A foreign function called through ctypes doesn't: here it is
    dlopen. What is loaded already costs the import next to nothing. What can't be loaded is left to the
    import, which says why. On Windows, where PyTorch prepares the search path itself, nothing is done.
    """
    if os.name != "posix" or "torch" in sys.modules:
        return
    found = find_spec("torch")  # finds the package and doesn't import it
    if found is None or not found.submodule_search_locations:
        return
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.restype, dlopen.argtypes = ctypes.c_void_p, (ctypes.c_char_p, ctypes.c_int)
    folder = Path(next(iter(found.submodule_search_locations))) / "lib"
    for name in LIBRARIES:
        for path in (folder / f"lib{name}.so", folder / f"lib{name}.dylib"):
            if path.is_file():
                scope = os.RTLD_GLOBAL if name == GLOBAL else os.RTLD_LOCAL
                dlopen(os.fsencode(path), os.RTLD_NOW | scope)
