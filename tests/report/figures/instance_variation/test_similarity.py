import numpy as np
import pytest
from support.random_results import random_results

from jaxinterp.report.figures.instance_variation import similarity
from jaxinterp.studies.instance_variation import STUDY
from jaxinterp.studies.instance_variation.similarity import CONDITIONS

LAYERS = ("hidden0", "hidden1", "logits")


@pytest.fixture
def results():
    """Four networks, one of which diverged."""
    results = random_results(STUDY, seeds=4)
    values = results["similarity"]
    for field in ("similarity", "cka", "matched", "agreement"):
        values[field][..., 2] = np.nan
        values[field][..., 2, :] = np.nan
    results["networks"]["diverged"][:, 2] = 1
    return results


@pytest.mark.parametrize("measure", ["cosine", "Pearson"])
def test_every_layer_order_and_control_is_shown(results, measure):
    shown = similarity.of_images(results, measure)
    assert [axes.get_title() for axes in shown.axes] == [f"{x}, {order}" for order in ("raw", "sorted") for x in LAYERS]
    names = [label.get_text() for label in shown.axes[0].get_yticklabels()]
    assert names[0] == "trained" and set(names) == set(CONDITIONS)
    assert "3 seeds, 1 diverged and left out, 3 pairs" in shown.get_suptitle()
    assert all(axes.get_xlabel() for axes in shown.axes)
    assert "3 seeds" in shown.get_label() and all(name in shown.get_label() for name in CONDITIONS)


def test_means_are_over_pairs_of_different_networks():
    results = random_results(STUDY, seeds=3)
    where = {"conditions": "trained", "layers": "hidden0", "orders": "raw", "measures": "cosine"}
    values = results["similarity"].similarity.sel(where).to_numpy()
    mean = np.mean([(values[i, j] + values[j, i]) / 2 for i, j in ((0, 1), (0, 2), (1, 2))])
    assert f"hidden0, raw: trained {mean:.3f}" in similarity.of_images(results, "cosine").get_label()


def test_shared_features_add_the_chance_that_matches_accuracy(results):
    shown = similarity.shared(results)
    assert len(shown.axes) == 8 and "accuracy-matched chance" in shown.get_label()
    for name in ("debiased linear CKA, hidden0", "correlation of matched units, hidden1"):
        assert name in shown.get_label()


def test_networks_that_are_alike_stand_together():
    group = np.array([0, 1, 0, 1, 2, 0, 1])
    alike = np.where(group[:, None] == group, 0.9, 0.1) + 0.01 * np.random.default_rng(0).random((7, 7))
    order = similarity.clustered((alike + alike.T) / 2)
    assert sorted(order) == list(range(7)) and np.count_nonzero(np.diff(group[order])) == 2
    np.testing.assert_array_equal(similarity.clustered(alike[:2, :2]), [0, 1])
