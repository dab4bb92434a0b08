"""Pages of runs that were trained, stored and asked as real ones are, in a real browser."""

import dataclasses
import re
from typing import NamedTuple

import numpy as np
import pytest

from jaxinterp import data, ensemble, jobs, recipes, report, store
from jaxinterp.data import Splits
from jaxinterp.report import explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect


class Made(NamedTuple):
    run: store.Run
    splits: Splits
    html: str


def made(path):
    run = store.load(path)
    return Made(run, data.load(run.config.data), report.write(path).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def runs(toy, tmp_path_factory):
    """Both made before a browser is: its loop and the checkpoint library's do not go together."""
    root = tmp_path_factory.mktemp("runs")
    config, splits, trained = toy
    diverged = np.array([1, 0, 0, 3, 0], np.int32)  # the first seed, and one that others follow
    accuracy = np.array(trained.history.accuracy)
    accuracy[0] = accuracy[3, 2] = np.nan
    history = trained.history._replace(diverged=diverged, accuracy=accuracy, best=np.array([0, 3, 3, 2, 3], np.int32))
    store.save(root / "lost", config, trained._replace(history=history), splits.test)
    xor = recipes.config("llm-labels-xor", seeds=3, epochs=150)
    jobs.train_run(root / "xor", dataclasses.replace(xor, train=dataclasses.replace(xor.train, learning_rate=0.03)))
    return {"lost": made(root / "lost"), "xor": made(root / "xor")}


@pytest.fixture
def lost(runs):
    return runs["lost"]


@pytest.fixture
def xor(runs):
    return runs["xor"]


def values(page, selector):
    return np.array([float(v) for v in page.eval_on_selector_all(selector, "all => all.map((one) => one.value)")])


def shown_on_canvas(page):
    """What is on the canvas, from 0 to 1."""
    channels = page.evaluate(
        "() => { const one = document.getElementById('canvas');"
        "return [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data] }"
    )
    return np.float32(channels[::4]) / 255


def check_answer(page, run, seed):
    """The logits and units on the page are Python's, of what is on its canvas."""
    logits, activations = ensemble.take(run.networks, seed)(shown_on_canvas(page))
    np.testing.assert_allclose(values(page, "#logits tr td:nth-child(2) data"), logits, rtol=0, atol=1e-4)
    units = np.concatenate([activations[f"hidden{layer}/post"] for layer in range(len(run.config.model.widths))])
    np.testing.assert_allclose(values(page, "#responses button data"), units, rtol=0, atol=1e-4)
    return np.asarray(logits)


# A run of which two seeds diverged.


def test_a_page_opens_with_a_seed_that_did_not_diverge(visit, lost):
    page = visit(lost.html, "#explorer")
    expect(page.locator("#card h3")).to_have_text("Seed 1, hidden0, unit 0")
    expect(page.locator("#complaint")).to_have_text("")
    assert page.locator("#seed option").all_inner_texts() == ["1", "2", "4"]
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#card h3")).to_have_text("Seed 1, hidden0, unit 0")


@pytest.mark.parametrize("seed", [0, 3])
def test_a_seed_that_diverged_is_said_to_have(visit, lost, seed):
    page = visit(lost.html, f"#explorer?seed={seed}")
    told = f"Seed {seed} diverged: choose 1, 2 or 4."
    expect(page.locator("#complaint")).to_have_text(f"{told} This is seed 1.")
    page.fill("#search", f"seed {seed}")
    page.press("#search", "Enter")
    expect(page.locator("#complaint")).to_have_text(told)
    expect(visit(lost.html, f"#try?seed={seed}").locator("#replaced")).to_have_text(f"{told} This is seed 1.")


def test_every_card_is_whole(visit, lost):
    page = visit(lost.html, "#explorer?seed=4")
    count = len(lost.splits.test.labels)
    for layer, width in enumerate(lost.run.config.model.widths):
        for unit in range(width):
            page.evaluate(f"location.hash = 'explorer?seed=4&layer={layer}&unit={unit}'")
            expect(page.locator("#card h3")).to_have_text(f"Seed 4, hidden{layer}, unit {unit}")
            card = page.inner_text("#card")
            assert not re.search("undefined|NaN|Infinity|\\[object", card)
            assert f"Of {count} test images" in card and page.locator("#card .pictures.small figure").count() == 9
            assert page.locator("#card .tiles li").count() == 3
    page.locator("#card summary").click()
    assert f"All else: {count} test images." in page.inner_text("#card")
    assert "null from 50 permutations" in page.inner_text("#card")


def test_the_seeds_view_tells_lost_seeds_from_trained_ones(visit, lost):
    page = visit(lost.html, "#seeds")
    assert "5 seeds, 2 diverged (0, 3)" in page.inner_text("#seeds-glance")
    assert "2 of 5 networks diverged and are left out" in page.inner_text("#seeds")
    curves = page.locator("#learning-curves img").get_attribute("alt")
    assert curves.startswith("Learning curves of 3 seeds, 2 diverged and left out.")
    dead = explorer.dead_units(lost.run, lost.splits)
    kept = np.asarray(lost.run.history.accuracy)[:, 2, 2]
    for seed, row in enumerate(page.locator("#seeds-table tbody tr").all()):
        state, accuracy, epoch, *unlit = row.locator("td").all_inner_texts()
        if seed in (0, 3):
            assert (state, accuracy) == (f"✕ diverged in epoch {(1, 0, 0, 3)[seed]}", "—")
            assert unlit == ["—", "—"] and not row.locator("a").count()
        else:
            assert (state, accuracy, epoch) == ("trained", f"{kept[seed]:.4f}", "3")
            assert unlit == [f"{dead[seed, layer]:.0f} of {width}" for layer, width in enumerate((8, 6))]
    assert page.locator(".similarity").count() == 2


@pytest.mark.parametrize(("key", "seed"), [(0, 1), (1, 2), (2, 4)])
def test_a_trained_network_answers_as_python_does(visit, lost, key, seed):
    page = visit(lost.html, "#try?image=3")
    for _ in range(key):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("#reading")).to_contain_text(f"Seed {seed}: read as")
    read = int(check_answer(page, lost.run, seed).argmax())
    assert f"read as {read} (" in page.inner_text("#reading")
    page.click("#erase-rows")
    expect(page.locator("#origin")).to_contain_text("Drawn or edited")
    check_answer(page, lost.run, seed)


