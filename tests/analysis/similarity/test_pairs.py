import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxinterp import controls
from jaxinterp.analysis import similarity
from jaxinterp.errors import InputError

all_pairs = jax.jit(similarity.all_pairs, static_argnames=("measure", "chunk"))
permuted = jax.jit(similarity.permuted, static_argnames=("measure", "chunk"))
CKA = similarity.MEASURES["cka"]


def size(matrix):
    return np.sum(matrix**2)


def gaussian(seed, shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("name", similarity.MEASURES)
def test_a_draw_of_the_null_is_the_measure_of_reordered_examples(name):
    measure = similarity.MEASURES[name]
    x, y = gaussian(0, (3, 16, 4)), gaussian(0, (3, 16, 4)) + gaussian(1, (3, 16, 4))
    orders = np.stack([np.random.default_rng(seed).permutation(16) for seed in range(2)])
    for found, order in zip(permuted(measure, x, orders, y), orders, strict=True):
        np.testing.assert_allclose(found, all_pairs(measure, x, y[:, order]), atol=1e-4)


@pytest.mark.parametrize("name", similarity.MEASURES)
def test_bytes_are_compared_as_numbers(name):
    x, y = np.random.default_rng(0).integers(0, 256, (2, 2, 30, 4), np.uint8)
    found = all_pairs(similarity.MEASURES[name], x, y)
    expected = all_pairs(similarity.MEASURES[name], x.astype(np.float32), y.astype(np.float32))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert not np.allclose(found, 0) and not np.allclose(found, 1)


@pytest.mark.parametrize("name", ["debiased_cka", "predictivity"])
def test_among_the_same_networks_a_symmetric_measure_is_computed_in_one_direction(name):
    measure, x = similarity.MEASURES[name], gaussian(0, (5, 16, 4))
    order = np.random.default_rng(0).permutation(16)
    one = np.asarray(all_pairs(measure, x, x[:, order], chunk=2))
    expected = np.triu(one) + np.triu(one, 1).T if measure.symmetric else one
    np.testing.assert_allclose(permuted(measure, x, order[None], chunk=2)[0], expected, atol=1e-5)
    np.testing.assert_allclose(all_pairs(measure, x, chunk=2), all_pairs(measure, x, x, chunk=2), atol=1e-5)


def test_the_mean_over_all_orders_is_the_closed_form():
    x, y = np.float64(gaussian(0, (2, 5, 3))), np.float64(gaussian(1, (2, 5, 2)))
    orders = np.array(list(itertools.permutations(range(5))))
    with jax.enable_x64(True):
        draws = np.asarray(permuted(CKA, x, orders, y))
        np.testing.assert_allclose(draws.mean(0), similarity.cka_null_mean(x, y), rtol=1e-12)
        own = np.asarray(permuted(CKA, x, orders))
        np.testing.assert_allclose(own.mean(0), similarity.cka_null_mean(x), rtol=1e-12)
    x[0] = 3.0
    assert np.isnan(similarity.cka_null_mean(x, y)).tolist() == [[True, True], [False, False]]


@pytest.mark.parametrize("name", ["columns", "rows", "within class"])
def test_debiased_cka_of_a_null_is_zero_on_average_and_that_of_classes_is_not_without_the_classes(name):
    labels = jnp.arange(30) % 3
    x = gaussian(0, (6, 30, 8)) + 2 * gaussian(1, (6, 3, 8))[:, labels]
    orders = jax.vmap(controls.shuffled_within_class, (0, None, None))
    keys = jax.random.split(jax.random.key(0), 60)
    measure = similarity.MEASURES["debiased_cka"]
    if name == "columns":
        columns = jax.vmap(controls.independent_columns)
        null = jax.lax.map(lambda key: similarity.all_pairs(measure, x, columns(jax.random.split(key, 6), x)), keys)
    elif name == "rows":
        null = permuted(measure, x, jax.vmap(controls.shuffled_rows, (0, None))(keys, jnp.arange(30)))
    else:
        null = permuted(measure, x, orders(keys, jnp.arange(30), labels))
    observed = np.asarray(all_pairs(measure, x))[~np.eye(6, dtype=bool)].mean()
    mean = np.asarray(null)[:, ~np.eye(6, dtype=bool)].mean()
    assert observed > 0.5
    assert mean == pytest.approx(observed, abs=0.1) if name == "within class" else abs(mean) < 0.02


def test_sites_against_sites_and_epochs_against_epochs_are_one_program_each():
    sites = {"hidden0": gaussian(0, (3, 14, 5)), "hidden1": gaussian(1, (3, 14, 4)), "logits": gaussian(2, (3, 14, 2))}

    @jax.jit
    def between_sites(sites):
        return {(a, b): similarity.all_pairs(CKA, sites[a], sites[b], chunk=2) for a in sites for b in sites}

    for (a, b), found in between_sites(sites).items():
        x, y = (np.float64(sites[site] - sites[site].mean(1, keepdims=True)) for site in (a, b))
        expected = [[size(p.T @ q) / np.sqrt(size(p.T @ p) * size(q.T @ q)) for q in y] for p in x]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    snapshots = gaussian(3, (2, 3, 14, 5))  # seeds epochs examples units
    found = jax.jit(jax.vmap(lambda one: similarity.all_pairs(CKA, one)))(snapshots)
    for network, epochs in zip(snapshots, found, strict=True):
        np.testing.assert_allclose(epochs, all_pairs(CKA, network), atol=1e-6)


@pytest.mark.parametrize("name", similarity.MEASURES)
def test_every_measure_can_be_mapped_over_epochs(name):
    # In double precision, though the caller has single precision alone.
    measure, snapshots = similarity.MEASURES[name], gaussian(3, (2, 3, 14, 5))
    snapshots[:, 0, 3] *= 1e4
    orders = np.stack([np.random.default_rng(seed).permutation(14) for seed in range(2)])
    found, null = jax.jit(jax.vmap(lambda one: (all_pairs(measure, one), permuted(measure, one, orders))))(snapshots)
    assert found.dtype == null.dtype == np.float32
    for network, of_network, of_null in zip(snapshots, found, null, strict=True):
        np.testing.assert_allclose(of_network, all_pairs(measure, network), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(of_null, permuted(measure, network, orders), rtol=1e-6, atol=1e-6)


def test_linear_cka_of_independent_features_is_zero_on_average_however_few_the_examples():
    values = np.asarray(similarity.linear_cka(gaussian(0, (60, 16, 16))))[np.triu_indices(60, 1)]
    assert abs(values.mean()) < 0.01 and values.min() < 0


def test_half_samples_are_disjoint_halves_drawn_anew_for_each_key():
    x, y = gaussian(0, (3, 11, 4)), gaussian(1, (2, 11, 3))
    keys = jax.random.split(jax.random.key(0), 2)
    halves = jax.jit(similarity.half_samples, static_argnames=("measure", "chunk"))
    found, own = halves(CKA, x, keys, y), halves(CKA, x, keys)
    assert found.shape == (2, 2, 3, 2) and own.shape == (2, 2, 3, 3)
    for draw, key in enumerate(keys):
        order = np.asarray(jax.random.permutation(key, 11))
        for half, kept in enumerate((order[:5], order[5:10])):
            np.testing.assert_allclose(found[draw, half], all_pairs(CKA, x[:, kept], y[:, kept]), atol=1e-5)
            np.testing.assert_allclose(own[draw, half], all_pairs(CKA, x[:, kept]), atol=1e-5)
    with pytest.raises(InputError, match="3 or more examples in each half, got 5 and 5"):
        similarity.half_samples(CKA, x[:, :5], keys)


def test_orders_of_other_examples_are_refused():
    with pytest.raises(InputError, match="orders must permute all 16 examples, got 15"):
        similarity.permuted(CKA, gaussian(0, (2, 16, 4)), np.arange(15)[None])


def test_predictions_are_scored_on_images_that_they_were_not_fitted_on():
    # More units than examples to fit on: the fit is perfect, and worth nothing on the other half.
    x, y = gaussian(0, (2, 40, 30)), gaussian(1, (2, 40, 5))
    assert (np.asarray(all_pairs(similarity.MEASURES["predictivity"], x, y)) < 0).all()
    # Nor does it matter whether classes come in turn.
    labels = np.arange(40) % 2
    told = np.stack([labels + 0.1 * gaussian(seed, (40, 2)).T for seed in (2, 3)]).swapaxes(1, 2)
    assert (np.asarray(all_pairs(similarity.MEASURES["predictivity"], told)) > 0.8).all()
