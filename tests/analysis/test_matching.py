import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.optimize import linear_sum_assignment

from jaxinterp import controls
from jaxinterp.analysis import matching
from jaxinterp.errors import InputError

SEEDS, EXAMPLES, UNITS = 4, 24, 5
correlations = jax.jit(matching.correlations)
match = jax.jit(matching.match, static_argnames="absolute")
matched_correlation = jax.jit(matching.matched_correlation, static_argnames=("absolute", "chunk"))
consensus = jax.jit(matching.consensus, static_argnames="absolute")
universality = jax.jit(matching.universality)
functional_match = jax.jit(matching.functional_match, static_argnames="absolute")
assign = jax.jit(matching.assign)
permutations = st.lists(st.permutations(range(UNITS)), min_size=SEEDS, max_size=SEEDS).map(np.array)
flips = hnp.arrays(np.float32, (SEEDS, UNITS), elements=st.sampled_from([-1.0, 1.0]))
tables = hnp.arrays(np.float32, (3, 4, 4), elements=st.integers(-8, 8).map(lambda i: i / 8) | st.just(np.nan))


def gaussian(seed, shape=(SEEDS, EXAMPLES, UNITS)):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def copies(orders, signs=None, examples=EXAMPLES):
    """Networks whose unit k is unit order[k] of one network, mirrored where the sign is −1."""
    one = np.asarray(gaussian(3, (examples, UNITS)))
    return np.stack([one[:, order] for order in orders]) * (1 if signs is None else signs[:, None])


def best_by_trial(scores):
    """Most entries that are numbers, then the largest sum: every permutation tried."""
    trials = [
        scores[range(len(scores)), order] for order in itertools.permutations(range(scores.shape[1]), len(scores))
    ]
    return max((int(np.isfinite(trial).sum()), float(np.nansum(trial))) for trial in trials)


@pytest.mark.parametrize("examples", [EXAMPLES, 4], ids=["more examples than units", "fewer"])
def test_correlations_are_pearsons(examples):
    with jax.enable_x64(True):
        x = np.random.default_rng(0).normal(size=(3, examples, 6)) + 100
        y = np.random.default_rng(1).normal(size=(2, examples, 4)) * 1e-30
        found = matching.correlations(x, y)
        assert found.shape == (3, 2, 6, 4)
        for i, j in itertools.product(range(3), range(2)):
            expected = np.corrcoef(x[i].T, y[j].T)[:6, 6:]
            np.testing.assert_allclose(found[i, j], expected, atol=1e-10)
    single = correlations(np.float32(x), np.float32(y))
    np.testing.assert_allclose(single, found, atol=1e-4)


def test_correlations_of_a_network_with_itself():
    x = gaussian(0) + 50
    table = correlations(x)
    np.testing.assert_allclose(table, jnp.swapaxes(table.swapaxes(0, 1), 2, 3), atol=1e-6)
    np.testing.assert_allclose(np.einsum("ssuu->su", table), 1, atol=1e-6)
    np.testing.assert_allclose(correlations(7 * x + 3), table, atol=1e-4)


def test_units_that_are_constant_or_not_finite_correlate_with_nothing_and_leave_others_alone():
    x = gaussian(0, (3, 3000, 4))
    hurt = x.at[0, :, 1].set(0).at[1, :, 2].set(0.1).at[2, 7, 0].set(jnp.inf).at[2, 9, 3].set(jnp.nan)
    table = np.asarray(correlations(hurt))
    lost = np.zeros((3, 4), bool)
    lost[0, 1] = lost[1, 2] = lost[2, 0] = lost[2, 3] = True
    gone = lost[:, None, :, None] | lost[None, :, None, :]
    assert np.array_equal(np.isnan(table), gone)
    np.testing.assert_allclose(table[~gone], np.asarray(correlations(x))[~gone], atol=1e-6)


@settings(max_examples=40)
@given(tables)
def test_an_assignment_is_the_best_there_is_and_leaves_nan_for_the_end(scores):
    taken = np.take_along_axis(scores, np.asarray(assign(scores))[..., None], -1)[..., 0]
    for pair, values in zip(scores, taken, strict=True):
        count, total = best_by_trial(pair)
        assert np.isfinite(values).sum() == count
        np.testing.assert_allclose(np.nansum(values), total, atol=1e-6)


