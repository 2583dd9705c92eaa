"""The table of statistics: objects and areas of every class in every image."""
