"""What a view shows is saved, and a picture from elsewhere is read."""

import csv
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from support import pages

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect


def saved(page, view, button):
    """What a button of a view's menu downloads."""
    menu = page.locator(f"#{view} .saving")
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    with page.expect_download() as download:
        menu.get_by_role("button", name=button, exact=True).click()
    return Path(download.value.path()).read_bytes()


def test_tables_pictures_and_drawings_are_saved(visit, html, shown):
    page = visit(html, "#explorer?seed=3&layer=1&unit=2&class=4")
    rows = list(csv.reader(io.StringIO(saved(page, "explorer", "Tables as CSV").decode("utf-8-sig"))))
    heads = next(place for place, row in enumerate(rows) if row[:1] == ["class"])
    damage = [[float(cell) for cell in row[3:6]] for row in rows[heads + 1 : heads + 11]]
    np.testing.assert_allclose(damage, shown.arrays["layer1/damage"][2, :, 2].T, rtol=1e-6)
    sheet = matplotlib.image.imread(io.BytesIO(saved(page, "explorer", "Pictures as PNG")))
    assert sheet.shape[1] == 8 * 150 and len(np.unique(sheet[..., :3].reshape(-1, 3), axis=0)) > 50
    page.evaluate("location.hash = 'embedding'")
    drawing = ElementTree.fromstring(saved(page, "embedding", "Drawings as SVG"))
    circles = drawing.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == pages.POOL // 2 + 1 and all("rgb" in one.get("fill") or one.get("fill") for one in circles)
    drawn = matplotlib.image.imread(io.BytesIO(saved(page, "embedding", "Drawings as PNG")))
    assert len(np.unique(drawn[..., :3].reshape(-1, 3), axis=0)) > 5


def pixels(page):
    return np.reshape(
        page.evaluate(
            "() => { const c = document.getElementById('canvas');"
            "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, n) => n % 4 === 0) }"
        ),
        (28, 28),
    )


def test_an_uploaded_image_is_scaled_inverted_and_read(visit, html, answer, tmp_path):
    picture = np.ones((56, 112, 3), np.float32)  # wide, so that it leaves rows above and below
    picture[:, :56] = 0
    file = tmp_path / "half.png"
    matplotlib.image.imsave(file, picture)
    page = visit(html, "#try")
    page.set_input_files("#upload", file)
    expect(page.locator("#origin")).to_have_text("half.png, uploaded and scaled to 28 × 28 pixels.")
    expected = np.zeros((28, 28))
    expected[7:21, 14:] = 255
    np.testing.assert_allclose(pixels(page)[8:20, [*range(13), *range(15, 28)]], np.delete(expected[8:20], [13, 14], 1))
    assert not pixels(page)[:6].any() and not pixels(page)[22:].any()
    logits = page.eval_on_selector_all("#logits tr td:nth-child(2) data", "all => all.map((one) => Number(one.value))")
    image = np.float32(pixels(page).reshape(-1)) / 255
    np.testing.assert_allclose(logits, answer(0, image)[0], rtol=1e-5, atol=1e-4)
    page.check("#invert")
    page.wait_for_function(
        "() => document.getElementById('canvas').getContext('2d').getImageData(2, 14, 1, 1).data[0] === 255"
    )
    assert not pixels(page)[:6].any() and not pixels(page)[8:20, 15:].any()
    (tmp_path / "words.txt").write_text("no picture")
    page.set_input_files("#upload", tmp_path / "words.txt")
    expect(page.locator("#upload-complaint")).to_contain_text("words.txt is no image that this browser can read")
