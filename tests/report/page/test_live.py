"""The page of a training, in a real Chromium: it loads itself again, can be paused, and says when nothing comes."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from support.toys import TOY

from jaxinterp.report import live

pytest.importorskip("playwright.sync_api", reason="there is no playwright")
AXE = Path(__file__).parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
NOW = datetime.now() + timedelta(hours=1)  # a page's clock can only be moved forwards


def html(epoch, *, now=NOW, ended=False):
    rng = np.random.default_rng(0)
    loss = rng.uniform(0, 2, (5, 3, 3))
    zeros, maps = np.zeros(5, int), rng.normal(size=(6, 49))
    progress = live.Progress(epoch, loss, loss / 2, zeros, zeros, maps, (7, 7, 1), 5, left=9.0)
    return live.render("toy", Path("checkpoints/toy"), TOY, progress, now, ended=ended)


@pytest.fixture
def opened(browser, tmp_path):
    """opened(html, …) → the page and its file. Its clock stands still until a test moves it."""
    said, pages = [], []

    def opened(text, **options):
        file = tmp_path / "live.html"
        file.write_text(text, encoding="utf-8")
        page = browser.new_page(**options)
        page.clock.install()
        page.clock.pause_at(NOW)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(file.as_uri())
        pages.append(page)
        return page, file

    yield opened
    for page in pages:
        page.close()
    assert said == []


def loads_again(page):
    with page.expect_event("load"):
        page.clock.run_for(1000 * live.SECONDS)


def test_it_loads_itself_until_training_has_ended(opened):
    page, file = opened(html(1))
    assert page.get_by_text("Epoch 1 of 3").count() == 1
    file.write_text(html(2), encoding="utf-8")
    loads_again(page)
    page.get_by_text("Epoch 2 of 3").wait_for()
    file.write_text(html(3, ended=True), encoding="utf-8")
    loads_again(page)
    page.get_by_text("Training has ended").wait_for()
    page.evaluate("window.stays = true")
    page.clock.run_for(60_000)
    assert page.evaluate("window.stays")


def test_it_can_be_paused(opened):
    page, file = opened(html(1))
    file.write_text(html(2), encoding="utf-8")
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(60_000)
    assert page.get_by_text("Epoch 1 of 3").count() == 1
    page.get_by_role("button", name="Pause").click()
    loads_again(page)
    page.get_by_text("Epoch 2 of 3").wait_for()


def test_it_says_when_nothing_new_comes(opened):
    page, file = opened(html(1))
    assert page.get_by_text("Nothing new").is_hidden()
    file.write_text(html(1, now=NOW - timedelta(seconds=60)), encoding="utf-8")
    loads_again(page)
    page.get_by_text("Nothing new").wait_for()


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci in tests/report/page/javascript")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_checker_of_accessibility_finds_nothing(opened, width, scheme, monkeypatch):
    monkeypatch.setattr(live, "SECONDS", 600)
    page, _ = opened(html(2), viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.clock.resume()  # the checker waits, too
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(
        "() => axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))"
    )
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
