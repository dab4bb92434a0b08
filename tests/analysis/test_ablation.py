from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from support import planted

from jaxinterp import controls, ensemble, metrics, networks
from jaxinterp.analysis import ablation, ablation_search, responses
from jaxinterp.data import Dataset
from jaxinterp.errors import InputError
from jaxinterp.interventions import ablate
from jaxinterp.networks import MLP

CLASSES, PIXELS, EXAMPLES = 4, 9, 60
KEY = jax.random.key(3)
SITES = {"hidden0/post": 7, "hidden1/post": 5}
RNG = np.random.default_rng(0)
DATA = Dataset(
    RNG.uniform(size=(EXAMPLES, PIXELS)).astype(np.float32), (np.arange(EXAMPLES) % CLASSES).astype(np.int32)
)


def random_network(seed=0, **options):
    return networks.init(jax.random.key(seed), MLP(tuple(SITES.values()), CLASSES, **options), PIXELS)


def raw_logits(logits, labels):
    return logits


NETWORK = random_network()
NORMED = {
    "none": NETWORK,
    "before": random_network(1, norm="layer"),
    "after": random_network(1, norm="layer", norm_position="after"),
    "gelu": random_network(2, activation="gelu"),
}


def reference_fill(kind, activations, labels):
    """What an ablated unit becomes, written out."""
    if kind == "zero":
        return np.zeros_like(activations)
    if kind == "mean":
        return np.tile(activations.mean(axis=0), (len(activations), 1))
    if kind == "class mean":
        return np.stack([activations[labels == label].mean(axis=0) for label in labels])
    order = np.asarray(controls.shuffled_rows(KEY, np.arange(len(activations))))
    return activations[order]


def reference_scores(logits, labels):
    """Accuracy, margin and loss of every class, in loops and float64."""
    rows = np.full((3, CLASSES), np.nan)
    for label in np.unique(labels):
        values = []
        for row in np.asarray(logits, np.float64)[labels == label]:
            others = np.delete(row, label)
            values.append((row.argmax() == label, row[label] - others.max(), np.log(np.exp(row - row[label]).sum())))
        rows[:, label] = np.mean(values, axis=0)
    return rows


def reference_logits(network, site, changed):
    """The logits when a site's activations are these, by NumPy alone (plain ReLU networks)."""
    params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), network.variables["params"])
    if site == "hidden0/post":
        changed = np.maximum(changed @ params["hidden1"]["kernel"] + params["hidden1"]["bias"], 0)
    return changed @ params["output"]["kernel"] + params["output"]["bias"]


@pytest.mark.parametrize("kind", ablation.KINDS)
@pytest.mark.parametrize("site", SITES)
def test_every_unit_and_kind_equals_the_slow_reference(site, kind):
    activations = np.asarray(NETWORK(DATA.images)[1][site], np.float64)
    filled = reference_fill(kind, activations, DATA.labels)
    found = ablation.units(NETWORK, DATA, site=site, kind=kind, key=KEY)
    for unit in range(SITES[site]):
        changed = np.where(np.arange(SITES[site]) == unit, filled, activations)
        expected = reference_scores(reference_logits(NETWORK, site, changed), DATA.labels)
        np.testing.assert_allclose(np.array([values[unit] for values in found]), expected, atol=2e-5)


@pytest.mark.parametrize("kind", ablation.KINDS)
@pytest.mark.parametrize("site", ["hidden0/pre", "hidden0/post", "hidden1/pre", "hidden1/post"])
@pytest.mark.parametrize("name", NORMED)
def test_units_are_groups_of_one_wherever_they_stand(name, site, kind):
    network, options = NORMED[name], {"site": site, "kind": kind, "key": KEY, "measure": raw_logits}
    alone = ablation.units(network, DATA, **options)
    groups = ablation.groups(network, DATA, np.eye(len(alone), dtype=bool), **options)
    np.testing.assert_allclose(alone, groups, atol=1e-5)


