import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import confusion_matrix
from support import planted, reference

from jaxinterp import controls, ensemble, metrics, records
from jaxinterp.analysis import responses
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP

EXAMPLES, UNITS, CLASSES, BINS = 60, 5, 3, 7
KEY, OPTIONS = jax.random.key(6), {"classes": CLASSES, "bins": BINS, "draws": 20}
MEASURES = ("index", "d_prime", "auc", "mutual_information")
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, CLASSES, EXAMPLES).astype(np.int32)
NORMAL = RNG.normal(size=(EXAMPLES, UNITS)).astype(np.float32) + 0.3 * LABELS[:, None]
# A unit without ties, one with a mass at 0, one of whole numbers, a dead and a constant one.
TIED = np.stack(
    [NORMAL[:, 0], np.maximum(NORMAL[:, 1], 0), np.round(NORMAL[:, 2]), 0 * NORMAL[:, 3], 0 * NORMAL[:, 4] + 0.7],
    axis=1,
).astype(np.float32)

by_class = jax.jit(responses.by_class, static_argnames="classes")
histograms = jax.jit(responses.histograms, static_argnames="classes")
selectivity = jax.jit(responses.selectivity, static_argnames=("classes", "bins"))
selectivity_null = jax.jit(responses.selectivity_null, static_argnames=("classes", "bins", "draws", "chunk"))
selectivity_p = jax.jit(responses.selectivity_p, static_argnames=("classes", "bins", "draws", "chunk"))

# Numbers on a grid, so that ties are many and an increasing function cannot make new ones by rounding.
grids = hnp.arrays(np.float32, (EXAMPLES, UNITS), elements=st.integers(-8, 8).map(lambda i: i / 4))
labellings = hnp.arrays(np.int32, EXAMPLES, elements=st.integers(0, CLASSES - 1))


def planted_activations():
    data = planted.data()
    return planted.network()(data.images)[1]["hidden1/post"], data.labels


def test_by_class_is_the_definition_and_an_absent_class_is_nan_alone():
    result = by_class(TIED, LABELS, classes=CLASSES + 1)
    for c in range(CLASSES):
        own = np.float64(TIED[LABELS == c])
        expected = (len(own), own.mean(0), own.std(0), (own > 0).mean(0), (own == 0).mean(0))
        for field, value in zip(result, expected, strict=True):
            assert_allclose(field[c], value, atol=1e-6)
    assert result.count[CLASSES] == 0
    assert all(np.isnan(field[CLASSES]).all() for field in result[1:])


def test_spread_keeps_its_digits_where_the_mean_is_large():
    activations = np.float32(1e4 + np.random.default_rng(1).normal(size=(20_000, 2)))
    labels = np.arange(20_000) % 2
    expected = [np.float64(activations[labels == c]).std(0) for c in range(2)]
    assert_allclose(by_class(activations, labels, classes=2).sd, expected, rtol=1e-4)
    difference = np.subtract(*(np.float64(activations[labels == c]).mean(0) for c in (1, 0)))
    assert_allclose(responses.class_difference(activations, labels, 1, 0), difference, atol=1e-4)
    d_prime = difference / np.sqrt(np.mean(np.square(expected), axis=0))
    assert_allclose(selectivity(activations, labels, classes=2).d_prime[1], d_prime, atol=1e-4)


@settings(max_examples=30)
@given(grids, labellings, hnp.arrays(np.float32, 6, elements=st.integers(-6, 6).map(lambda i: i / 4), unique=True))
def test_histograms_are_numpys_with_what_lies_beyond_in_the_outer_bins(activations, labels, edges):
    edges = np.sort(edges)
    shares = histograms(activations, labels, classes=CLASSES, edges=edges)
    for c, unit in itertools.product(range(CLASSES), range(UNITS)):
        own = np.clip(activations[labels == c, unit], edges[0], edges[-1])
        expected = np.histogram(own, edges)[0] / len(own) if len(own) else np.full(5, np.nan)
        assert_allclose(shares[c, unit], expected, atol=1e-6)


