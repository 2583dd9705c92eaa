"""The window: canvas, panels, dialogs, actions and theme."""