def test_units_behind_a_norm_feed_the_next_layer():
    network, site = NORMED["after"], "hidden0/norm"
    groups = ablation.groups(network, DATA, np.eye(7, dtype=bool), site=site, measure=raw_logits)
    np.testing.assert_allclose(ablation.units(network, DATA, site=site, measure=raw_logits), groups, atol=1e-5)


def test_the_last_hidden_layer_has_a_formula():
    logits, activations = NETWORK(DATA.images)
    kernel = NETWORK.variables["params"]["output"]["kernel"]
    found = ablation.units(NETWORK, DATA, site="hidden1/post", measure=raw_logits)
    moved = -activations["hidden1/post"].T[:, :, None] * kernel[:, None, :]
    np.testing.assert_allclose(found - logits, moved, atol=1e-6)


def test_one_layer_earlier_the_change_is_of_rank_one():
    _, before = NETWORK(DATA.images)
    after = NETWORK(DATA.images, {"hidden0/post": ablate(np.arange(7) == 2)})[1]["hidden1/pre"]
    change = np.asarray(after - before["hidden1/pre"])
    assert np.linalg.svd(change, compute_uv=False)[1] < 1e-5 < np.abs(change).max()


def test_ablation_equals_the_edit_of_the_same_name():
    masks = RNG.uniform(size=(4, 5)) < 0.5
    found = ablation.groups(NETWORK, DATA, masks, site="hidden1/post", measure=raw_logits)
    for mask, logits in zip(masks, found, strict=True):
        np.testing.assert_allclose(logits, NETWORK(DATA.images, {"hidden1/post": ablate(mask)})[0], atol=1e-6)


@pytest.mark.parametrize("kind", ablation.KINDS)
def test_strength_one_is_the_baseline_and_strength_zero_the_ablation(kind):
    options = {"site": "hidden0/post", "kind": kind, "key": KEY, "measure": raw_logits}
    found = ablation.doses(NETWORK, DATA, np.array([0.0, 0.5, 1.0]), **options)
    assert found.shape == (7, 3, EXAMPLES, CLASSES)
    intact = jnp.broadcast_to(NETWORK(DATA.images)[0], found[:, 2].shape)
    np.testing.assert_allclose(found[:, 2], intact, rtol=1e-5, atol=1e-6)  # CPUs differ in how products are rounded
    np.testing.assert_allclose(found[:, 0], ablation.units(NETWORK, DATA, **options), atol=1e-6)


def test_a_dose_of_three_triples_the_activation():
    activations = np.asarray(NETWORK(DATA.images)[1]["hidden1/post"], np.float64)
    found = ablation.doses(NETWORK, DATA, np.array([3.0]), site="hidden1/post", measure=raw_logits)
    for unit in range(5):
        changed = activations * np.where(np.arange(5) == unit, 3, 1)
        np.testing.assert_allclose(found[unit, 0], reference_logits(NETWORK, "hidden1/post", changed), atol=1e-5)


def test_no_unit_ablated_changes_nothing_and_all_of_them_leave_the_biases():
    masks = np.array([[False] * 5, [True] * 5])
    none, every = ablation.groups(NETWORK, DATA, masks, site="hidden1/post", measure=raw_logits)
    np.testing.assert_allclose(none, NETWORK(DATA.images)[0], atol=1e-6)
    bias = NETWORK.variables["params"]["output"]["bias"]
    np.testing.assert_allclose(every, jnp.broadcast_to(bias, every.shape), atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 2, 100])
def test_chunks_change_nothing(chunk):
    for fn in (ablation.units, partial(ablation.groups, masks=np.eye(7, dtype=bool)), ablation.interactions):
        whole, parts = (fn(NETWORK, DATA, site="hidden0/post", chunk=size) for size in (None, chunk))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), whole, parts)