def test_class_difference_is_of_class_means_and_antisymmetric():
    means = by_class(TIED, LABELS, classes=CLASSES).mean
    difference = partial(responses.class_difference, TIED, LABELS)
    assert_allclose(difference(2, 0), means[2] - means[0], atol=1e-6)
    assert_array_equal(difference(2, 0), -difference(0, 2))
    assert_array_equal(difference(1, 1), np.zeros(UNITS))
    assert np.isnan(difference(0, CLASSES)).all() and np.isnan(difference(CLASSES, CLASSES)).all()


def test_dead_and_rare_units_are_told_apart():
    activations = np.zeros((2000, 5), np.float32)
    activations[:1, 1] = 0.1  # fires on .05 % of examples
    activations[:2, 2] = 0.1  # on exactly .1 %, which is not less
    activations[:, 3:] = -1, 2
    result = jax.jit(responses.liveness)(activations)
    assert_allclose(result.firing_rate, [0, 0.0005, 0.001, 0, 1])
    assert result.dead.tolist() == [True, False, False, True, False]
    assert result.rare.tolist() == [False, True, False, False, False]
    assert responses.liveness(activations, rare=0.01).rare.tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("name", ["normal", "tied", "offset"])
def test_selectivity_is_what_numpy_and_scikit_learn_say(name):
    activations = {"normal": NORMAL, "tied": TIED, "offset": 50 + TIED}[name]
    fast = selectivity(activations, LABELS, classes=CLASSES, bins=BINS)
    for c, unit in itertools.product(range(CLASSES), range(UNITS)):
        expected = reference.selectivity(activations[:, unit], LABELS == c, BINS)
        for measure, value in zip(MEASURES, expected, strict=True):
            assert_allclose(getattr(fast, measure)[c, unit], value, atol=1e-5, rtol=1e-5, err_msg=measure)
        u = scipy.stats.mannwhitneyu(activations[LABELS == c, unit], activations[LABELS != c, unit]).statistic
        assert_allclose(fast.auc[c, unit], u / (sum(LABELS == c) * sum(LABELS != c)), atol=1e-6)
    expected = [reference.morcos(unit, LABELS) for unit in activations.T]
    assert_allclose(fast.morcos, expected, atol=1e-5, rtol=1e-4)


def test_small_spreads_and_large_sums_keep_their_digits():
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 10, 10_000)
    own, noise = labels == 4, rng.normal(size=10_000)
    for values, tolerance in ((np.maximum(noise + 2 * own, 0), 1e-5), (own + 1e-3 * noise, 1e-3)):
        fast = selectivity(np.float32(values)[:, None], labels, classes=10)
        expected = reference.selectivity(np.float32(values), own, 10)
        assert_allclose([getattr(fast, name)[4, 0] for name in MEASURES], expected, rtol=tolerance)


def test_dead_and_constant_units_are_indifferent_under_every_measure():
    result = selectivity(TIED[:, 3:], LABELS, classes=CLASSES)
    for values, indifferent in zip(result, (0, 0, 0.5, 0, 0), strict=True):
        assert_array_equal(values, np.full_like(values, indifferent))


def test_the_perfect_unit_reaches_every_bound():
    perfect, share = np.float32(LABELS == 1)[:, None], np.mean(LABELS == 1)
    result = selectivity(perfect, LABELS, classes=CLASSES)
    entropy = scipy.stats.entropy([share, 1 - share], base=2)
    found = [getattr(result, name)[1, 0] for name in MEASURES] + [result.morcos[0]]
    assert_allclose(found, [1 / 1.001, np.inf, 1, entropy, 1], rtol=1e-5)
    silent = selectivity(-perfect, LABELS, classes=CLASSES)
    assert_allclose([silent.d_prime[1, 0], silent.auc[1, 0]], [-np.inf, 0], atol=1e-6)


