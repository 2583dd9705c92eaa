"""The sample project: its procedural images, a simulated annotator, and the walk through all of it."""
