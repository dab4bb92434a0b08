import re

import pytest
from support import pages
from support.whole_page import figure, finding

from jaxinterp.config import RunConfig
from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
HOSTILE = "<script>alert(1)</script></script><img src=x onerror=alert(2)>'\"{{7*7}}"


def shown_views(page):
    return page.eval_on_selector_all("main > section", "all => all.filter((one) => !one.hidden).map((one) => one.id)")


def test_views_open_one_at_a_time(visit, whole):
    page = visit(whole)
    assert shown_views(page) == ["findings"]
    for name in ("Explorer", "Embedding", "Try it", "Seeds", "Configuration", "Findings"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(page.locator("nav [aria-current]")).to_have_text(name)
        assert shown_views(page) == [name.lower().split()[0]]


@pytest.mark.parametrize("address", ["nowhere", "constructor"])  # the second is a name that every object has
def test_an_address_without_a_view_opens_the_first(visit, whole, address):
    assert shown_views(visit(whole, f"#{address}")) == ["findings"]


def test_a_row_unfolds_to_its_rule_and_command(visit, whole):
    page = visit(whole)
    fold = page.locator(".fold details")
    assert fold.count() == 3 and not page.locator(".fold details[open]").count()
    fold.nth(0).locator("summary").press("Enter")
    assert "jaxinterp study study --run 'checkpoints/a run'" in fold.nth(0).inner_text()
    assert "Holds if" in fold.nth(0).inner_text()
    page.locator("tr.finding").nth(2).click()  # the row itself unfolds, too
    expect(page.locator(".fold details[open]")).to_have_count(2)
    page.get_by_role("link", name="link to this row").first.click()
    expect(page).to_have_url(re.compile("#row-"))
    again = visit(whole, "#" + page.url.split("#")[1])
    assert again.locator(".fold details[open]").count() == 1
    assert visit(whole, "#figure-1").locator("#figure-1").is_visible()


def listed(page):
    """What the table shows from top to bottom: ids of findings, and labels of figures."""
    return page.eval_on_selector_all(
        ".findings > tbody > tr:not(.fold, [hidden])",
        "all => all.map((one) => (one.querySelector('.id')?.textContent ?? one.querySelector('img').alt))",
    )


def test_findings_are_sifted_and_sorted_and_figures_follow_them(visit, whole):
    page = visit(whole)
    everything = ["1.1 first", "1.1 second", "of both", "1.2 third"]
    assert listed(page) == everything and page.locator("#figure-1").is_visible()
    page.get_by_role("button", name="does not hold: 1").click()
    assert listed(page) == ["1.1 second", "of both"]
    assert page.get_by_role("button", name="does not hold: 1").get_attribute("aria-pressed") == "true"
    expect(page.locator("#sifted")).to_have_text("1 of 3 findings")
    again = visit(whole, "#" + page.url.split("#")[1])
    assert listed(again) == listed(page)
    page.get_by_role("button", name="does not hold: 1").click()
    page.select_option("#sift-row", "1.2")
    assert listed(page) == ["1.2 third"]
    page.get_by_role("button", name="Show all").click()
    page.select_option("#sift-sort", "up")
    assert listed(page) == ["1.1 second", "1.1 first", "of both", "1.2 third"]
    page.fill("#sift-words", "ANOTHER claim")
    assert listed(page) == ["1.1 second", "of both"]
    page.fill("#sift-words", "nowhere")
    assert listed(page) == []
    page.evaluate(f"location.hash = {page.locator('.highlights a').nth(1).get_attribute('href')!r}")
    expect(page.locator("tr.finding").nth(2)).to_be_in_viewport()  # a link finds its row, whatever was sifted
    assert listed(page) == everything


def test_the_first_view_shows_images_and_units_that_open(visit, whole):
    page = visit(whole)
    assert page.locator("#samples canvas").count() == 10 + 5
    page.locator("#samples a").last.click()
    expect(page.locator("#card h3")).to_contain_text("Seed 0, hidden1, unit")


def test_without_a_script_findings_and_figures_are_there(browser, whole, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(whole, encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator(".fold summary").first.click()
    page.locator(".fold a.shows").first.click()
    assert page.locator("#figure-1").is_visible() and page.locator("#figure-2").is_visible()
    assert page.locator("#learning-curves img").is_visible()
    assert not page.locator("#sift-row").is_visible()
    context.close()


def test_a_run_without_a_study_opens_on_the_explorer_with_a_guide(visit, networks):
    payload = pages.payload(networks)
    dead = payload.arrays["layer0/sd"][0] == 0
    html = build.render("Run", [], history=pages.history(), config=RunConfig(), payload=explorer.encode(payload))
    page = visit(html)
    assert shown_views(page) == ["explorer"]
    assert "3 networks" in page.inner_text("#explorer") and page.locator("#samples canvas").count()
    page.get_by_role("link", name=f"{dead.sum()} in hidden0").click()
    expect(page.locator("#units .number")).to_have_text([str(unit) for unit in dead.nonzero()[0]])


def test_hostile_text_stays_text(visit, networks):
    payload = pages.payload(networks, names=[f"{HOSTILE}{n}" for n in range(10)], text=HOSTILE)
    html = build.render(
        HOSTILE,
        [finding(f"1.1 {HOSTILE}", HOSTILE, HOSTILE)],
        folder=HOSTILE,
        summaries=[build.Summary(HOSTILE, HOSTILE)],
        figures=[build.drawn(figure(HOSTILE, "1.1"))],
        history=pages.history(),
        config=RunConfig(recipe=HOSTILE),
        payload=explorer.encode(payload),
        reason=HOSTILE,
    )
    assert html.count("<script") == 2 and html.count("</script>") == 2
    page = visit(html)  # a dialog or an error on the console fails the test
    assert page.inner_text("h1") == HOSTILE
    page.locator(".fold summary").click()
    for view in ("explorer?layer=0&unit=1", "explorer?layer=1&unit=2", "embedding", "try", "seeds", "configuration"):
        page.evaluate(f"location.hash = '{view}'")
        expect(page.locator(f"#{view.split('?')[0]}")).to_contain_text(HOSTILE, use_inner_text=True)
        assert page.locator("img").evaluate_all("all => all.every((one) => one.src.startsWith('data:'))")
    page.evaluate("location.hash = 'try'")
    page.click("#responses button >> nth=0")
    expect(page.locator("#edits")).to_have_text("1 unit is changed.")
    assert not page.locator("[onerror], main script").count()
    page.evaluate(f"location.hash = {'#explorer?search=' + HOSTILE!r}")
    expect(page.locator("#search")).to_have_value(HOSTILE)
    page.fill("#from", HOSTILE)
    expect(page.locator("#complaint")).to_contain_text(HOSTILE)


def test_no_script_but_the_pages_own_is_run(browser, tmp_path, whole):
    file, said = tmp_path / "page.html", []
    script = "<main><script>document.title = 'owned'</script><img src=x onerror=\"document.title = 'owned'\">"
    file.write_text(whole.replace("<main>", script), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.goto(file.as_uri())
    page.wait_for_selector("html.started")
    assert page.title() == "Networks" and any("Content Security Policy" in text for text in said)
    context.close()


@pytest.mark.parametrize(
    "view",
    [
        "findings",
        "explorer?layer=1&unit=2",
        "embedding",
        "classes?class=7",
        "try?scale=0:1:0",
        "seeds",
        "configuration",
    ],
)
def test_a_phone_shows_it_without_scrolling_sideways(visit, whole, view):
    page = visit(whole, f"#{view}", viewport={"width": 360, "height": 700})
    for details in page.locator("main > section:not([hidden]) details").all():
        details.evaluate("one => { one.open = true }")
    assert page.evaluate("document.documentElement.scrollWidth") == 360


@pytest.mark.parametrize("view", ["explorer", "embedding", "classes", "try", "seeds"])
def test_everything_has_a_name(visit, whole, view):
    page = visit(whole, f"#{view}")
    nameless = page.eval_on_selector_all(
        "main > section:not([hidden]) :is(select, input, button, a, canvas, img)",
        "all => all.filter((one) => one.offsetParent && !(one.labels?.length || one.ariaLabel || one.alt"
        " || one.textContent.trim() || one.querySelector('[aria-label]'))).map((one) => one.outerHTML)",
    )
    assert nameless == []


def test_seeds_are_seen_at_a_glance(visit, whole):
    page = visit(whole, "#seeds")
    assert "1 diverged (2)" in page.inner_text("#seeds-glance")
    assert page.locator("#seeds-glance circle").count() == 3
    rows = page.locator("#seeds-table tbody tr")
    assert rows.count() == 4 and "✕ diverged in epoch 1" in rows.nth(2).inner_text()
    assert rows.nth(0).locator("td").all_inner_texts() == ["trained", "0.9000", "2", "2 of 6", "2 of 5"]
    page.select_option("#seed-order", "accuracy")
    assert [row.split()[0] for row in rows.all_inner_texts()] == ["2", "1", "0", "3"]
    label = page.locator("canvas.matrix").first.get_attribute("aria-label")
    assert "mean of pairs 0.500" in label
    page.locator(".similarity summary").first.click()
    expect(page.locator(".similarity li")).to_have_count(3)
    page.locator("canvas.matrix").first.hover(position={"x": 250, "y": 2})
    expect(page.locator(".pointed").first).to_have_text("seeds 0 and 3: 0.500")
    rows.nth(3).locator("a").click()
    expect(page.locator("#card h3")).to_have_text("Seed 3, hidden0, unit 0")


def test_one_network_of_images_that_are_not_square(visit, networks):
    meta, arrays = pages.payload(networks)
    held = {name: values[:1] for name, values in arrays.items() if name.startswith(("params/", "layer"))}
    held |= {name: values[:, :1] for name, values in held.items() if name.endswith(("counterpart", "_r", "cka"))}
    held |= {name: values[:, :1] for name, values in arrays.items() if name.endswith(("/measures", "/nulls"))}
    payload = explorer.Payload(meta | {"seeds": [0], "rows": 14, "columns": 56}, arrays | held)
    html = build.render("One", [], history=pages.history(), payload=explorer.encode(payload))
    page = visit(html, "#explorer?layer=1")
    assert "holds no other seed" in page.inner_text("#card")
    assert page.locator("canvas.map.large").evaluate("one => [one.width, one.height]") == [56, 14]
    assert "nothing to be compared" in visit(html, "#seeds").inner_text("#similarity")
    assert visit(html, "#try").locator("#canvas").evaluate("one => [one.width, one.height]") == [56, 14]


def test_a_page_without_networks_says_why(visit):
    page = visit(build.render("None", [finding("1.1")], history=pages.history(), reason="No test images."))
    assert page.locator("nav a").all_inner_texts() == ["Findings", "Seeds"]
    assert "No test images." in page.inner_text("#findings")


def test_a_damaged_payload_is_said_on_the_page(browser, tmp_path, whole):
    file = tmp_path / "page.html"
    file.write_text(re.sub(r'(id="payload">).*?<', r"\1AAAA<", whole), encoding="utf-8")
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{file.as_uri()}#explorer")
    page.wait_for_function("() => document.querySelector('.waiting').textContent.includes('cannot unpack')")
    context.close()
