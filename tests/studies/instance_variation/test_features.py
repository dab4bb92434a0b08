import jax
import jax.numpy as jnp
import numpy as np
import pytest
from instance_variation_records import record as other_figures

from jaxinterp import controls, ensemble
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP
from jaxinterp.records import to_xarray
from jaxinterp.studies.instance_variation import features, judge
from jaxinterp.studies.instance_variation.features import Claim

SEEDS, PIXELS, EXAMPLES = 8, 9, 60
MODEL = MLP(widths=(12, 10), outputs=3, activation="tanh", initializer="xavier_uniform", initializer_gain=2.0)
KEY = jax.random.key(0)


def networks(base_seed):
    return controls.untrained(ensemble.keys(base_seed, SEEDS), MODEL, PIXELS)


def compare(*inputs, **options):
    fields = features.compare(*inputs, **options)
    record = other_figures(len(fields["left_out"]))._replace(**fields)
    return features.findings(record), record


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
    images = rng.uniform(size=(EXAMPLES, PIXELS)).astype(np.float32) * rng.integers(0, 2, (EXAMPLES, PIXELS))
    return Dataset(images.astype(np.float32), rng.integers(0, 3, EXAMPLES).astype(np.int32))


@pytest.fixture(scope="module")
def strangers(data):
    return compare(networks(1), networks(2), data, key=KEY)


@pytest.fixture(scope="module")
def twins(data):
    return compare(same_features_in_another_order(), networks(2), data, key=KEY)


def verdicts(findings, start):
    return {finding.verdict for finding in findings if finding.claim.id.startswith(start)}


def test_planted_common_features_are_found(twins):
    findings, record = twins
    off = ~np.eye(SEEDS, dtype=bool)
    np.testing.assert_allclose(record.cosine[0, :, 1][:, off], 1, atol=1e-5)
    np.testing.assert_allclose(record.cka[0], 1, atol=1e-4)
    np.testing.assert_array_equal(record.agreement[0], 1)
    np.testing.assert_allclose(record.matched[0, :2][:, off], 1, atol=1e-4)
    rows = [verdicts(findings, start) for start in ("3.2", "3.3", "matched", "CKA")]
    assert rows == [{"holds"}] * 4


def test_networks_with_nothing_in_common_do_not_pass_although_sorted_similarity_is_high(strangers):
    findings, record = strangers
    assert np.median(record.cosine[0, :2, 1]) > 0.8
    rows = [verdicts(findings, start) for start in ("3.2", "3.3", "matched", "CKA")]
    assert "holds" not in set.union(*rows)


def test_rows_and_controls(strangers):
    findings, record = strangers
    assert [finding.claim.id for finding in findings[:2]] == ["3.1 hidden0 cosine", "3.1 hidden0 Pearson"]
    assert findings[0].claim.published == ".066 ± .156"
    for finding in findings:
        names = {finding.control_name, *(other.name for other in finding.others)}
        assert names >= set(features.CONDITIONS[1:]) and finding.measured.n == SEEDS
    assert record.sites == ("hidden0/post", "hidden1/post", "logits")


def test_the_highest_of_the_deciding_controls_decides(strangers):
    for finding in strangers[0]:
        if finding.claim.id.startswith("3.2"):
            others = {other.name: other.estimate.mean for other in finding.others}
            rival = {"untrained": "rows shuffled", "rows shuffled": "untrained"}[finding.control_name]
            assert finding.control.mean >= others[rival]


def test_score_is_the_calibrated_similarity(strangers):
    for finding in strangers[0]:
        control = finding.control.mean
        assert finding.score.mean == pytest.approx((finding.measured.mean - control) / (1 - control), abs=1e-9)


def test_record_names_its_axes(strangers):
    dataset = to_xarray(strangers[1])
    trained = dataset.cosine.sel(conditions="trained", sites="logits", orders="raw")
    assert trained.dims == ("seeds", "seeds_other")
    np.testing.assert_allclose(trained, trained.values.T, atol=1e-6)


def test_networks_left_out_are_counted_and_change_nothing_for_the_others(data, strangers):
    variables = jax.tree.map(lambda leaf: leaf.at[3].set(jnp.nan), networks(1).variables)
    broken = networks(1).replace(variables=variables)
    diverged = np.arange(SEEDS) == 5
    findings, record = compare(broken, networks(2), data, key=KEY, diverged=diverged)
    kept = np.delete(np.arange(SEEDS), [3, 5])
    assert record.left_out.nonzero()[0].tolist() == [3, 5] and np.isnan(record.cosine[:, :, :, 3]).all()
    np.testing.assert_allclose(record.cka[:, :, kept][..., kept], strangers[1].cka[:, :, kept][..., kept], atol=1e-5)
    for finding in findings:
        assert finding.measured.n == SEEDS - 2 and "2 of 8 networks diverged" in finding.note


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
        fields = features.compare(flipped, flipped, data, key=KEY)
        assert (fields["matched"][0, 0][~np.eye(SEEDS, dtype=bool)] > 0.999).all() == same
        assert np.abs(fields["cosine"][0, 0, 0]).min() < 0.9


def test_accuracy_matched_chance():
    rng = np.random.default_rng(0)
    accuracy = np.array([1.0, 0.9, 0.6, 0.25])
    answers = np.where(rng.uniform(size=(4, 200_000)) < accuracy[:, None], 0, rng.integers(1, 4, (4, 200_000)))
    chance = features.accuracy_matched(accuracy, 4)
    for i, j in ((0, 1), (1, 2), (2, 3)):
        assert chance[i, j] == pytest.approx(np.mean(answers[i] == answers[j]), abs=0.005)
    assert chance[3, 3] == pytest.approx(0.25)


def test_wrong_inputs_are_refused(data):
    with pytest.raises(InputError, match="two or more seeds"):
        compare(networks(1), ensemble.take(networks(2), [0, 1]), data, key=KEY)


def test_the_scores_interval_is_that_of_the_ratio_of_means():
    rng = np.random.default_rng(0)
    n = 40
    effect = rng.normal(size=(2, n)) * 0.05
    trained, control = (level + e[:, None] + e for level, e in zip((0.7, 0.3), effect, strict=True))
    claim = Claim("", "", "", "", features._alike("null"))
    finding = judge(claim, {"trained": trained, "null": control}, ("null",), "")
    scores = []
    for _ in range(1000):  # the plain bootstrap over networks, of the ratio itself
        drawn = rng.integers(0, n, n)
        different = drawn[:, None] != drawn
        t, c = (matrix[np.ix_(drawn, drawn)][different].mean() for matrix in (trained, control))
        scores.append((t - c) / (1 - c))
    half = (finding.score.high - finding.score.low) / 2
    assert half == pytest.approx(2.02 * np.std(scores), rel=0.15)


def test_one_output_is_read_as_it_was_trained(data):
    model = MLP(widths=(4,), outputs=1)
    one = controls.untrained(ensemble.keys(0, 3), model, PIXELS)
    logits = jax.vmap(lambda network: network(data.images)[0])(one)[..., 0]
    for loss, threshold in (("squared_error", 0.5), ("binary_cross_entropy", 0.0)):
        fields = features.compare(one, one, data, key=KEY, loss=loss)
        np.testing.assert_allclose(fields["accuracy"], ((logits > threshold) == data.labels).mean(1), atol=1e-6)
