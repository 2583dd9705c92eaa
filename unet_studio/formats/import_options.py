"""How foreign masks come in: what a person chooses before an import."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from unet_studio.formats.regions import Order

Advance = Callable[[int, int], None]  # steps done, steps in all; may raise Cancelled
Target = Literal["annotation", "prediction"]
OtherSize = Literal["refuse", "scale"]
Turning = Literal["refuse", "sized", "all"]
TARGETS: tuple[Target, ...] = ("annotation", "prediction")


@dataclass(frozen=True)
class ImportOptions:
    """How masks come in.

    layer: as painted pixels, or as a prediction to be corrected. approve: annotations come in as finished
    masks, where every pixel has a class; else as painted pixels to go on with. replace: also where a person
    has painted already. add_classes: classes that the project lacks are added. renames: class name there ->
    name here, "" for unlabelled; classes that are added come in the order of the names here.

    order: which of two overlapping regions lies on top, in formats that store regions. other_size: masks of
    another size than their image's are refused, or scaled to it by nearest neighbour. turn: masks that were
    drawn on the picture as it is stored, without its EXIF orientation, are refused ("refuse"), turned with it
    where their size tells ("sized"), or turned wherever the picture has an orientation ("all").

    only: the images to import, None for all. pairs: image -> key of its mask, where a person chose it.
    model: what predictions are called among the models; "" makes a name of the source. resume: go on with
    an import that was broken off.
    """

    approve: bool = False
    replace: bool = False
    add_classes: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)
    layer: Target = "annotation"
    order: Order = Order.FILE
    other_size: OtherSize = "refuse"
    turn: Turning = "refuse"
    only: frozenset[str] | None = None
    pairs: Mapping[str, str] = field(default_factory=dict)
    model: str = ""
    resume: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **asdict(self),
            "renames": dict(self.renames),
            "pairs": dict(self.pairs),
            "order": self.order.value,
            "only": None if self.only is None else sorted(self.only),
        }