def test_an_ensemble_is_its_networks_one_by_one():
    many = controls.untrained(ensemble.keys(0, 3), MLP((7, 5), CLASSES), PIXELS)
    fn = partial(ablation.units, site="hidden0/post", kind="mean", chunk=3)
    lifted = jax.jit(ensemble.over_seeds(fn, chunk=2))(many, DATA)
    for seed in range(3):
        alone = fn(ensemble.take(many, seed), DATA)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a[seed], b, atol=1e-5), lifted, alone)  # noqa: B023


def test_an_absent_class_is_unknown_and_leaves_the_others():
    kept = DATA.take(DATA.labels != 2)
    found = ablation.units(NETWORK, kept, site="hidden1/post").accuracy
    np.testing.assert_array_equal(np.isnan(found), np.arange(CLASSES) == 2 * np.ones((5, 1)))
    means = ablation.units(NETWORK, kept, site="hidden1/post", kind="class mean").accuracy
    assert np.isfinite(means[:, [0, 1, 3]]).all()


# Planted roles.


@pytest.fixture(scope="module")
def roles():
    return planted.network(), planted.data()


@pytest.mark.parametrize("site", ["hidden0/post", "hidden1/post"])
@pytest.mark.parametrize("kind", ["zero", "mean", "resample"])
def test_the_unit_that_alone_carries_a_class_takes_it_along(roles, site, kind):
    before = ablation.baseline(*roles)
    np.testing.assert_array_equal(before.accuracy, 1)
    lost = ablation.damage(before, ablation.units(*roles, site=site, kind=kind, key=KEY))
    assert np.argmax(lost.margin[:, planted.ALONE_CLASS]) == planted.ALONE
    assert np.argmax(lost.loss[:, planted.ALONE_CLASS]) == planted.ALONE
    drop = lost.accuracy
    # Its mean still speaks louder for the class than the default does, and a quarter of other images are of the class.
    assert drop[planted.ALONE, planted.ALONE_CLASS] >= {"zero": 1, "mean": 0, "resample": 0.6}[kind]
    others = np.delete(np.arange(planted.CLASSES), planted.ALONE_CLASS)
    if kind == "zero":
        np.testing.assert_allclose(drop[planted.ALONE, others], 0, atol=1e-6)
    np.testing.assert_array_equal(drop[planted.DEAD], 0)


def test_a_dead_units_ablation_changes_nothing_bit_for_bit(roles):
    network, data = roles
    for kind in ablation.KINDS:
        found = ablation.units(network, data, site="hidden0/post", kind=kind, key=KEY, measure=raw_logits)
        np.testing.assert_array_equal(found[planted.DEAD], network(data.images)[0])


def test_class_mean_ablation_keeps_what_the_class_explains(roles):
    drop = ablation.damage(ablation.baseline(*roles), ablation.units(*roles, site="hidden1/post", kind="class mean"))
    np.testing.assert_allclose(drop.accuracy, 0, atol=1e-6)


def test_a_redundant_pair_is_harmless_one_by_one_and_harmful_together(roles):
    first, second = planted.PAIR
    drop = ablation.damage(ablation.baseline(*roles), ablation.units(*roles, site="hidden1/post")).accuracy
    np.testing.assert_allclose(drop[np.array(planted.PAIR)], 0, atol=1e-6)
    excess = ablation.interactions(*roles, site="hidden1/post").accuracy
    assert excess[first, second, planted.PAIR_CLASS] == pytest.approx(1)
    np.testing.assert_array_equal(excess[first, second], excess[second, first])
    assert np.isnan(excess[np.arange(planted.UNITS), np.arange(planted.UNITS)]).all()
    elsewhere = np.array(excess)
    elsewhere[[first, second], [second, first]] = 0
    np.testing.assert_allclose(np.nan_to_num(elsewhere), 0, atol=1e-6)


