import numpy as np
from support.random_results import random_results

from jaxinterp.report.figures.instance_variation import attention
from jaxinterp.studies.instance_variation import STUDY
from jaxinterp.studies.instance_variation.maps import VIEWS


def test_a_gallery_has_one_colour_scale_per_layer_and_names_its_seeds():
    results = random_results(STUDY, seeds=4)
    results["gallery"]["seed"][:] = [0, 2, 3]
    count = results["gallery"].sizes["places"] * results["gallery"].sizes["shown"]
    for view in VIEWS:
        shown = attention.gallery(results, view)
        for part in shown.subfigs:
            images = [axes.images[0] for axes in part.axes if axes.images]
            [(low, high)] = {image.get_clim() for image in images}
            assert len(images) == count and low == -high
            assert [axes.get_title() for axes in part.axes if axes.get_title()] == ["seed 0", "seed 2", "seed 3"]
        assert "3 of 4 seeds" in shown.get_suptitle()


def test_every_pairing_is_shown():
    results = random_results(STUDY, seeds=3)
    shown = attention.maps_of_pairs(results)
    values = results["attention"].correlation.sel(pairings="trained", views="used", layers="logits").to_numpy()
    mean = np.mean([(values[i, j] + values[j, i]) / 2 for i, j in ((0, 1), (0, 2), (1, 2))])
    assert f"logits, by what is used: trained {mean:.3f}" in shown.get_label() and "3 seeds" in shown.get_label()
