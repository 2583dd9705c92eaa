"""The widget that shows an image with its mask and takes pointer events."""
