import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.judging import judged, plant, verdicts
from support.random_results import random_results

from jaxinterp import controls, ensemble, records
from jaxinterp.data import Dataset
from jaxinterp.networks import MLP
from jaxinterp.studies.instance_variation import STUDY, similarity

SEEDS, PIXELS, EXAMPLES = 8, 9, 60
MODEL = MLP(widths=(12, 10), outputs=3, activation="tanh", initializer="xavier_uniform", initializer_gain=2.0)
KEY = jax.random.key(0)
OFF = ~np.eye(SEEDS, dtype=bool)


def networks(base_seed):
    return controls.untrained(ensemble.keys(base_seed, SEEDS), MODEL, PIXELS)


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
    return similarity.compare(networks(1), networks(2), data, key=KEY)


def test_planted_common_features_are_found(data):
    results = labelled(similarity.compare(same_features_in_another_order(), networks(2), data, key=KEY))
    trained = results[similarity.SIMILARITY].sel(conditions="trained")
    np.testing.assert_allclose(trained.similarity.sel(orders="sorted").to_numpy()[..., OFF], 1, atol=1e-5)
    np.testing.assert_allclose(trained.cka, 1, atol=1e-4)
    np.testing.assert_array_equal(trained.agreement, 1)
    np.testing.assert_allclose(trained.matched.to_numpy()[:2][:, OFF], 1, atol=1e-4)
    assert [verdicts(STUDY, results, start) for start in ("3.2", "3.3", "matched", "CKA")] == [{"holds"}] * 4


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
    assert list(findings)[:2] == ["3.1 hidden0 cosine", "3.1 hidden0 Pearson"] and len(findings) == 14
    assert findings["3.1 hidden0 cosine"].published == ".066 ± .156"
    for name, finding in findings.items():
        shown = {finding.control_name: finding.control} | dict(finding.others)
        assert set(shown) >= set(similarity.CONDITIONS) - {"trained"} and finding.measured.n == SEEDS
        control = finding.control.mean
        assert finding.score.mean == pytest.approx((finding.measured.mean - control) / (1 - control), abs=1e-9)
        if name.startswith("3.2"):
            assert control == max(shown["untrained"].mean, shown["rows shuffled"].mean)


def test_networks_that_are_not_finite_change_nothing_for_the_others(data, strangers):
    variables = jax.tree.map(lambda leaf: leaf.at[3].set(jnp.nan), networks(1).variables)
    broken = similarity.compare(networks(1).replace(variables=variables), networks(2), data, key=KEY)
    kept = np.delete(np.arange(SEEDS), 3)
    for name, values in broken._asdict().items():
        alone = getattr(strangers, name)
        assert np.isnan(values[..., 3]).all(), name
        np.testing.assert_allclose(
            values[..., kept[:, None], kept] if values.ndim > 1 else values[kept],
            alone[..., kept[:, None], kept] if alone.ndim > 1 else alone[kept],
            atol=1e-4,
        )


def test_a_mirrored_unit_counts_as_the_same_where_the_activation_is_odd(data):
    def mirror(network, sign):
        weights = network.variables["params"]
        flip = {name: leaf * sign for name, leaf in weights["hidden0"].items()}
        back = weights["output"] | {"kernel": weights["output"]["kernel"] * sign[:, None]}
        return network.replace(variables={"params": {"hidden0": flip, "output": back}})

    signs = jnp.where(jax.random.bernoulli(jax.random.key(3), shape=(SEEDS, 12)), 1.0, -1.0)
    for activation, same in (("tanh", True), ("relu", False)):
        model = MLP(widths=(12,), outputs=3, activation=activation, initializer_gain=2.0)
        one = ensemble.take(controls.untrained(ensemble.keys(5, 1), model, PIXELS), 0)
        flipped = jax.vmap(mirror, in_axes=(None, 0))(one, signs)
        found = similarity.compare(flipped, flipped, data, key=KEY)
        trained = similarity.CONDITIONS.index("trained")
        assert (found.matched[trained, 0][OFF] > 0.999).all() == same
        assert np.abs(found.similarity[trained, 0, 0]).min() < 0.9


def test_one_output_is_read_as_it_was_trained(data):
    one = controls.untrained(ensemble.keys(0, 3), MLP(widths=(4,), outputs=1), PIXELS)
    logits = jax.vmap(lambda network: network(data.images)[0])(one)[..., 0]
    for loss, threshold in (("squared_error", 0.5), ("binary_cross_entropy", 0.0)):
        found = similarity.compare(one, one, data, key=KEY, loss=loss)
        np.testing.assert_allclose(found.accuracy, ((logits > threshold) == data.labels).mean(1), atol=1e-6)


@pytest.mark.parametrize(("raw", "verdict"), [(0.02, "holds"), (0.6, "does not hold")])
def test_in_neuron_order_the_claim_is_that_nothing_is_alike(raw, verdict):
    results = random_results(STUDY)
    values = results[similarity.SIMILARITY].similarity
    plant(values, 0.0, orders="raw", conditions="rows shuffled")
    plant(values, raw, orders="raw", conditions="trained", seed=1)
    assert verdicts(STUDY, results, "3.1") == {verdict}
