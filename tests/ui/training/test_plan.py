"""The training panel before a training: what there is to learn from, the guide to a first model, the form."""

from PySide6.QtWidgets import QFileDialog

from tests.helpers import SHAPE, make_model
from tests.ui.conftest import paint_all, paint_half, shown
from tests.ui.training.states import visible_box
from unet_studio.core.classes import ClassTable, PixelClass
from unet_studio.core.model_file import pack
from unet_studio.core.project import Status
from unet_studio.core.training_choices import CHOICES_FILE, read_choices
from unet_studio.core.versions import model_in


def test_nothing_approved_nothing_to_learn(opened, panel):
    assert "approve" in panel.plan.text()
    assert not panel.start.isEnabled()
    assert "approve" in panel.start.toolTip()
    assert not panel.curve.isVisible()


def test_the_plan_counts_images_and_pixels(approved, panel, qtbot):
    told = "Learns from 1 approved image, is checked on 1 it never learns from."
    qtbot.waitUntil(lambda: panel.plan.text() == told, timeout=20_000)
    assert panel.start.isEnabled()
    qtbot.waitUntil(panel.bars.isVisible, timeout=20_000)
    counts = panel._session.trainer.plan().pixels
    assert counts[0] > 1000
    assert counts[0] + counts[1] == SHAPE[0] * SHAPE[1]  # of the one that is learnt from
    assert f"object: {counts[1]:,} labelled px" in panel.bars.toolTip()
    assert not panel.warnings.isVisible()


def test_pixels_of_one_class_alone_can_not_be_learnt_from(approved, panel, qtbot):
    """Whatever the validation images show: the training would refuse to begin."""
    shown(qtbot, approved.session, "0.png")
    paint_all(approved.session, 1)
    approved.session.editor.approve()
    qtbot.waitUntil(
        lambda: "All pixels to learn from are object" in panel.warnings.text.text(), timeout=20_000
    )
    assert not panel.start.isEnabled()
    assert "nothing to tell apart" in panel.start.toolTip()
    with qtbot.waitSignal(approved.session.message) as said:  # as by the menu
        panel.begin()
    assert "nothing to tell apart" in said.args[0]
    assert approved.session.trainer.state == "none"
    shown(qtbot, approved.session, "2.png")
    paint_half(approved.session, 1, 0)
    approved.session.editor.approve()
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)


def test_unfinished_images_count_on_request_and_the_panel_says_what_that_costs(opened, panel, qtbot):
    paint_all(opened.session, 1)
    qtbot.waitUntil(lambda: panel.form.painted.isVisible(), timeout=20_000)
    assert panel.form.painted.text() == "Loose strokes of 1 unfinished image too"
    assert "finishing it teaches more" in panel.unfinished.text()
    assert not panel.start.isEnabled()
    assert not panel.form.cost.isVisible()
    panel.form.painted.click()
    assert panel.start.isEnabled()
    assert "counts as right, as you left it" in panel.form.cost.text()
    assert panel.form.cost.isVisible()
    qtbot.waitUntil(lambda: (panel._session.trainer.plan().pixels or {}).get(1, 0) > 0, timeout=20_000)


def test_the_next_unfinished_image_is_a_click_away(opened, panel, qtbot):
    paint_all(opened.session, 1)
    shown(qtbot, opened.session, "2.png")
    qtbot.waitUntil(panel.finish_next.isVisible, timeout=20_000)
    panel.finish_next.click()
    qtbot.waitUntil(lambda: opened.session.current == "0.png", timeout=20_000)
    qtbot.waitUntil(lambda: not panel.finish_next.isVisible(), timeout=20_000)


def test_a_cold_start_is_guided(opened, panel, qtbot):
    guide = panel.guide
    assert guide.isVisible()
    assert guide.step == 1
    assert "background, object" in guide.details[0].text()
    for number in range(3):
        assert f"{number} of 3 approved" in guide.details[1].text()
        shown(qtbot, opened.session, f"{number}.png")
        paint_half(opened.session, 1, 0)
        opened.session.editor.approve()
        qtbot.waitUntil(lambda: len(guide._session.project.with_status(Status.APPROVED)) == number + 1)  # noqa: B023
    qtbot.waitUntil(lambda: guide.step == 2, timeout=20_000)
    assert [sign.text() for sign in guide.signs] == ["\u2713", "\u2713", "3"]
    assert "At most 5 minutes" in guide.details[2].text()
    assert panel.start.text().strip() == "Train"
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)
    make_model(opened.session.project.models_folder / "small")
    opened.session.predictor.refresh()
    opened.session.predictor.set_model("small")
    assert not guide.isVisible()
    assert panel.start.text().strip() == "Fine-tune"


def test_one_sees_how_the_images_are_divided(approved, panel):
    assert panel.split.summary.text() == "1 trains, 1 validates"
    panel.split.set_open(True)
    assert "Train: 0.png\nValidate: 1.png" in panel.split.list.text()
    assert "five train to one" in panel.split.list.text()


def test_where_no_image_validates_one_can_be_put_aside(approved, panel, qtbot):
    approved.session.browser.set_split(["1.png"], "train")
    qtbot.waitUntil(lambda: panel.warnings.button.text() == "Check on 1.png", timeout=20_000)
    assert "none is left to check on" in panel.warnings.text.text()
    panel.warnings.button.click()
    qtbot.waitUntil(lambda: approved.session.project.split["1.png"] == "val", timeout=20_000)
    qtbot.waitUntil(lambda: panel.split.summary.text() == "1 trains, 1 validates", timeout=20_000)


