"""Run lengths, row by row: how CVAT writes a mask. Zeros first; the first run may be empty."""

import numpy as np
from numpy.typing import NDArray


def encode(stencil: NDArray[np.bool_]) -> list[int]:
    """The lengths of the runs of a stencil, bool (H, W), beginning with the zeros."""
    flat = stencil.ravel()
    changes = np.flatnonzero(np.diff(flat)) + 1
    ends = np.concatenate((changes, [flat.size]))
    runs = np.diff(np.concatenate(([0], ends))).tolist()
    return [0, *runs] if flat.size and flat[0] else runs


def decode(runs: NDArray[np.int64], height: int, width: int) -> NDArray[np.bool_]:
    """The stencil, bool (height, width). Raises ValueError where the runs do not fill it exactly."""
    if runs.size and (int(runs.min()) < 0 or int(runs.max()) > height * width):
        raise ValueError("its run lengths hold an impossible number")
    if int(runs.sum()) != height * width:
        raise ValueError(f"its run lengths do not fill {width} x {height} px")
    return np.repeat(np.arange(runs.size) % 2 == 1, runs).reshape(height, width)