# Networks with one output, of four inputs of two pixels.


def test_networks_with_one_output_have_cards(visit, xor):
    page = visit(xor.html, "#explorer?seed=2&unit=3&class=1")
    expect(page.locator("#card h3")).to_have_text("Seed 2, hidden0, unit 3")
    card = page.inner_text("#card")
    assert not re.search("undefined|NaN|Infinity|\\[object", card)
    assert "the output" in card and "Of 4 test images" in card
    assert page.locator("#card .pictures.small figure").count() == 4
    assert page.locator("canvas.map.large").evaluate("one => [one.width, one.height]") == [2, 1]
    assert page.locator("#class option").all_inner_texts() == ["0", "1"]


def test_one_output_is_read_as_the_class_that_python_reads(visit, xor):
    page = visit(xor.html, "#try")
    for image in range(4):
        for seed in range(3):
            page.evaluate(f"location.hash = 'try?seed={seed}&image={image}'")
            expect(page.locator("#reading")).to_contain_text(f"Seed {seed}:")
            expect(page.locator("#origin")).to_contain_text(f"Unchanged test image {image},")
            [logit] = check_answer(page, xor.run, seed)
            np.testing.assert_array_equal(shown_on_canvas(page), xor.splits.test.images[image])
            assert page.inner_text("#reading") == f"Seed {seed}: read as {int(logit > 0.5)}"
            assert f"labelled {xor.splits.test.labels[image]}." in page.inner_text("#origin")
    assert page.locator("#logits tr").count() == 1


def test_seeds_of_a_run_of_toys_are_shown(visit, xor):
    page = visit(xor.html, "#seeds")
    assert "3 seeds, none diverged." in page.inner_text("#seeds-glance")
    assert page.locator("#seeds-glance circle").count() == 3
    assert "nothing to be compared" not in page.inner_text("#similarity")
    assert len(page.locator("#seeds-table tbody tr").all()) == 3
    assert "NaN" not in page.inner_text("#seeds")