@pytest.mark.parametrize("others", [6, 9])
def test_an_assignment_is_scipys_and_optax_agrees_in_value(others):
    scores = gaussian(0, (2, 7, 6, others))
    found = assign(scores)
    assert found.shape == (2, 7, 6)
    by_optax = jax.jit(matching._assign_by_optax)(scores)
    for place in np.ndindex(2, 7):
        pair = np.float64(scores[place])
        rows, columns = linear_sum_assignment(pair, maximize=True)
        np.testing.assert_array_equal(found[place], columns)
        assert len(set(by_optax[place].tolist())) == 6
        np.testing.assert_allclose(pair[rows, by_optax[place]].sum(), pair[rows, columns].sum(), rtol=1e-6)


def test_an_assignment_goes_under_every_transformation():
    scores = gaussian(0, (3, 5, 4, 4)).at[1, 2, 0].set(jnp.nan)
    expected = matching.assign(scores)
    np.testing.assert_array_equal(jax.jit(jax.vmap(jax.vmap(matching.assign)))(scores), expected)
    np.testing.assert_array_equal(jax.vmap(matching.assign, in_axes=1, out_axes=1)(scores), expected)
    np.testing.assert_array_equal(jax.lax.map(matching.assign, scores, batch_size=2), expected)
    np.testing.assert_array_equal(matching.assign(np.asarray(scores)), expected)


@settings(max_examples=25)
@given(permutations, flips)
def test_copies_with_units_in_another_order_are_matched_perfectly(orders, signs):
    for absolute, x in ((False, copies(orders)), (True, copies(orders, signs))):
        found = match(correlations(x), absolute=absolute)
        for i, j in itertools.product(range(SEEDS), repeat=2):
            np.testing.assert_array_equal(orders[j][found.order[i, j]], orders[i])
        sign = np.ones((SEEDS, UNITS)) if not absolute else signs
        partner = np.take_along_axis(np.broadcast_to(sign, (SEEDS, SEEDS, UNITS)), np.asarray(found.order), -1)
        np.testing.assert_allclose(found.value, sign[:, None] * partner, atol=1e-5)
        score = matched_correlation(x, key=jax.random.key(0), absolute=absolute)
        np.testing.assert_allclose(score, 1, atol=1e-5)


def test_a_signed_match_does_not_take_a_mirror_image_for_the_same():
    x = copies(np.tile(np.arange(UNITS), (2, 1)), np.array([[1.0] * UNITS, [-1.0] * UNITS], np.float32), 400)
    signed, absolute = (matched_correlation(x, key=jax.random.key(0), absolute=a)[0, 1] for a in (False, True))
    assert signed < 0.2 and absolute > 0.999


def test_dead_units_are_never_matched_ahead_of_live_ones():
    # Live units here correlate negatively, so that a dead partner, counted as 0, would look better.
    base = gaussian(0, (200, 1))
    x = jnp.stack([jnp.tile(base, 3), -jnp.tile(base, 3)]) + 0.5 * gaussian(1, (2, 200, 3))
    x = x.at[0, :, 1].set(0.3).at[1, :, 2].set(0)
    found = match(correlations(x))
    assert found.order[0, 1, 1] == 2 and found.order[1, 0, 2] == 1
    assert np.isnan(found.value[0, 1]).tolist() == [False, True, False]
    assert np.nanmax(found.value[0, 1]) < 0
    score = matched_correlation(x, key=jax.random.key(0))
    assert np.isfinite(score).all() and score[0, 1] < 0


def test_dead_and_broken_networks_have_no_score_and_leave_others_alone():
    x = gaussian(0, (4, 60, 5))
    hurt = matched_correlation(x.at[1].set(0).at[2].set(jnp.nan), key=jax.random.key(0))
    assert np.isnan(hurt[1:3]).all() and np.isnan(hurt[:, 1:3]).all()
    np.testing.assert_allclose(hurt[::3, ::3], matched_correlation(x, key=jax.random.key(0))[::3, ::3], atol=1e-6)


