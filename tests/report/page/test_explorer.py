import re

import numpy as np
import pytest
from support import pages

from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
HEADING = "#card h3"


def lists(page, units):
    """Wait until these are the units of the list, in its order."""
    expect(page.locator("#units .number")).to_have_text([str(unit) for unit in units])


def numbers(page, selector):
    return np.array([float(v) for v in page.eval_on_selector_all(selector, "all => all.map((one) => one.value)")])


def rows(page, title):
    """The cells of a table of the card, as texts, under the block of this title."""
    block = page.locator("#card .block", has=page.locator("h4", has_text=title)).first
    return [row.locator("th, td").all_inner_texts() for row in block.locator("tbody tr").all()]


def test_a_link_reopens_the_view(visit, html):
    page = visit(html, "#explorer?seed=3&layer=1&unit=4&class=7&sort=selectivity&order=down&pictures=maximiser")
    expect(page.locator(HEADING)).to_have_text("Seed 3, hidden1, unit 4")
    chosen = {name: page.input_value(f"#{name}") for name in ("unit", "class", "sort", "order", "pictures")}
    assert chosen == {"unit": "4", "class": "7", "sort": "selectivity", "order": "down", "pictures": "maximiser"}
    assert page.locator("#units a[aria-current]").get_attribute("data-unit") == "4"
    page.select_option("#layer", "0")
    page.select_option("#seed", label="1")
    page.select_option("#class", "2")
    expect(page.locator(HEADING)).to_have_text("Seed 1, hidden0, unit 4")
    expect(page.locator(".classes [aria-current]")).to_have_text("2")
    again = visit(html, "#" + page.url.split("#")[1])
    for selector in (HEADING, "#card", "#units"):
        assert again.inner_text(selector) == page.inner_text(selector)
    page.go_back()
    page.go_back()
    page.go_back()
    expect(page.locator(HEADING)).to_have_text("Seed 3, hidden1, unit 4")


@pytest.mark.parametrize("fragment", ["?seed=2&layer=9&unit=99&class=x&sort=none", "?unit=-1&from=x", "?seed=&unit=%"])
def test_what_a_link_cannot_mean_is_left_out(visit, html, fragment):
    page = visit(html, f"#explorer{fragment}")
    expect(page.locator(HEADING)).to_have_text("Seed 0, hidden0, unit 0")
    lists(page, list(range(6)))


def test_the_list_is_sorted_and_filtered_by_any_measure(visit, html, shown):
    page = visit(html, "#explorer?seed=1")
    for place, name in enumerate(pages.MEASURES):
        values = shown.arrays["layer0/measures"][place, 1]
        page.select_option("#sort", name)
        page.select_option("#order", "up")
        lists(page, np.argsort(values).tolist())
        np.testing.assert_allclose(numbers(page, "#units data"), np.sort(values), rtol=1e-6)
        page.select_option("#order", "down")
        lists(page, np.argsort(-values).tolist())
    page.select_option("#sort", "damage-mean")
    page.select_option("#class", "6")
    lists(page, np.argsort(-shown.arrays["layer0/damage"][1, 1, :, 6]).tolist())

    values = shown.arrays["layer0/measures"][0, 1]
    page.select_option("#sort", "unit")
    page.select_option("#order", "up")
    page.select_option("#by", "selectivity")
    bound = float(np.sort(values)[2] + np.sort(values)[3]) / 2
    page.fill("#from", f"{bound:.6f}")
    lists(page, np.flatnonzero(values > bound).tolist())
    page.fill("#to", f"{bound + 1e-5:.6f}")
    lists(page, [])
    assert "0 of 6 units" in page.inner_text("#count")
    page.click("#all")
    lists(page, list(range(6)))


def test_search_finds_units_by_number_class_and_seed(visit, html, shown):
    page = visit(html, "#explorer?unit=3")
    strongest = shown.arrays["layer0/class_mean"][0].argmax(axis=-1)
    page.locator("body").press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type(f"class:{strongest[4]}")
    lists(page, np.flatnonzero(strongest == strongest[4]).tolist())
    page.keyboard.press("Enter")
    expect(page.locator(HEADING)).to_have_text(f"Seed 0, hidden0, unit {np.flatnonzero(strongest == strongest[4])[0]}")
    page.fill("#search", "dead")
    lists(page, [pages.DEAD[1]])
    page.fill("#search", "seed 3 hidden1 2")
    page.press("#search", "Enter")
    expect(page.locator(HEADING)).to_have_text("Seed 3, hidden1, unit 2")
    assert page.input_value("#search") == ""


