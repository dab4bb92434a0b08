"""What docs/page.md describes click by click leads where it says."""

import numpy as np
import pytest

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect


def test_the_unit_that_a_class_needs_most_and_its_match_in_another_network(visit, whole, shown):
    page = visit(whole)
    page.get_by_role("link", name="Explorer").click()
    page.get_by_text("Where to start").click()
    page.get_by_role("link", name="Which unit does a class need most?").click()
    page.select_option("#class", "4")
    damage = shown.arrays["layer1/damage"][0, 0, :, 4]
    order = np.argsort(-damage, kind="stable")
    expect(page.locator("#units .number")).to_have_text([str(unit) for unit in order])
    page.locator("#units a").first.click()
    expect(page.locator("#card h3")).to_have_text(f"Seed 0, hidden1, unit {order[0]}")
    page.get_by_role("link", name="Compare two units side by side").click()
    assert page.evaluate("scrollY") == 0
    page.select_option("#compare-other", label="3")
    match, r = (shown.arrays[f"layer1/{name}"][0, 2, order[0]] for name in ("counterpart", "counterpart_r"))
    titles = [f"seed 0, unit {order[0]}", f"seed 3, unit {match}"]
    expect(page.locator("#compared h3")).to_have_text(titles)
    expect(page.locator("#compared > p data")).to_have_attribute("value", str(float(r)))
