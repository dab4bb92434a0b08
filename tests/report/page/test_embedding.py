"""The page's embedding: a layer's test images as points."""

import numpy as np
import pytest
from support import pages

from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
COUNT = pages.POOL // 2


def link(page, place):
    return page.locator(f"#picture a[data-place='{place}']")


def test_points_lie_where_the_payload_says_in_the_colours_of_their_classes(visit, html, shown):
    page = visit(html, "#embedding?seed=3&layer=0")
    drawn = page.eval_on_selector_all(
        "#picture a circle", "all => all.map((one) => ['cx', 'cy', 'fill'].map((name) => one.getAttribute(name)))"
    )
    points = shown.arrays["layer0/points"][2] * [100, -100] / 32767
    np.testing.assert_allclose([[float(x), float(y)] for x, y, _ in drawn], points, atol=1e-6)
    labels = shown.arrays["pool/labels"][shown.arrays["embedded/images"]]
    colours = {
        label: {colour for own, (*_, colour) in zip(labels, drawn, strict=True) if own == label} for label in labels
    }
    assert all(len(own) == 1 for own in colours.values())
    assert len(set.union(*colours.values())) == len(set(labels))
    page.emulate_media(color_scheme="dark")
    expect(page.locator("#picture a circle").first).not_to_have_attribute("fill", drawn[0][2])


def test_pointing_shows_the_image_and_a_click_opens_it_in_try_it(visit, html, shown):
    page = visit(html, "#embedding?seed=1&layer=1")
    link(page, 4).locator("circle").hover(force=True)
    image = shown.arrays["embedded/images"][4]
    expect(page.locator("#pointed figcaption")).to_have_text(f"test image {image}, labelled {image % 10}")
    pixels = page.locator("#pointed canvas").evaluate(
        "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data].filter((_, n) => n % 4 === 0)"
    )
    np.testing.assert_array_equal(pixels, shown.arrays["pool/images"][image])
    link(page, 4).locator("circle").click(force=True)
    expect(page.locator("#origin")).to_contain_text(f"test image {image},")
    expect(page.locator("#reading")).to_contain_text("Seed 1")


def test_a_class_alone_is_seen_and_keys_go_through_its_images(visit, html):
    page = visit(html, "#embedding?layer=0&image=0")
    page.locator("#embedding-classes a", has_text="4").click()
    expect(page.locator("#picture a:not(.faded)")).to_have_count(2)  # of ten images of five classes
    expect(page.locator("#embedding-classes [aria-current]")).to_have_text("4")
    said = page.locator("#pointed figcaption")
    for key, image in (("ArrowRight", 4), ("ArrowRight", 14), ("ArrowRight", 4), ("ArrowLeft", 14)):
        page.keyboard.press(key)
        expect(said).to_have_text(f"test image {image}, labelled 4")
    again = visit(html, "#" + page.url.split("#")[1])
    assert again.inner_text("#pointed") == page.inner_text("#pointed")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator("#embedding-seed")).to_have_value("2")
    expect(said).to_have_text("test image 14, labelled 4")


def test_numbers_stand_beside_their_controls(visit, html, shown):
    page = visit(html, "#embedding?seed=3&layer=1")
    values = page.eval_on_selector_all("#kept data", "all => all.map((one) => Number(one.value))")
    np.testing.assert_allclose(np.reshape(values, (-1, 3)), shown.arrays["layer1/embedded"][2], rtol=1e-6)
    assert page.locator("#kept thead th").all_inner_texts() == ["number", "trained", "permuted labels", "untrained"]
    page.select_option("#embedding-layer", label="hidden0")
    expect(page.locator("#embedding-note")).to_contain_text(f"of 6 units on {COUNT} test images")


def test_a_dead_layer_is_said_to_be_and_not_drawn(visit, networks, shown):
    arrays = shown.arrays | {"layer1/points": 0 * shown.arrays["layer1/points"]}
    html = build.render("Dead", [], payload=explorer.encode(shown._replace(arrays=arrays)))
    page = visit(html, "#embedding")
    expect(page.locator("#picture")).to_contain_text("hidden1: every test image has the same activations")
    assert not page.locator("#picture svg").count()


@pytest.mark.parametrize("fragment", ["?seed=2&layer=9&class=x&image=99", "?class=-1&image="])
def test_what_a_link_cannot_mean_is_left_out(visit, html, fragment):
    page = visit(html, f"#embedding{fragment}")
    expect(page.locator("#pointed figcaption")).to_have_text("test image 0, labelled 0")
    expect(page.locator("#embedding-classes [aria-current]")).to_have_text("all")
    expect(page.locator("#embedding-layer")).to_have_value("1")
    expect(page.locator("#embedding-replaced")).to_have_text(
        "Seed 2 diverged: choose 0, 1 or 3. This is seed 0." if "seed" in fragment else ""
    )