@pytest.mark.parametrize("absolute", [False, True])
def test_independent_units_score_zero_out_of_sample_though_not_in_sample(absolute):
    x = gaussian(0, (8, 1000, 16))
    off = ~np.eye(8, dtype=bool)
    fitted = np.abs(match(correlations(x), absolute=absolute).value[off]).mean()
    assert 0.02 < fitted < 0.08
    assert abs(matched_correlation(x, key=jax.random.key(1), absolute=absolute)[off].mean()) < 0.008


@pytest.mark.parametrize("absolute", [False, True])
def test_matched_correlation_is_the_definition_whatever_the_widths(absolute):
    x, y = (
        np.asarray(gaussian(0, (3, 41, 6))),
        np.asarray(gaussian(0, (3, 41, 6))[:2, :, 2:] + 0.5 * gaussian(1)[0, 0, 0]),
    )
    key = jax.random.key(2)
    order = np.asarray(jax.random.permutation(key, 41))
    expected = np.zeros((3, 2))
    for i, j in np.ndindex(3, 2):
        fitted, scored = (np.corrcoef(x[i][half].T, y[j][half].T)[:6, 6:] for half in (order[:20], order[20:]))
        rows, columns = linear_sum_assignment(np.abs(fitted) if absolute else fitted, maximize=True)
        sign = np.sign(fitted[rows, columns]) if absolute else 1
        expected[i, j] = np.mean(sign * scored[rows, columns])
    np.testing.assert_allclose(matched_correlation(x, y, key=key, absolute=absolute, chunk=2), expected, atol=1e-5)
    np.testing.assert_allclose(matched_correlation(y, x, key=key, absolute=absolute), expected.T, atol=1e-5)


def test_many_draws_of_the_halves_and_of_the_null_are_one_program():
    x = gaussian(0, (2, 40, 4))
    keys = jax.random.split(jax.random.key(0), 3)

    def null(key):
        return matching.matched_correlation(x, jax.vmap(controls.shuffled_rows)(jax.random.split(key, 2), x), key=key)

    together, one_by_one = jax.jit(jax.vmap(null))(keys), [null(key) for key in keys]
    np.testing.assert_allclose(together, one_by_one, atol=1e-6)


def agreement(table, order, signs):
    """Sum over all pairs of networks of the correlation of the units in one place."""
    pairs = itertools.permutations(range(len(order)), 2)
    return sum(np.sum(signs[i] * signs[j] * table[i, j][order[i], order[j]]) for i, j in pairs)


@settings(max_examples=25)
@given(permutations, flips)
def test_a_consensus_aligns_copies_perfectly(orders, signs):
    for absolute, x in ((False, copies(orders)), (True, copies(orders, signs))):
        found = consensus(correlations(x), absolute=absolute)
        aligned = np.take_along_axis(x, np.asarray(found.order)[:, None], -1) * np.asarray(found.signs)[:, None]
        np.testing.assert_array_equal(aligned, np.broadcast_to(aligned[0], aligned.shape))
        np.testing.assert_allclose(found.value, 1, atol=1e-5)


@pytest.mark.parametrize("absolute", [False, True])
def test_no_network_alone_can_improve_a_consensus_which_here_beats_aligning_to_one_of_them(absolute):
    x = gaussian(51, (6, 60, 3)) + 0.3 * gaussian(6, (60, 3))
    table = np.asarray(correlations(x), np.float64)
    found = consensus(np.float32(table), absolute=absolute)
    order, signs = np.asarray(found.order), np.asarray(found.signs)
    reached = agreement(table, order, signs)
    for seed in range(6):
        for other in itertools.permutations(range(3)):
            for sign in itertools.product([-1, 1] if absolute else [1], repeat=3):
                changed, mirrored = order.copy(), signs.copy()
                changed[seed], mirrored[seed] = other, sign
                assert agreement(table, changed, mirrored) <= reached + 1e-3
    pairs = match(table, absolute=absolute)
    single = [
        agreement(
            table, np.asarray(pairs.order[s]), np.where(pairs.value[s] < 0, -1, 1) if absolute else np.ones((6, 3))
        )
        for s in range(6)
    ]
    assert reached > max(single) + 0.01
    np.testing.assert_allclose(found.value.sum() * 5, reached, rtol=1e-4)


