"""Objects of which a running application has one, made when they are first asked for."""

from typing import TypeVar

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

Kind = TypeVar("Kind", bound=QObject)


def of_application(kind: type[Kind]) -> Kind:
    """The application's own object of a class that is made with the application alone.

    Raises RuntimeError where no application with windows runs.
    """
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        raise RuntimeError(f"{kind.__name__} needs a QApplication.")
    found = app.findChild(kind)
    return found if found is not None else kind(app)
