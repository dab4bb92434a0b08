import numpy as np
import xarray as xr
from support.random_results import random_results

from jaxinterp.report.figures.bottleneck_neurons import class_accuracy
from jaxinterp.studies.bottleneck_neurons import STUDY
from jaxinterp.studies.runner import IMAGE_SHAPE


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


def test_failures_on_colour_images_are_shown_in_colour_under_their_names():
    results = random_results(STUDY, {"failures": 4, "pixels": 36})
    names = ["T-shirt/top", "trouser", "bag", *"defghij"]
    results["confusion"] = results["confusion"].assign_coords(classes=names, predictions=names)
    results["failures"] = results["failures"].assign_attrs({IMAGE_SHAPE: np.array([3, 4, 3])})
    for name, values in {"label": [0, 2, np.nan, np.nan], "prediction": [1, 3, np.nan, np.nan]}.items():
        results["failures"][name] = xr.DataArray(values, dims="failures")
    shown = [axes for axes in class_accuracy.failures(results).axes if axes.images]
    titles = [axes.get_title() for axes in shown]
    assert titles[0].startswith("T-shirt/top as\ntrouser") and titles[1].startswith("bag as d")
    image = np.clip(results["failures"].image[0].to_numpy().reshape(3, 4, 3), 0, 1)
    np.testing.assert_allclose(shown[0].images[0].get_array(), image)