def test_arrows_go_through_units_and_seeds_but_not_while_typing(visit, html):
    page = visit(html, "#explorer?sort=unit&order=down&unit=5")

    def press(key, shown):
        page.keyboard.press(key)
        expect(page.locator(HEADING)).to_have_text(shown)

    press("ArrowRight", "Seed 0, hidden0, unit 4")
    press("ArrowLeft", "Seed 0, hidden0, unit 5")
    press("ArrowLeft", "Seed 0, hidden0, unit 0")  # and round
    press("Shift+ArrowRight", "Seed 1, hidden0, unit 0")
    press("Shift+ArrowLeft", "Seed 0, hidden0, unit 0")
    pressed = "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', shiftKey: true }))"
    page.evaluate(f"{{ {pressed}; {pressed} }}")  # faster than the browser tells of a new address
    expect(page.locator(HEADING)).to_have_text("Seed 3, hidden0, unit 0")
    page.evaluate("location.hash = 'explorer?seed=0&sort=unit&order=down&unit=0'")
    expect(page.locator(HEADING)).to_have_text("Seed 0, hidden0, unit 0")
    page.focus("#search")
    page.keyboard.type("4/")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#complaint")).to_have_text("")
    assert page.inner_text(HEADING) == "Seed 0, hidden0, unit 0" and page.input_value("#search") == "4/"
    assert "→" in page.text_content(".keys")


@pytest.mark.parametrize("sort", ["selectivity", "unit"])
def test_quick_keys_lead_where_slow_ones_do(visit, html, sort):
    start = f"#explorer?sort={sort}&unit=3"
    steps = [(key, shift) for key in ("ArrowRight", "ArrowLeft") for shift in (True, False, False)]
    page = visit(html, start)
    for key, shift in steps:
        before = page.inner_text(HEADING)
        page.keyboard.press(f"Shift+{key}" if shift else key)
        expect(page.locator(HEADING)).not_to_have_text(before)
    led = page.inner_text(HEADING)
    page = visit(html, start)
    page.evaluate(
        "steps => { for (const [key, shiftKey] of steps)"
        " document.dispatchEvent(new KeyboardEvent('keydown', { key, shiftKey })) }",
        steps,
    )
    expect(page.locator(HEADING)).to_have_text(led)


def test_the_card_shows_what_the_payload_says(visit, html, shown):
    page = visit(html, "#explorer?seed=3&layer=1&unit=2&class=4")
    arrays, seed, unit = shown.arrays, 2, 2

    def said(value, digits=3):
        return f"{value:z.{digits}f}".replace("-", "−")

    means, sds = (arrays[f"layer1/class_{name}"][seed, unit] for name in ("mean", "sd"))
    table = rows(page, "Classes")
    assert [row[0] for row in table] == list("0123456789")
    assert [row[1] for row in table] == [f"{said(m, 2)} ± {said(s, 2)}" for m, s in zip(means, sds, strict=True)]
    others = np.stack([arrays["layer1/class_mean"][b, arrays["layer1/counterpart"][seed, b, unit]] for b in (0, 1)])
    expected = zip(others.mean(axis=0), others.std(axis=0, ddof=1), strict=True)
    assert [row[2] for row in table] == [f"{said(m, 2)} ± {said(s, 2)}" for m, s in expected]
    damage = numbers(page, "#card .tint").reshape(10, 3)
    np.testing.assert_allclose(damage, arrays["layer1/damage"][seed, :, unit].T, rtol=1e-6)
    for place, row in enumerate(rows(page, "Measures")):
        value, layer = arrays["layer1/measures"][place, seed, unit], arrays["layer1/measures"][place, seed]
        assert row[1] == said(value) and row[3] == said(layer.mean())
        assert row[2] == ("—" if place else f"0.000 {'✓ beyond' if value > 0 else 'within'}")
    best = arrays["layer1/exemplars"][seed, unit]
    labels = [text.split(":")[0] for text in page.locator("#card .pictures.small figcaption").all_inner_texts()]
    assert labels == [str(arrays["pool/labels"][place]) for place in best]


def pixels(page, selector):
    return np.array(
        page.eval_on_selector(
            selector,
            "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, n) => n % 4 < 3)",
        )
    ).reshape(-1, 3)


