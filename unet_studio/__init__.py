"""U-Net Studio: segment a folder of images, repair the masks, and let the U-Net learn from the repairs."""

__version__ = "0.1.0"
