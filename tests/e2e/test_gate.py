"""The gate over a real training in the real window: a worse version waits, can be tried, and taken back."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from unet_studio.core.gate import read_verdict
from unet_studio.core.model_card import read_card
from unet_studio.core.project import Project, Status
from unet_studio.demo.sample import SAMPLE_SEEDS, install_sample, sample_truth

LEFT = Qt.MouseButton.LeftButton
GOOD = "sample-cells"  # the model that comes with the sample
WAIT = 240_000  # ms that a short training may take on a busy machine

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def sample(tmp_path):
    """Six finished images, one to learn from and five to check with."""
    folder = install_sample(tmp_path / "sample", list(SAMPLE_SEEDS)[:6])
    project = Project.open(folder)
    for name in project.images:
        project.write_approved(name, sample_truth(name), {})
    project.set_split(project.images[:1], "train")
    project.set_split(project.images[1:], "val")
    project.close()
    return folder


@pytest.fixture
def window(new_window, sample):
    made = new_window(auto=False)
    made.open_folder(sample)
    return made


def train(qtbot, session, **settings):
    """A short training to its end, until the gate has spoken."""
    session.trainer.start({"steps": 2, "minutes": 0, **settings})
    qtbot.waitUntil(lambda: session.trainer.verdict is not None, timeout=WAIT)
    return session.trainer.verdict


def test_a_worse_version_is_not_promoted_can_be_tried_and_is_found_again(qtbot, window, new_window, sample):
    session, panel = window.session, window.panels["training"]
    assert session.predictor.model_name == GOOD
    verdict = train(qtbot, session, init="random")
    assert verdict.outcome == "candidate"
    assert verdict.interval.images == 5
    assert verdict.after < verdict.before
    assert session.predictor.model_name == GOOD
    assert "it is worse" in panel.result.note.details.text()
    outcome, interval = read_verdict(read_card(session.project.models_folder / "v1").metrics["gate"])
    assert (outcome, interval.images) == ("candidate", 5)
    assert panel.result.note.button.text() == "Use v1"
    QTest.mouseClick(panel.result.note.button, LEFT)
    assert session.predictor.model_name == "v1"
    assert panel.result.note.button.text() == f"Go Back to {GOOD}"
    QTest.mouseClick(panel.result.note.button, LEFT)
    assert session.predictor.model_name == GOOD

    window.close()
    session.shut_down()
    again = new_window(auto=False)
    again.open_folder(sample)
    qtbot.waitUntil(lambda: again.session.trainer.verdict is not None, timeout=WAIT)
    assert again.session.trainer.verdict.outcome == "candidate"
    assert again.session.predictor.model_name == GOOD
    assert again.session.project.counts()[Status.APPROVED] == 6
