"""Other people's implementations, where they are installed, give the same numbers."""

import importlib
import warnings

import jax
import numpy as np
import pytest
import scipy.spatial

from jaxinterp.analysis import similarity

X, Y = (np.random.default_rng(seed).normal(size=(2, 24, units)) for seed, units in ((0, 5), (1, 7)))
Y[..., :5] += X


def outside(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pytest.importorskip(name.split(".")[0])
        return importlib.import_module(name)


def check(name, pair, *, atol=1e-10):
    with jax.enable_x64(True):
        found = similarity.all_pairs(similarity.MEASURES[name], X, Y)
    np.testing.assert_allclose(found, [[pair(x, y) for y in Y] for x in X], rtol=0, atol=atol)


@pytest.mark.parametrize("name", ["cka", "debiased_cka"])
def test_cka_is_ckatorchs(name):
    ckatorch, torch = outside("ckatorch.core"), outside("torch")
    unbiased = name == "debiased_cka"
    check(name, lambda x, y: ckatorch.cka_base(torch.from_numpy(x), torch.from_numpy(y), unbiased=unbiased).item())


def test_distance_correlation_is_dcors():
    check("distance_correlation", outside("dcor").distance_correlation)


def test_rsa_and_cka_are_rsatoolboxs():
    rdm, data = outside("rsatoolbox.rdm"), outside("rsatoolbox.data")

    def tables(name, z):
        if name == "rank_rsa":
            return rdm.calc_rdm(data.Dataset(z), method="correlation")
        return rdm.RDMs(
            scipy.spatial.distance.pdist(z, "euclidean" if name == "euclidean_rsa" else "sqeuclidean")[None]
        )

    for name, method, atol in (
        ("euclidean_rsa", "corr", 1e-10),
        ("rank_rsa", "spearman", 1e-10),
        ("cka", "cosine_cov", 1e-6),
    ):
        check(name, lambda x, y, n=name, m=method: rdm.compare(tables(n, x), tables(n, y), method=m).item(), atol=atol)
