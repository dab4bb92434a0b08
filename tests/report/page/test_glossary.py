import html as markup
import re

import pytest
from support import findings, pages

from jaxinterp.config import RunConfig
from jaxinterp.report import build, explorer, glossary

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
TERMS = {
    "control": "What <b>chance</b> & co. give.",
    "Seed": "One network of a run.",
    "unit": "A neuron.",
    "published": "What the write-up says. " * 20,
    "output": "What the network returns.",
    "selectivity plain": "How much more a unit responds to one class.",
    "recipe": "How networks are trained.",
    "null": "What chance gives.",
}


@pytest.fixture(scope="module")
def explained(networks):
    """A page with these terms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(glossary, "terms", lambda: TERMS)
        return build.render(
            "Terms",
            [findings.finding(row="1.1"), findings.finding(row="1.2")],
            history=pages.history(),
            config=RunConfig(),
            payload=explorer.encode(pages.payload(networks)),
        )


def text_of(page, term):
    return page.get_by_role("tooltip", include_hidden=True).filter(has_text=re.compile(re.escape(TERMS[term].strip())))


def corners(locator):
    box = locator.bounding_box()
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def test_the_page_holds_the_glossary():
    terms = glossary.terms()
    page = build.render("Title", [])
    assert terms
    for term, text in terms.items():
        assert f'data-term="{markup.escape(term)}"' in page and " ".join(text.split()[:3]) in markup.unescape(page)


@pytest.mark.parametrize(
    ("view", "label", "term"),
    [
        ("findings", "th .term >> text=Control", "control"),
        ("explorer", ".controls span.term >> text=Seed", "Seed"),
        ("explorer", "#card tbody th a.term", "selectivity plain"),
        ("explorer", "#card thead .term >> text=null", "null"),
        ("try", "thead .term >> text=output", "output"),
        ("seeds", "#seeds-table .term >> text=seed", "Seed"),
        ("configuration", "th .term >> text=recipe", "recipe"),
        ("explorer", "#card .note .mentioned >> text=unit", "unit"),
    ],
)
def test_a_label_explains_itself_on_hover(visit, explained, view, label, term):
    page = visit(explained, f"#{view}")
    word, text = page.locator(f"#{view} >> {label}").first, text_of(page, term)
    word.hover()
    expect(text).to_be_visible()
    expect(text).to_have_text(TERMS[term])
    assert "dotted" in word.evaluate("one => getComputedStyle(one).textDecoration")
    left, top, right, bottom = corners(text)
    assert 0 <= left < right <= 1200 and 0 <= top < bottom <= 800
    text.hover()  # one can read on it, and select it
    expect(text).to_be_visible()
    page.mouse.move(5, 5)
    expect(text).to_be_hidden()


def test_keys_reach_an_explanation_and_escape_closes_it(visit, explained):
    page = visit(explained)
    word, text = page.get_by_role("button", name="Control", exact=True), text_of(page, "control")
    page.get_by_role("button", name="Published", exact=True).focus()
    page.keyboard.press("Tab")
    expect(word).to_be_focused()
    expect(text).to_be_visible()
    expect(text_of(page, "published")).to_be_hidden()
    page.mouse.move(5, 5)
    expect(text).to_be_visible()
    page.keyboard.press("Escape")
    expect(text).to_be_hidden()
    page.keyboard.press("Enter")
    expect(text).to_be_visible()
    page.keyboard.press("Tab")
    expect(text).to_be_hidden()


def test_screen_readers_hear_what_a_label_means(visit, explained):
    page = visit(explained)
    expect(page.get_by_role("columnheader", name="Control", exact=True)).to_have_count(1)
    expect(page.get_by_role("button", name="Control")).to_have_accessible_description(TERMS["control"])
    page = visit(explained, "#explorer")
    seed = page.get_by_role("combobox", name="Seed", exact=True)
    expect(seed).to_have_accessible_description(TERMS["Seed"])
    measure = page.locator("#card a.term")
    expect(measure).to_have_accessible_description(TERMS["selectivity plain"])
    assert measure.get_attribute("title") is None  # or there would be two texts
    expect(page.locator(".term", has_text="participation")).to_have_count(0)


def test_a_control_explains_its_label(visit, explained):
    page = visit(explained, "#explorer")
    text = text_of(page, "Seed")
    page.locator("nav a").last.focus()
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "seed":
            break
    expect(text).to_be_visible()
    page.keyboard.press("Tab")
    expect(text).to_be_hidden()
    page.locator("#explorer .controls .term >> text=Unit").click()  # explains, and leaves the menu alone
    expect(text_of(page, "unit")).to_be_visible()
    assert page.evaluate("document.activeElement.id") != "unit"


def test_an_explanation_goes_with_its_label(visit, explained):
    page = visit(explained, "#explorer")
    page.locator("#card a.term").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Shift+Tab")
    expect(text_of(page, "selectivity plain")).to_be_visible()
    page.keyboard.press("Enter")  # sorts the list, and makes the card again
    expect(page.locator("#sort")).to_have_value("selectivity")
    expect(text_of(page, "selectivity plain")).to_be_hidden()


@pytest.mark.parametrize(
    ("view", "label", "term"),
    [
        ("findings", "th .term >> text=Published", "published"),
        ("explorer", ".controls .term >> text=Unit", "unit"),
        ("explorer", "#card button.tap", "selectivity plain"),
        ("seeds", "#seeds-table .term >> text=seed", "Seed"),
    ],
)
def test_a_finger_opens_and_closes_an_explanation_on_a_phone(visit, explained, view, label, term):
    page = visit(explained, f"#{view}", viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    address = page.url
    text = text_of(page, term)
    page.locator(f"#{view} >> {label}").first.tap()
    expect(text).to_be_visible()
    left, top, right, bottom = corners(text)
    assert 0 <= left < right <= 360 and 0 <= top < bottom <= 640
    assert page.evaluate("document.documentElement.scrollWidth") == 360 and page.url == address
    text.tap()
    expect(text).to_be_visible()
    page.locator("h1").tap()
    expect(text).to_be_hidden()
