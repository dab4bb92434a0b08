import numpy as np
import pytest
from support import llm_results

from jaxinterp.report.figures import llm_labels
from jaxinterp.report.figures.common import rows_of


@pytest.mark.parametrize("seeds, lost", [(8, 0), (3, 1), (2, 2)], ids=["usual", "one diverged", "all diverged"])
def test_every_figure_can_be_drawn_and_says_what_it_shows(seeds, lost):
    found = llm_results.results(seeds=seeds)
    for dataset in found.values():
        for variable in dataset.data_vars.values():
            if "seeds" in variable.dims:
                variable[{"seeds": slice(lost)}] = np.nan
    found["networks"]["diverged"][:] = np.arange(seeds) < lost
    shown = llm_labels.figures(found)
    assert len({figure.get_suptitle() for figure in shown}) == len(shown) == 10
    for figure in shown:
        figure.draw_without_rendering()
        assert f"{seeds - lost} seeds" in figure.get_suptitle() and len(figure.get_label()) > 60
        assert (f"{lost} diverged and left out" in figure.get_label()) == (lost > 0)
    assert {row for figure in shown for row in rows_of(figure)} == {
        "2.1",
        "2.2",
        "2.3",
        "2.4",
        "2.5",
        "2.6",
        "2.7",
        "2.8",
    }
