"""Long work beside the window: the prediction thread, the loader, the writer, the training process."""