def test_the_search_finds_the_planted_damage_and_no_other(roles):
    labels = roles[1].labels

    def right(logits, labels):
        return metrics.correct("cross_entropy", logits, labels).astype(jnp.float32)

    drops = ablation.baseline(*roles, measure=right) - ablation.units(*roles, site="hidden1/post", measure=right)
    p = ablation_search.searched_p(KEY, drops, labels, classes=planted.CLASSES, draws=99)
    hit = np.zeros((planted.UNITS, planted.CLASSES), bool)
    hit[planted.ALONE, planted.ALONE_CLASS] = True
    hit[4, planted.OTHERS[4]] = True  # unit 5 speaks for the default class, which is answered without it too
    np.testing.assert_allclose(p[hit], 0.01)
    assert p[~hit].min() > 0.5


def test_predictors_name_the_carriers(roles):
    network, data = roles
    found = ablation.predictors(network, data, site="hidden1/post")
    kernel = network.variables["params"]["output"]["kernel"]
    np.testing.assert_allclose(found.weight, kernel, atol=1e-6)  # whatever the images are
    for values in (
        found.auc,
        found.selectivity,
        found.activation,
        found.activation_weight,
        found.centred_activation_weight,
    ):
        assert values[:, planted.ALONE_CLASS].argmax() == planted.ALONE
    np.testing.assert_array_equal(found.activation[planted.DEAD], 0)


def test_predictors_equal_their_definitions():
    activations = np.asarray(NETWORK(DATA.images)[1]["hidden0/post"], np.float64)
    found = ablation.predictors(NETWORK, DATA, site="hidden0/post")
    selective = responses.selectivity(jnp.float32(activations), DATA.labels, classes=CLASSES)
    np.testing.assert_allclose(found.selectivity, selective.index.T, atol=1e-6)
    np.testing.assert_allclose(found.auc, selective.auc.T, atol=1e-6)
    step = 1e-6
    for unit in range(7):
        bumped = activations + step * (np.arange(7) == unit)
        change = reference_logits(NETWORK, "hidden0/post", bumped)
        gradient = (change - reference_logits(NETWORK, "hidden0/post", activations)) / step
        for label in range(CLASSES):
            mine = DATA.labels == label
            own, a = gradient[mine, label], activations[mine, unit]
            centred = a - activations[:, unit].mean()
            expected = (a.mean(), own.mean(), (a * own).mean(), (centred * own).mean())
            np.testing.assert_allclose([values[unit, label] for values in found[2:]], expected, atol=1e-4)


# Groups to compare with.


@settings(max_examples=25)
@given(st.integers(0, 30), st.integers(0, 2**31 - 1))
def test_random_groups_are_as_large(size, seed):
    groups = ablation.random_groups(jax.random.key(seed), np.arange(30) < size, draws=6)
    np.testing.assert_array_equal(groups.sum(axis=1), size)


def test_random_groups_take_every_unit_alike():
    groups = ablation.random_groups(KEY, np.arange(20) < 5, draws=4000)
    np.testing.assert_allclose(groups.mean(axis=0), 0.25, atol=0.035)  # five standard errors


@settings(max_examples=25)
@given(st.integers(0, 2**31 - 1), st.floats(0.05, 0.95))
def test_matched_groups_are_as_large_in_every_stratum(seed, share):
    rng = np.random.default_rng(seed)
    quantity, group = rng.normal(size=40), rng.uniform(size=40) < share
    groups = np.asarray(ablation.matched_groups(jax.random.key(seed), group, quantity, draws=5))
    strata = scipy.stats.rankdata(quantity, method="ordinal").astype(int)
    strata = (strata - 1) * 10 // 40
    for stratum in range(10):
        np.testing.assert_array_equal(groups[:, strata == stratum].sum(axis=1), group[strata == stratum].sum())


def test_matched_groups_match_where_random_ones_do_not():
    quantity = np.random.default_rng(0).exponential(size=100)
    group = quantity > np.quantile(quantity, 0.8)
    own = quantity[group].mean()
    means = [
        (groups @ quantity / group.sum()).mean()
        for groups in (
            ablation.matched_groups(KEY, group, quantity, draws=100, strata=5),
            ablation.random_groups(KEY, group, draws=100),
        )
    ]
    assert means[0] == pytest.approx(own, rel=0.05) and means[1] < own / 2


