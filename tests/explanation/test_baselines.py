"""Ridge regression is scikit-learn's, with the penalty of the least generalised cross-validation error."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from jaxinterp.explanation import baselines

PIXELS, UNITS = 12, 3
ridge = jax.jit(lambda images, activations: baselines.ridge(baselines.decomposed(images), activations))


def drawn(seed, examples, noise):
    rng = np.random.default_rng(seed)
    images = rng.uniform(size=(examples, PIXELS)).astype(np.float32)
    images[:, 0] = 0  # a pixel without ink
    activations = images @ rng.normal(size=(PIXELS, UNITS)) + noise * rng.normal(size=(examples, UNITS))
    return images, activations.astype(np.float32)


def cross_validated(images, activations, penalty):
    """RSS/(n − d)² by the hat matrix."""
    examples = len(images)
    centred = images - images.mean(axis=0)
    inner = np.linalg.inv(centred.T @ centred + penalty * np.eye(PIXELS))
    hat = centred @ inner @ centred.T + 1 / examples
    residual = activations - hat @ activations
    return (residual**2).sum(axis=0) / (examples - np.trace(hat)) ** 2


@settings(max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([20, 40]), st.sampled_from([1.0, 3.0]))
def test_it_is_the_ridge_regression_of_least_cross_validated_error(seed, examples, noise):
    images, activations = drawn(seed, examples, noise)
    weights, bias = ridge(images, activations)
    exact = images.astype(np.float64)
    centred = exact - exact.mean(axis=0)
    penalties = baselines.PENALTIES * np.linalg.eigvalsh(centred.T @ centred).max()
    errors = np.stack([cross_validated(exact, activations, penalty) for penalty in penalties])
    for unit in range(UNITS):
        fits = [Ridge(alpha=penalty).fit(exact, activations[:, unit]) for penalty in penalties]
        distance = [np.abs(fit.coef_ - weights[unit]).max() for fit in fits]
        chosen = int(np.argmin(distance))
        assert distance[chosen] < 2e-3 and abs(fits[chosen].intercept_ - bias[unit]) < 2e-3
        assert errors[chosen, unit] <= 1.01 * errors[:, unit].min()


def test_a_linear_unit_is_found_exactly():
    images, activations = drawn(0, 40, 0.0)
    weights, bias = ridge(images, activations)
    np.testing.assert_allclose(images @ np.asarray(weights).T + bias, activations, atol=2e-3)


@pytest.mark.parametrize("unit", range(UNITS))
def test_baselines_of_one_unit(unit):
    rng = np.random.default_rng(unit)
    images, activations = drawn(unit, 40, 1.0)
    labels = rng.integers(0, 4, 40).astype(np.int32)
    means = rng.uniform(size=(UNITS, 4)).astype(np.float32)
    means[:, 2] = np.nan  # a class without images
    own = images[rng.integers(0, 40, (UNITS, 5))]
    best, looked_up, _, nearest = baselines.predictions(
        means, own, baselines.decomposed(images), jnp.asarray(activations), images, labels
    )
    np.testing.assert_array_equal(best[unit], labels == np.nanargmax(means[unit]))
    np.testing.assert_allclose(looked_up[unit], np.nan_to_num(means[unit])[labels], rtol=1e-6)
    unit_length = [values / np.linalg.norm(values, axis=-1, keepdims=True) for values in (own[unit], images)]
    np.testing.assert_allclose(nearest[unit], (unit_length[0] @ unit_length[1].T).max(axis=0), rtol=1e-4)
