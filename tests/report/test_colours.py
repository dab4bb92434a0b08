"""Colours in figures are those of the page."""

import numpy as np
import pytest

from jaxinterp.report import colours
from jaxinterp.report.figures import common


def test_colours_are_those_of_the_style_sheet_on_light_paper():
    np.testing.assert_allclose(colours.named("paper"), [1, 1, 1])
    np.testing.assert_allclose(colours.named("below") * 255, [0x00, 0x5A, 0xA0])
    with pytest.raises(ValueError, match="not enough values"):
        colours.named("nothing")


def test_signed_values_are_blue_below_zero_and_orange_above():
    drawn = colours.signed(np.array([[-1.0, 0.0], [1.0, 0.5]]))
    np.testing.assert_allclose(drawn[0], [colours.BELOW, colours.PAPER])
    np.testing.assert_allclose(drawn[1, 0], colours.ABOVE)
    assert (drawn[1, 1] > colours.ABOVE).all() and (drawn[1, 1, 1:] < 1).all()
    for place, value in ((0.0, -1.0), (0.25, -0.5), (0.5, 0.0), (1.0, 1.0)):
        np.testing.assert_allclose(common.SIGNED(place)[:3], colours.signed(np.array(value)), atol=0.02)


def test_classes_have_the_colours_of_the_page():
    """Against values of a browser, which writes oklch(0.65 0.15 0) as these red, green and blue."""
    found = 255 * colours.classes(10)
    np.testing.assert_allclose(found[0], [214, 99, 139], atol=1)
    assert len(np.unique(found.round(), axis=0)) == 10 and (found >= 0).all() and (found <= 255).all()
