"""U-Nets, checkpoints, preprocessing, tiled prediction and devices."""
