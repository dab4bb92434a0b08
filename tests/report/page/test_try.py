from itertools import cycle, product

import jax
import numpy as np
import pytest
from support import pages

from jaxinterp import ensemble, interventions
from jaxinterp.choices import ACTIVATIONS, NORMS
from jaxinterp.networks import MLP, activation_function, unit_activations
from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
CLOSE = {"rtol": 1e-5, "atol": 1e-4}


def values(page, selector):
    """The numbers that the page holds under a selector, with all of their digits."""
    return np.array([float(v) for v in page.eval_on_selector_all(selector, "all => all.map((one) => one.value)")])


def scaled(*factors):
    """The edit that multiplies the units of a layer by these factors."""
    return interventions.Edit(np.float32(factors), np.float32(0))


def logits(page):
    return values(page, "#logits tr td:nth-child(2) data")


def pixels(page):
    """What is on the canvas, from 0 to 1."""
    bytes_ = page.evaluate(
        "() => { const c = document.getElementById('canvas');"
        "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, n) => n % 4 === 0) }"
    )
    return np.float32(bytes_) / 255


# Every activation function, and every norm before and after one, in turn with other options.
NORMED = [{}, *({"norm": norm, "norm_position": place} for norm, place in product(NORMS, ("before", "after")))]
OTHERS = ({}, {"input_mean": 0.13, "input_std": 0.31}, {"widths": (7,), "norm_epsilon": 1e-3}, {"widths": (5, 4, 3)})
MODELS = [
    {"activation": activation} | norm | other
    for activation, norm, other, _ in zip(
        cycle(ACTIVATIONS), cycle(NORMED), cycle(OTHERS), range(max(len(ACTIVATIONS), len(NORMED))), strict=False
    )
]


