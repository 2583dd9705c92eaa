"""The box that imports masks: what would come in, how, and what came of it."""
