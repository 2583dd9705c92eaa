"""The state of the open window: project, document, model and training; the one place that changes them."""

from unet_studio.session.prediction_run import Failure, PredictionState, Report
from unet_studio.session.predictor import Predictor
from unet_studio.session.session import Session, Unsaved
from unet_studio.session.trainer import Trainer

__all__ = ["Failure", "PredictionState", "Predictor", "Report", "Session", "Trainer", "Unsaved"]