def test_matched_groups_differ_where_there_is_a_choice():
    groups = ablation.matched_groups(KEY, np.arange(40) % 4 == 0, np.arange(40.0), draws=50)
    np.testing.assert_allclose(groups.mean(axis=0), 0.25, atol=0.31)


def test_control_groups_are_random_and_matched_ones_of_each_group():
    groups, quantity = np.arange(20) < np.array([[3], [8]]), np.random.default_rng(0).normal(size=20)
    found = ablation.control_groups(KEY, groups, quantity, draws=4, strata=5)
    for number, (key, group) in enumerate(zip(jax.random.split(KEY, 2), groups, strict=True)):
        np.testing.assert_array_equal(found[0, number], ablation.random_groups(key, group, draws=4))
        matched = ablation.matched_groups(key, group, quantity, draws=4, strata=5)
        np.testing.assert_array_equal(found[1, number], matched)


def test_subsets_are_all_and_the_last_is_everything():
    found = ablation.subsets(4)
    assert len({tuple(row) for row in found}) == 16 and not found[0].any() and found[-1].all()


def test_prefixes_follow_the_order():
    order = np.array([2, 0, 1])
    expected = [[False] * 3, [False, False, True], [True, False, True], [True] * 3]
    np.testing.assert_array_equal(ablation.prefixes(order), expected)


# Nulls of an untrained network.


def test_a_random_group_among_random_groups_has_uniform_p_values():
    many = controls.untrained(ensemble.keys(5, 120), MLP((12, 10), CLASSES), PIXELS)

    def p_value(network, data):
        key = jax.random.wrap_key_data(jax.lax.bitcast_convert_type(network(data.images)[0][0, :2], jnp.uint32))
        masks = ablation.random_groups(key, jnp.arange(10) < 4, draws=40)
        loss = jnp.mean(ablation.groups(network, data, masks, site="hidden1/post").loss, axis=-1)
        return (jnp.sum(loss[1:] >= loss[0]) + 1) / 40

    p = np.asarray(jax.jit(ensemble.over_seeds(p_value, chunk=8))(many, DATA))
    assert scipy.stats.kstest(p - 0.5 / 40, "uniform").pvalue > 0.01


def test_what_does_not_exist_is_named():
    with pytest.raises(InputError, match="no ablation 'median'; there are zero, mean, class mean, resample"):
        ablation.units(NETWORK, DATA, site="hidden1/post", kind="median")
    with pytest.raises(InputError, match="no site 'hidden9/post' in this network; it has input, hidden0/pre"):
        ablation.units(NETWORK, DATA, site="hidden9/post")
    with pytest.raises(InputError, match="draws other examples at random: pass a key"):
        ablation.units(NETWORK, DATA, site="hidden1/post", kind="resample")
    with pytest.raises(InputError, match="masks of 7 units do not fit hidden1/post, which has 5"):
        ablation.groups(NETWORK, DATA, np.eye(7, dtype=bool), site="hidden1/post")


@pytest.mark.parametrize("chunk", [None, 3])
def test_replaced_units_are_every_kind_at_once(chunk):
    activations = NETWORK(DATA.images)[1]["hidden0/post"]
    fills = [ablation.fill(kind, activations, DATA.labels, classes=CLASSES, key=KEY) for kind in ablation.KINDS]
    options = {"site": "hidden0/post", "chunk": chunk}
    found = ablation.replaced_units(NETWORK, DATA.images, jnp.stack(fills), measure=lambda logits: logits, **options)
    for kind, of_kind in zip(ablation.KINDS, found, strict=True):
        expected = ablation.units(NETWORK, DATA, kind=kind, key=KEY, measure=raw_logits, **options)
        np.testing.assert_allclose(of_kind, expected, atol=1e-6)
