"""The report of a run: complete, escaped, offline, made at every end and made again; never in a run's way."""

import json
import math
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.training.samples import SPLIT, make_run, write_folders
from training import report
from training.engine import Interrupted, train
from training.gallery import EXTREMES, FOLLOWED, VIEWS, Gallery
from training.report import write_report
from training.report_page import duration
from unet_studio.core.classes import ClassTable
from unet_studio.core.events import Failed, Finished, Note, Progress, Stopped, Validated
from unet_studio.core.metrics import Evaluation
from unet_studio.core.run_folder import RunFolder

NASTY = "<script>alert(\"1\")</script> & 'q'"


@pytest.fixture
def source(tmp_path):
    return write_folders(tmp_path / "set", split=SPLIT)


def follow(run, at_step=-1, request=""):
    events = []
    for event in train(run):
        run.emit(event)
        events.append(event)
        if isinstance(event, Progress) and event.step == at_step:
            run.request(request)
    return events


class Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, text):
        self.words.append(text)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return "\n".join(self.words)


def opened(run) -> Page:
    return Page(run.report.read_text(encoding="utf-8"))


def test_a_finished_run_has_a_whole_report(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    assert isinstance(follow(run)[-1], Finished)
    page = opened(run)
    heads = ("Curves", "Classes", "Confusion matrix", "Data", "Settings", "Model")
    assert all(f"\n{head}\n" in page.text for head in heads)
    assert "Worst and best validation images" in page.text
    assert "Finished at step 12: all steps are done." in page.text
    # Two validation images: both are the worst, none is left for the best.
    assert len(page.all("img")) == 2 * len(VIEWS)
    assert {image["alt"] for image in page.all("img")} == {
        f"{name}.png: {view}" for name in (5, 6) for view in VIEWS
    }
    assert len(page.all("svg")) == 3
    assert all(drawing["aria-label"] for drawing in page.all("svg"))
    assert len(page.all("caption")) == len(page.all("table"))
    assert {cell.get("scope") for cell in page.all("th")} == {"row", "col"}
    # What a note says is said once.
    assert page.text.count("validation images are only indicative") == 1
    for words in (
        "disc",
        "boundary F1",
        "cpu, 1 thread",
        "learning_rate",
        "training pixels",
        "fine-tuned from",
    ):
        assert words in page.text, words


def test_nothing_comes_from_elsewhere(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    follow(run)
    text = run.report.read_text(encoding="utf-8")
    page = Page(text)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert "default-src 'none'" in text
    assert set(re.findall(r"https?://[^\s\"'<]*", text)) <= {"http://www.w3.org/2000/svg"}
    assert "prefers-color-scheme: dark" in text


def test_foreign_names_are_text(tmp_path):
    from dataclasses import replace

    source = write_folders(tmp_path / "set", classes=False)
    for folder in ("images", "masks"):
        for number in (5, 6):
            (tmp_path / "set" / folder / f"{number}.png").rename(
                tmp_path / "set" / folder / f"<img src=x onerror=y> {number}.png"
            )
    names = [path.name for path in sorted((tmp_path / "set" / "images").iterdir())]
    split = {
        "train": [name for name in names if "<" not in name],
        "val": [name for name in names if "<" in name],
    }
    (tmp_path / "set" / "split.json").write_text(json.dumps(split))
    entries = [
        {"index": 0, "name": "background", "color": "#000000"},
        {"index": 1, "name": NASTY, "color": "#ff0000"},
    ]
    (tmp_path / "set" / "classes.json").write_text(json.dumps({"classes": entries}))
    source = replace(source, classes=str(tmp_path / "set" / "classes.json"))
    run = make_run(tmp_path / "<b>run</b>", source, name="<u>model</u>")
    follow(run)
    page = opened(run)
    assert not {"script", "b", "u"} & {tag for tag, _ in page.tags}
    assert not any("onerror" in image for image in page.all("img"))
    assert NASTY in page.text
    assert "<u>model</u>" in page.text
    assert any(image["alt"].startswith("<img src=x") for image in page.all("img"))


@pytest.mark.parametrize("request_", ["stop", "discard", "interrupt"])
def test_ends_of_other_kinds(tmp_path, source, request_):
    run = make_run(tmp_path / "run", source)
    if request_ == "interrupt":
        with pytest.raises(Interrupted):
            follow(run, 6, request_)
    else:
        follow(run, 6, request_)
    assert run.report.is_file() == (request_ == "stop")
    assert run.validation.is_file() == (request_ != "discard")
    if request_ == "stop":
        assert "Stopped by a person at step 6." in opened(run).text
    elif request_ == "interrupt":
        write_report(RunFolder(run.path))
        assert "Under way, or interrupted." in opened(run).text


def test_a_report_that_can_t_be_written_is_a_note(tmp_path, source, monkeypatch):
    run = make_run(tmp_path / "run", source, steps=4)

    def fail(run, last):
        raise RuntimeError("no ink")

    monkeypatch.setattr(report, "write_report", fail)
    events = follow(run)
    assert isinstance(events[-1], Finished)
    assert [event.text for event in events if isinstance(event, Note)][-1] == (
        "The report can't be written: no ink."
    )
    assert run.state() == "finished"


def test_a_failed_run_says_so_in_its_report(tmp_path, source):
    run = make_run(tmp_path / "run", source, steps=8)
    follow(run)
    write_report(run, Failed("The loss is <b>not</b> a number.", "Lower the learning rate."))
    page = opened(run)
    assert "Failed. The loss is <b>not</b> a number. Lower the learning rate." in page.text
    assert not page.all("b")


def test_it_is_made_again_from_the_folder_alone(tmp_path, source):
    run = make_run(tmp_path / "run", source, steps=4)
    follow(run)
    before = opened(run).text
    run.report.unlink()
    for path in (tmp_path / "set" / "images").iterdir():
        path.unlink()
    done = subprocess.run(
        [sys.executable, "-m", "training.report", str(run.path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout.strip()) == (0, str(run.report)), done.stderr
    assert opened(run).text == before
    code = "import sys; import training.report; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode
        == 0
    )


@pytest.mark.parametrize(
    "broken", ["{", "[]", '{"step": 1}', '{"classes": {"classes": []}, "confusion": [[1]]}']
)
def test_what_is_missing_or_broken_is_left_out(tmp_path, source, broken):
    run = make_run(tmp_path / "run", source)
    write_report(run)
    assert "Under way, or interrupted." in opened(run).text
    run.validation.write_text(broken)
    run.emit(Validated(4, math.nan, {"disc": 0.5}, {"disc": 0.6}, 0.9, 0.5, 0.6, True))
    write_report(run)
    assert "0.6000" in opened(run).text


def test_wrong_words_are_refused(tmp_path, capsys):
    assert report.main([]) == 2
    assert report.main([str(tmp_path)]) == 1
    assert "is not a run" in capsys.readouterr().err


def test_durations():
    assert [duration(one) for one in (3.21, 59.4, 61, 3599, 7260)] == [
        "3.2 s",
        "59.4 s",
        "1 min 1 s",
        "59 min 59 s",
        "2 h 1 min",
    ]


# The gallery


def mask(shape=(40, 30), share=0.5):
    labels = np.zeros(shape, np.uint8)
    labels[: int(shape[0] * share)] = 1
    return labels


def gallery_of(shares):
    gallery, evaluation = Gallery(ClassTable.binary(), len(shares)), Evaluation((0, 1))
    for number, share in enumerate(shares):
        truth, labels = mask(), mask(share=share)
        image = np.full((40, 30, 3), 100, np.uint8)
        gallery.look(str(number), image, truth, labels, evaluation.add(str(number), truth, labels))
    return gallery, evaluation


def test_the_worst_and_the_best_are_kept():
    shares = [0.5, 0.05, 0.45, 0.3, 0.1, 0.4, 0.2, 0.35, 0.25, 0.15, 0.48, 0.22]
    gallery, _ = gallery_of(shares)
    worst, best = gallery.extremes()
    assert [one.name for one in worst] == ["1", "4", "9", "6"]
    assert [one.name for one in best] == ["0", "10", "2", "5"]
    assert len(worst) == len(best) == EXTREMES
    assert [name for name, _ in gallery.followed] == ["0", "3", "6", "9"]
    assert len(gallery.followed) == FOLLOWED


def test_few_images_are_shown_once():
    gallery, _ = gallery_of([0.5, 0.2])
    worst, best = gallery.extremes()
    assert [one.name for one in worst] == ["1", "0"]
    assert best == []


def test_large_images_become_small_pictures(tmp_path):
    gallery, evaluation = Gallery(ClassTable.binary(), 1), Evaluation((0, 1))
    truth = mask((900, 1700))
    image = np.zeros((900, 1700, 5), np.uint16)
    gallery.look("a", image, truth, truth, evaluation.add("a", truth, truth))
    ((_, joined),) = gallery.followed
    assert max(joined.shape) <= 3 * 320 + 8
    gallery.save(tmp_path / "validation.json", 7, evaluation)
    value = json.loads((tmp_path / "validation.json").read_text())
    assert value["step"] == 7
    assert value["confusion"] == evaluation.confusion().tolist()
    assert value["images"] == [{"name": "a", "dice": 1.0, "iou": 1.0, "pixel_accuracy": 1.0}]
    assert set(value["worst"][0]["pictures"]) == set(VIEWS)
    assert (tmp_path / "validation.json").stat().st_size < 200_000


def test_an_image_without_a_score_is_not_among_the_ends():
    gallery, evaluation = Gallery(ClassTable.binary(), 1), Evaluation((0, 1))
    truth = np.full((8, 8), 255, np.uint8)
    image = np.zeros((8, 8), np.uint8)
    gallery.look("a", image, truth, mask((8, 8)), evaluation.add("a", truth, mask((8, 8))))
    assert gallery.extremes() == ([], [])
    assert len(gallery.followed) == 1


def test_pictures_are_of_the_images(tmp_path, source):
    run = make_run(tmp_path / "run", source)
    events = follow(run, 6, "stop")
    assert isinstance(events[-1], Stopped)
    value = json.loads(run.validation.read_text())
    assert value["step"] == [event for event in events if isinstance(event, Validated)][-1].step
    assert sorted(one["name"] for one in value["images"]) == ["5.png", "6.png"]
    url = value["worst"][0]["pictures"]["image"]
    from base64 import b64decode
    from io import BytesIO

    shown = np.asarray(Image.open(BytesIO(b64decode(url.partition(",")[2]))), dtype=float)
    original = np.asarray(Image.open(tmp_path / "set" / "images" / value["worst"][0]["name"]), dtype=float)
    assert np.abs(shown - original).mean() < 8
