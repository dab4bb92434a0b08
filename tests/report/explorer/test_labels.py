"""What units are called on the page, and how well these labels predict them."""

import numpy as np
import pytest

from jaxinterp import ensemble
from jaxinterp.explanation import simulate
from jaxinterp.explanation.kept import Kept
from jaxinterp.report.explorer import labels
from jaxinterp.store import Run

SITES = ("hidden0/post", "hidden1/post")
TOLD = ("", "", "", "", "<b>Active for 1</b>", "")
# The page does not hold seed 1.
ASKED = [Kept("small", {3: {SITES[1]: TOLD}, 1: dict.fromkeys(SITES, TOLD)}, {}, {})]


@pytest.fixture(scope="module")
def found(toy, splits):
    config, _, trained = toy
    return labels.named(Run(config, trained.networks, trained.history), splits, [0, 3], ASKED)


def test_labels_have_the_scores_of_what_they_predict(found, toy, splits):
    told, network = found.meta, ensemble.take(toy[2].networks, 3)
    for layer in range(2):
        real = np.asarray(network(splits.test.images)[1][f"hidden{layer}/post"])
        own = found.arrays[layer]
        for label, score in zip(own["label"][:3, 1], own["label_score"][:3, 1], strict=True):
            compiled = [simulate.compile_label(told["texts"][text], ("0", "1"), (28, 28, 1)) for text in label]
            predicted = simulate.predictions(compiled, splits.test.images, splits.test.labels)
            for unit in np.flatnonzero(np.isfinite(score)):
                assert score[unit] == pytest.approx(np.corrcoef(predicted[unit], real[:, unit])[0, 1], abs=1e-3)
            assert np.isfinite(score).sum() > 2
        alive = np.isfinite(own["baseline_score"][1])
        means = np.stack([real[splits.test.labels == label].mean(axis=0) for label in (0, 1)])
        by_class = [np.corrcoef(means[splits.test.labels, unit], real[:, unit])[0, 1] for unit in np.flatnonzero(alive)]
        assert (own["baseline_score"][1, alive] > np.array(by_class) - 0.05).all()


def test_a_models_labels_stand_beside_those_of_rules(found):
    assert found.meta["explainers"][-1] == {"name": "small", "model": True}
    first, second = (layer["label"][-1] for layer in found.arrays)
    assert found.meta["texts"][second[1, 4]] == "<b>Active for 1</b>"
    assert found.meta["texts"][second[1, 3]] == "(no label)"
    assert (first < 0).all() and (second[0] < 0).all() and (second[1] >= 0).all()
    assert np.isfinite(found.arrays[1]["label_score"][-1, 1, 4]) and np.isnan(found.arrays[0]["label_score"][-1]).all()
