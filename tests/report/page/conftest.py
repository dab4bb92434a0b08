"""Pages opened in a real Chromium. Whatever a page says on its console fails the test that opened it."""

import chromium
import pytest
from support import pages, whole_page

from jaxinterp import ensemble, interventions
from jaxinterp.errors import InputError
from jaxinterp.report import build, explorer


@pytest.fixture(scope="module")
def browser():
    try:
        with chromium.launched() as opened:
            yield opened
    except InputError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def visit(browser, tmp_path):
    """visit(html, hash) opens a page that fetches nothing, waits for its networks, and returns it."""
    said, contexts = [], []

    def opened(html, fragment="", **options):
        context = browser.new_context(**({"viewport": {"width": 1200, "height": 800}} | options))
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        file = tmp_path / f"page{len(contexts)}.html"
        file.write_text(html, encoding="utf-8")
        page.goto(f"{file.as_uri()}{fragment}")
        page.wait_for_selector("html.started")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture(scope="module")
def networks():
    return pages.trained(pages.model())


@pytest.fixture(scope="module")
def shown(networks):
    """What the page of `html` shows."""
    return pages.payload(networks)


@pytest.fixture(scope="module")
def html(shown):
    return build.render("Networks", [], history=pages.history(), payload=explorer.encode(shown))


@pytest.fixture(scope="module")
def whole(shown):
    """A page with everything on it."""
    return whole_page.render(shown)


@pytest.fixture(scope="module")
def answer(networks):
    """answer(seed's place, image, interventions) → Python's logits and activations."""
    return lambda place, image, edits=interventions.NONE: ensemble.take(networks, place)(image, edits)
