import jax
import numpy as np
import pytest
from support.judging import judged, plant, verdicts
from support.random_results import random_results
from support.toy_ensemble import MODEL, PIXELS, SEEDS, SITES, networks

from jaxinterp import ensemble, records
from jaxinterp.analysis.similarity.controlled import compare
from jaxinterp.data import Dataset
from jaxinterp.studies.instance_variation import STUDY, similarity

EXAMPLES, KEY = 60, jax.random.key(0)
OFF = ~np.eye(SEEDS, dtype=bool)


def labelled(found):
    """Measured similarity among otherwise random results."""
    coords = {"layers": ["hidden0", "hidden1", "logits"], "orders": similarity.ORDERS, "measures": similarity.MEASURES}
    dataset = records.to_xarray(found, coords=coords | {"conditions": list(similarity.CONDITIONS)})
    return random_results(STUDY, seeds=SEEDS) | {similarity.SIMILARITY: dataset}


def same_features_in_another_order():
    """One network, its hidden units in another order for every seed."""
    weights = ensemble.take(networks(5), 0).variables["params"]

    def reorder(key):
        first, second = (jax.random.permutation(k, n) for k, n in zip(jax.random.split(key), MODEL.widths, strict=True))
        hidden0, hidden1, output = weights["hidden0"], weights["hidden1"], weights["output"]
        return {
            "hidden0": {"kernel": hidden0["kernel"][:, first], "bias": hidden0["bias"][first]},
            "hidden1": {"kernel": hidden1["kernel"][first][:, second], "bias": hidden1["bias"][second]},
            "output": {"kernel": output["kernel"][second], "bias": output["bias"]},
        }

    return networks(5).replace(variables={"params": jax.vmap(reorder)(ensemble.keys(1, SEEDS))})


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    images = rng.uniform(size=(EXAMPLES, PIXELS)) * rng.integers(0, 2, (EXAMPLES, PIXELS))
    return Dataset(images.astype(np.float32), rng.integers(0, 3, EXAMPLES).astype(np.int32))


@pytest.fixture(scope="module")
def strangers(data):
    return compare(networks(1), networks(2), data, SITES, key=KEY)


def test_planted_common_features_are_found(data):
    results = labelled(compare(same_features_in_another_order(), networks(2), data, SITES, key=KEY))
    trained = results[similarity.SIMILARITY].sel(conditions="trained")
    np.testing.assert_allclose(trained.similarity.sel(orders="sorted").to_numpy()[..., OFF], 1, atol=1e-5)
    np.testing.assert_allclose(trained.cka, 1, atol=1e-4)
    np.testing.assert_array_equal(trained.agreement, 1)
    np.testing.assert_allclose(trained.matched.to_numpy()[:2][:, OFF], 1, atol=1e-4)
    for start in ("3.2", "3.3", "matched", "CKA"):
        for finding in judged(STUDY, results, start).values():
            assert finding.score.mean == pytest.approx(1, abs=1e-3) and finding.verdict != "does not hold"


def test_networks_with_nothing_in_common_do_not_pass_although_sorted_similarity_is_high(strangers):
    results = labelled(strangers)
    trained = results[similarity.SIMILARITY].similarity.sel(conditions="trained", orders="sorted", measures="cosine")
    assert trained.sel(layers=["hidden0", "hidden1"]).median() > 0.8
    for start in ("3.2", "3.3", "matched", "CKA"):
        assert "holds" not in verdicts(STUDY, results, start)


def test_every_control_is_shown_and_the_score_is_calibrated_by_the_hardest(strangers):
    findings = {
        name: finding
        for start in ("3.1", "3.2", "3.3", "matched", "CKA")
        for name, finding in judged(STUDY, labelled(strangers), start).items()
    }
    assert list(findings)[:2] == ["3.1 hidden0 cosine", "3.1 hidden0 Pearson"] and len(findings) == 15
    assert findings["3.1 hidden0 cosine"].published == ".066 ± .156"
    for name, finding in findings.items():
        shown = {finding.control_name: finding.control} | dict(finding.others)
        assert set(shown) >= set(similarity.CONDITIONS) - {"trained"} and finding.measured.n == SEEDS
        control = finding.control.mean
        assert finding.score.mean == pytest.approx((finding.measured.mean - control) / (1 - control), abs=1e-9)
        if name.startswith(("3.2", "3.3 logits", "matched", "CKA")):
            assert control == max(shown[own].mean for own in ("untrained", "rows shuffled", "shuffled within class"))


@pytest.mark.parametrize(
    ("agreement", "chance", "most"),
    [(0.99, "holds", "holds"), (0.95, "holds", "does not hold"), (0.9, "does not hold", "does not hold")],
)
def test_more_agreement_than_chance_and_most_of_what_chance_leaves_are_two_questions(agreement, chance, most):
    results = random_results(STUDY)
    values = results[similarity.SIMILARITY]
    plant(values.agreement, agreement, spread=1e-3, conditions="trained")
    plant(values.agreement, 0.92, spread=1e-3, seed=1, conditions="shuffled within class")
    plant(values.chance_agreement, 0.9, spread=1e-3, seed=2)
    found = judged(STUDY, results, "3.3")
    assert (found["3.3 chance"].verdict, found["3.3 answers"].verdict) == (chance, most)
    assert found["3.3 chance"].text != found["3.3 answers"].text


@pytest.mark.parametrize(("within_class", "verdict"), [(0.2, "holds"), (0.65, "does not hold")])
@pytest.mark.parametrize(("field", "start"), [("cka", "CKA"), ("matched", "matched"), ("similarity", "3.3 logits")])
def test_what_images_of_one_class_share_is_no_common_feature(field, start, within_class, verdict):
    results = random_results(STUDY)
    values = results[similarity.SIMILARITY][field]
    by_condition = {"trained": 0.8, "untrained": 0.3, "rows shuffled": 0.1, "shuffled within class": within_class}
    for seed, (condition, mean) in enumerate(by_condition.items()):
        plant(values, mean, seed=seed, conditions=condition)
    for finding in judged(STUDY, results, start).values():
        expected = "shuffled within class" if verdict == "does not hold" else "untrained"
        assert (finding.verdict, finding.control_name) == (verdict, expected)


@pytest.mark.parametrize(("raw", "verdict"), [(0.02, "holds"), (0.6, "does not hold")])
def test_in_neuron_order_the_claim_is_that_nothing_is_alike(raw, verdict):
    results = random_results(STUDY)
    values = results[similarity.SIMILARITY].similarity
    plant(values, 0.0, orders="raw", conditions="rows shuffled")
    plant(values, raw, orders="raw", conditions="trained", seed=1)
    assert verdicts(STUDY, results, "3.1") == {verdict}
