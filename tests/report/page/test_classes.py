"""What a class needs of the last hidden layer, and its sets of units kept and removed in "Try it"."""

import numpy as np
import pytest
from support import pages

from jaxinterp.interventions import ablate, select
from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
CLASS, ENOUGH, NEEDED = 7, [2, 3], [4]  # of class 7 and five units, see support.pages


def logits(page):
    cells = page.eval_on_selector_all("#logits tr td:nth-child(2) data", "all => all.map((one) => one.value)")
    return np.array([float(value) for value in cells])


def test_sets_of_a_class_are_shown_and_act_in_try_it(visit, html, shown, answer):
    page = visit(html, f"#classes?seed=1&class={CLASS}")
    arrays, (seed, units) = shown.arrays, (1, 5)
    blocks = page.locator("#needs .block")
    for place, (members, share) in enumerate([(ENOUGH, "kept"), (NEEDED, "left")]):
        listed = blocks.nth(place).locator("p a").all_inner_texts()
        assert listed == [str(unit) for unit in members]
        assert f"{100 * arrays[f'roles/{share}'][seed, CLASS]:.1f} %" in blocks.nth(place).inner_text()
    assert "2 sets" in blocks.nth(2).inner_text()
    values = [
        float(value) for value in blocks.nth(3).locator("tbody data").evaluate_all("all => all.map((a) => a.value)")
    ]
    order = np.argsort(-arrays["roles/shapley"][seed, CLASS])
    expected = np.stack([arrays[f"roles/{name}"][seed, CLASS, order] for name in ("shapley", "alone")], axis=1)
    np.testing.assert_allclose(np.reshape(values, (units, 2)), expected, rtol=1e-6)

    image = np.float32(pages.images()[CLASS]) / 255  # the first of its class
    for name, removed in (("Keep only these", [0, 1, 4]), ("Remove these", ENOUGH)):
        page.evaluate(f"location.hash = 'classes?seed=1&class={CLASS}'")
        blocks.nth(0).get_by_role("button", name=name).focus()
        page.keyboard.press("Enter")
        expect(page.locator("#edits")).to_have_text(f"{len(removed)} units are changed.")
        assert f"labelled {CLASS}" in page.inner_text("#origin") and "Seed 1" in page.inner_text("#reading")
        changed, _ = answer(seed, image, {"hidden1/post": ablate(select(removed, units))})
        np.testing.assert_allclose(logits(page), changed, rtol=1e-4, atol=1e-4)

    page.evaluate(f"location.hash = 'classes?seed=1&class={CLASS}'")
    blocks.nth(1).locator("p a").click()
    expect(page.locator("#card h3")).to_have_text("Seed 1, hidden1, unit 4")
    shapley = page.locator(".classes tbody tr").nth(CLASS).locator("td:nth-last-child(2) data")
    assert float(shapley.get_attribute("value")) == pytest.approx(arrays["roles/shapley"][seed, CLASS, 4])
    page.select_option("#seed", label="3")
    expect(page.locator("#card")).to_contain_text("the page has them of seeds 0 or 1 only")


def test_a_page_without_roles_says_why(visit, networks):
    roles = {"networks": 0, "images": 100, "left_out": "They are not computed: the layer is too wide."}
    html = build.render("Wide", [], payload=explorer.encode(pages.payload(networks, roles=roles)))
    assert "the layer is too wide" in visit(html, "#classes").inner_text("#needs")
