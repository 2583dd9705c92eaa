"""Which finished images train and which validate, folded away, with the rule that gave them their part."""

from PySide6.QtWidgets import QWidget

from unet_studio.jobs.training_plan import TrainingPlan
from unet_studio.ui.section import Section
from unet_studio.ui.widgets import label
from unet_studio.ui.words import split_text

RULE = (
    "The first finished image trains, the second validates, then five train to one that validates. An image "
    "keeps its part until you change it in the list of images."
)
LISTED = 12  # names of a part of the split


class SplitSection(Section):
    """Hidden while there is no finished image that trains or validates."""

    def __init__(self, parent: QWidget | None = None) -> None:
        listed = label("", "muted")
        super().__init__("Split", RULE, listed, parent)
        self.list = listed

    def show_plan(self, plan: TrainingPlan) -> None:
        """Show who is where."""
        self.setVisible(plan.train + plan.val > 0)
        self.summary.setText(split_text(plan))
        self.list.setText(_listed(plan))


def _listed(plan: TrainingPlan) -> str:
    """The finished images by their part, and the rule that gave it to them."""
    lines = []
    for part, title in (("train", "Train"), ("val", "Validate"), ("test", "Test")):
        names = plan.images.get(part, ())
        if names:
            more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
            lines.append(f"{title}: {', '.join(names[:LISTED])}{more}")
    return "\n".join([*lines, RULE])
