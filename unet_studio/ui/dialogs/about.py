"""What the program is, its version and its licence."""

import platform

from PySide6.QtCore import Qt, qVersion
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QDialog, QLabel, QVBoxLayout, QWidget

from unet_studio import __version__
from unet_studio.core.resources import resources
from unet_studio.ui.widgets import button, label, row

ICON = 88  # px


class AboutDialog(QDialog):
    """Shown by Help, About."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About U-Net Studio")
        picture = QLabel()
        picture.setPixmap(QIcon(str(resources() / "icons" / "unet-studio.svg")).pixmap(ICON, ICON))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(36, 28, 36, 20)
        layout.setSpacing(8)
        title = label("U-Net Studio", "title", wrap=False)
        version = label(
            f"Version {__version__} · Python {platform.python_version()} · Qt {qVersion()}", "muted", False
        )
        for widget in (picture, title, version):
            layout.addWidget(widget, alignment=Qt.AlignmentFlag.AlignHCenter)
        text = label(
            "Open a folder of images, let a U-Net propose masks, repair them with a brush, and fine-tune the "
            "U-Net on the repairs. The images are never changed; all work is plain files beside them.\n\n"
            "Free software under the MIT licence. Icons: Material Design Icons through qtawesome."
        )
        text.setMinimumWidth(400)
        text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        layout.addSpacing(6)
        layout.addWidget(text)
        layout.addSpacing(8)
        close = button("Close", "Close this box", self.accept)
        close.setDefault(True)
        layout.addLayout(row(None, close, None))
        layout.setSizeConstraint(QVBoxLayout.SizeConstraint.SetFixedSize)