def test_absent_class_and_broken_unit_are_nan_and_leave_others_alone():
    broken = NORMAL.copy()
    broken[0, 2] = np.nan
    others = np.arange(UNITS) != 2
    plain = selectivity(NORMAL, LABELS, classes=CLASSES)
    hurt = selectivity(broken, LABELS, classes=CLASSES + 1)
    p = selectivity_p(KEY, broken, LABELS, classes=CLASSES + 1, draws=9)
    for name in MEASURES:
        values, expected = getattr(hurt, name), getattr(plain, name)
        assert_allclose(values[:CLASSES, others], expected[:, others], atol=1e-6)
        assert np.isnan(values[CLASSES]).all() and np.isnan(values[:, 2]).all()
        assert_array_equal(np.isnan(getattr(p, name)), np.isnan(values))
    assert_allclose(hurt.morcos[others], plain.morcos[others], rtol=1e-5)
    assert np.isnan(hurt.morcos[2]) and np.isnan(p.morcos[2])
    assert all(np.isnan(field).all() for field in selectivity(NORMAL, 0 * LABELS, classes=CLASSES))
    for record in (by_class(broken, LABELS, classes=CLASSES), responses.liveness(broken)):
        assert_array_equal(np.isnan(record.firing_rate).any(axis=tuple(range(record.firing_rate.ndim - 1))), ~others)
    assert not responses.liveness(0 * broken).dead[2]
    shares = histograms(broken, LABELS, classes=CLASSES, edges=np.float32([0, 1]))  # one bin, which holds everything
    assert np.isnan(shares[:, 2]).all() and (shares[:, others] == 1).all()


@settings(max_examples=30)
@given(grids, labellings)
def test_auc_and_information_see_order_alone(activations, labels):
    plain = selectivity(activations, labels, classes=CLASSES)
    risen = selectivity(np.exp(activations) + activations**3, labels, classes=CLASSES)
    assert_array_equal(risen.auc, plain.auc)
    assert_array_equal(risen.mutual_information, plain.mutual_information)
    assert_allclose(selectivity(-activations, labels, classes=CLASSES).auc, 1 - plain.auc, atol=1e-5)


@settings(max_examples=30)
@given(grids, labellings, st.sampled_from([0.01, 0.5, 3.0, 1000.0]), st.sampled_from([0.0, -2.0, 5.0]))
def test_d_prime_sees_neither_scale_nor_shift_and_morcos_no_scale(activations, labels, scale, shift):
    activations = np.abs(activations)
    plain = selectivity(activations, labels, classes=CLASSES)
    moved = selectivity(np.float32(scale * (activations + shift)), labels, classes=CLASSES)
    scaled = selectivity(np.float32(scale * activations), labels, classes=CLASSES)
    assert_allclose(moved.d_prime, plain.d_prime, atol=1e-4, rtol=1e-4)
    assert_allclose(scaled.morcos, plain.morcos, atol=1e-5)


@pytest.mark.parametrize("bins", [2, 10, 1000])
def test_a_mass_at_zero_is_one_bin(bins):
    # The first 20 zeros are of one class and the others of the other: an order among them would tell the classes apart.
    values = np.concatenate([np.zeros(40), np.repeat([1, 2], 10)]).astype(np.float32)
    labels = np.concatenate([np.repeat([0, 1], 20), np.repeat([0, 1], 10)]).astype(np.int32)
    bits = selectivity(values[:, None], labels, classes=2, bins=bins).mutual_information
    assert_allclose(bits, 0 if bins == 2 else 1 / 3, atol=1e-6)


