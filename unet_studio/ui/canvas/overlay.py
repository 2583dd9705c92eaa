"""What a person wants to see over the image, and what that means for the tiles."""

from dataclasses import dataclass

from unet_studio.core.classes import ClassTable
from unet_studio.ui.canvas.layers import LAYERS, Layer, Look, Table
from unet_studio.ui.canvas.tiles import Composer

IMAGE_ONLY = "image"
DIMMED = 0.4  # of the opacity is left to a prediction that is stale


@dataclass(frozen=True)
class Overlay:
    """layer: a name in LAYERS, or IMAGE_ONLY. fill, outline: how classes are drawn. opacity: 0..1.

    marks: whether painted pixels, and pixels without class, are marked. visible: whether any of it is shown.
    hidden: classes that are not shown, beside the background, which never is.
    """

    layer: str = "mask"
    fill: bool = True
    outline: bool = False
    marks: bool = False
    opacity: float = 0.5
    visible: bool = True
    hidden: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.layer not in (*LAYERS, IMAGE_ONLY):
            raise ValueError(f"the canvas can't show {self.layer!r}")
        object.__setattr__(self, "opacity", min(max(self.opacity, 0.0), 1.0))

    @property
    def bare(self) -> bool:
        """Whether the image is shown with nothing over it."""
        return self.layer == IMAGE_ONLY or not self.visible

    def colors(self, classes: ClassTable, stale: bool = False) -> Table:
        """What fills each code of the layer; of the mask where only the image is shown.

        stale: what is shown is a prediction that is to be replaced; it is dimmed.
        """
        layer = LAYERS.get(self.layer, LAYERS["mask"])
        return layer.fill_colors(self._look(classes, stale))

    def _look(self, classes: ClassTable, stale: bool) -> Look:
        return Look(classes, self.opacity * (DIMMED if stale else 1), self.hidden)

    def apply(self, composer: Composer, classes: ClassTable, peeking: bool, stale: bool = False) -> None:
        """Make a composer show it. peeking: a person holds the key to look under it. stale: see colors."""
        off = self.bare or peeking
        composer.plain = off or not self.fill
        composer.lines, composer.marked = None, self.marks and not off
        layer = LAYERS.get(self.layer)
        if layer is None:
            return
        composer.show(self.layer, self.colors(classes, stale))
        if self.outline and not off:
            composer.lines = layer.line_colors(self._look(classes, stale))

    def apply_instead(self, composer: Composer, layer: Layer, classes: ClassTable, peeking: bool) -> None:
        """Make a composer show another layer, of those that aren't in the table, as this one would be."""
        composer.plain = peeking or not (self.fill or not self.outline)
        composer.marked = False
        look = self._look(classes, False)
        composer.compare(layer, layer.fill_colors(look))
        composer.lines = layer.line_colors(look) if self.outline and not peeking else None
