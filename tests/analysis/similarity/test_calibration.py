import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from jaxinterp import controls, stats
from jaxinterp.analysis import similarity
from jaxinterp.errors import InputError

HIGHER, LOWER = similarity.MEASURES["neighbours"], similarity.MEASURES["size_and_shape"]


def against_shuffled(measure, x, y, key, draws):
    """Draws of the measure with the rows of y shuffled; the first is with the rows as they are."""
    keys = jax.random.split(key, draws)
    orders = jax.vmap(controls.shuffled_rows, (0, None))(keys, jnp.arange(x.shape[1]))
    return similarity.permuted(measure, x, orders.at[0].set(jnp.arange(x.shape[1])), y)


@pytest.mark.parametrize("name", ["cosine", "debiased_cka", "cca", "procrustes", "neighbours", "predictivity"])
def test_independent_networks_score_nothing_and_have_uniform_p_values(name):
    measure, pairs = similarity.MEASURES[name], 200
    rng = np.random.default_rng(1)
    x, y = (rng.normal(size=(pairs, 1, 30, 4)).astype(np.float32) for _ in range(2))
    keys = jax.random.split(jax.random.key(0), pairs)
    draws = jax.jit(jax.vmap(lambda x, y, key: against_shuffled(measure, x, y, key, 20)))(x, y, keys)[..., 0]
    found = similarity.calibrate(measure, draws[:, 0], jnp.moveaxis(draws[:, 1:], 1, 0), themselves=False)
    assert abs(found.score.mean()) < 0.02
    counts = np.bincount(np.rint(found.p.ravel() * 20).astype(int), minlength=21)[1:]
    assert counts.sum() == pairs and scipy.stats.chisquare(counts).pvalue > 0.01
    assert found.q.min() > 0.2


def test_copies_score_one_beside_strangers_that_do_not():
    x = np.random.default_rng(0).normal(size=(4, 40, 5)).astype(np.float32)
    x[1] = x[0][:, ::-1] * 3 + 1
    for name in ("cka", "procrustes", "neighbours"):
        measure = similarity.MEASURES[name]
        observed, *null = against_shuffled(measure, x, None, jax.random.key(0), 100)
        found = similarity.calibrate(measure, observed, np.stack(null))
        assert found.score[0, 1] == pytest.approx(1, abs=2e-3) and found.p[0, 1] == 0.01
        assert np.abs(found.score[2:, :2]).max() < 0.2
        assert (found.q[0, 1] < 0.07) and np.nanmin(found.q[2]) > 0.1


def test_a_calibration_is_the_definition_in_either_direction():
    rng = np.random.default_rng(0)
    observed, null = rng.uniform(size=(3, 3)), rng.uniform(size=(19, 3, 3))
    off = ~np.eye(3, dtype=bool)
    for measure, best, sign in ((HIGHER, 1, 1), (LOWER, 0, -1)):
        found = similarity.calibrate(measure, observed, null)
        mean = null.mean(0)
        np.testing.assert_allclose(found.score[off], ((observed - mean) / (best - mean))[off])
        p = (1 + (sign * null >= sign * observed).sum(0)) / 20
        np.testing.assert_allclose(found.p[off], p[off])
        np.testing.assert_allclose(found.q[off], stats.benjamini_hochberg(p[off]))
        assert all(np.isnan(field.diagonal()).all() for field in found)
        whole = similarity.calibrate(measure, observed, null, themselves=False)
        np.testing.assert_allclose(whole.p, p)


def test_draws_for_all_pairs_alike():
    observed, null = np.array([[0.2, 0.9, np.nan]]), np.array([0.1, 0.3, np.nan, 0.8])[:, None, None]
    found = similarity.calibrate(HIGHER, observed, null, themselves=False)
    np.testing.assert_allclose(found.p, [[0.75, 0.25, np.nan]])
    np.testing.assert_allclose(found.null_mean, [[0.4, 0.4, np.nan]])
    np.testing.assert_allclose(found.score, [[-1 / 3, 5 / 6, np.nan]])


def test_what_is_the_best_by_chance_has_no_score():
    x = np.random.default_rng(0).normal(size=(3, 8, 12)).astype(np.float32)
    orders = np.stack([np.random.default_rng(seed).permutation(8) for seed in range(9)])
    measure = similarity.MEASURES["cca"]
    found = similarity.calibrate(measure, similarity.all_pairs(measure, x), similarity.permuted(measure, x, orders))
    np.testing.assert_allclose(found.observed[0, 1:], 1, atol=1e-5)
    assert np.isnan(found.score).all()


def test_other_networks_are_not_taken_for_the_same():
    with pytest.raises(InputError, match=r"square table, got shape \(2, 3\)"):
        similarity.calibrate(HIGHER, np.zeros((2, 3)), np.zeros((4, 2, 3)))
