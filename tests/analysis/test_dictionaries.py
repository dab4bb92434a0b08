import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sklearn.decomposition

from jaxinterp.analysis import dictionaries
from jaxinterp.errors import InputError

UNITS, FEATURES, K = 12, 16, 3
MOST = 12  # that one fit of a problem with local minima must find
EVERY = jnp.ones(FEATURES, bool)
fit = jax.jit(dictionaries.fit, static_argnames=("features", "k", "steps"))


@pytest.fixture(scope="module")
def planted():
    """Directions of 16 features in 12 units, and activations that are sums of three of them."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(FEATURES, UNITS))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    chosen = rng.uniform(size=(2000, FEATURES)).argsort(axis=1) < K
    activations = chosen * rng.uniform(0.5, 1.5, chosen.shape) @ directions
    return jnp.float32(directions), jnp.float32(activations)


@pytest.fixture(scope="module")
def fitted(planted):
    """Two dictionaries of them."""
    return [fit(jax.random.key(seed), planted[1], features=FEATURES, k=K, steps=1500) for seed in range(2)]


def test_a_planted_dictionary_is_recovered(planted, fitted):
    directions, activations = planted
    for found in fitted:
        code = dictionaries.code(found, activations, k=K)
        assert int((code > 0).sum(axis=1).max()) <= K
        again = dictionaries.found_again(directions, found.directions, EVERY, dictionaries.alive(code))
        assert again.sum() >= MOST
        share = dictionaries.explained(activations, dictionaries.restored(found, code))
        assert share > 0.9
    codes = [dictionaries.alive(dictionaries.code(found, activations, k=K)) for found in fitted]
    assert dictionaries.found_again(*(found.directions for found in fitted), *codes).sum() >= MOST - 2


def test_it_explains_more_than_components_and_random_directions_of_the_same_number(key, planted, fitted):
    _, activations = planted
    drawn = jax.random.normal(key, (FEATURES, UNITS))
    others = {
        "principal": dictionaries.principal_directions(activations),
        "random": drawn / jnp.linalg.norm(drawn, axis=1, keepdims=True),
        "units": jnp.eye(UNITS),
    }
    own = dictionaries.explained_by(fitted[0].directions, activations, k=K)
    assert all(dictionaries.explained_by(rows, activations, k=K) < own - 0.05 for rows in others.values())


def test_what_has_no_features_has_none_that_are_found_again():
    noise = jax.random.normal(jax.random.key(0), (2000, UNITS))
    found = [fit(jax.random.key(seed), noise, features=FEATURES, k=K, steps=1500) for seed in range(2)]
    alive = [dictionaries.alive(dictionaries.code(own, noise, k=K)) for own in found]
    assert dictionaries.found_again(*(own.directions for own in found), *alive).sum() <= FEATURES / 2


def test_shares_of_variance_of_an_orthonormal_basis(planted):
    _, activations = planted
    basis = dictionaries.principal_directions(activations)
    assert dictionaries.explained_by(basis, activations, k=UNITS) == pytest.approx(1, abs=1e-5)
    centred = np.asarray(activations - activations.mean(axis=0))
    largest = np.sort(centred**2, axis=1)[:, -3:].sum() / (centred**2).sum()
    assert dictionaries.explained_by(jnp.eye(UNITS), activations, k=3) == pytest.approx(float(largest), abs=1e-5)
    expected = sklearn.decomposition.PCA().fit(activations).components_
    np.testing.assert_allclose(np.abs(np.sum(basis * expected, axis=1)), 1, atol=1e-3)
    assert np.isnan(dictionaries.explained_by(jnp.eye(UNITS), jnp.ones((9, UNITS)), k=1))


def test_a_feature_is_found_again_in_any_order_but_not_if_it_is_dead(planted):
    directions, _ = planted
    order = np.random.default_rng(1).permutation(FEATURES)
    assert dictionaries.found_again(directions, directions[order], EVERY, EVERY).all()
    alive = EVERY.at[3].set(False)
    assert (dictionaries.found_again(directions, directions[order], alive, EVERY) == alive).all()
    assert not dictionaries.found_again(directions, -directions, EVERY, EVERY).all()


def test_opposite_features_are_one_line():
    both = jnp.concatenate([jnp.eye(3), -jnp.eye(3)])
    assert dictionaries.lines(both, jnp.ones(6, bool)) == 3
    assert dictionaries.lines(both, jnp.array([1, 1, 0, 0, 1, 1], bool)) == 3
    assert dictionaries.lines(both, jnp.zeros(6, bool)) == 0


def test_size_and_units_bound_what_a_dictionary_has(planted, key):
    _, activations = planted
    still = activations.at[:, 0].set(3.0)
    found = fit(key, still, features=FEATURES, k=K, steps=1500, size=5)
    assert not found.directions[5:].any() and not dictionaries.code(found, still, k=K)[:, 5:].any()
    np.testing.assert_allclose(jnp.linalg.norm(found.directions[:5], axis=1), 1, rtol=1e-5)


def test_a_dictionary_does_not_depend_on_the_scale_of_the_layer(planted, fitted):
    _, activations = planted
    scaled = fit(jax.random.key(0), 8 * activations + 3, features=FEATURES, k=K, steps=1500)
    again = dictionaries.found_again(fitted[0].directions, scaled.directions, EVERY, EVERY)
    assert again.sum() >= MOST
    codes = [dictionaries.code(own, x, k=K) for own, x in ((fitted[0], activations), (scaled, 8 * activations + 3))]
    medians = [float(jnp.median(code[code > 0])) for code in codes]
    assert medians[1] == pytest.approx(8 * medians[0], rel=0.1)


@pytest.mark.parametrize("k", [0, 17])
def test_as_many_features_as_there_are_give_an_activation_back(planted, key, k):
    with pytest.raises(InputError, match="by 1 to 16"):
        dictionaries.fit(key, planted[1], features=FEATURES, k=k, steps=1)
