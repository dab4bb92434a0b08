import numpy as np

from jaxinterp.studies.llm_labels import cards


def test_the_network_that_is_shown_is_the_one_nearest_the_median():
    assert cards.nearest_median(np.array([0.9, np.nan, 0.1, 0.52, 0.5])) == 3
    assert cards.nearest_median(np.full(3, np.nan)) == 0