def test_a_consensus_recovers_what_pairs_alone_do_not():
    rng = np.random.default_rng(0)
    orders = np.array([rng.permutation(8) for _ in range(30)])
    base = rng.normal(size=(40, 8))
    x = np.float32(base[:, orders].transpose(1, 0, 2) + 2.5 * rng.normal(size=(30, 40, 8)))
    table = correlations(x)
    found, pairs = consensus(table), match(table)
    truth = np.take_along_axis(orders, np.asarray(found.order), 1)
    common = np.array([np.bincount(place, minlength=8).argmax() for place in truth.T])
    paired = [np.mean(orders[j][pairs.order[i, j]] == orders[i]) for i, j in itertools.permutations(range(30), 2)]
    assert np.mean(truth == common) > np.mean(paired) + 0.2


def test_a_consensus_passes_over_dead_units_and_broken_networks():
    orders = np.array([np.roll(np.arange(UNITS), shift) for shift in range(4)])
    x = copies(orders)
    x[1][:, orders[1] == 2] = 0.7
    x[3] = np.nan
    found = consensus(correlations(x))
    truth = np.take_along_axis(orders, np.asarray(found.order), 1)
    np.testing.assert_array_equal(truth[:3], np.broadcast_to(truth[0], (3, UNITS)))
    assert sorted(found.order[3].tolist()) == list(range(UNITS))
    np.testing.assert_array_equal(np.isnan(found.value[1]), truth[1] == 2)
    np.testing.assert_allclose(np.asarray(found.value)[[0, 2]], 1, atol=1e-5)
    assert np.isnan(found.value[3]).all()


def test_the_strongest_counterpart():
    table = np.array([[[[0.1, -0.9], [np.nan, 0.2], [np.nan, np.nan]]]], np.float32)
    np.testing.assert_allclose(matching.strongest(table)[0, 0], [0.1, 0.2, np.nan])
    np.testing.assert_allclose(matching.strongest(table, absolute=True)[0, 0], [0.9, 0.2, np.nan])


def test_universality_is_the_share_of_networks_that_hold_a_planted_unit():
    x = gaussian(0, (9, 600, 4))
    x = x.at[1:5, :, 2].set(x[0, :, 0]).at[8].set(jnp.nan)  # four of the seven others that are whole hold unit 0

    @jax.jit
    def null(key):
        rows = jax.vmap(controls.shuffled_rows)(jax.random.split(key, 9), x)
        return matching.strongest(matching.correlations(x, rows))

    draws = jax.lax.map(null, jax.random.split(jax.random.key(1), 40))
    share = universality(matching.strongest(correlations(x)), draws)
    # By chance one more may pass.
    np.testing.assert_allclose(np.concatenate([share[:1, 0], share[1:5, 2]]), 4 / 7, atol=1 / 7 + 1e-6)
    assert np.isnan(share[8]).all() and np.nanmean(share[:, 1]) < 0.2


def test_the_best_match_is_chosen_on_one_half_and_scored_on_the_other():
    x = np.array(gaussian(5, (2, EXAMPLES, UNITS)))
    x[1, :, 3] = -2 * x[0, :, 1] + 1  # unit 1 of network 0, mirrored
    x[1, 0::2, 4], x[1, 1::2, 4] = x[0, 0::2, 2], -x[0, 1::2, 2]  # unit 2 on one half, its mirror image on the other
    x[0, :, 0] = 7.0
    for unit, expected in ((1, 1.0), (2, -1.0), (0, 0.0)):
        found = matching.best_match(x, x, jnp.full((2, 1), unit))
        np.testing.assert_allclose(found[0, 1], expected, atol=1e-5)
    units = jnp.array([[1, 2], [3, 0]])
    found = matching.best_match(x, x, units)
    slow = np.corrcoef(x[0, 0::2].T[[1, 2]], x[1, 0::2].T)[:2, 2:]
    odd = np.corrcoef(x[0, 1::2].T[[1, 2]], x[1, 1::2].T)[:2, 2:]
    best = np.abs(slow).argmax(axis=1)
    np.testing.assert_allclose(found[0, 1], np.mean(np.sign(slow[[0, 1], best]) * odd[[0, 1], best]), atol=1e-5)
    np.testing.assert_allclose(np.diagonal(found), [1, 1], atol=1e-5)


