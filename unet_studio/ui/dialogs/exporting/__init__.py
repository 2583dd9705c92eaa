"""The export assistant: what to write, what will come of it, how far it is, and the proof."""