@pytest.mark.parametrize("layer", [0, 1])
def test_maps_are_the_weights_pushed_back_to_the_pixels(visit, html, networks, shown, layer):
    page = visit(html, f"#explorer?seed=1&layer={layer}&unit=3")
    params = networks.variables["params"]
    kernel = params["hidden0"]["kernel"][1]
    kernel = np.asarray(kernel if layer == 0 else kernel @ params["hidden1"]["kernel"][1])
    colours, weights = pixels(page, "canvas.map.large"), kernel[:, 3]
    warmth = colours[:, 0] - colours[:, 2]  # orange above zero, blue below
    assert (np.sign(warmth) == np.sign(weights))[np.abs(weights) > 0.1 * np.abs(weights).max()].all()
    order = np.argsort(np.abs(weights))
    distance = (255 - colours).max(axis=1)[order]
    for sign in (-1, 1):
        assert (np.diff(distance[np.sign(weights[order]) == sign]) >= 0).all()
    place = weights.argmax()
    label = page.locator("canvas.map.large").get_attribute("aria-label")
    assert f"row {place // 28}, column {place % 28}; lowest" in label
    np.testing.assert_array_equal(
        pixels(page, "canvas.image.large")[:, 0], shown.arrays[f"layer{layer}/maximiser"][1, 3]
    )


def test_connections_lead_to_the_next_card(visit, html, networks, shown):
    page = visit(html, "#explorer?seed=0&layer=0&unit=2")
    kernel = np.asarray(networks.variables["params"]["hidden1"]["kernel"][0])
    order = np.argsort(-np.abs(kernel[2]))
    found = rows(page, "Outgoing connections")
    assert [row[0] for row in found] == [f"hidden1 unit {unit}" for unit in order]
    assert "pixels" in page.locator(".block", has=page.locator("h4", has_text="Incoming")).last.inner_text()
    page.get_by_role("link", name=f"hidden1 unit {order[0]}", exact=True).click()
    expect(page.locator(HEADING)).to_have_text(f"Seed 0, hidden1, unit {order[0]}")
    moved = kernel[:, order[0]] * shown.arrays["layer0/sd"][0]
    found = rows(page, "Incoming connections")
    assert [row[0] for row in found][:5] == [f"hidden0 unit {unit}" for unit in np.argsort(-np.abs(moved))[:5]]
    assert float(found[0][2].replace("−", "-")) == pytest.approx(moved[np.abs(moved).argmax()], abs=6e-4)
    logits = np.asarray(networks.variables["params"]["output"]["kernel"][0])[order[0]]
    assert rows(page, "Outgoing connections")[0][0] == f"logit of {np.abs(logits).argmax()}"


def test_counterparts_stand_side_by_side_and_lead_to_their_cards(visit, html, shown):
    page = visit(html, "#explorer?seed=1&layer=0&unit=5")
    tiles = page.locator("#card .tiles li")
    assert "this unit" in tiles.nth(0).inner_text() and tiles.count() == 3
    match, r = (shown.arrays[f"layer0/{name}"][1, 2, 5] for name in ("counterpart", "counterpart_r"))
    assert tiles.nth(2).inner_text().split("\n")[0] == f"seed 3: {match}"
    assert tiles.nth(2).locator("data").get_attribute("value") == pytest.approx(str(float(r)))
    tiles.nth(2).locator("a").focus()
    page.keyboard.press("Enter")
    expect(page.locator(HEADING)).to_have_text(f"Seed 3, hidden0, unit {match}")
    page.wait_for_function("document.activeElement.tagName === 'H3'")  # focus stays in the card


def test_an_exemplar_opens_in_try_it(visit, html, shown):
    page = visit(html, "#explorer?seed=3&layer=0&unit=4")
    page.locator("#card .pictures.small a").nth(1).click()
    expect(page.locator("#origin")).to_contain_text(f"test image {shown.arrays['layer0/exemplars'][2, 4, 1]},")
    expect(page.locator("#reading")).to_contain_text("Seed 3")


def test_dead_units_are_said_to_be(visit, html):
    assert "dead" in visit(html, "#explorer?layer=0&unit=1").inner_text(".facts")


def test_counterparts_are_mirrored_only_where_units_may_be(visit, shown, networks):
    page = visit(
        build.render("Odd", [], payload=explorer.encode(pages.payload(networks, matching="absolute"))), "#explorer"
    )
    arrays = shown.arrays
    signs = [np.sign(arrays["layer0/counterpart_r"][0, b, 0]) for b in (1, 2)]
    others = [arrays["layer0/class_mean"][b, arrays["layer0/counterpart"][0, b, 0], 0] for b in (1, 2)]
    assert min(signs) < 0
    expected = f"{np.mean([sign * other for sign, other in zip(signs, others, strict=True)]):z.2f}".replace("-", "−")
    assert rows(page, "Classes")[0][2].split(" ±")[0] == expected


