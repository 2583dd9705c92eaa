"""Predictions kept in memory by model and image, so that going back to a model shows them at once."""

from collections import OrderedDict

from unet_studio.core.prediction import Prediction

SHELF_BYTES = 128 * 2**20  # of predictions that are kept beside those of the documents in memory


class Shelf:
    """Bounded in bytes; what was used longest ago goes first."""

    def __init__(self, limit: int = SHELF_BYTES) -> None:
        self.limit = limit
        self.nbytes = 0
        self._kept: OrderedDict[tuple[str, str], Prediction] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, model: str, name: str) -> Prediction | None:
        """What a model said of an image, if that is kept."""
        found = self._kept.get((model, name))
        if found is not None:
            self._kept.move_to_end((model, name))
        return found

    def put(self, name: str, prediction: Prediction) -> None:
        """Keep what a model says of an image; one larger than the shelf is not kept."""
        self._discard((prediction.model, name))
        if prediction.nbytes > self.limit:
            return
        while self._kept and self.nbytes + prediction.nbytes > self.limit:
            self._discard(next(iter(self._kept)))
        self._kept[prediction.model, name] = prediction
        self.nbytes += prediction.nbytes

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()
        self.nbytes = 0

    def _discard(self, key: tuple[str, str]) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self.nbytes -= gone.nbytes
