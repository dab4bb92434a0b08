import numpy as np
import pytest
from support import pages

expect = pytest.importorskip("playwright.sync_api", reason="there is no playwright").expect
LABELS = np.arange(pages.POOL) % pages.CLASSES


def read(answer, place):
    """What a network reads in each image of the page."""
    return np.array([int(np.argmax(answer(place, image / np.float32(255))[0])) for image in pages.images()])


def captions(page):
    return sorted(text.split(",")[0] for text in page.locator("#misread figcaption").all_inner_texts())


def test_mistakes_are_those_of_the_network_and_open_in_try_it(visit, html, answer):
    page = visit(html, "#mistakes?seed=3")
    readings = read(answer, 2)
    wrong = np.flatnonzero(readings != LABELS)
    expect(page.locator("#misread figure")).to_have_count(len(wrong))
    assert captions(page) == sorted(f"{LABELS[place]} read as {readings[place]}" for place in wrong)
    shares = [float(text.split(", ")[1].split()[0]) for text in page.locator("#misread figcaption").all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    label = LABELS[wrong[0]]
    page.select_option("#mistakes-label", str(label))
    expect(page.locator("#misread figure")).to_have_count(int((LABELS[wrong] == label).sum()))
    page.locator("#misread a").first.click()
    expect(page.locator("#reading")).to_contain_text("Seed 3: read as")
    expect(page.locator("#origin")).to_contain_text(f"labelled {label}")


def test_a_confusion_filters_the_mistakes(visit, html):
    page = visit(html, "#mistakes")
    chip = page.locator("#confusions a").first
    pair, times = chip.inner_text().split(": ")
    chip.click()
    expect(page.locator("#misread figure")).to_have_count(int(times))
    assert set(captions(page)) == {pair.replace(" as ", " read as ")}
    page.locator("#confusions a[aria-current]").click()
    expect(page.locator("#confusions a[aria-current]")).to_have_count(0)
