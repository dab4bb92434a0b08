import numpy as np
import pytest
from support import findings, pages

from jaxinterp.config import RunConfig, TrainConfig
from jaxinterp.report import build, explorer, pair
from jaxinterp.stats import Estimate
from jaxinterp.studies import STUDIES

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect


def test_two_units_stand_side_by_side_and_say_whether_they_match(visit, html, shown):
    page = visit(html, "#compare?seed=1&layer=0&unit=5&other=3")
    match, r = (shown.arrays[f"layer0/{name}"][1, 2, 5] for name in ("counterpart", "counterpart_r"))
    assert page.locator("#compared h3").all_inner_texts() == ["seed 1, unit 5", f"seed 3, unit {match}"]
    correlation = f"{r:z.2f}".replace("-", "−")
    said = f"matched units: their activations on held-out images correlate with r = {correlation}."
    expect(page.locator("#compared > p")).to_contain_text(said)
    cells = page.locator("#compared table").first.locator("tbody tr").nth(4).locator("data")
    values = [float(cell.get_attribute("value")) for cell in cells.all()]
    means, damage = (shown.arrays[f"layer0/{name}"] for name in ("class_mean", "damage"))
    expected = [means[1, 5, 4], means[2, match, 4], damage[1, 0, 5, 4], damage[2, 0, match, 4]]
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    page.select_option("#compare-match", str((match + 1) % 6))
    expect(page.locator("#compared > p")).to_contain_text(f"is matched with another one: seed 3, unit {match}")
    page.locator("#compared > p a").click()
    expect(page.locator("#compare-match")).to_have_value(str(match))
    page.select_option("#compare-unit", "0")  # the right follows to the new match
    expect(page.locator("#compare-match")).to_have_value(str(shown.arrays["layer0/counterpart"][1, 2, 0]))


def test_two_seeds_show_their_matches_and_what_they_read_differently(visit, html, shown, answer):
    page = visit(html, "#compare?of=seeds&seed=0&other=3&layer=1")
    r = shown.arrays["layer1/counterpart_r"][0, 2]
    order = np.argsort(-np.abs(r), kind="stable")
    pairs = [f"{unit} and {shown.arrays['layer1/counterpart'][0, 2, unit]}" for unit in order]
    assert page.locator("#compared .tiles .number").all_inner_texts() == pairs
    left, right = ([int(np.argmax(answer(p, image / np.float32(255))[0])) for image in pages.images()] for p in (0, 2))
    different = [f"{n % 10}: {a}, {b}" for n, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    assert different
    expect(page.locator("#differently figcaption")).to_have_text(different)
    page.locator("#compared .tiles a").first.click()
    expect(page.locator("#compared h3").first).to_have_text(f"seed 0, unit {order[0]}")


@pytest.fixture(scope="module")
def both(networks):
    """A page of two runs: the second has another verdict, a claim less, other settings and other names of classes."""
    study = STUDIES["instance-variation"]
    other = Estimate(0.9, 0.1, 0.8, 1.0, 8)
    rows = [findings.finding(study=study.name, row="1.1"), findings.finding(study=study.name, row="1.2", text="both")]
    names = "abcdefghij"

    def member(name, rows, classes, seeds):
        payload = explorer.encode(pages.payload(networks, names=classes))
        answers = {study.name: findings.answer(study, rows, f"{name} says so.")}
        config = RunConfig(train=TrainConfig(seeds=seeds))
        return pair.Member(name, f"checkpoints/{name}", answers, pages.history(), config, payload, "")

    changed = [rows[1]._replace(score=other, joint=other)]
    return pair.render([member("one", rows, "0123456789", 4), member("two", changed, names, 3)])


def test_two_runs_stand_side_by_side(visit, both):
    page = visit(both)
    text = page.inner_text("#runs")
    assert "one says so." in text and "two says so." in text and "1 of the 1 claims that were tested of both" in text
    assert "jaxinterp compare checkpoints/one checkpoints/two" in text
    table = page.locator(".joined tbody tr")
    assert [row.locator(".verdict").all_inner_texts() for row in table.all()] == [
        ["does not hold"],
        ["does not hold", "holds"],
    ]
    page.check("#only-different")
    assert [row.is_visible() for row in table.all()] == [False, True]
    page.click("nav a[href='#configuration']")
    assert page.locator("tr.different").all_inner_texts()[0].split()[:4] == ["train.seeds", "(differs)", "4", "3"]


def test_views_show_the_networks_of_the_chosen_run(visit, both):
    page = visit(both, "#explorer?class=4")
    assert page.locator("#class option").all_inner_texts() == list("0123456789")
    page.click("[data-switch='1']")
    page.wait_for_selector("html.started")
    assert page.url.endswith("?run=1#explorer")
    assert page.locator("#class option").all_inner_texts() == list("abcdefghij")
    page.click("nav a[href='#seeds']")
    expect(page.get_by_role("heading", name="Accuracy of two")).to_be_visible()
    expect(page.get_by_role("heading", name="Accuracy of one")).to_be_hidden()


def test_two_runs_of_different_questions_share_no_claim(visit, networks):
    def member(name, row):
        study = STUDIES[name]
        answers = {name: findings.answer(study, [findings.finding(study=name, row=row)], "So it is.")}
        return pair.Member(name, f"checkpoints/{name}", answers, pages.history(), RunConfig(), "", "")

    page = visit(pair.render([member("instance-variation", "1.1"), member("bottleneck-neurons", "4.1")]))
    assert "No claim was tested of both runs" in page.inner_text("#runs")
    expect(page.get_by_text("Only claims with another verdict")).to_be_hidden()


def test_a_dead_unit_is_said_to_be_and_has_no_known_correlation(visit, networks):
    payload = pages.payload(networks)
    payload.arrays["layer1/sd"][0, 2] = 0
    match = int(payload.arrays["layer1/counterpart"][0, 1, 2])
    payload.arrays["layer1/counterpart_r"][0, 1, 2] = np.nan
    page = visit(build.render("Dead", [], payload=explorer.encode(payload)), f"#compare?unit=2&match={match}")
    assert "how they correlate is not known" in page.locator("#compared > p").first.inner_text()
    facts = page.locator("#compared .facts").all_inner_texts()
    assert facts[0] == "dead: the same activation on every test image" and facts[1].startswith("responds most to")
