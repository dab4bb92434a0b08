import numpy as np
import pytest
from support.random_results import random_results

from jaxinterp.report.figures import measuring_similarity
from jaxinterp.studies import measuring_similarity as study
from jaxinterp.studies.inputs import TRAINED


@pytest.fixture
def results(monkeypatch):
    monkeypatch.setattr(study, "MEASURES", {"cka": None, "rank_rsa": None})
    return lambda seeds=4: random_results(study.STUDY, seeds=seeds)


def test_every_mean_is_said_and_shown(results):
    values = results()
    values["widths"]["right"].loc[{"measures": "rank_rsa"}] = np.nan  # a measure that is not given this test
    values["networks"]["accuracy"][:, 3] = np.nan
    [figure] = measuring_similarity.figures(values)
    said = figure.get_label()
    mean = float(values["labels"].right.sel(measures="cka", conditions=TRAINED).mean())
    assert f"labels cka {mean:.2f}" in said and "widths rank_rsa" not in said
    assert "3 seeds per group" in said and "untrained" in said
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["true or shuffled labels?", "wide or narrow?", "which layer?"]
    figure.canvas.draw()


def test_two_seeds_are_enough_to_draw(results):
    [figure] = measuring_similarity.figures(results(seeds=2))
    figure.canvas.draw()
