import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.analysis.attribution import rebuilt

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(300, 12)) * RNG.uniform(size=12)
KERNEL = RNG.normal(size=(3, 12))
LISTS = [[4, 1, 7], [0, 11, -1], [-1, -1, -1]]


def of(kernel, images=IMAGES):
    listed = jnp.asarray([[one] * len(kernel) for one in LISTS])
    covariance = jnp.asarray(np.cov(images.T), jnp.float32)
    return np.asarray(rebuilt(jnp.asarray(kernel, jnp.float32), covariance, listed))


def test_it_is_the_squared_correlation_with_the_input():
    found = of(KERNEL)
    for unit, weights in enumerate(KERNEL):
        for own, places in zip(found[:, unit], ([4, 1, 7], [0, 11]), strict=False):
            expected = np.corrcoef(IMAGES[:, places] @ weights[places], IMAGES @ weights)[0, 1] ** 2
            assert own == pytest.approx(expected, rel=1e-3)
    assert (found[2] == 0).all()  # an empty list


def test_sources_that_never_vary_rebuild_nothing():
    images = IMAGES.copy()
    images[:, [4, 1, 7]] = 0.5
    found = of(KERNEL, images)
    assert (found[0] == 0).all() and (found[1] > 0).all()


def test_a_unit_that_is_not_finite_harms_no_other():
    broken = KERNEL.copy()
    broken[1] = np.nan
    own, other = of(KERNEL), of(broken)
    assert np.isnan(other[:2, 1]).all()
    np.testing.assert_allclose(np.delete(other, 1, 1), np.delete(own, 1, 1), rtol=1e-5)