# Largest and mean values pooled, strides, padding, one and three channels, and every norm before and after.
MAPS = {"channels": (5, 4), "kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "pool_size": (2, 1)}
COLOUR = {"channels": (4,), "kernel_size": (4,), "stride": (3,), "padding": (2,), "image_shape": (12, 16, 3)}
MODELS += [
    {"widths": (6,), "pool": "max", **MAPS},
    {"widths": (), "pool": "mean", "input_mean": 0.13, "input_std": 0.31, **MAPS},
    {"widths": (6,), "pool": "mean", **COLOUR, "pool_size": (2,)},
    {"widths": (6,), "pool": "max", **COLOUR, "pool_size": (1,), "activation": "tanh"},
    *({"widths": (6,), "pool": "max", **MAPS} | norm for norm in NORMED[1:]),
]


@pytest.mark.parametrize("options", MODELS, ids=lambda options: " ".join(map(str, options.values())))
def test_the_page_answers_as_python_does(visit, options):
    networks = pages.trained(pages.model(**options))
    layers, images = networks.model.layers, pages.images(options.get("image_shape", (28, 28, 1)))
    html = build.render("Networks", [], payload=explorer.encode(pages.payload(networks)))
    page = visit(html, "#try?seed=3&image=4&scale=0:2:0,0:3:1.5")
    edits = {layers[0].post: scaled(1, 1, 0, 1.5, *[1] * (layers[0].units - 4))}
    network, image = ensemble.take(networks, 2), images[4] / np.float32(255)
    expected, activations = network(image, edits)
    np.testing.assert_allclose(logits(page), expected, **CLOSE)
    seen = values(page, "#responses button data")
    units = unit_activations(networks.model, activations)
    np.testing.assert_allclose(seen, np.concatenate([units[layer.post] for layer in layers]), **CLOSE)
    change = values(page, "#logits tr td:nth-child(3) data")
    np.testing.assert_allclose(change, expected - network(image)[0], **CLOSE)
    assert values(page, "#logits tr td:nth-child(4) data").sum() == pytest.approx(1)


def test_the_pages_activation_functions_are_pythons(visit, html):
    numbers = np.float32([*np.linspace(-4, 4, 33), -30, -1e3, 30, 1e3])
    page = visit(html)
    for name, entry in ACTIVATIONS.items():
        there = page.evaluate(f"(numbers) => numbers.map((x) => {entry.javascript})", numbers.tolist())
        here = activation_function(MLP(activation=name))(jax.numpy.asarray(numbers))
        np.testing.assert_allclose(there, here, rtol=1e-5, atol=1e-6, err_msg=name)


def test_one_output_is_a_probability_of_its_own(visit):
    networks = pages.trained(pages.model().clone(outputs=1))
    page = visit(build.render("One", [], payload=explorer.encode(pages.payload(networks))), "#try?image=2")
    expected, _ = ensemble.take(networks, 0)(pages.images()[2] / np.float32(255))
    np.testing.assert_allclose(logits(page), expected, **CLOSE)
    np.testing.assert_allclose(values(page, "#logits tr td:nth-child(4) data"), jax.nn.sigmoid(expected), rtol=1e-4)
    answer = int(expected[0] > 0)
    chance = float(jax.nn.sigmoid(abs(expected[0])))
    assert page.inner_text("#reading").startswith(f"Seed 0: read as {answer} ({100 * chance:.1f}")


def test_a_drawn_digit_gets_pythons_logits(visit, html, answer):
    page = visit(html, "#try")
    page.click("#clear")
    assert not pixels(page).any()
    box = page.locator("#canvas").bounding_box()

    def drag(*points):
        for number, (x, y) in enumerate(points):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if number == 0:
                page.mouse.down()
        page.mouse.up()

    drag((0.3, 0.2), (0.7, 0.2), (0.4, 0.9))
    drawn = pixels(page)
    assert 40 < np.count_nonzero(drawn) < 250 and drawn.max() == 1
    picture = drawn.reshape(28, 28)
    assert picture[5, 9:19].min() > 0.9 and not picture[:3].any() and not picture[:, :6].any()
    np.testing.assert_allclose(logits(page), answer(0, drawn)[0], **CLOSE)
    assert "Drawn or edited" in page.inner_text("#origin")

    page.check("#eraser")
    drag((0.5, 0.2), (0.7, 0.2))
    erased = pixels(page)
    assert (erased <= drawn).all() and not erased.reshape(28, 28)[5, 15:19].any() and erased.sum() > 0
    np.testing.assert_allclose(logits(page), answer(0, erased)[0], **CLOSE)
    page.check("#pen")
    drag((0.5, 0.2), (0.7, 0.2))
    assert pixels(page).sum() > erased.sum()


def test_test_images_are_loaded_and_rows_erased(visit, html, answer):
    page = visit(html, "#try?image=3")
    np.testing.assert_array_equal(pixels(page), np.float32(pages.images()[3]) / 255)
    assert "Unchanged test image 3, labelled 3" in page.inner_text("#origin")
    page.click("#next")
    np.testing.assert_array_equal(pixels(page), np.float32(pages.images()[4]) / 255)
    page.click("#previous")
    page.click("#previous")
    np.testing.assert_array_equal(pixels(page), np.float32(pages.images()[2]) / 255)
    page.select_option("#label", "7")
    assert "image 7, labelled 7" in page.inner_text("#origin")
    page.click("#next")
    assert "image 17, labelled 7" in page.inner_text("#origin")
    page.fill("#row-from", "10")
    page.fill("#row-to", "13")
    page.click("#erase-rows")
    expected = (np.float32(pages.images()[17]) / 255).reshape(28, 28).copy()
    assert expected[10:14].any()
    expected[10:14] = 0
    np.testing.assert_array_equal(pixels(page), expected.reshape(-1))
    np.testing.assert_allclose(logits(page), answer(0, expected.reshape(-1))[0], **CLOSE)
    assert "image=" not in page.url  # an edited image cannot be linked to


def test_units_are_ablated_and_scaled_by_click_and_by_key(visit, html, answer):
    page = visit(html, "#try?image=5")
    image = np.float32(pages.images()[5]) / 255
    untouched, activations = answer(0, image)
    first, second = (int(np.argmax(activations[f"hidden{layer}/post"])) for layer in (0, 1))
    np.testing.assert_allclose(logits(page), untouched, **CLOSE)
    unit = page.locator(f'[data-place="1:{second}"]')
    unit.click()
    ablated = {"hidden1/post": scaled(*np.where(np.arange(5) == second, 0, 1))}
    expected, _ = answer(0, image, ablated)
    np.testing.assert_allclose(logits(page), expected, **CLOSE)
    assert abs(logits(page) - untouched).max() > 0.1
    assert unit.get_attribute("aria-pressed") == "true" and "×0" in unit.inner_text()
    assert f"scale=1%3A{second}%3A0" in page.url

    page.fill("#factor", "2.5")
    page.locator(f'[data-place="0:{first}"]').focus()
    page.keyboard.press("Enter")
    both = {"hidden0/post": scaled(*np.where(np.arange(6) == first, 2.5, 1)), **ablated}
    np.testing.assert_allclose(logits(page), answer(0, image, both)[0], **CLOSE)
    again = visit(html, "#" + page.url.split("#")[1])
    np.testing.assert_allclose(logits(again), logits(page), rtol=1e-12)

    page.keyboard.press("Enter")  # the same factor again restores
    np.testing.assert_allclose(logits(page), expected, **CLOSE)
    page.click("#restore")
    np.testing.assert_allclose(logits(page), untouched, **CLOSE)
    assert not page.locator('[aria-pressed="true"]').count()
    assert f"hidden0 unit {first}" in page.inner_text("#touched")
    page.click("#touched a")
    expect(page.locator("#card h3")).to_have_text(f"Seed 0, hidden0, unit {first}")


def test_seeds_change_by_menu_and_by_key(visit, html, answer):
    page = visit(html, "#try?image=5")
    image = np.float32(pages.images()[5]) / 255
    page.select_option("#try-seed", label="3")
    np.testing.assert_allclose(logits(page), answer(2, image)[0], **CLOSE)
    page.locator("#restore").focus()
    page.keyboard.press("Shift+ArrowLeft")
    np.testing.assert_allclose(logits(page), answer(1, image)[0], **CLOSE)
    assert "Seed 1" in page.inner_text("#reading")


def test_digits_are_drawn_by_keys(visit, html, answer):
    page = visit(html, "#try")
    page.click("#clear")
    page.focus("#canvas")
    page.keyboard.press("ArrowUp")
    assert not pixels(page).any()
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    drawn = pixels(page).reshape(28, 28)
    assert drawn[13, 14:19].min() == 1 and not drawn[:11].any() and not drawn[16:].any()
    np.testing.assert_allclose(logits(page), answer(0, drawn.reshape(-1))[0], **CLOSE)
    assert page.url.endswith("#try?seed=0")  # arrows on the canvas do not change the seed
