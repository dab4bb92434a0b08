import numpy as np
import pytest
import scipy.stats
from support.findings import judged
from support.random_results import random_results

from jaxinterp.studies.bottleneck_neurons import STUDY, prediction


def test_damage_is_predicted_by_what_ranks_it():
    results = random_results(STUDY, {"units": 12})
    assert judged(STUDY, results, prediction.claims)["4.6 selectivity zero"].verdict == "does not hold"
    cost = results["damage"].intact - results["damage"].ablated.sel(kinds="zero", drop=True)
    results["predictors"]["selectivity"] = np.exp(cost).transpose("seeds", "units", "classes")
    findings = judged(STUDY, results, prediction.claims)
    assert findings["4.6 selectivity zero"].verdict == "holds"
    assert findings["4.6 selectivity zero"].score.mean == pytest.approx(1)
    assert findings["4.6 selectivity mean"].score.mean < 0.8  # other damage, which it does not rank


def test_correlations_are_over_neurons_and_classes(toy_results):
    damage, weight = toy_results["damage"], toy_results["predictors"].weight
    found = {s: prediction.correlation(toy_results, "weight", "mean", shifted=s) for s in (False, True)}
    for seed in range(5):
        cost = (damage.intact - damage.ablated.sel(kinds="mean"))[seed].transpose("units", "classes").to_numpy()
        for shifted, values in ((False, weight[seed].to_numpy()), (True, weight[seed].to_numpy()[:, ::-1])):
            expected = scipy.stats.spearmanr(values.ravel(), cost.ravel()).statistic
            assert found[shifted][seed] == pytest.approx(expected)  # of two classes, the other one is the shifted one
