"""Opening files and folders in other programs: whoever can't be served is told so."""

import os
from pathlib import Path

from PySide6.QtGui import QDesktopServices

from unet_studio.ui.outside import open_outside


def told(path):
    """What is said of a path."""
    said = []
    open_outside(path, lambda error: said.append(f"{error.message} {error.remedy}"))
    return said


def test_a_path_is_given_to_the_system(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: asked.append(url.toLocalFile()) or True)
    assert told(tmp_path) == []
    assert [Path(path) for path in asked] == [tmp_path]


def test_what_no_program_takes_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    (said,) = told(tmp_path)
    assert f"No program here opens {tmp_path}" in said


def test_what_is_gone_or_out_of_reach_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: True)
    (said,) = told(tmp_path / "gone")
    assert "can't be found" in said

    def stale(_path, **_words):
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr(os, "stat", stale)
    (said,) = told(tmp_path)
    assert "can't be found" in said
