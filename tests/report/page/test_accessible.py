"""An accessibility checker, axe-core, has nothing to say of any view, on a desktop and on a phone."""

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="there is no playwright")
AXE = Path(__file__).parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
VIEWS = (
    "findings",
    "explorer?layer=1&unit=2",
    "embedding",
    "classes?class=7",
    "mistakes",
    "try?scale=0:1:0",
    "compare",
    "compare?of=seeds",
    "seeds",
    "configuration",
)
CHECKED = "() => axe.run().then(({ violations }) => violations.map(({ id, nodes }) => [id, nodes[0].html]))"


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not installed: npm ci in tests/report/page/javascript")
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_a_checker_of_accessibility_finds_nothing(visit, whole, width, scheme):
    page = visit(whole, viewport={"width": width, "height": 800}, color_scheme=scheme)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    for view in VIEWS:
        page.evaluate(f"location.hash = '{view}'")
        page.wait_for_selector(f"#{view.split('?')[0]}:not([hidden])")
        for details in page.locator("main > section:not([hidden]) details").all():
            details.evaluate("one => { one.open = true }")
        assert page.evaluate(CHECKED) == [], view
        assert page.evaluate("document.documentElement.scrollWidth") == width, view
