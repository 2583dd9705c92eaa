"""What one can do with the images selected in the files panel: the menu of the right mouse button."""

from collections.abc import Sequence
from functools import partial

from PySide6.QtGui import QActionGroup, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from unet_studio.core.project import Status
from unet_studio.core.split import PARTS, Split
from unet_studio.session import Session
from unet_studio.ui.dialogs.messages import ask
from unet_studio.ui.outside import open_outside
from unet_studio.ui.panels.file_list import PARTS as PART_WORDS

TIPS: dict[Split, str] = {
    "train": "The model learns from it",
    "val": "Tells during a training which state of the model is best",
    "test": "Kept apart: neither learnt from nor looked at during a training",
}


def file_menu(session: Session, names: Sequence[str], parent: QWidget) -> QMenu:
    """The menu for these images, which are of one project; not empty."""
    menu = QMenu(parent)
    menu.setToolTipsVisible(True)
    project = session.project
    if project is None or not names:
        return menu
    one = names[0] if len(names) == 1 else None
    writable = project.read_only is None
    if one is not None:
        menu.addAction("&Open", partial(session.open_image, one)).setEnabled(one != session.current)
        menu.addAction("Show in &Folder", partial(show_in_folder, session, one))
    menu.addAction("&Copy Path" if one else f"&Copy {len(names):,} Paths", partial(copy, session, names))
    menu.addSeparator()
    predict = menu.addAction(
        "&Predict Again" if one else f"&Predict {len(names):,} Images Again",
        partial(session.predictor.predict_these, names),
    )
    predict.setToolTip("In the background; what somebody painted or approved keeps its prediction")
    predict.setEnabled(session.predictor.model is not None)
    _add_split(menu, session, names, writable)
    if one is None:
        return menu
    menu.addSeparator()
    document = session.document
    if document is not None and one == document.name:
        words, act = (
            ("&Take Approval Back", session.editor.unapprove)
            if document.approved
            else ("&Approve", session.editor.approve)
        )
        menu.addAction(words, act).setEnabled(session.editable)
    again = menu.addAction("&Read Again", partial(session.read_again, one))
    again.setToolTip("Read the image and its mask from disk again, after another program changed them")
    started = session.status(one) is not Status.UNLABELLED
    menu.addAction("Set Mask As&ide…", partial(_set_aside, session, one, parent)).setEnabled(
        writable and started
    )
    return menu


def _add_split(menu: QMenu, session: Session, names: Sequence[str], writable: bool) -> None:
    project = session.project
    parts = {project.split.get(name) for name in names} if project else set()
    split = menu.addMenu("&Use for" if len(names) == 1 else f"&Use {len(names):,} Images for")
    split.setToolTipsVisible(True)
    split.setEnabled(writable)
    group = QActionGroup(split)
    for part in PARTS:
        action = split.addAction(PART_WORDS[part], partial(session.browser.set_split, names, part))
        action.setToolTip(TIPS[part])
        action.setCheckable(True)
        action.setChecked(parts == {part})
        group.addAction(action)
    split.addSeparator()
    action = split.addAction("&Automatic", partial(session.browser.set_split, names, None))
    action.setToolTip("Most images train and some validate, in turn, as they are approved")


def show_in_folder(session: Session, name: str) -> None:
    """Open the folder of an image in the system's file manager."""
    if session.project is not None:
        open_outside(session.project.image_path(name).parent, session.say_failed)


def copy(session: Session, names: Sequence[str]) -> None:
    """Put the paths of images on the clipboard, one a line."""
    if session.project is not None:
        root = session.project.image_root
        QGuiApplication.clipboard().setText("\n".join(str(root / name) for name in names))


def _set_aside(session: Session, name: str, parent: QWidget) -> None:
    ask(
        parent,
        "Set the Mask Aside",
        f"Begin the mask of {name} anew?",
        "What is painted and approved there is moved to the project's folder set-aside; nothing is deleted.",
        "Set Aside",
        partial(session.set_aside, name),
    )
