import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jaxinterp import ensemble
from jaxinterp.analysis import superposition
from jaxinterp.analysis.superposition import ToyModel
from jaxinterp.errors import InputError

SPARSITIES = np.array([0.0, 0.98], np.float32)
KEYS = ensemble.keys(0, 8)
EQUAL, FALLING = np.ones(5, np.float32), 0.7 ** np.arange(5, dtype=np.float32)
fit = jax.jit(superposition.fit, static_argnames=("units", "steps"))

weights = hnp.arrays(np.float32, (3, 5), elements=st.floats(-2, 2, width=32))


@pytest.fixture(scope="module")
def falling():
    """5 features of falling importance in 2 units."""
    return fit(KEYS, SPARSITIES, FALLING, units=2, steps=3000)


@pytest.fixture(scope="module")
def equal():
    """5 features of equal importance in 2 units."""
    return fit(KEYS, SPARSITIES, EQUAL, units=2, steps=3000)


def best(trained, sparsity):
    """The weight of the seed with the lowest loss, which has found more than a local minimum."""
    return np.asarray(trained.models.weight[int(jnp.argmin(trained.loss[:, sparsity])), sparsity])


def test_without_sparsity_the_most_important_features_are_kept_and_orthogonal(falling):
    products = best(falling, 0).T @ best(falling, 0)
    np.testing.assert_allclose(products, np.diag([1, 1, 0, 0, 0]), atol=0.03)
    assert (jax.vmap(superposition.kept)(falling.models.weight[:, 0]) == 2).all()
    # Each of the others is given back as its mean, so that its variance, 1/12, is lost.
    assert falling.loss[:, 0].min() == pytest.approx(FALLING[2:].sum() / 12, rel=0.03)
    np.testing.assert_allclose(superposition.dimensionality(best(falling, 0))[:2], 1, atol=0.02)


def test_five_sparse_features_in_two_units_are_a_pentagon(equal):
    weight = best(equal, 1)
    angles = np.sort(np.degrees(np.arctan2(*weight)))
    np.testing.assert_allclose(np.diff([*angles, angles[0] + 360]), 72, atol=4)
    np.testing.assert_allclose(superposition.norms(weight), superposition.norms(weight).mean(), rtol=0.05)
    np.testing.assert_allclose(superposition.dimensionality(weight), 2 / 5, atol=0.01)
    assert superposition.kept(weight) == 5


def test_four_sparse_features_in_two_units_are_two_antipodal_pairs():
    weight = best(fit(KEYS, SPARSITIES, EQUAL[:4], units=2, steps=3000), 1)
    partner = np.argmin(weight.T @ weight, axis=1)
    assert (partner[partner] == np.arange(4)).all() and (partner != np.arange(4)).all()
    expected = np.eye(4) - np.eye(4)[partner]
    np.testing.assert_allclose(weight.T @ weight / np.linalg.norm(weight) ** 2 * 4, expected, atol=0.1)
    np.testing.assert_allclose(superposition.dimensionality(weight), 1 / 2, atol=0.02)


def test_a_seed_is_the_same_however_many_there_are(falling):
    alone = fit(KEYS[:3], SPARSITIES, FALLING, units=2, steps=3000)
    np.testing.assert_allclose(alone.models.weight, falling.models.weight[:3], atol=1e-3)


@given(weights, st.integers(0, 99), st.floats(0.1, 10))
def test_dimensions_sum_to_at_most_the_rank_and_do_not_depend_on_the_basis(weight, seed, scale):
    found = superposition.dimensionality(weight)
    assert float(found.sum()) <= np.linalg.matrix_rank(weight) + 1e-3 and (found >= 0).all() and (found <= 1.001).all()
    basis = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0].astype(np.float32)
    turned = np.float32(scale) * basis @ weight
    large = np.linalg.norm(weight, axis=0) > 1e-2
    np.testing.assert_allclose(superposition.dimensionality(turned)[large], found[large], atol=1e-3)


def test_interference_and_dimensionality_as_defined():
    weight = np.random.default_rng(0).normal(size=(3, 6)).astype(np.float32)
    weight[:, 2] = 0
    for i in range(6):
        size = np.linalg.norm(weight[:, i])
        along = [(weight[:, i] / (size or 1)) @ weight[:, j] for j in range(6)]
        others = sum(along[j] ** 2 for j in range(6) if j != i)
        assert superposition.interference(weight)[i] == pytest.approx(others, rel=1e-4, abs=1e-6)
        expected = size**2 / sum(value**2 for value in along) if size else 0
        assert superposition.dimensionality(weight)[i] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("sparsity", [0.0, 0.6, 0.99])
def test_draws_are_those_of_independent_features_of_which_one_is_present(key, sparsity):
    count, draws = 4, 100_000
    found = np.asarray(superposition.present(sparsity, jax.random.uniform(key, (count + 1, draws))))
    here, some = found > 0, 1 - sparsity**count
    assert here.any(axis=0).mean() > 0.9999  # the value may be 0
    np.testing.assert_allclose(here.mean(axis=1), (1 - sparsity) / some, atol=0.006)
    assert here.all(axis=0).mean() == pytest.approx((1 - sparsity) ** count / some, abs=0.006)
    for i in range(count):
        assert found[i, here[i]].mean() == pytest.approx(1 / 2, abs=0.01)
        assert found[i, here[i]].var() == pytest.approx(1 / 12, abs=0.005)


@pytest.mark.parametrize("sparsity", [0.0, 0.7])
def test_the_expected_loss_is_that_of_plain_draws(key, sparsity):
    rng = np.random.default_rng(0)
    model = ToyModel(*(jnp.float32(rng.normal(size=shape)) for shape in ((2, 4), (4,))))
    importance = np.float32([1, 0.5, 0.2, 0.1])
    features = rng.uniform(size=(4, 200_000)) * (rng.uniform(size=(4, 200_000)) >= sparsity)
    given_back = np.maximum(model.weight.T @ (model.weight @ features) + model.bias[:, None], 0)
    expected = importance @ ((features - given_back) ** 2).mean(axis=1)
    uniform = jax.random.uniform(key, (5, 200_000))
    found = superposition.expected_loss(model, sparsity, jnp.asarray(importance), uniform)
    assert float(found) == pytest.approx(float(expected), rel=0.01)


def test_a_sparsity_is_a_probability_below_one():
    with pytest.raises(InputError, match=r"from 0 to below 1, got \[0.5, 1.0\]"):
        superposition.fit(KEYS, np.array([0.5, 1.0]), EQUAL, units=2, steps=1)
