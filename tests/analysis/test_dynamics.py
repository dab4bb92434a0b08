import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score
from support import reference

from jaxinterp import ensemble, networks
from jaxinterp.analysis import barriers, dynamics, matching
from jaxinterp.analysis.dynamics import ENDS, MEASURES, ORDERS, REFERENCES
from jaxinterp.config import ModelConfig
from jaxinterp.data import Dataset
from jaxinterp.networks import Network

EPOCHS, SEEDS, PIXELS, EXAMPLES, CLASSES = 4, 3, 9, 40, 3
MODEL = networks.build(ModelConfig((6, 5), CLASSES))
SITE = "hidden1/post"
KEY = jax.random.key(0)
DRAWN = np.random.default_rng(0)
IMAGES = DRAWN.uniform(size=(EXAMPLES, PIXELS)).astype(np.float32)
DATA = Dataset(IMAGES, (np.arange(EXAMPLES) % CLASSES).astype(np.int32))
drift = jax.jit(partial(dynamics.drift, chunk=2))
becoming = jax.jit(partial(dynamics.becoming, chunk=2))


def straight(start, end):
    """The course from one ensemble to another in equal steps."""
    steps = np.linspace(0, 1, EPOCHS)
    return ensemble.stack([jax.tree.map(lambda a, b, w=w: (1 - w) * a + w * b, start, end) for w in steps])


def drawn(seed, model=MODEL):
    """An ensemble with random weights and biases."""
    shapes = jax.eval_shape(lambda: model.init(KEY, jnp.zeros((1, PIXELS))))
    rng = np.random.default_rng(seed)
    return Network(
        model, jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=(SEEDS, *leaf.shape)), jnp.float32), shapes)
    )


@pytest.fixture(scope="module")
def course():
    return straight(drawn(1), drawn(2))


@pytest.fixture(scope="module")
def still():
    """A course on which nothing changes, of networks that differ in the order of their units alone."""
    one = ensemble.take(drawn(1), 0)
    orders = [(DRAWN.permutation(6), DRAWN.permutation(5)) for _ in range(SEEDS)]
    many = ensemble.stack([networks.permute(one, order) for order in orders])
    return ensemble.stack([many] * EPOCHS)


def layers_of(course, epoch, seed):
    """Activations of both layers of one network, in float64."""
    at, found = np.float64(IMAGES), []
    params = jax.tree.map(lambda leaf: np.float64(leaf[epoch, seed]), course.variables["params"])
    for name in ("hidden0", "hidden1"):
        at = np.maximum(at @ params[name]["kernel"] + params[name]["bias"], 0)
        found.append(at)
    return found


def each(course):
    """Every epoch, seed and layer, with the layer's activations."""
    for epoch, seed in itertools.product(range(EPOCHS), range(SEEDS)):
        for layer, activations in enumerate(layers_of(course, epoch, seed)):
            yield (epoch, seed, layer), activations


def correlation(x, y):
    return np.corrcoef(x, y)[0, 1] if np.ptp(x) > 1e-9 and np.ptp(y) > 1e-9 else np.nan


# Activity, births and deaths


def test_activity_over_a_course_is_that_of_a_loop(course):
    def of_network(network, images):
        found = network(images)[1]
        return ensemble.stack([dynamics.activity(found[layer.post]) for layer in MODEL.layers])

    found = jax.jit(dynamics.over_course(of_network, chunk=2))(course, IMAGES)
    assert found.mean.shape == (EPOCHS, SEEDS, 2)
    for at, values in each(course):
        sizes = np.linalg.svd(values - values.mean(0), compute_uv=False)
        shares = sizes[sizes > 1e-9 * sizes[0]] / sizes.sum()
        expected = {
            "mean": values.mean(),
            "spread": values.std(),
            "dead": (values.max(0) <= 0).mean(),
            "sparsity": (values <= 0).mean(),
            "participation": (sizes**2).sum() ** 2 / (sizes**4).sum(),
            "rank": np.exp(-(shares * np.log(shares)).sum()),
        }
        for name, value in expected.items():
            np.testing.assert_allclose(getattr(found, name)[at], value, rtol=1e-3, err_msg=name)


