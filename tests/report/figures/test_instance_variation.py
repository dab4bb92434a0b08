import numpy as np
import pytest
from support.random_results import random_results

from jaxinterp.report.figures import instance_variation
from jaxinterp.report.figures.common import rows_of
from jaxinterp.studies.instance_variation import STUDY


def diverged(results):
    """All networks unknown."""
    alone = ("digits", "stroke-tables")  # these are of no network
    return {name: dataset if name in alone else dataset * np.nan for name, dataset in results.items()}


@pytest.mark.parametrize(
    "made",
    [
        lambda: random_results(STUDY, seeds=4),
        lambda: random_results(STUDY, seeds=2, optional=False),
        lambda: diverged(random_results(STUDY, seeds=3)),
        lambda: random_results(STUDY, {"pixels": 15}, seeds=3),
    ],
    ids=["usual", "two seeds", "all diverged", "images that are not square"],
)
def test_every_figure_can_be_drawn_and_says_what_it_shows(made):
    shown = instance_variation.figures(made())
    for figure in shown:
        figure.draw_without_rendering()
        assert "seeds" in figure.get_label() and len(figure.get_label()) > 60
    assert len(shown) == len({figure.get_suptitle().split("\n")[0] for figure in shown}) == 12


def test_every_row_has_a_figure():
    results = random_results(STUDY, seeds=2)
    shown = {row for figure in instance_variation.figures(results) for row in rows_of(figure)}
    assert shown == {claim.row for topic in STUDY.claims for claim in topic(results)}
