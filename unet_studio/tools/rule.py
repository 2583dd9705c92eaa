"""Where tools may paint: over everything, only where nobody painted, only over one class; never on a lock."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.document import Document
from unet_studio.core.geometry import Rect

Over = Literal["all", "unlabelled", "class"]


@dataclass(frozen=True)
class PaintRule:
    """over: "all", "unlabelled" (pixels nobody painted) or "class" (pixels whose mask shows class_index).

    locked: classes whose pixels, as the mask shows them, no tool changes.
    """

    over: Over = "all"
    class_index: int = 0
    locked: frozenset[int] = frozenset()

    @property
    def free(self) -> bool:
        """Whether everything may be painted over."""
        return self.over == "all" and not self.locked

    def allowed(self, document: Document, rect: Rect) -> NDArray[np.bool_] | None:
        """Which pixels of rect, inside the image, may be painted, bool (height, width); None for all."""
        if self.free:
            return None
        return self.allows(document.annotation_region(rect), lambda: document.mask_region(rect))

    def allows(self, painted: NDArray[np.uint8], shown: Callable[[], NDArray[np.uint8]]) -> NDArray[np.bool_]:
        """Which pixels may be painted, where painted is the annotation and shown() the mask, of one shape."""
        allowed = np.ones(painted.shape, dtype=np.bool_)
        if self.over == "unlabelled":
            allowed &= painted == UNLABELLED
        if self.locked or self.over == "class":
            mask = shown()
            if self.over == "class":
                allowed &= mask == self.class_index
            for index in self.locked:
                allowed &= mask != index
        return allowed
