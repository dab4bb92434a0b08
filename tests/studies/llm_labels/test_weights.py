import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp.networks import MLP, Network, init
from jaxinterp.studies.llm_labels import weights

PIXELS = 25


def network(seed=0):
    return init(jax.random.key(seed), MLP((5,), 3, input_mean=0.5, input_std=0.5), PIXELS)


def images(count=300, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.uniform(size=(count, PIXELS)) * rng.uniform(size=PIXELS)).astype(np.float32)


def incoming(network, choosing, scoring, key):
    lit, covariance = jnp.asarray(np.max(choosing, axis=0) > 0), jnp.asarray(np.cov(scoring.T).astype(np.float32))
    found = weights.incoming(network, choosing, lit, covariance, key)
    return {name: np.asarray(values) for name, values in found.items()}


def test_what_a_list_rebuilds_is_its_squared_correlation_with_the_input(key):
    net, choosing, scoring = network(), images(), images(seed=1)
    found = incoming(net, choosing, scoring, key)
    kernel = np.asarray(net.variables["params"]["hidden0"]["kernel"])
    entering = np.asarray(net(scoring)[1]["hidden0/pre"])
    for unit in range(5):
        size = np.abs(kernel[:, unit])
        lists = [np.argsort(-ranked)[: weights.LISTED] for ranked in (size, size * choosing.std(axis=0))]
        for place, listed in enumerate(lists):
            rebuilt = scoring[:, listed] @ kernel[listed, unit]
            expected = np.corrcoef(rebuilt, entering[:, unit])[0, 1] ** 2
            assert found["rebuilt"][place, unit] == pytest.approx(expected, rel=1e-3)
        assert found["overlap"][unit] == pytest.approx(len(np.intersect1d(*lists)) / weights.LISTED)


def test_dark_pixels_rebuild_nothing_and_are_counted(key):
    net = network()
    kernel = np.array(net.variables["params"]["hidden0"]["kernel"])
    kernel[:10] = 5.0  # the largest weights, of pixels that no image lights
    params = {**net.variables["params"], "hidden0": {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(5)}}
    dark = images()
    dark[:, :10] = 0
    found = incoming(Network(net.model, {"params": params}), dark, dark, key)
    assert (found["unlit"] == 1).all() and (found["rebuilt"][0] == 0).all() and (found["overlap"] == 0).all()
    assert (found["rebuilt"][1] > 0.5).all()


def test_a_unit_that_is_not_finite_harms_no_other(key):
    net = network()
    kernel = np.array(net.variables["params"]["hidden0"]["kernel"])
    kernel[:, 2] = np.nan
    params = {**net.variables["params"], "hidden0": {"kernel": jnp.asarray(kernel), "bias": jnp.zeros(5)}}
    own, broken = (incoming(n, images(), images(), key) for n in (net, Network(net.model, {"params": params})))
    for name, values in own.items():
        assert np.isnan(broken[name][..., 2]).all()
        np.testing.assert_allclose(np.delete(broken[name], 2, -1), np.delete(values, 2, -1), rtol=1e-5)


def test_outgoing_weights_of_dead_units_are_found():
    first = np.eye(4, dtype=np.float32)
    last = np.array([[3.0, 0.1], [2.0, 0.2], [1.0, 3.0], [0.5, 2.0]], np.float32)
    params = {
        "hidden0": {"kernel": jnp.asarray(first), "bias": jnp.array([0.0, -2.0, 0.0, 0.0])},  # unit 1 never fires
        "output": {"kernel": jnp.asarray(last), "bias": jnp.zeros(2)},
    }
    pixels = np.random.default_rng(0).uniform(size=(50, 4)).astype(np.float32)
    pixels[:, 2] *= 0.01  # the second output's largest weight has a source that hardly varies
    found = weights.outgoing(Network(MLP((4,), 2), {"params": params}), pixels)
    assert found["listed_live"].tolist() == [0.5, 1.0] and found["first_same"].tolist() == [1.0, 0.0]


def test_weights_of_zero_are_not_listed():
    params = {
        "hidden0": {"kernel": jnp.eye(4), "bias": jnp.zeros(4)},
        "output": {"kernel": jnp.array([[0.0, 0], [0, 0], [0, 0], [0, 2]]), "bias": jnp.zeros(2)},
    }
    found = weights.outgoing(Network(MLP((4,), 2), {"params": params}), np.eye(4, dtype=np.float32))
    assert found["listed_live"].tolist() == [0, 0.5] and found["first_same"].tolist() == [0, 1]
