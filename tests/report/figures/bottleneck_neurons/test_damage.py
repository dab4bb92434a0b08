import numpy as np
import pytest
from support.random_results import random_results

from jaxinterp.report.figures.bottleneck_neurons import damage
from jaxinterp.studies.bottleneck_neurons import STUDY


def test_losses_name_every_kind_and_its_mean():
    results = random_results(STUDY)
    shown = damage.losses(results)
    kinds = results["damage"].kinds.to_numpy()
    assert [axes.get_title() for axes in shown.axes] == [f"{kind.replace(' ', '-')}-ablation" for kind in kinds]
    for kind in kinds:
        mean = float(results["damage"].worst_accuracy.sel(kinds=kind, layers="hidden1").mean())
        assert f"{kind} {mean:.3f}" in shown.get_label()


def test_each_class_is_shown_with_its_own_neuron():
    results = random_results(STUDY, {"units": 6}, seeds=4)
    found = results["damage"]
    found["worst"][:] = np.random.default_rng(0).integers(0, 6, found.worst.shape)
    shown = damage.damage(results)
    cost = (found.intact - found.ablated).sel(kinds="zero")
    matrix = shown.axes[len(found.kinds)].images[0].get_array()  # below the first kind
    for owner, label in np.ndindex(10, 10):
        own = found.worst.sel(kinds="zero").isel(classes=owner).astype(int)
        expected = np.mean([cost.isel(seeds=seed, units=int(own[seed]), classes=label) for seed in range(4)])
        assert matrix[owner, label] == pytest.approx(expected)