def test_planted_units_are_read_rightly():
    (activations, labels), classes = planted_activations(), planted.CLASSES
    result, chosen = (f(activations, labels, classes=classes) for f in (selectivity, responses.most_selective))
    carriers = {planted.ALONE_CLASS: planted.ALONE} | {c: unit for unit, c in planted.OTHERS.items()}
    for label, unit in carriers.items():
        for measure in MEASURES:
            values = np.asarray(getattr(result, measure)[label])
            assert values.argmax() == unit == chosen[label] and values[unit] > np.delete(values, unit).max(), measure
        assert_allclose([result.auc[label, unit], result.morcos[unit]], 1, rtol=1e-6)
    for measure in MEASURES:
        first, second = (np.asarray(getattr(result, measure)[planted.PAIR_CLASS, unit]) for unit in planted.PAIR)
        assert first == second == np.max(getattr(result, measure)[planted.PAIR_CLASS])
    assert result.morcos[planted.DEAD] == 0
    assert np.flatnonzero(responses.liveness(activations).dead).tolist() == [planted.DEAD]
    assert set(labels[responses.exemplars(activations, k=50).index[planted.ALONE]]) == {planted.ALONE_CLASS}


def test_null_has_the_moments_of_the_permutation_distribution():
    null = selectivity_null(KEY, TIED, LABELS, classes=CLASSES, draws=3000, bins=BINS, chunk=500)
    for c, unit in itertools.product(range(CLASSES), range(3)):
        # A class's mid-ranks are drawn without replacement, so their mean has variance s²/n_c (1 − n_c/n).
        own, rest = np.sum(LABELS == c), np.sum(LABELS != c)
        sd = scipy.stats.rankdata(TIED[:, unit]).std(ddof=1) / np.sqrt(own * rest * EXAMPLES)
        values = np.asarray(null.auc[:, c, unit])
        assert_allclose(values.mean(), 0.5, atol=4.5 * sd / np.sqrt(3000))
        assert_allclose(values.std(), sd, rtol=0.07)
        # The plug-in estimate of no information is (filled bins − 1)/2n nats to first order.
        filled = len(np.unique(reference.quantile_bins(TIED[:, unit], BINS)))
        bits = null.mutual_information[:, c, unit].mean()
        assert_allclose(bits, (filled - 1) / (2 * EXAMPLES * np.log(2)), rtol=0.2)


def test_p_is_the_share_of_all_arrangements():
    # 3 of 6 examples in either class: 20 arrangements, many of them tied, among them infinite d′ for the second unit.
    activations = np.float32([[0, 0, 0, 1, 2, 3], [0, 0, 0, 2, 2, 2], [3, 1, 2, 2.5, 0, 1], [1, 1, 1, 1, 1, 1]]).T
    labels, draws, bins = np.int32([0, 0, 0, 1, 1, 1]), 4000, 3
    p = selectivity_p(jax.random.key(1), activations, labels, classes=2, draws=draws, bins=bins, chunk=1000)

    def strengths(unit, chosen):
        index, d_prime, auc, bits = reference.selectivity(activations[:, unit], chosen, bins)
        return np.abs([index, d_prime, auc - 0.5, bits, reference.morcos(activations[:, unit], chosen)])

    chosen = [np.isin(np.arange(6), group) for group in itertools.combinations(range(6), 3)]
    for unit in range(4):
        null = np.array([strengths(unit, group) for group in chosen])
        exact = np.mean(null >= strengths(unit, labels == 1) * (1 - 1e-9) - 1e-9, axis=0)
        found = [getattr(p, name)[1, unit] for name in MEASURES] + [p.morcos[unit]]
        bound = 4.5 * np.sqrt(exact * (1 - exact) / draws) + 1 / draws
        assert np.all(np.abs(found - exact) <= bound), (unit, found, exact)


@pytest.fixture(scope="module")
def chance():
    """p-values, measures and null for an untrained layer's live units and labels that are independent of it."""
    network = ensemble.take(controls.untrained(ensemble.keys(3, 1), MLP((16,)), 25), 0)
    activations = network(jax.random.uniform(jax.random.key(4), (150, 25)))[1]["hidden0/post"]
    activations = activations[:, responses.liveness(activations).firing_rate > 0.3]
    assert activations.shape[1] >= 5

    def repeat(key):
        labelled, permuted = jax.random.split(key)
        labels = jax.random.randint(labelled, (150,), 0, CLASSES)
        observed = responses.selectivity(activations, labels, classes=CLASSES)
        null = responses.selectivity_null(permuted, activations, labels, classes=CLASSES, draws=19)
        return responses.null_p(observed, null), observed, null

    return jax.jit(jax.vmap(repeat))(jax.random.split(jax.random.key(5), 600))