def test_where_all_images_validate_it_says_that_none_is_left_to_learn_from(approved, panel, qtbot):
    approved.session.browser.set_split(["0.png"], "val")
    qtbot.waitUntil(lambda: "all are for checking" in panel.warnings.text.text(), timeout=20_000)
    assert not panel.start.isEnabled()


def test_without_a_model_the_form_says_that_training_starts_from_imagenet(opened, panel, qtbot):
    start_from = panel.form.start_from
    assert start_from.currentText() == "ImageNet encoder"
    make_model(opened.session.project.models_folder / "small")
    opened.session.predictor.refresh()
    opened.session.predictor.set_model("small")
    qtbot.waitUntil(lambda: start_from.currentText() == "Base: small", timeout=20_000)
    assert start_from.findText("ImageNet encoder") == 1
    assert start_from.findText("small") > 1
    assert start_from.itemText(start_from.count() - 1) == "A file…"


def choose(choice, text):
    """Choose an entry as a click does."""
    place = choice.findText(text)
    choice.setCurrentIndex(place)
    choice.activated.emit(place)


def test_what_is_changed_is_stored_alone_and_used_and_taken_back(approved, panel, begun, qtbot):
    project, trainer = approved.session.project, approved.session.trainer
    assert not panel.form.reset.isVisible()
    panel.form.minutes.setValue(3)
    choose(panel.form.pictures, "Aerial")
    choose(panel.form.recipe, "From scratch")
    wanted = {"minutes": 3.0, "augmentation": "aerial", "recipe": "from-scratch"}
    qtbot.waitUntil(lambda: read_choices(project.folder) == wanted, timeout=20_000)
    panel.start.click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    config = begun[0].config()
    assert (config.minutes, config.augmentation, config.network, config.init) == (
        3,
        "aerial",
        "unet",
        "random",
    )
    trainer._follower.leave()
    panel.refresh()
    panel.form.reset.click()
    assert trainer.choices == {}
    assert panel.form.minutes.value() == 5
    qtbot.waitUntil(lambda: not (project.folder / CHOICES_FILE).exists(), timeout=20_000)


def test_a_file_to_start_from_is_asked_for_and_listed(approved, panel, begun, qtbot, tmp_path):
    names = (PixelClass(0, "background", "#000000"), PixelClass(1, "object", "#00ff00"))
    theirs = make_model(tmp_path / "theirs", ClassTable(names))
    pack(model_in(theirs), tmp_path / "theirs.unet.zip")
    choose(panel.form.start_from, "A file…")
    dialog = next(box for box in approved.findChildren(QFileDialog) if box.isVisible())
    assert panel.form.start_from.currentText() == "ImageNet encoder"
    dialog.fileSelected.emit(str(tmp_path / "theirs.unet.zip"))
    dialog.reject()
    assert approved.session.trainer.choices == {"init": str(tmp_path / "theirs.unet.zip")}
    assert panel.form.start_from.currentText() == "theirs.unet.zip"
    assert panel.form.fit.text() == ""  # the same classes
    approved.session.class_editor.rename(1, "road")
    told = "what it knows of background goes on; road begins with what it knows of object."
    qtbot.waitUntil(lambda: panel.form.fit.text().endswith(told), timeout=20_000)
    qtbot.waitUntil(panel.start.isEnabled, timeout=20_000)
    panel.start.click()
    assert "Start from theirs" in visible_box(approved).text()
    assert begun == []


def test_a_recipe_that_begins_with_nothing_shows_that_and_can_begin_with_something(approved, panel, qtbot):
    trainer, start_from = approved.session.trainer, panel.form.start_from
    choose(panel.form.recipe, "From scratch")
    assert start_from.currentText() == "Nothing (random weights)"
    choose(start_from, "ImageNet encoder")
    assert trainer.choices == {"recipe": "from-scratch", "init": "base"}
    assert start_from.currentText() == "ImageNet encoder"
    choose(start_from, "Nothing (random weights)")
    assert trainer.choices == {"recipe": "from-scratch"}
    choose(panel.form.recipe, "Fine tune")
    assert start_from.currentText() == "ImageNet encoder"


def test_the_image_to_watch_is_that_on_screen_another_one_or_none(approved, panel, begun, qtbot):
    trainer, watched = approved.session.trainer, panel.form.watched
    assert watched.currentText() == "Image on screen"
    choose(watched, "Always 1.png")
    shown(qtbot, approved.session, "2.png")
    texts = [watched.itemText(place) for place in range(watched.count())]
    assert texts == ["Image on screen", "No image", "Always 2.png", "Always 1.png"]
    assert watched.currentText() == "Always 1.png"
    assert panel.form.changed.text() == ""  # it is a field of the form
    panel.start.click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    assert begun[0].config().pinned == str(approved.session.project.image_path("1.png"))
    choose(watched, "No image")
    assert trainer.choices["pinned"] == ""
    choose(watched, "Image on screen")
    assert "pinned" not in trainer.choices


def test_a_start_from_a_model_of_other_classes_is_asked_about_once(approved, panel, begun, qtbot):
    table = ClassTable(
        (PixelClass(0, "background", "#000000"), PixelClass(7, "sky", "#3366cc")), background=0
    )
    make_model(approved.session.project.models_folder / "skies", table)
    approved.session.predictor.refresh()
    choose(panel.form.start_from, "skies")
    assert "object begins anew" in panel.form.fit.text()
    assert "sky is forgotten" in panel.form.fit.text()
    panel.start.click()
    assert begun == []
    box = visible_box(approved)
    assert "Start from skies all the same?" in box.text()
    next(button for button in box.buttons() if button.text() == "Start").click()
    qtbot.waitUntil(lambda: bool(begun), timeout=20_000)
    assert begun[0].config().init.endswith("skies")
