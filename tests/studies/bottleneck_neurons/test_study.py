"""The whole study: answers of any results, networks that diverged, other architectures and data."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import planted
from support.findings import judged
from support.random_results import random_results

from jaxinterp import networks, studies
from jaxinterp.config import DataConfig, ModelConfig, RunConfig, TrainConfig
from jaxinterp.data import Dataset, Splits
from jaxinterp.studies import runner
from jaxinterp.studies.bottleneck_neurons import STUDY


def as_without_libraries():
    """Random results of all that is always measured, whatever else is installed."""
    results = random_results(STUDY)
    results["pictures"] = results["pictures"].sel(methods=["PCA"])
    return results


def test_ids_are_unique_and_highlights_exist():
    results = as_without_libraries()
    findings = judged(STUDY, results)
    assert (
        studies.get("bottleneck-neurons") is STUDY and len(findings) == 105 and set(STUDY.highlights) <= set(findings)
    )
    assert {name.split()[0] for name in findings} == {f"4.{row}" for row in range(1, 13)}
    assert len(STUDY.answer(findings).split()) <= 30


def test_what_is_slow_may_be_missing():
    results = {name: found for name, found in as_without_libraries().items() if name not in STUDY.slow}
    assert len(judged(STUDY, results)) == 63


@pytest.mark.parametrize("missing", STUDY.slow)
def test_each_slow_measurement_may_be_missing(missing):
    """As where a study was stopped between them: claims of others stay."""
    results = as_without_libraries()
    every = {(claim.row, claim.name) for claim in runner.claims(STUDY, results)}
    del results[missing]
    assert {(claim.row, claim.name) for claim in runner.claims(STUDY, results)} < every


def test_all_is_defined_where_every_network_diverged():
    results = random_results(STUDY)
    results["networks"]["diverged"][:] = 1
    for dataset in results.values():
        for name, values in dataset.items():
            if "seeds" in values.dims and name != "diverged":
                values[:] = np.nan
    findings = judged(STUDY, results)
    findings.pop("4.12 toy")  # of no network of the run
    assert all(found.verdict == "undecided" and found.measured.n == 0 for found in findings.values())
    assert "undecided" in STUDY.answer(findings)


def test_networks_that_diverged_change_nothing_for_the_others(toy, toy_inputs, toy_results, measure):
    config, splits, trained = toy
    variables = jax.tree.map(lambda leaf: jnp.asarray(leaf).at[0].set(jnp.nan), trained.networks.variables)
    results = measure(trained.networks.replace(variables=variables), config, splits, diverged=(0,))
    for name, fields in {
        "damage": ("intact", "ablated", "worst", "searched_p"),
        "scaling": ("accuracy",),
        "predictors": ("weight",),
        "selectivity": ("index", "chosen_null"),
        "rankings": ("activation",),
        "saliency": ("correlation",),
    }.items():
        for field in fields:
            found, expected = (values[name][field].transpose("seeds", ...) for values in (results, toy_results))
            assert found[0].isnull().all()
            np.testing.assert_allclose(found[1:], expected[1:], atol=1e-4)
    for finding in judged(STUDY, results).values():
        assert finding.measured.n == 4 and "1 of 5 networks diverged" in finding.note


def test_networks_with_norms_and_classes_without_examples_will_do(measure):
    model = ModelConfig((5, 4), outputs=4, norm="layer", norm_position="after", activation="tanh")
    config = RunConfig(DataConfig(), model, TrainConfig(seeds=2, snapshots=(0, 1)))  # snapshots that are not stored
    ensemble = jax.vmap(lambda key: networks.init(key, networks.build(model), 9))(jax.random.split(jax.random.key(0)))
    data = planted.data(120).take(np.random.default_rng(0).permutation(120))
    data = Dataset(data.images, np.where(data.labels == 3, 0, data.labels))
    results = measure(ensemble, config, Splits(data, planted.data(0), data))
    intact = results["damage"].intact
    assert intact.sel(classes="3").isnull().all() and intact.drop_sel(classes="3").notnull().all()
    findings = judged(STUDY, results)
    assert all(np.isfinite(found.score.mean) for found in findings.values() if found.score.n)
    assert findings["4.4 identity"].verdict == "does not hold"  # a norm is in between