def test_a_planted_birth_and_death_are_found():
    dead = np.array([[1, 0, 1], [1, 0, 0], [1, 1, 1], [1, 1, 0]], bool)
    found = dynamics.turnover(dead)
    np.testing.assert_array_equal(found.births, [0, 1, 0, 1])
    np.testing.assert_array_equal(found.deaths, [0, 0, 2, 0])


@given(hnp.arrays(bool, (5, 2, 3)))
def test_births_less_deaths_are_how_many_more_live(dead):
    found = dynamics.turnover(dead)
    np.testing.assert_array_equal(
        (found.births - found.deaths).sum(0), (dead[0].sum(-1) - dead[-1].astype(int).sum(-1))
    )


# Since when


@given(hnp.arrays(np.float32, (5, 2), elements=st.sampled_from([0, 1, np.nan])))
def test_what_stays_above_a_bar_does_so_from_its_last_crossing(values):
    found = np.asarray(dynamics.stays_from(values, 0.5))
    for column, place in zip(values.T, found, strict=True):
        lasting = [start for start in range(5) if (column[start:] >= 0.5).all()]
        np.testing.assert_equal(place, lasting[0] if lasting else np.nan)


# Drift


def test_a_network_does_not_drift_from_itself(still):
    found = drift(still, IMAGES, KEY)
    previous = REFERENCES.index("previous")
    assert np.isnan(found.own[:, previous, 0]).all()
    known = np.delete(np.asarray(found.own), previous, axis=1)
    np.testing.assert_allclose(known, 1, atol=1e-5)
    np.testing.assert_allclose(found.own[:, previous, 1:], 1, atol=1e-5)
    apart = ~np.eye(SEEDS, dtype=bool)
    np.testing.assert_allclose(np.asarray(found.between)[:, REFERENCES.index("end")][..., apart], 1, atol=1e-5)


def test_drift_is_that_of_a_loop_over_epochs_and_pairs(course):
    found = drift(course, IMAGES, KEY)
    read = {at: values for at, values in each(course)}
    assert found.own.shape == (2, 4, EPOCHS, 2, SEEDS)
    assert np.isnan(np.diagonal(found.between, axis1=-2, axis2=-1)).all()
    for epoch, layer in itertools.product(range(EPOCHS), range(2)):
        then = {"untrained": 0, "previous": epoch - 1, "same": epoch, "end": EPOCHS - 1}
        for place, reference_ in enumerate(REFERENCES):
            if then[reference_] < 0:
                assert np.isnan(found.own[:, place, epoch, layer]).all()
                continue
            now, other = (np.stack([read[e, s, layer] for s in range(SEEDS)]) for e in (epoch, then[reference_]))
            cka = np.array([[reference.debiased_cka(x, y) for y in other] for x in now], float)
            matched = matching.matched_correlation(np.float32(now), np.float32(other), key=KEY)
            for number, expected in enumerate((cka, matched)):
                own, between = (part[number, place, epoch, layer] for part in found)
                np.testing.assert_allclose(own, np.diagonal(expected), atol=1e-4, err_msg=MEASURES[number])
                np.testing.assert_allclose(np.where(np.eye(SEEDS), own, between), expected, atol=1e-4)


def test_on_a_straight_way_networks_come_nearer_to_their_end(course):
    own = np.asarray(drift(course, IMAGES, KEY).own)[0]
    to_end, to_begin = own[REFERENCES.index("end")].mean(-1), own[REFERENCES.index("untrained")].mean(-1)
    assert (np.diff(to_end, axis=0) > 0).all() and (np.diff(to_begin, axis=0) < 0).all()


