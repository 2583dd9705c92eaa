"""Whether any pixel of a mask is labelled, asked after every stroke, without reading the mask every time."""

from unet_studio.core.classes import UNLABELLED
from unet_studio.core.geometry import TILE, Rect, tile_rect
from unet_studio.core.mask import Mask


class Labelled:
    """Tiles of a mask that are known to hold a labelled pixel, and those nobody has looked at since a change.

    As long as one is known, a question costs nothing; else tiles are looked at until one is found, each once.
    """

    def __init__(self, mask: Mask) -> None:
        self._mask = mask
        self._changed = mask.watch()
        self._known: set[tuple[int, int]] = set()
        self._unsure = set(Rect.of(mask.shape).tiles(TILE))

    def any(self) -> bool:
        """Whether there is one in what is committed; not to be asked while an edit is open."""
        changed = self._changed.take()
        self._known -= changed
        self._unsure |= changed
        while not self._known and self._unsure:
            key = self._unsure.pop()
            if (self._mask.pixels[tile_rect(*key, self._mask.shape).slices] != UNLABELLED).any():
                self._known.add(key)
        return bool(self._known)
