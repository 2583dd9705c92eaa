"""How a person wants images to be predicted, and whether a prediction that is there is as they want it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Mode = Literal["fast", "exact"]


@dataclass(frozen=True)
class PredictionWish:
    """mode: exact (float32) or fast. device: auto, cpu, cuda, cuda:N or mps. tta: average over four flips."""

    mode: Mode = "fast"
    device: str = "auto"
    tta: bool = False

    def met_by(self, made: Mapping[str, Any]) -> bool:
        """Whether what was made so (Prediction.made) is at least as careful as this.

        So nothing exact is thrown away for something fast. The device doesn't count: it changes hardly a
        pixel. What doesn't say how it was made, as imported masks, is taken as it is.
        """
        if "mode" not in made:
            return True
        exact = self.mode == "fast" or made["mode"] == "exact"
        return exact and (bool(made.get("tta")) or not self.tta)
