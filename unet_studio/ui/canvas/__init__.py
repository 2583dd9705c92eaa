"""The canvas: an image of any size with its mask, zoomed, panned and painted on."""

from unet_studio.ui.canvas.widget import Canvas

__all__ = ["Canvas"]
