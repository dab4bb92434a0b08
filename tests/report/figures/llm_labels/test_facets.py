import numpy as np
from support import llm_results

from jaxinterp.report.figures.llm_labels import facets


def test_planted_units_are_shown_by_kind():
    results = llm_results.results(seeds=8)
    planted = results["planted facets"]
    planted["found"][:] = planted.true
    planted["found"].loc[{"kinds": "2, shallow valleys"}] = np.where(np.arange(12) < 3, planted.true[5], -1)
    shown = facets.counts(results)
    assert [bar.get_width() for bar in shown.axes[0].patches] == [1, 1, 1, 1, 1, 0.25, 1, 1, 1, 1]
    assert "planted 2, shallow valleys: 0.25 counted correctly" in shown.get_label()


def test_facets_that_were_not_found_are_left_blank():
    results = llm_results.results(seeds=8)
    results["cards"]["facet_shares"][:, 1:] = np.nan
    assert sum(bool(axes.images) for axes in facets.images(results).axes) == 10
