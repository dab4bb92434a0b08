import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.analysis.attribution import rebuilt
from jaxinterp.analysis.attribution.rebuilding import listed
from jaxinterp.networks import MLP, Network, init

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(size=(300, 12)) * RNG.uniform(size=12)
KERNEL = RNG.normal(size=(3, 12))
PIXELS, LISTED = 25, 10
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


def network(kernel=None):
    made = init(jax.random.key(0), MLP((5,), 3, input_mean=0.5, input_std=0.5), PIXELS)
    if kernel is None:
        return made
    params = {**made.variables["params"], "hidden0": {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(5)}}
    return Network(made.model, {"params": params})


def images(seed=0):
    rng = np.random.default_rng(seed)
    return (rng.uniform(size=(300, PIXELS)) * rng.uniform(size=PIXELS)).astype(np.float32)


def incoming(net, choosing, scoring, key):
    inked, covariance = jnp.asarray(np.max(choosing, axis=0) > 0), jnp.asarray(np.cov(scoring.T).astype(np.float32))
    return jax.tree.map(np.asarray, listed(net, choosing, inked, covariance, key, k=LISTED))


def test_lists_are_of_the_largest_weights_and_of_the_largest_contributions(key):
    net, choosing, scoring = network(), images(), images(seed=1)
    found = incoming(net, choosing, scoring, key)
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    entering = np.asarray(net(scoring)[1]["hidden0/pre"])
    for unit in range(5):
        size = np.abs(kernel[:, unit])
        lists = [np.argsort(-ranked)[:LISTED] for ranked in (size, size * choosing.std(axis=0))]
        for share, own in zip(found.rebuilt[:, unit], lists, strict=False):
            expected = np.corrcoef(scoring[:, own] @ kernel[own, unit], entering[:, unit])[0, 1] ** 2
            assert share == pytest.approx(expected, rel=1e-3)
        assert found.overlap[unit] == pytest.approx(len(np.intersect1d(*lists)) / LISTED)
    assert (found.chance == LISTED / PIXELS).all()


def test_pixels_without_ink_rebuild_nothing_and_are_counted(key):
    kernel = np.array(network().variables["params"]["hidden0"]["kernel"])
    kernel[:10] = 5.0  # the largest weights, of pixels that are 0 on every image
    dark = images()
    dark[:, :10] = 0
    found = incoming(network(kernel), dark, dark, key)
    assert (found.never_inked == 1).all() and (found.rebuilt[0] == 0).all() and (found.overlap == 0).all()
    assert (found.rebuilt[1] > 0.5).all()


def test_lists_of_a_unit_that_is_not_finite_harm_no_other(key):
    kernel = np.array(network().variables["params"]["hidden0"]["kernel"])
    kernel[:, 2] = np.nan
    own, broken = (incoming(net, images(), images(), key) for net in (network(), network(kernel)))
    for values, other in zip(own, broken, strict=True):
        assert np.isnan(other[..., 2]).all()
        np.testing.assert_allclose(np.delete(other, 2, -1), np.delete(values, 2, -1), rtol=1e-5)
