import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxinterp.analysis.maximization import objectives
from jaxinterp.errors import InputError
from jaxinterp.networks import MLP, init

OBJECTIVES, RESTARTS, PIXELS, UNITS = 3, 4, 9, 6
SITE = "hidden0/pre"


def activations(seed=0):
    net = init(jax.random.key(seed), MLP((UNITS,), 5), PIXELS)
    return net(jax.random.normal(jax.random.key(seed + 1), (OBJECTIVES, RESTARTS, PIXELS)))[1]


def test_each_row_has_its_own_unit():
    found = activations()
    values = objectives.units(SITE, [4, 0, 4])(found)
    np.testing.assert_array_equal(values, [found[SITE][row, :, unit] for row, unit in enumerate((4, 0, 4))])


def test_each_row_has_its_own_channel_at_one_position():
    maps = {SITE: jax.random.normal(jax.random.key(0), (OBJECTIVES, RESTARTS, 5, 7, UNITS))}
    values = objectives.channels(SITE, [4, 0, 4], (3, 6))(maps)
    np.testing.assert_array_equal(values, [maps[SITE][row, :, 3, 6, unit] for row, unit in enumerate((4, 0, 4))])
    every = [objectives.channels(SITE, [4, 0, 4], (row, column))(maps) for row in range(5) for column in range(7)]
    np.testing.assert_allclose(np.mean(every, axis=0), objectives.units(SITE, [4, 0, 4])(maps), rtol=1e-4, atol=1e-6)
    for position in ((5, 0), (0, 7), (-1, 0)):
        with pytest.raises(InputError, match="use rows 0 to 4, columns 0 to 6"):
            objectives.channels(SITE, [4, 0, 4], position)(maps)
    with pytest.raises(InputError, match="no unit 6"):
        objectives.channels(SITE, [4, 0, 6], (0, 0))(maps)


def test_a_direction_is_an_inner_product():
    found = activations()
    vectors = np.random.default_rng(0).normal(size=(OBJECTIVES, UNITS)).astype(np.float32)
    expected = [[np.dot(vector, answer) for answer in row] for vector, row in zip(vectors, found[SITE], strict=True)]
    np.testing.assert_allclose(objectives.directions(SITE, vectors)(found), expected, rtol=1e-5, atol=1e-6)


def test_directions_along_the_axes_are_units():
    found = activations()
    axes = np.eye(UNITS, dtype=np.float32)[[2, 5, 1]]
    np.testing.assert_allclose(
        objectives.directions(SITE, axes)(found), objectives.units(SITE, [2, 5, 1])(found), rtol=1e-6
    )


def test_a_difference_of_logits():
    found = activations()
    values = objectives.logit_differences([0, 1, 2], [3, 3, 2])(found)
    logits = found["logits"]
    np.testing.assert_allclose(values[1], logits[1, :, 1] - logits[1, :, 3], rtol=1e-6)
    np.testing.assert_array_equal(values[2], 0)
    reverse = objectives.logit_differences([3, 3, 2], [0, 1, 2])(found)
    np.testing.assert_allclose(values, -reverse, rtol=1e-6)


def test_the_size_of_a_layer_is_its_euclidean_length():
    found = activations()
    np.testing.assert_allclose(objectives.layer_norm(SITE)(found), np.linalg.norm(found[SITE], axis=-1), rtol=1e-6)
    gradient = jax.grad(lambda values: jnp.sum(objectives.layer_norm(SITE)({SITE: values})))(jnp.zeros((1, 1, UNITS)))
    np.testing.assert_array_equal(gradient, 0)


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=2))
def test_a_total_is_linear(weights):
    found = activations()
    parts = objectives.units(SITE, [0, 1, 2]), objectives.layer_norm(SITE)
    expected = sum(weight * part(found) for weight, part in zip(weights, parts, strict=True))
    total = objectives.total(list(zip(weights, parts, strict=True)))
    np.testing.assert_allclose(total(found), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(objectives.total([(2.0, total)])(found), 2 * expected, rtol=1e-5, atol=1e-5)


def overlap(values, strength=1.0, **options):
    return objectives.diverse(SITE, strength, **options)({SITE: jnp.asarray(values, jnp.float32)})


def test_facets_that_coincide_cost_the_strength_and_orthogonal_ones_nothing():
    np.testing.assert_allclose(overlap(np.ones((1, RESTARTS, UNITS)), 3.0), -3, rtol=1e-6)
    np.testing.assert_array_equal(overlap(np.eye(UNITS)[None, :RESTARTS]), 0)
    two_alike = np.eye(UNITS)[[0, 0, 1]][None]
    np.testing.assert_allclose(overlap(two_alike), [[-0.5, -0.5, 0]], rtol=1e-6)


def test_opposite_facets_are_no_more_diverse_than_equal_ones():
    vector = np.random.default_rng(0).normal(size=UNITS)
    np.testing.assert_allclose(overlap(np.stack([vector, -vector])[None]), -1, rtol=1e-6)


@settings(max_examples=20)
@given(st.integers(0, 2**31 - 1), st.floats(0.01, 100))
def test_diversity_is_about_angles_alone(seed, scale):
    values = np.random.default_rng(seed).normal(size=(2, RESTARTS, UNITS))
    np.testing.assert_allclose(overlap(scale * values), overlap(values), rtol=1e-3, atol=1e-5)


def test_diversity_of_contributions():
    values, weights = np.ones((1, 2, 4)), np.float32([[1, 2, 0, 0]])
    values[0, 0, 0] = values[0, 1, 1] = 0
    assert np.all(overlap(values) < -0.5)
    np.testing.assert_array_equal(overlap(values, weights=weights), 0)


def test_a_silent_facet_is_orthogonal_to_all_and_has_no_gradient():
    values = jnp.zeros((1, 2, UNITS)).at[0, 1].set(1.0)
    np.testing.assert_array_equal(overlap(values), 0)
    gradient = jax.grad(lambda values: jnp.sum(objectives.diverse(SITE, 1.0)({SITE: values})))(values)
    assert np.isfinite(gradient).all()


def test_one_facet_is_diverse():
    np.testing.assert_array_equal(overlap(np.ones((2, 1, UNITS))), 0)


def test_a_unit_that_is_not_finite_does_not_touch_the_others():
    found = {SITE: activations()[SITE].at[..., 3].set(jnp.nan)}
    values = objectives.units(SITE, [0, 1, 3])(found)
    assert np.isfinite(values[:2]).all() and np.isnan(values[2]).all()


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (objectives.units("hidden9/pre", [0, 1, 2]), "no site 'hidden9/pre'"),
        (objectives.units(SITE, [0, 1, 6]), "use 0 to 5"),
        (objectives.units(SITE, [0, -1, 2]), "use 0 to 5"),
        (objectives.channels(SITE, [0, 1, 2], (0, 0)), "hidden0/pre has no feature maps"),
        (objectives.units(SITE, [0, 1]), "set objectives=2"),
        (objectives.directions(SITE, np.ones((3, 5), np.float32)), "5 units do not fit"),
        (objectives.diverse(SITE, 1.0, np.ones((3, 5), np.float32)), "5 units do not fit"),
    ],
)
def test_wrong_input_is_named(objective, message):
    with pytest.raises(InputError, match=message):
        objective(activations())


def test_a_total_needs_parts():
    with pytest.raises(InputError, match="no objectives"):
        objectives.total([])
