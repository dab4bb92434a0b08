import numpy as np
import xarray as xr
from support.random_results import random_results

from jaxinterp.report.figures.bottleneck_neurons import class_accuracy
from jaxinterp.studies.bottleneck_neurons import STUDY


def test_published_accuracies_are_shown_for_digits_alone():
    results = random_results(STUDY)
    assert "published" in class_accuracy.accuracy(results).get_suptitle()
    letters = list("abcdefghij")
    results["confusion"] = results["confusion"].assign_coords(classes=letters, predictions=letters)
    assert "published" not in class_accuracy.accuracy(results).get_suptitle()


def test_only_real_failures_are_shown():
    results = random_results(STUDY, {"failures": 4})
    for name, values in {"label": [3, 8, np.nan, np.nan], "prediction": [5, 1, np.nan, np.nan]}.items():
        results["failures"][name] = xr.DataArray(values, dims="failures")
    shown = class_accuracy.failures(results)
    titles = [axes.get_title() for axes in shown.axes if axes.images]
    assert [title.split("\n")[0] for title in titles] == ["3 as 5", "8 as 1"]
