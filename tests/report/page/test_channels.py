"""What the page shows of channels: filters, gradients, what their best position sees, and their maps of an image."""

import numpy as np
import pytest
from support import pages

from jaxinterp import ensemble
from jaxinterp.networks import field_at, receptive_field
from jaxinterp.report import build, explorer

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
SHAPE = (20, 24, 3)
BLOCKS = {"channels": (10, 4), "kernel_size": (3, 2), "stride": (1, 2), "padding": (1, 0), "pool_size": (2, 1)}


@pytest.fixture(scope="module")
def channels():
    """Networks of two blocks for images of three channels, what is known of them, and their page."""
    networks = pages.trained(pages.model((6,), image_shape=SHAPE, **BLOCKS))
    shown = pages.payload(networks)
    return networks, shown, build.render("Channels", [], payload=explorer.encode(shown))


def test_a_channels_filter_is_its_kernel(visit, channels):
    networks, _, html = channels
    page = visit(html, "#explorer?seed=1&layer=0&unit=7")
    expect(page.locator("#card h3")).to_have_text("Seed 1, conv0, channel 7")
    kernel = np.asarray(networks.variables["params"]["conv0"]["kernel"][1][..., 7])
    drawn = page.locator("#card .filter").evaluate_all(
        "all => all.map((one) => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data])"
    )
    warmth = np.reshape(drawn, (3, 3, 3, 4))  # channels of the image, rows, columns, colour
    warmth = warmth[..., 0] - warmth[..., 2]  # orange above zero, blue below
    clear = np.abs(kernel) > 0.1 * np.abs(kernel).max()
    assert (np.sign(warmth) == np.sign(np.moveaxis(kernel, -1, 0)))[np.moveaxis(clear, -1, 0)].all()
    assert page.locator("#card .filters .small figcaption").all_inner_texts() == ["red", "green", "blue"]
    assert "mean over its map of 20 × 24 positions, each of which sees 3 × 3 pixels" in page.inner_text("#card")


def test_of_many_filters_the_strongest_are_shown_and_said_to_be(visit, channels):
    networks, _, html = channels
    page = visit(html, "#explorer?seed=0&layer=1&unit=2")
    kernel = np.asarray(networks.variables["params"]["conv1"]["kernel"][0][..., 2])
    strongest = np.sort(np.argsort(-np.linalg.norm(kernel, axis=(0, 1)))[:8])
    names = page.locator("#card .filters .small figcaption").all_inner_texts()
    assert names == [f"conv0 {channel}" for channel in strongest]
    assert "the 8 of 10 channels that it reads with the largest norms" in page.inner_text("#card")
    page.get_by_role("link", name=names[0], exact=True).click()
    expect(page.locator("#card h3")).to_have_text(f"Seed 0, conv0, channel {strongest[0]}")


@pytest.mark.parametrize("layer", [0, 1])
def test_the_patch_for_the_middle_of_the_map_is_drawn(visit, channels, layer):
    networks, shown, html = channels
    page = visit(html, f"#explorer?seed=3&layer={layer}&unit=1")
    canvas = page.locator("#card canvas.patch-maximiser")
    flat, columns, rows = canvas.evaluate(
        "one => [[...one.getContext('2d').getImageData(0, 0, one.width, one.height).data], one.width, one.height]"
    )
    shape = field_at(networks.model, networks.model.layers[layer].pre).shape
    assert (rows, columns, 3) == shape
    patch = shown.arrays[f"layer{layer}/patch"][2, 1].reshape(shape)
    np.testing.assert_array_equal(np.reshape(flat, (rows, columns, 4))[..., :3], patch)
    value = shown.arrays[f"layer{layer}/patch_value"][2, 1]
    assert f"{abs(value):.2f} of at most" in canvas.get_attribute("aria-label")


@pytest.mark.parametrize("layer", [0, 1])
def test_what_the_highest_position_sees_is_framed(visit, channels, layer):
    networks, shown, html = channels
    page = visit(html, f"#explorer?seed=3&layer={layer}&unit=1")
    own = networks.model.layers[layer]
    size, stride, offset = receptive_field(networks.model, own.pre)
    frames = page.locator("#card .patch rect").evaluate_all(
        "all => all.map((one) => ['x', 'y', 'width', 'height'].map((name) => Number(one.getAttribute(name))))"
    )
    for frame, position in zip(frames, shown.arrays[f"layer{layer}/exemplar_positions"][2, 1], strict=True):
        places = np.array([position % own.feature_map[1], position // own.feature_map[1]])
        first = np.maximum(offset + places * stride, 0)
        last = np.minimum(offset + places * stride + size, (SHAPE[1], SHAPE[0]))
        np.testing.assert_array_equal(frame, [*first, *(last - first)])


def test_gradients_are_those_of_the_payload(visit, channels):
    _, shown, html = channels
    page = visit(html, "#explorer?seed=0&layer=2&unit=3")
    assert "Mean gradient by the pixels" in page.inner_text("#card")
    best = int(shown.arrays["layer2/map"][0, 3].argmax())
    row, column, channel = np.unravel_index(best, SHAPE)
    label = page.locator("canvas.map.large").get_attribute("aria-label")
    assert f"in {('red', 'green', 'blue')[channel]} at row {row}, column {column}; lowest" in label


def test_the_map_of_the_channel_that_is_touched_is_drawn(visit, channels):
    networks, _, html = channels
    page = visit(html, "#try?seed=1&image=6")
    image = pages.images(SHAPE)[6] / np.float32(255)
    _, activations = ensemble.take(networks, 1)(image)
    for layer, unit in ((1, 3), (0, 4)):
        page.locator(f'[data-place="{layer}:{unit}"]').focus()
        own = np.asarray(activations[f"conv{layer}/post"][..., unit])
        rows, columns = own.shape
        expect(page.locator("#feature-map figcaption")).to_have_text(
            f"Map of conv{layer} channel {unit}, {rows} × {columns}: mean {own.mean():.2f}, "
            f"from {own.min():.2f} to {own.max():.2f}"
        )
        drawn = page.locator("#feature-map canvas").evaluate(
            "one => [...one.getContext('2d').getImageData(0, 0, one.width, one.height).data]"
        )
        depth = 255 - np.reshape(drawn, (rows, columns, 4))[..., 2].ravel()  # the stronger, the less blue
        assert (np.diff(depth[np.argsort(own.ravel())]) >= 0).all()
    assert "conv0: each channel's mean over its map" in page.inner_text("#responses")
    page.click("#clear")
    blank = ensemble.take(networks, 1)(np.zeros_like(image))[1]["conv0/post"][..., 4].mean()
    expect(page.locator("#feature-map figcaption")).to_contain_text(f"mean {blank:.2f}")


def test_a_page_of_neurons_has_no_map(visit, html):
    page = visit(html, "#try?image=3")
    page.locator('[data-place="1:2"]').focus()
    expect(page.locator("#feature-map")).to_be_hidden()


@pytest.mark.parametrize("fragment", ["#explorer?layer=0", "#explorer?layer=1", "#try?image=2"])
def test_channels_fit_on_a_phone(visit, channels, fragment):
    page = visit(channels[2], fragment, viewport={"width": 360, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
