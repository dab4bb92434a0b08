import sys

import chromium
import pytest
import screenshot

from jaxinterp import cli
from jaxinterp.errors import InputError


def test_without_a_browser_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(chromium, "NAMES", ("no-such-browser",))
    with pytest.raises(InputError, match="no Chromium on the path: install one of no-such-browser"):
        screenshot.take()


def test_without_playwright_it_says_so_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(chromium, "NAMES", ("python", "sh"))
    for name in ("playwright", "playwright.sync_api"):
        monkeypatch.setitem(sys.modules, name, None)
    assert cli.guarded(lambda _: screenshot.take(), []) == 2
    assert capsys.readouterr().err == "jaxinterp: playwright is not installed: pip install .[dev]\n"


def test_the_picture_is_of_the_view(tmp_path, monkeypatch):
    monkeypatch.setattr("jaxinterp.report.render", lambda _: "<html class=started><body style='background: #00f'>")
    try:
        screenshot.take(tmp_path, to=tmp_path / "picture.png", width=40, height=30)
    except InputError as missing:
        pytest.skip(str(missing))
    png = (tmp_path / "picture.png").read_bytes()
    assert [int.from_bytes(png[at : at + 4], "big") for at in (16, 20)] == [60, 45]  # at 1.5 pixels a pixel
