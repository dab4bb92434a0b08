import numpy as np
import pytest
from support.one_vs_seven import results

from jaxinterp.report.figures import one_vs_seven as figures
from jaxinterp.report.figures.common import rows_of
from jaxinterp.studies.one_vs_seven.common import PLAIN, SMALL


@pytest.mark.parametrize("lost", [0, 1, 2], ids=["usual", "one diverged", "all diverged"])
def test_every_figure_can_be_drawn_and_says_what_it_shows(lost):
    values = results(2)
    for dataset in values.values():
        for field in dataset.values():
            if "seeds" in field.dims:
                field.loc[{"seeds": slice(0, lost)}] = np.nan
    values["networks"]["diverged"][:] = np.arange(2) < lost
    shown = figures.figures(values)
    for figure in shown:
        figure.draw_without_rendering()
        assert len(figure.get_label()) > 60
        for text in (figure.get_suptitle(), figure.get_label()):
            several = all(f"{2 - lost} seeds of {arm}" in text.replace("\n", " ") for arm in (PLAIN, SMALL))
            assert f"{2 - lost} seeds" in text and (several or "seeds of" not in text)
    assert len({figure.get_suptitle() for figure in shown}) == len(shown)
    assert {row for figure in shown for row in rows_of(figure)} == {f"1.{row}" for row in range(1, 13)} - {"1.6"}
