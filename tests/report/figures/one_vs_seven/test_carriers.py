import pytest
from support.one_vs_seven import results

from jaxinterp.report.figures.one_vs_seven import carriers
from jaxinterp.studies.inputs import TRAINED
from jaxinterp.studies.one_vs_seven.carriers import METHODS


def test_chance_is_drawn_in_every_panel():
    values = results()
    shown = carriers.retrieval(values)
    share = values["carriers"].share.sel(layers="hidden0", conditions=TRAINED)
    quarter = values["retrieval"].quarter.sel(layers="hidden1")
    for axes, expected in ((shown.axes[0], share), *((axes, quarter) for axes in shown.axes[5:8])):
        chance = [line.get_xdata()[0] for line in axes.lines if line.get_label() == "random order"]
        assert chance == pytest.approx([float(expected.mean())])
    assert [label.get_text() for label in shown.axes[0].get_yticklabels()] == list(METHODS)
