"""What was shown of each image, so that coming back finds it there; or the same place for all images."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A view apart from the window's size. shape: of the image, (height, width) px.

    zoom: device px an image px. row, column: what is in the middle, in image px. fitted: the whole image.
    """

    shape: tuple[int, int]
    zoom: float
    row: float
    column: float
    fitted: bool


class ViewMemory:
    """The places of the images of one project, by name. locked: the place left last holds for every image."""

    def __init__(self) -> None:
        self.locked = False
        self._places: dict[str, Place] = {}
        self._last: Place | None = None

    def leave(self, name: str, place: Place) -> None:
        """Remember what is shown of an image."""
        self._places[name] = self._last = place

    def recall(self, name: str, shape: tuple[int, int]) -> Place | None:
        """What to show of an image of that shape; None for all of it."""
        place = self._last if self.locked else self._places.get(name)
        known = place is not None and (self.locked or place.shape == shape)
        return place if known else None

    def clear(self) -> None:
        """Forget the images of a project that is closed."""
        self._places.clear()
        self._last = None
