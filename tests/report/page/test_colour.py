"""Images of three channels that are not square, and classes with long names."""

import numpy as np
import pytest
from support import pages

from jaxinterp import ensemble
from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
NAMES = ("ankle boot", "T-shirt/top", 60 * "w", *(f"a class called {letter}" for letter in "abcdefg"))
COLOUR = {"rows": 12, "columns": 16, "channels": 3}


@pytest.fixture(scope="module")
def colour():
    """Networks for images of 12 × 16 pixels of three channels, and their page."""
    ensemble_, pixels = pages.trained(pages.model(), 12 * 16 * 3), 12 * 16 * 3
    meta, arrays = pages.payload(ensemble_, names=NAMES, **COLOUR)
    rng = np.random.default_rng(0)
    arrays |= {"pool/images": rng.integers(0, 256, (pages.POOL, pixels), np.uint8)}
    for name in ("layer0/maximiser", "layer1/maximiser"):
        arrays[name] = rng.integers(0, 256, (*arrays[name].shape[:2], pixels), np.uint8)
    arrays["layer0/class_mean"][:, 2, NAMES.index("ankle boot")] = 9
    payload = explorer.Payload(meta, arrays)
    return ensemble_, arrays, build.render("Colour", [], history=pages.history(), payload=explorer.encode(payload))


def drawn_on(canvas):
    """The colours on a canvas, "rows columns channels"."""
    flat, columns, rows = canvas.evaluate(
        "one => [[...one.getContext('2d').getImageData(0, 0, one.width, one.height).data], one.width, one.height]"
    )
    return np.reshape(flat, (rows, columns, 4))[..., :3]


def test_colour_images_are_shown_in_their_colours(visit, colour):
    ensemble_, arrays, html = colour
    page = visit(html, "#explorer?seed=0&layer=0&unit=2")
    maximiser = drawn_on(page.locator("#card canvas.image.large"))
    np.testing.assert_array_equal(maximiser, arrays["layer0/maximiser"][0, 2].reshape(12, 16, 3))
    best = arrays["layer0/exemplars"][0, 2, 0]
    exemplar = drawn_on(page.locator("#card .pictures.small canvas").first)
    np.testing.assert_array_equal(exemplar, arrays["pool/images"][best].reshape(12, 16, 3))
    kernel = np.asarray(ensemble_.variables["params"]["hidden0"]["kernel"][0])
    sizes = np.sort(np.abs(kernel), axis=None)
    weights = kernel[:, 2] / sizes[int(0.998 * (len(sizes) - 1))]
    expected = 127.5 + 127.5 * np.clip(weights, -1, 1).reshape(12, 16, 3)
    np.testing.assert_allclose(drawn_on(page.locator("#card canvas.map.large")), expected, atol=1)
    row, column, channel = np.unravel_index(kernel[:, 2].argmax(), (12, 16, 3))
    label = page.locator("#card canvas.map.large").get_attribute("aria-label")
    assert f"in {('red', 'green', 'blue')[channel]} at row {row}, column {column}; lowest" in label


def test_a_colour_image_is_read_drawn_on_and_erased(visit, colour):
    ensemble_, arrays, html = colour
    page = visit(html, "#try?seed=1&image=4")
    image = arrays["pool/images"][4]
    np.testing.assert_array_equal(drawn_on(page.locator("#canvas")), image.reshape(12, 16, 3))
    logits, _ = ensemble.take(ensemble_, 1)(image / np.float32(255))
    shown = page.eval_on_selector_all("#logits tr td:nth-child(2) data", "all => all.map((one) => Number(one.value))")
    np.testing.assert_allclose(shown, logits, rtol=1e-5, atol=1e-4)
    page.fill("#row-from", "2")
    page.fill("#row-to", "3")
    page.click("#erase-rows")
    erased = image.reshape(12, 16, 3).copy()
    erased[2:4] = 0
    np.testing.assert_array_equal(drawn_on(page.locator("#canvas")), erased)
    page.click("#clear")
    page.locator("#canvas").focus()
    page.keyboard.press("Space")
    assert (drawn_on(page.locator("#canvas"))[6, 8] == 255).all()


@pytest.mark.parametrize("width", [380, 1200])
@pytest.mark.parametrize("fragment", ["#explorer?unit=3", "#try?image=1"])
def test_long_names_of_classes_fit_on_the_page(visit, colour, width, fragment):
    page = visit(colour[2], fragment, viewport={"width": width, "height": 800})
    text = page.inner_text("main")
    assert all(name in text for name in NAMES)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_unit_is_found_by_the_name_of_its_class(visit, colour):
    _, arrays, html = colour
    page = visit(html, "#explorer")
    page.fill("#search", "class:ankle boot")
    best = arrays["layer0/class_mean"][0].argmax(-1) == NAMES.index("ankle boot")
    expect(page.locator("#units li")).to_have_count(int(best.sum()))
    assert best[2]
