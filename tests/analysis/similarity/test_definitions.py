"""Every measure against its definition in SciPy, scikit-learn or plain NumPy, one pair at a time, in float64.

Double-precision activations agree to 1e-10; single-precision ones to what the package promises, on awkward layers too.
"""

from functools import partial

import jax
import numpy as np
import pytest
import scipy.linalg
import scipy.spatial
import scipy.stats
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.neighbors import NearestNeighbors
from support import reference

from jaxinterp.analysis import similarity
from jaxinterp.analysis.similarity import prediction

all_pairs = jax.jit(similarity.all_pairs, static_argnames=("measure", "chunk"))


def centre(x):
    return x - x.mean(0)


def gram(x):
    return centre(x) @ centre(x).T


def cka(x, y):
    return np.sum(gram(x) * gram(y)) / np.linalg.norm(gram(x)) / np.linalg.norm(gram(y))


def debiased_cka(x, y):
    return reference.debiased_cka(centre(x), centre(y))


def cca(x, y):
    return np.cos(scipy.linalg.subspace_angles(centre(x), centre(y))).mean()


def svcca(x, y):
    def kept(z):
        variance, directions = np.linalg.eigh(np.cov(z.T))
        variance, directions = variance[::-1], directions[:, ::-1]
        count = 1 + np.sum(np.cumsum(variance) < 0.99 * variance.sum())
        return centre(z) @ directions[:, :count]

    return cca(kept(x), kept(y))


def pwcca(x, y):
    x, y = centre(x), centre(y)
    onto_x, onto_y = (z @ np.linalg.pinv(z) for z in (x, y))
    squares, variates = np.linalg.eigh(onto_x @ onto_y @ onto_x)
    count = min(np.linalg.matrix_rank(x), np.linalg.matrix_rank(y))
    weights = np.abs(variates[:, -count:].T @ x).sum(1)
    return np.average(np.sqrt(squares[-count:]), weights=weights)


def same_width(x, y):
    """Empty dimensions change no shape."""
    width = max(x.shape[1], y.shape[1])
    return (np.pad(z, ((0, 0), (0, width - z.shape[1]))) for z in (x, y))


def procrustes(x, y):
    return np.arcsin(np.sqrt(scipy.spatial.procrustes(*same_width(x, y))[2]))


def size_and_shape(x, y):
    x, y = same_width(centre(x), centre(y))
    return np.linalg.norm(x @ scipy.linalg.orthogonal_procrustes(x, y)[0] - y)


def euclidean_rsa(x, y):
    return np.corrcoef(*(scipy.spatial.distance.pdist(z) for z in (x, y)))[0, 1]


def rank_rsa(x, y):
    def dissimilarities(z):
        return np.nan_to_num(scipy.spatial.distance.pdist(z, "correlation"), nan=1.0).round(12)

    return scipy.stats.spearmanr(dissimilarities(x), dissimilarities(y)).statistic


def distance_correlation(x, y):
    def table(z):
        away = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(z))
        return away - away.mean(0) - away.mean(1)[:, None] + away.mean()

    a, b = table(x), table(y)
    return np.sqrt(np.mean(a * b) / np.sqrt(np.mean(a * a) * np.mean(b * b)))


def neighbours(x, y):
    near_x, near_y = (NearestNeighbors(n_neighbors=10).fit(z).kneighbors(return_distance=False) for z in (x, y))
    return np.mean([len(set(a) & set(b)) / 10 for a, b in zip(near_x, near_y, strict=True)])


def predictivity(x, y):
    fit, score = prediction.halves(len(x))
    predicted = LinearRegression().fit(x[fit], y[fit]).predict(x[score])
    return r2_score(y[score], predicted, multioutput="variance_weighted") if np.ptp(y[score], axis=0).any() else np.nan


def per_example(x, y, **options):
    return reference.per_example(x[None], y[None], **options)[0][0, 0]


DEFINITIONS = {
    "cosine": partial(per_example, sort=False, centre=False),
    "sorted_cosine": partial(per_example, sort=True, centre=False),
    "pearson": partial(per_example, sort=False, centre=True),
    "sorted_pearson": partial(per_example, sort=True, centre=True),
    "cka": cka,
    "debiased_cka": debiased_cka,
    "cca": cca,
    "svcca": svcca,
    "pwcca": pwcca,
    "procrustes": procrustes,
    "size_and_shape": size_and_shape,
    "euclidean_rsa": euclidean_rsa,
    "rank_rsa": rank_rsa,
    "distance_correlation": distance_correlation,
    "neighbours": neighbours,
    "predictivity": predictivity,
}


