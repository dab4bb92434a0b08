"""Text stands out from what it stands on by 4.5 or more, which is WCAG 2's level AA."""

import re

import numpy as np
import pytest
from support import pages

from jaxinterp.config import RunConfig
from jaxinterp.report import build, explorer

# Of each text: its colour, and the backgrounds and opacities of all that it lies in, from the innermost on.
LAYERS = """all => all.filter((one) => one.checkVisibility() && one.textContent.trim()).map((one) => {
  const around = [];
  for (let at = one; at; at = at.parentElement) around.push(getComputedStyle(at));
  return {
    text: one.textContent, colour: around[0].color, papers: around.map((style) => style.backgroundColor),
    opacities: around.map((style) => Number(style.opacity)),
  };
})"""


def channels(colour):
    """Red, green, blue and how opaque they are, from 0 to 1."""
    red, green, blue, *alpha = (float(value) for value in re.findall(r"[\d.]+", colour))
    return np.array([red / 255, green / 255, blue / 255, *(alpha or [1.0])])


def over(above, below):
    """A colour on one that is opaque."""
    return np.append(above[3] * above[:3] + (1 - above[3]) * below[:3], 1.0)


def contrast(one, other):
    """As WCAG 2 defines it, of opaque colours."""

    def luminance(rgb):
        return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(one[:3]), luminance(other[:3])])
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag():
    black, white, grey = (channels(f"rgb({value}, {value}, {value})") for value in (0, 255, 119))
    assert contrast(black, white) == pytest.approx(21)
    assert contrast(grey, white) == pytest.approx(4.48, abs=0.01)
    np.testing.assert_allclose(over(channels("rgba(255, 255, 255, 0.5)"), black), [0.5, 0.5, 0.5, 1])


@pytest.fixture(scope="module")
def tinted(networks):
    """A page in which a unit's damage is as large as can be, this way and that."""
    payload = pages.payload(networks)
    signs = np.float32(np.where(np.arange(pages.CLASSES) % 2, 1, -1))
    extreme = {name: signs * np.ones_like(array) for name, array in payload.arrays.items() if name.endswith("/damage")}
    payload = payload._replace(arrays=payload.arrays | extreme)
    return build.render(
        "Tints", [], history=pages.history(), config=RunConfig(), payload=explorer.encode(payload), reason="None."
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("view", "texts", "papers"),
    [
        ("explorer?layer=1&unit=2&class=4", "#card .tint", 2),
        ("explorer?seed=2&unit=1&from=x", "#explorer :is(p, td, th, a, span, data, button, label, select, input)", 5),
        ("embedding?class=4", "#embedding :is(p, td, th, a, span, data, label, select, summary, dt, dd)", 1),
        ("try?image=5&scale=0:1:0", "#responses button, #responses button *", 3),
        ("try?seed=2", "#try :is(p, td, th, a, span, data, button, label, select, input)", 3),
        ("seeds", "#seeds :is(p, td, th, a, output, li), nav a, h1", 1),
        ("findings", "#findings *, nav a, h1", 1),
        ("configuration", "#configuration *", 1),
    ],
)
def test_text_stands_out(visit, tinted, scheme, view, texts, papers):
    found = visit(tinted, f"#{view}", color_scheme=scheme).eval_on_selector_all(texts, LAYERS)
    seen = set()
    for entry in found:
        assert set(entry["opacities"]) == {1}, entry
        paper = channels("rgb(0, 0, 0)")
        for colour in reversed(entry["papers"]):
            paper = over(channels(colour), paper)
        seen.add(tuple(paper))
        assert contrast(over(channels(entry["colour"]), paper), paper) >= 4.5, entry
    assert len(seen) >= papers
