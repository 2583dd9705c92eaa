"""The window: canvas, panels, dialogs, actions and theme."""

# Before Qt: once PySide6 is loaded, its hook makes every further import slower, numpy's by a third.
import unet_studio.core.document_files
import unet_studio.core.run_folder  # noqa: F401
