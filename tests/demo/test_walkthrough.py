"""The walk through the whole program, with a real training process: short here, whole when marked slow."""

import numpy as np
import pytest

from unet_studio.core.errors import StudioError
from unet_studio.core.project import Project, Status
from unet_studio.core.storage import read_index_png
from unet_studio.demo import walkthrough
from unet_studio.demo.annotator import Habits
from unet_studio.demo.walkthrough import SHARES, WalkSettings, paired_gain, run_headless

SHORT = WalkSettings(images=3, unseen=range(2001, 2004), steps=3, pictures=1, habits=Habits(strokes=4))


class Meter:
    """Remembers the progress it is told."""

    def __init__(self):
        self.heard = []

    def __call__(self, stage, fraction):
        self.heard.append((stage, fraction))


def test_the_gain_is_paired():
    """Images differ a lot, the models by 0.02 on each: the error is that of the differences."""
    rng = np.random.default_rng(0)
    old = rng.uniform(0.5, 0.9, 25)
    new = old + 0.02 + rng.normal(0, 0.001, 25)
    before, after, gain, error = paired_gain(np.stack([old, new], axis=1))
    assert before == pytest.approx(old.mean())
    assert after == pytest.approx(new.mean())
    assert gain == pytest.approx(0.02, abs=0.001)
    assert error == pytest.approx((new - old).std(ddof=1) / 5)
    assert paired_gain(np.array([[0.5, 0.9]]))[3] == float("inf")


def test_shares_make_a_whole():
    assert sum(SHARES.values()) == pytest.approx(1.0)


@pytest.mark.slow
def test_a_short_walk_leaves_everything_it_promises(tmp_path):
    lines, meter = [], Meter()
    report = run_headless(tmp_path, lines.append, meter, SHORT)
    assert report.images == 3
    assert report.corrected_images == 3
    assert 0 < report.strokes <= 12
    assert report.most_strokes <= 4
    assert report.sample_corrected > report.sample_before
    assert report.gain == pytest.approx(report.dice_after - report.dice_before)
    assert report.improved == (report.gain > report.standard_error)
    assert any("3 unseen images" in line for line in lines)
    fractions = [fraction for _, fraction in meter.heard]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)
    assert list(dict.fromkeys(stage for stage, _ in meter.heard)) == list(SHARES)
    project = Project.open(report.project, writable=False)
    assert project.counts()[Status.APPROVED] == 3
    assert next(entry.name for entry in project.models()) == report.model
    assert len(report.pictures) == 1
    assert report.pictures[0].is_file()
    for name in project.images:
        exported, _ = read_index_png((report.masks / name).with_suffix(".png"))
        assert np.array_equal(exported, project.read_approved(name)[0])
    again = run_headless(tmp_path, lines.append, Meter(), SHORT)
    assert again.project != report.project


@pytest.mark.slow
def test_interrupting_the_walk_ends_its_training(tmp_path, monkeypatch):
    def impatient(stage, fraction):
        if stage == "Fine-tuning":
            raise KeyboardInterrupt

    started = []
    start = walkthrough.start
    monkeypatch.setattr(walkthrough, "start", lambda run: started.append((run, start(run))))
    with pytest.raises(KeyboardInterrupt):
        run_headless(tmp_path, print, impatient, WalkSettings(images=2, steps=10_000))
    [(run, pid)] = started
    assert pid > 0
    assert not run.alive()


@pytest.mark.slow
def test_a_training_that_fails_says_why(tmp_path, monkeypatch):
    monkeypatch.setattr(walkthrough._Walk, "_config", _impossible(walkthrough._Walk._config))
    with pytest.raises(StudioError, match="no model"):
        run_headless(tmp_path, print, Meter(), SHORT)


def _impossible(config):
    from dataclasses import replace

    return lambda walk, base: replace(config(walk, base), init=str(walk.out / "no such model"))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_whole_walk_improves_the_model(tmp_path):
    report = run_headless(tmp_path, print, Meter(), WalkSettings(steps=25))
    assert report.images >= 20
    assert report.most_strokes <= 15
    assert report.improved
    assert 0.75 < report.sample_before < 0.92
    assert report.dice_after > report.dice_before + 0.01