@pytest.mark.parametrize("measure", [*MEASURES, "morcos"])
def test_p_is_uniform_where_labels_tell_nothing(chance, measure):
    p = np.asarray(getattr(chance[0], measure)).reshape(600, -1)
    for level in np.arange(1, 20) / 20:
        # Cells of one repeat share their labels, so a repeat is what counts as one observation.
        shares = np.mean(p <= level + 1e-6, axis=1)
        error = shares.std(ddof=1) / np.sqrt(len(shares))
        assert abs(shares.mean() - level) < 4 * error, (level, shares.mean(), error)


@pytest.mark.parametrize("measure", MEASURES)
def test_the_most_selective_unit_is_no_more_so_than_the_search_gives_by_chance(chance, measure):
    p, observed, null = (np.asarray(getattr(record, measure)) for record in chance)
    middle = 0.5 if measure == "auc" else 0.0
    best, drawn = np.abs(observed - middle).max(-1), np.abs(null - middle).max(-1)
    found = np.mean(np.all(drawn < best[:, None] - 1e-6, axis=1), axis=1)  # above all 19 draws: p = .05
    assert abs(found.mean() - 0.05) < 4 * found.std(ddof=1) / np.sqrt(len(found))
    # Not corrected for the search, some unit is at .05 far more often.
    assert np.mean(p.min(-1) <= 0.05 + 1e-6) > 0.1


def test_p_is_tiny_for_planted_units_and_one_for_the_dead_one():
    activations, labels = planted_activations()
    p = selectivity_p(jax.random.key(0), activations, labels, classes=planted.CLASSES, draws=99)
    carried = {planted.ALONE: planted.ALONE_CLASS, **dict.fromkeys(planted.PAIR, planted.PAIR_CLASS), **planted.OTHERS}
    for measure in MEASURES:
        values = np.asarray(getattr(p, measure))
        for unit, label in carried.items():
            assert_allclose(values[label, unit], 0.01)
        assert (values[:, planted.DEAD] == 1).all()
    assert (np.delete(p.morcos, planted.DEAD) <= 0.0101).all() and p.morcos[planted.DEAD] == 1


def test_p_is_what_the_null_says_however_it_is_chunked():
    null = selectivity_null(KEY, TIED, LABELS, **OPTIONS, chunk=20)
    expected = responses.null_p(selectivity(TIED, LABELS, classes=CLASSES, bins=BINS), null)
    for p, other in zip(selectivity_p(KEY, TIED, LABELS, **OPTIONS, chunk=8), expected, strict=True):
        assert_array_equal(p, other)


def test_exemplars_are_the_highest_activations_and_the_earliest_of_equals():
    result = jax.jit(responses.exemplars, static_argnames="k")(TIED, k=7)
    for unit in range(UNITS):
        order = np.argsort(-TIED[:, unit], kind="stable")[:7]
        assert_array_equal(result.index[unit], order)
        assert_array_equal(result.value[unit], TIED[order, unit])


def test_confusion_is_scikit_learns_and_an_absent_class_is_nan_alone():
    answers = np.random.default_rng(3).integers(0, CLASSES, EXAMPLES).astype(np.int32)
    found = jax.jit(responses.confusion, static_argnames="classes")(answers, LABELS, classes=CLASSES + 1)
    expected = confusion_matrix(LABELS, answers, normalize="true")
    assert_allclose(found[:CLASSES], np.pad(expected, ((0, 0), (0, 1))), atol=1e-6)
    assert np.isnan(found[CLASSES]).all()


