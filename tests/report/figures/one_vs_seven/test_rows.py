import numpy as np
from support.one_vs_seven import results

from jaxinterp.report.figures.one_vs_seven import rows
from jaxinterp.studies.one_vs_seven.rows import CRUCIAL, DIRECTIONS, TOP


def test_rows_are_erased_in_both_directions_and_the_published_row_is_marked():
    values = results()
    shown, found = rows.erased(values), values["rows"]
    left, middle, right = shown.axes
    for line, name in zip(left.lines, DIRECTIONS, strict=True):
        np.testing.assert_allclose(line.get_ydata(), found.as_seven.sel(directions=name).mean("seeds"))
    heights = [bar.get_height() for bar in middle.patches]
    np.testing.assert_allclose(heights, found.flips.sel(directions=TOP, last_rows=range(28)).mean("seeds"))
    assert [line.get_xdata()[0] for line in middle.lines if line.get_linestyle() == ":"] == [CRUCIAL]
    assert len(right.patches) == 28