def test_a_measure_to_filter_by_can_be_chosen_before_its_bounds(visit, html, shown):
    page = visit(html, "#explorer")
    page.select_option("#by", "participation")
    expect(page).to_have_url(re.compile("by=participation"))
    expect(page.locator("#by")).to_have_value("participation")
    page.fill("#from", "0")
    values = shown.arrays["layer0/measures"][1, 0]
    lists(page, np.flatnonzero(values >= 0))
    assert (values >= 0).sum() not in (0, len(values))


def test_a_seed_that_the_page_does_not_hold_is_said_and_not_replaced_silently(visit, html):
    page = visit(html, "#explorer?seed=3&unit=4")
    for search, complaint in (("seed 2", "Seed 2 diverged"), ("seed 9 hidden1 2", "There is no seed 9")):
        page.fill("#search", search)
        page.press("#search", "Enter")
        expect(page.locator("#complaint")).to_have_text(f"{complaint}: choose 0, 1 or 3.")
        expect(page.locator("#search")).to_have_attribute("aria-invalid", "true")
        expect(page.locator(HEADING)).to_have_text("Seed 3, hidden0, unit 4")
        assert page.evaluate("document.activeElement.id") == "search"
    page.fill("#search", "seed 1")
    expect(page.locator("#complaint")).to_have_text("")
    expect(page.locator("#search")).to_have_attribute("aria-invalid", "false")
    lists(page, range(6))
    page.press("#search", "Enter")
    expect(page.locator(HEADING)).to_have_text("Seed 1, hidden0, unit 0")


@pytest.mark.parametrize("view", ["explorer", "try"])
def test_a_link_to_such_a_seed_says_which_one_is_shown(visit, html, view):
    page = visit(html, f"#{view}?seed=2")
    said = page.locator("#complaint" if view == "explorer" else "#replaced")
    expect(said).to_have_text("Seed 2 diverged: choose 0, 1 or 3. This is seed 0.")
    page.locator(f"#{view} h2").click()
    page.keyboard.press("Shift+ArrowRight")
    expect(page).to_have_url(re.compile("seed=1"))
    expect(said).to_have_text("")
    for fragment, seed in (("?seed=9", "9"), ("?seed=x", "x"), ("?seed=1.5", "1.5")):
        page.evaluate(f"location.hash = '{view}{fragment}'")
        expect(said).to_have_text(f"There is no seed {seed}: choose 0, 1 or 3. This is seed 0.")


def test_what_is_found_nowhere_is_said(visit, html):
    page = visit(html, "#explorer?unit=3")
    page.fill("#search", "99")
    page.press("#search", "Enter")
    expect(page.locator("#complaint")).to_have_text(
        "No unit of hidden0 is found by “99”: search for a number from 0 to 5, a class, dead, or a word of a label."
    )
    assert page.inner_text(HEADING) == "Seed 0, hidden0, unit 3"


@pytest.mark.parametrize(("seeds", "choose"), [([0, 1, 2], "0–2"), ([0, 1, 5], "0, 1 or 5"), ([4, 5, 6], "4–6")])
def test_seeds_are_named_in_short(visit, networks, seeds, choose):
    payload = pages.payload(networks, seeds=seeds, all_seeds=9, diverged=[])
    page = visit(build.render("Some", [], payload=explorer.encode(payload)), "#explorer?seed=8")
    complaint = f"The page has no room for seed 8: choose {choose}. This is seed {seeds[0]}."
    expect(page.locator("#complaint")).to_have_text(complaint)