def test_failures_are_the_widest_wrong_margins():
    logits = np.random.default_rng(4).normal(size=(EXAMPLES, CLASSES)).astype(np.float32)
    logits[:9] = np.copysign(np.nan, np.arange(9) - 4.5)[:, None]  # no confident answers, whatever labels and sign
    margins = np.asarray(metrics.margins(logits, LABELS))
    wrong = [i for i in np.argsort(margins) if margins[i] < 0]
    assert 10 < len(wrong) < EXAMPLES
    failures = jax.jit(responses.failures, static_argnames="k")
    assert_array_equal(failures(logits, LABELS, k=10), wrong[:10])
    for k in (EXAMPLES, EXAMPLES + 5):
        assert_array_equal(failures(logits, LABELS, k=k), wrong + [-1] * (k - len(wrong)))
    # A tie is answered by the first of its classes.
    assert_array_equal(failures(np.ones((2, 2), np.float32), np.int32([0, 1]), k=2), [1, -1])


def test_everything_lifts_over_seeds():
    networks = controls.untrained(ensemble.keys(0, 4), MLP((UNITS,), CLASSES), 6)
    images = jax.random.uniform(jax.random.key(1), (EXAMPLES, 6))
    key, labels, edges = jax.random.key(2), jnp.asarray(LABELS), jnp.linspace(-1, 1, 5)

    def analyse(network, images, labels):
        logits, activations = network(images)
        post = activations["hidden0/post"]
        return (
            responses.by_class(post, labels, classes=CLASSES),
            responses.histograms(post, labels, classes=CLASSES, edges=edges),
            responses.liveness(post),
            responses.class_difference(post, labels, 0, 1),
            responses.selectivity(post, labels, classes=CLASSES),
            responses.selectivity_p(key, post, labels, classes=CLASSES, draws=9, chunk=4),
            responses.exemplars(post, k=3),
            responses.confusion(metrics.predictions("cross_entropy", logits), labels, classes=CLASSES),
            responses.failures(logits, labels, k=4),
        )

    lifted = jax.jit(ensemble.over_seeds(analyse, chunk=2))(networks, images, labels)
    alone = jax.jit(analyse)(ensemble.take(networks, 3), images, labels)
    jax.tree.map(lambda x, y: assert_allclose(x[3], y, atol=1e-5, rtol=1e-4), lifted, alone)


def test_records_name_their_axes():
    null = selectivity_null(KEY, TIED, LABELS, **OPTIONS, chunk=20)
    assert records.to_xarray(null).auc.dims == ("draws", "classes", "units")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: responses.histograms(TIED, LABELS, classes=3, edges=np.float32([0])), "at least 2 edges, got 1"),
        (lambda: responses.selectivity(TIED, LABELS, classes=3, bins=0), "at least 1 bin, got 0"),
        (lambda: responses.selectivity_p(None, TIED, LABELS, classes=3, draws=0), "at least 1 draw, got 0"),
        (lambda: responses.exemplars(TIED, k=61), "k is 61 for 60 examples: use 1 to 60"),
        (lambda: responses.failures(TIED, LABELS, k=0), "k is 0: use 1 or more failures"),
    ],
    ids=["edges", "bins", "draws", "exemplars", "failures"],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_bins_cover_all_ranges_and_one_begins_at_0():
    ranges = np.array([[[-1.0, 2.0], [0.5, 3.0]], [[-2.5, 1.0], [1.0, 2.0]]])  # networks layers ends
    edges = responses.bin_edges(ranges, 10)
    assert edges.shape == (2, 11) and np.allclose(np.diff(edges, 2), 0) and (np.abs(edges).min(axis=1) < 1e-12).all()
    assert (edges[:, 0] <= [-2.5, 0]).all() and (edges[:, -1] >= [2, 3]).all()
    nothing_known = responses.bin_edges(ranges[:0], 10)
    assert (nothing_known[:, 0] <= -1).all() and (nothing_known[:, -1] >= 1).all()
