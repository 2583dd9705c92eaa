"""What a training process tells of itself, and what the window shows of it."""

from PySide6.QtWidgets import QMessageBox

from unet_studio.core.events import Validated


def score(step, dice):
    iou = round(dice - 0.1, 3)
    return Validated(step, 0.4, {"object": iou}, {"background": 0.9, "object": dice}, 0.9, iou, dice, True)


def visible_box(window):
    return next(box for box in window.findChildren(QMessageBox) if box.isVisible())
