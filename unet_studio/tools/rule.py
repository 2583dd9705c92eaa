"""Where tools may paint: over everything, only where nobody painted, only over one class; never on a lock."""

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
        allowed = np.ones((rect.height, rect.width), dtype=np.bool_)
        if self.over == "unlabelled":
            allowed &= document.annotation_region(rect) == UNLABELLED
        if self.locked or self.over == "class":
            shown = document.mask_region(rect)
            if self.over == "class":
                allowed &= shown == self.class_index
            for index in self.locked:
                allowed &= shown != index
        return allowed
