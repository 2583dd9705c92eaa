"""The state of the open window: project, document, model and training; the one place that changes them."""

from unet_studio.session.predictor import PredictionState, Predictor
from unet_studio.session.session import Session, Unsaved
from unet_studio.session.trainer import Trainer

__all__ = ["PredictionState", "Predictor", "Session", "Trainer", "Unsaved"]
