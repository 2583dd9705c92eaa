"""Images, classes, masks, undo, projects, configuration and metrics: no Qt, no torch."""