def test_a_network_that_is_not_finite_harms_no_other(course):
    broken = jax.tree.map(lambda leaf: leaf.at[:, 1].set(jnp.nan), course)
    found, whole = drift(broken, IMAGES, KEY), drift(course, IMAGES, KEY)
    assert np.isnan(found.own[..., 1]).all() and np.isnan(found.between[..., 1, :]).all()
    np.testing.assert_array_equal(found.own[..., ::2], whole.own[..., ::2])
    np.testing.assert_array_equal(found.between[..., ::2, ::2], whole.between[..., ::2, ::2])


# Units


def test_units_correlate_with_ends_as_in_a_loop(course):
    found, read = becoming(course, IMAGES), dict(each(course))
    assert np.isnan(found.own[:, :, 1, 5]).all()  # the second layer has five units
    for (epoch, seed, layer), now in read.items():
        end, other = read[EPOCHS - 1, seed, layer], read[EPOCHS - 1, (seed + 1) % SEEDS, layer]
        units = range(now.shape[1])
        fitted = np.array([[correlation(end[::2, u], other[::2, v]) for v in units] for u in units])
        _, order = scipy.optimize.linear_sum_assignment(np.nan_to_num(fitted, nan=-100), maximize=True)
        for target, values in ((end, found.own), (other[:, order], found.other)):
            expected = [correlation(now[1::2, u], target[1::2, u]) for u in units]
            np.testing.assert_allclose(values[epoch, seed, layer, : len(units)], expected, atol=1e-4)


def test_matches_in_the_same_network_reordered_are_the_units_themselves(still):
    found = becoming(still, IMAGES)
    known = np.isfinite(found.own)
    assert known.any(axis=(0, 1, 3)).all()
    np.testing.assert_allclose(np.asarray(found.own)[known], 1, atol=1e-5)
    np.testing.assert_allclose(found.other, found.own, atol=1e-5)


def test_selectivity_is_that_of_units_chosen_on_other_images(course):
    halves = DATA.take(np.s_[0::2]), DATA.take(np.s_[1::2])
    run = partial(dynamics.selective, site=SITE, classes=CLASSES, chunk=2)
    found = jax.jit(run)(course, *halves)

    def table(activations, first):
        labels, values = DATA.labels[first::2], activations[first::2]
        return np.array([[roc_auc_score(labels == c, unit) for unit in values.T] for c in range(CLASSES)])

    for (epoch, seed, layer), values in each(course):
        if layer == 1:
            ends = layers_of(course, EPOCHS - 1, seed)[1]
            for picked_on, aucs in ((values, found.now), (ends, found.end)):
                expected = table(values, 1)[np.arange(CLASSES), table(picked_on, 0).argmax(1)]
                np.testing.assert_allclose(aucs[epoch, seed], expected, atol=1e-5)


# Barriers


def test_barriers_are_those_of_each_pair_and_none_is_left_between_reordered_networks(course, still):
    run = jax.jit(partial(dynamics.barriers_to_end, points=3, chunk=2))
    found = run(course, DATA, KEY)
    assert found.shape == (len(ENDS), len(ORDERS), EPOCHS, SEEDS)
    np.testing.assert_allclose(found[0, :, -1], 0, atol=1e-5)  # at its end, in any order, a network is there
    end, other = (jax.tree.map(lambda leaf, s=s: leaf[-1, s], course) for s in (1, 2))
    now = jax.tree.map(lambda leaf: leaf[1, 1], course)
    for place, target in enumerate((end, other)):
        matched = networks.permute(target, barriers.weight_matching(now, target, KEY).orders)
        expected = [float(barriers.barrier(now, own, DATA, points=3).barrier) for own in (target, matched)]
        np.testing.assert_allclose(found[place, :, 1, 1], expected, rtol=1e-4, atol=1e-5)
    same = np.asarray(run(still, DATA, KEY))
    np.testing.assert_allclose(same[1, 1], 0, atol=1e-4)
    assert same[1, 0].max() > 0.1