def test_universality_is_the_definition_and_a_twentieth_under_the_null():
    observed, null = gaussian(0, (12, 12, 10)), gaussian(1, (30, 12, 12, 10))
    share = universality(observed, null)
    expected = np.zeros((12, 10))
    for s, u in np.ndindex(12, 10):
        others = np.arange(12) != s
        threshold = np.percentile(null[:, s, others, u], 95)
        expected[s, u] = np.mean(observed[s, others, u] > threshold)
    np.testing.assert_allclose(share, expected, atol=1e-6)
    assert 0.03 < share.mean() < 0.07


def test_functional_match_compares_counterparts_with_random_ones():
    rng = np.random.default_rng(0)
    orders = np.array([rng.permutation(UNITS) for _ in range(3)])
    profile, damage = (rng.normal(size=(UNITS, 10))[orders].astype(np.float32) for _ in range(2))
    order = jnp.array([[np.argsort(orders[j])[orders[i]] for j in range(3)] for i in range(3)], jnp.int32)
    found = functional_match(profile, damage, matching.Matching(order, jnp.ones((3, 3, UNITS))))
    np.testing.assert_allclose(found.profile, 1, atol=1e-5)
    np.testing.assert_allclose(found.damage, 1, atol=1e-5)
    for values, random in ((profile, found.profile_random), (damage, found.damage_random)):
        rows = [np.corrcoef(values[0], values[2][list(other)])[:UNITS, UNITS:].diagonal() for other in _all_orders()]
        np.testing.assert_allclose(random[0, 2], np.mean(rows, axis=0), atol=1e-5)


def _all_orders():
    return itertools.permutations(range(UNITS))


def test_functional_match_leaves_out_absent_classes_and_units_without_a_profile():
    rng = np.random.default_rng(1)
    profile, damage = (rng.normal(size=(2, UNITS, 6)).astype(np.float32) for _ in range(2))
    pairs = matching.Matching(jnp.tile(jnp.arange(UNITS), (2, 2, 1)), jnp.ones((2, 2, UNITS)))
    whole = functional_match(profile, damage, pairs)
    absent = np.insert(profile, 2, np.nan, -1), np.insert(damage, 2, np.nan, -1)
    for a, b in zip(functional_match(*absent, pairs), whole, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
    damage[0, 3] = 0
    hurt = functional_match(profile, damage, pairs)
    np.testing.assert_array_equal(np.isnan(hurt.damage[0, 1]), np.arange(UNITS) == 3)
    np.testing.assert_array_equal(np.isnan(hurt.damage_random), np.isnan(hurt.damage))
    np.testing.assert_allclose(hurt.profile, whole.profile)
    mirrored = functional_match(profile * np.float32([[[1]], [[-1]]]), damage, pairs, absolute=True)
    np.testing.assert_allclose(mirrored.profile, np.abs(whole.profile), atol=1e-5)
    assert (mirrored.profile_random > 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: matching.correlations(gaussian(0), gaussian(0)[:, 1:]), "same examples, got 24 and 23"),
        (
            lambda: matching.match(gaussian(0, (2, 2, 4, 3))),
            "cannot match 4 units one-to-one with 3; pass the smaller set first",
        ),
        (lambda: matching.consensus(gaussian(0, (2, 2, 3, 4))), "correlations of the networks with themselves"),
        (lambda: matching.consensus(gaussian(0, (2, 3, 4, 4))), "correlations of the networks with themselves"),
        (lambda: matching.matched_correlation(gaussian(0)[:, :3], key=jax.random.key(0)), "at least 4 examples, got 3"),
    ],
    ids=["examples", "more units than others", "widths", "other networks", "few examples"],
)
def test_what_makes_no_sense_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
