"""What a model says about one image."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """Labels and confidence of one image, with how they were made.

    labels: uint8 (H, W), class indices. confidence: uint8 (H, W), round(255 * probability of the label).
    model: the name of the model. made: mode, tile, device and so on, as plain JSON values.
    """

    labels: NDArray[np.uint8]
    confidence: NDArray[np.uint8]
    model: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)
