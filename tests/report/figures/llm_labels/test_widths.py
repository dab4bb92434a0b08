import numpy as np
from support import llm_results

from jaxinterp.report.figures.llm_labels import widths
from jaxinterp.studies.llm_labels.neurons import SIX


def test_accuracy_is_shown_over_the_number_of_live_neurons():
    results = llm_results.results(seeds=8)
    lines = {line.get_label(): line for line in widths.by_live_neurons(results).axes[0].lines}
    x, y = lines["six neurons"].get_data()
    accuracy = results["networks"].accuracy.sel(recipes=SIX, splits="test")
    assert np.allclose(x, 3 - 0.12) and np.allclose(y, accuracy.mean())
    assert lines["published"].get_data() == ([2], [0.6305])