def layers(case):
    """Two sets of networks "seeds examples units" that share some of what they see."""
    rng = np.random.default_rng(0)
    examples, p, q = {"fewer examples than units": (16, 20, 23)}.get(case, (41, 7, 4))
    seen = rng.normal(size=(examples, 5))
    x, y = (
        np.tanh(seen @ rng.normal(size=(seeds, 5, units)) * 0.5 + rng.normal(size=(seeds, examples, units)))
        for seeds, units in ((3, p), (2, q))
    )
    if case == "dead and repeated units":
        x[0, :, 2] = 0.0
        x[1, :, 4] = 0.7
        x[2, :, 1] = x[2, :, 0]
        y[0, :, 3] = -0.3
    if case == "rectified":
        x, y = np.maximum(x, 0.0), np.maximum(y + 0.8, 0.0)
        x[0, 5] = y[1, 7:9] = 0.0  # images on which no unit fires
    if case == "far from the origin":
        x, y = x + 100 * rng.normal(size=(3, 1, p)), 1e-3 * y - 0.1
    return x, y


@pytest.mark.parametrize(
    "case",
    ["of other widths", "fewer examples than units", "dead and repeated units", "rectified", "far from the origin"],
)
@pytest.mark.parametrize("name", similarity.MEASURES)
def test_every_measure_is_its_definition(name, case):
    x, y = layers(case)
    if similarity.MEASURES[name].unit_by_unit:
        x, y = (z[..., : min(x.shape[-1], y.shape[-1])] for z in (x, y))
    with jax.enable_x64(True):
        found = np.asarray(all_pairs(similarity.MEASURES[name], x, y, chunk=2))
    assert found.dtype == np.float64
    expected = [[DEFINITIONS[name](a, b) for b in y] for a in x]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10)


USUAL, DEAD, CONSTANT, ONE_IMAGE, TWO, THREE, DOMINATED, MORE = range(8)
UNDEFINED = {name: {DEAD, CONSTANT} for name in similarity.MEASURES}
UNDEFINED |= {name: {DEAD, CONSTANT, ONE_IMAGE} for name in ("debiased_cka", "rank_rsa")}
UNDEFINED |= {"cosine": {DEAD}, "sorted_cosine": {DEAD}, "size_and_shape": set(), "predictivity": set()}
TIED = {"neighbours": {ONE_IMAGE, TWO, THREE}}  # all silent images are equally near


def awkward(units, examples, seed):
    """Usual, dead, constant but for rounding, active on 1, 2 or 3 images, and one image 1,000 or 10,000 times as large.

    In single precision, and what they are but for rounding.
    """
    rng = np.random.default_rng(seed)
    seen = np.random.default_rng(0).normal(size=(examples, 5))
    layers = np.tanh(seen @ rng.normal(size=(8, 5, units)) * 0.5 + rng.normal(size=(8, examples, units)))
    layers[DEAD] = 0
    for active, layer in enumerate((ONE_IMAGE, TWO, THREE), 1):
        layers[layer] = 0
        layers[layer, :active, 2] = rng.uniform(0.5, 2, active)
    layers[DOMINATED, 0] *= 1e3
    layers[MORE, 4] *= 1e4
    layers = layers.astype(np.float32)
    layers[CONSTANT] = np.nextafter(np.float32(0.7), np.float32(rng.integers(0, 2, layers[CONSTANT].shape)))
    exact = np.float64(layers)
    exact[CONSTANT] = 0.7
    return layers, exact


@pytest.mark.parametrize(("p", "q", "examples"), [(7, 4, 60), (20, 23, 16)], ids=["", "fewer examples than units"])
@pytest.mark.parametrize("name", similarity.MEASURES)
def test_single_precision_activations_are_compared_in_double_precision(name, p, q, examples):
    measure, undefined = similarity.MEASURES[name], UNDEFINED[name]
    (x, exact_x), (y, exact_y) = (
        awkward(units, examples, seed) for seed, units in ((1, p), (2, p if measure.unit_by_unit else q))
    )
    found = np.asarray(all_pairs(measure, x, y, chunk=16))
    assert found.dtype == np.float32
    for i, j in np.ndindex(found.shape):
        if {i, j} & undefined:
            assert np.isnan(found[i, j])
        elif not {i, j} & TIED.get(name, set()):
            expected = DEFINITIONS[name](exact_x[i], exact_y[j])
            atol = 2e-5 if name == "rank_rsa" else 2e-7  # ranks of distances in steps of 1e-6
            np.testing.assert_allclose(found[i, j], np.float64(expected), rtol=2e-7, atol=atol)


@pytest.mark.parametrize("name", ["procrustes", "size_and_shape", "debiased_cka", "cca"])
def test_layers_that_are_almost_equal_are_told_from_equal_ones(name):
    x = layers("of other widths")[0].astype(np.float32)
    y = x + np.float32(1e-4) * np.random.default_rng(1).normal(size=x.shape).astype(np.float32)
    found = np.asarray(all_pairs(similarity.MEASURES[name], x, y, chunk=16)).diagonal()
    expected = [DEFINITIONS[name](a, b) for a, b in zip(np.float64(x), np.float64(y), strict=True)]
    np.testing.assert_allclose(found, np.float64(expected), rtol=1e-5)