def test_a_bound_may_have_a_comma_and_must_be_a_number(visit, html, shown):
    page = visit(html, "#explorer")
    values = shown.arrays["layer0/measures"][0, 0]
    page.select_option("#by", "selectivity")
    bound = float(np.sort(values)[2] + np.sort(values)[3]) / 2
    for text in (f"{bound:.6f}", f"{bound:.6f}".replace(".", ",").replace("-", "−"), f" {bound:.6e} "):
        page.fill("#from", text)
        lists(page, np.flatnonzero(values > bound))
        expect(page.locator("#complaint")).to_have_text("")
    for text in ("a half", "0,5,1", "0x1", "1 000", "-"):
        page.fill("#from", text)
        lists(page, range(6))
        expect(page.locator("#complaint")).to_have_text(
            f"“{text}” is no number, so it filters nothing: write one such as 0.5."
        )
        assert [page.locator(f"#{name}").get_attribute("aria-invalid") for name in ("from", "to")] == ["true", "false"]
    again = visit(html, "#" + page.url.split("#")[1])
    assert again.inner_text("#complaint") == page.inner_text("#complaint")
    page.click("#all")
    expect(page.locator("#complaint")).to_have_text("")
    expect(page.locator("#from")).to_have_attribute("aria-invalid", "false")


def test_a_measure_that_is_not_known_lies_neither_within_its_null_nor_beyond(visit, networks, shown):
    arrays = shown.arrays | {"layer0/measures": np.full_like(shown.arrays["layer0/measures"], np.nan)}
    page = visit(build.render("Unknown", [], payload=explorer.encode(shown._replace(arrays=arrays))), "#explorer")
    assert [row[1:] for row in rows(page, "Measures")] == [["—", "0.000 value not known", "—"], ["—", "—", "—"]]


def test_a_view_is_found_as_it_was_left(visit, html):
    page = visit(html, "#explorer?seed=3&layer=1&unit=2")
    for view in ("seeds", "explorer"):
        page.click(f"nav a[href='#{view}']")
        expect(page.locator(f"#{view}")).to_be_visible()
    expect(page.locator(HEADING)).to_have_text("Seed 3, hidden1, unit 2")
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#explorer")).to_be_visible()
    expect(page.locator(HEADING)).to_have_text("Seed 3, hidden1, unit 2")


def test_labels_are_shown_beside_the_best_baseline_found_and_never_markup(visit, networks):
    hostile = '<img src=x onerror="alert(1)"> & stem'
    shown = pages.payload(networks, text=hostile)
    page = visit(build.render("Labels", [], payload=explorer.encode(shown)), "#explorer?seed=0&layer=1&unit=3")
    table = rows(page, "Labels")
    scores = shown.arrays["layer1/label_score"][:, 0, 3]
    for row, text, name, score in zip(
        table,
        ("Ink in the upper left.", f"A bar {hostile}"),
        ("class means", f"model {hostile}, a language model"),
        scores,
        strict=True,
    ):
        beyond = " ✓ beyond" if score > 0.5 else ""
        assert row == [text, name, f"{score:z.2f}".replace("-", "−") + beyond, "0.50 best class"]
    assert not page.locator("img").count()
    page.fill("#search", "upper left")
    lists(page, [1, 3])  # every other unit, by the rule
    page.fill("#search", "onerror stem")
    lists(page, list(range(5)))
    page.press("#search", "Enter")
    expect(page.locator(HEADING)).to_have_text("Seed 0, hidden1, unit 0")
    page.select_option("#seed", label="1")  # where no model was asked
    lists(page, [])
    assert len(rows(page, "Labels")) == 1


def test_classes_without_test_images_are_left_out_and_units_that_no_class_needs(visit, networks):
    meta, arrays = pages.payload(networks)
    arrays["pool/labels"] = np.int32(np.resize([1, 7], len(arrays["pool/labels"])))
    arrays["layer1/damage"][0, 0] = 0
    arrays["layer1/damage"][0, 0, 3, 7] = 0.25
    page = visit(build.render("Two", [], payload=explorer.encode(explorer.Payload(meta, arrays))), "#explorer?unit=0")
    assert page.locator("#card .classes tbody th").all_inner_texts() == ["1", "7"]
    assert page.locator("#class option").all_inner_texts() == ["1", "7"]
    assert page.locator("#samples strong").all_inner_texts() == ["unit 3"]
    page.goto(page.url.partition("#")[0] + "#compare")
    assert page.locator("#compared table").first.locator("tbody th").all_inner_texts() == ["1", "7"]
    page.goto(page.url.partition("#")[0] + "#classes")
    assert page.locator("#classes-class option").all_inner_texts() == ["1", "7"]
    expect(page.locator("#needs h3")).to_contain_text("what 1 needs")
    page.goto(page.url.partition("#")[0] + "#mistakes")
    assert page.locator("#mistakes-label option").all_inner_texts() == ["any class", "1", "7"]
    assert len(page.locator("#mistakes-read option").all_inner_texts()) == len(meta["classes"]) + 1  # any may be read
