import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import ensemble, networks
from jaxinterp.config import ModelConfig
from jaxinterp.errors import InputError

pytestmark = pytest.mark.usefixtures("optimized")  # bits are compared, and those depend on how a program is compiled


def bits(tree):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(tree)]


@pytest.fixture(scope="module")
def seven():
    """Seven untrained networks: a number that no chunk but 1 and 7 divides."""
    model = networks.build(ModelConfig((4,), 3))
    return jax.vmap(lambda key: networks.init(key, model, 6))(ensemble.keys(0, 7))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(size=(5, 6)).astype(np.float32)


@pytest.mark.parametrize("base_seed", [0, 3, 2**31])
def test_a_seed_has_one_key_however_many_there_are(base_seed):
    many = jax.random.key_data(ensemble.keys(base_seed, 40))
    for count in (1, 2, 7, 40):
        assert bits(jax.random.key_data(ensemble.keys(base_seed, count))) == bits(many[:count])
    assert len({key.tobytes() for key in np.asarray(many)}) == 40


def test_another_base_seed_gives_other_keys():
    keys = [jax.random.key_data(ensemble.keys(base, 50)) for base in range(4)]
    assert len(np.unique(np.concatenate(keys), axis=0)) == 200


@pytest.mark.parametrize("chunk", [None, 1, 2, 3, 7, 20])
def test_over_seeds_is_a_loop(seven, images, chunk):
    def answers(network, images, scale):
        logits, activations = network(images)
        return scale * logits, activations["hidden0/post"].mean()

    logits, means = ensemble.over_seeds(answers, chunk=chunk)(seven, images, 2.0)
    assert logits.shape == (7, 5, 3)
    assert means.shape == (7,)
    for seed in range(7):
        alone_logits, alone_mean = answers(ensemble.take(seven, seed), images, 2.0)
        np.testing.assert_allclose(logits[seed], alone_logits, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(means[seed], alone_mean, rtol=1e-5)


@pytest.mark.parametrize("some", [[], [4], [0, 11], [1, 2, 5, 7], range(12)])
def test_over_some_computes_as_few_chunks_as_hold_them(some):
    is_one = np.isin(np.arange(12), some)
    found = ensemble.over_some(
        lambda x, y: (x + y, -x),
        jnp.asarray(is_one),
        (jnp.arange(12), jnp.full(12, 100)),
        (jnp.full(12, -1), jnp.zeros(12, int)),
        chunk=3,
    )
    computed = np.asarray(found[0]) >= 0
    assert computed[is_one].all() and computed.sum() == -(-len(some) // 3) * 3
    np.testing.assert_array_equal(found[0], np.where(computed, np.arange(12) + 100, -1))
    np.testing.assert_array_equal(found[1], np.where(computed, -np.arange(12), 0))


def test_side_by_side_is_a_list_in_order_with_a_device_for_each():
    devices = jax.devices()
    together = threading.Barrier(len(devices), timeout=60)

    def squared(item):
        together.wait()  # only passes while one function runs for each device
        value = jnp.asarray(item) ** 2
        return value, value.devices()

    found = ensemble.side_by_side(squared, range(2 * len(devices)))
    assert [int(value) for value, _ in found] == [item**2 for item in range(2 * len(devices))]
    assert set().union(*(where for _, where in found)) == set(devices)
    with pytest.raises(ZeroDivisionError):
        ensemble.side_by_side(lambda item: 1 / item, [1, 0])


def test_size_counts_seeds(seven):
    assert ensemble.size(seven) == 7


@pytest.mark.parametrize("index", [0, -1, np.int64(2)])
def test_an_integer_takes_one_network(seven, images, index):
    one = ensemble.take(seven, index)
    assert bits(one) == bits(jax.tree.map(lambda leaf: np.asarray(leaf)[index], seven))
    assert one(images)[0].shape == (5, 3)


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (slice(1, 3), [1, 2]),
        (slice(None, None, 3), [0, 3, 6]),
        ([5, 0, 0], [5, 0, 0]),
        (np.array([2, 1]), [2, 1]),
        (jnp.array([2, 1]), [2, 1]),
        (np.arange(7) > 4, [5, 6]),
        ([True] + [False] * 6, [0]),
        ([], []),
        (np.zeros(7, bool), []),
    ],
)
def test_a_slice_a_list_or_a_mask_takes_an_ensemble(seven, index, expected):
    some = ensemble.take(seven, index)
    assert ensemble.size(some) == len(expected)
    for place, seed in enumerate(expected):
        assert bits(ensemble.take(some, place)) == bits(ensemble.take(seven, seed))


@pytest.mark.parametrize("index", [7, -8, 2**63, [0, 7], np.arange(8), [True, False]])
def test_a_network_that_is_not_there_is_refused(seven, index):
    with pytest.raises(InputError, match="no such networks, of 7"):
        ensemble.take(seven, index)


def test_sharding_moves_seeds_and_changes_nothing(seven, images):
    devices = jax.devices()
    assert len(devices) > 1, "conftest asks for a device a core"
    networks_ = ensemble.take(seven, list(range(len(devices))) * 2)
    spread = ensemble.shard(networks_)
    assert bits(spread) == bits(networks_)
    assert {len(leaf.devices()) for leaf in jax.tree.leaves(spread.variables)} == {len(devices)}
    answers = jax.jit(ensemble.over_seeds(lambda network: network(images)[0]))
    np.testing.assert_allclose(answers(spread), answers(networks_), rtol=1e-5, atol=1e-6)


def test_sharding_keeps_to_the_devices_it_is_given(seven):
    first = jax.devices()[:1]
    spread = ensemble.shard(seven, first)
    assert all(leaf.devices() == set(first) for leaf in jax.tree.leaves(spread.variables))
    assert ensemble.mesh(first).shape == {"seeds": 1}


def test_asking_for_every_core_once_jax_runs_does_nothing():
    before = jax.devices()
    ensemble.use_every_core()
    assert jax.devices() == before


def test_stacked_networks_are_an_ensemble(seven):
    apart = [ensemble.take(seven, seed) for seed in range(7)]
    assert bits(ensemble.stack(apart)) == bits(seven)
    turned = ensemble.stack([jnp.zeros((2, 3)), jnp.ones((2, 3))], axis=1)
    np.testing.assert_array_equal(turned, [[[0] * 3, [1] * 3]] * 2)


def test_devices_share_the_seeds_and_change_nothing(seven, images):
    def logits(networks_, images):
        return ensemble.over_seeds(lambda network, images: network(images)[0])(networks_, images)

    spread = jax.jit(ensemble.over_devices(logits))
    for count in (1, 7):  # more devices than seeds, and a number that two devices do not divide
        few = ensemble.take(seven, slice(count))
        np.testing.assert_allclose(spread(few, images), logits(few, images), rtol=1e-5, atol=1e-6)
