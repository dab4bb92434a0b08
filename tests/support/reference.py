"""Slow, obvious NumPy definitions that the fast code must agree with."""

import itertools

import numpy as np
import scipy.stats
from sklearn.metrics import mutual_info_score, roc_auc_score


def cosine(x, y):
    """Of two vectors; NaN without a direction."""
    size = np.linalg.norm(x) * np.linalg.norm(y)
    return x @ y / size if size > 0 else np.nan


def per_example(activations, others, *, sort, centre):
    """Mean and sd over examples of the similarity of all pairs of networks, one by one."""
    seeds, examples, _ = activations.shape
    mean, sd = np.full((seeds, seeds), np.nan), np.full((seeds, seeds), np.nan)
    for i, j in itertools.product(range(seeds), repeat=2):
        values = []
        for e in range(examples):
            x, y = np.float64(activations[i, e]), np.float64(others[j, e])
            if sort:
                x, y = np.sort(x), np.sort(y)
            if centre:
                x, y = x - x.mean(), y - y.mean()
            values.append(cosine(x, y))
        known = np.array(values)[~np.isnan(values)]
        if len(known):
            mean[i, j] = known.mean()
        if len(known) > 1:
            sd[i, j] = known.std(ddof=1)
    return mean, sd


def unbiased_hsic(x, y):
    """Song et al. 2012, eq. 5, from n × n Gram matrices."""
    n = len(x)
    k, m = x @ x.T, y @ y.T
    np.fill_diagonal(k, 0)
    np.fill_diagonal(m, 0)
    one = np.ones(n)
    cross = (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
    return (np.trace(k @ m) + cross - 2 / (n - 2) * (one @ k @ m @ one)) / (n * (n - 3))


def debiased_cka(x, y):
    """Linear CKA with the unbiased HSIC; in extended precision, since its terms cancel."""
    x, y = np.longdouble(x), np.longdouble(y)
    return unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))


def bootstrap_of_pairs(matrix, copies):
    """Mean over pairs of different networks in one resample that holds copies[i] of network i."""
    drawn = np.repeat(np.arange(len(matrix)), copies)
    return np.mean([matrix[i, j] for i, j in itertools.combinations(drawn, 2) if i != j])


def quantile_bins(values, bins):
    """⌊bins (mid-rank − ½)/n⌋ in whole numbers."""
    return (2 * scipy.stats.rankdata(values) - 1).astype(int) * bins // (2 * len(values))


def selectivity(values, chosen, bins):
    """Index, d′, AUC and bits of one unit for one class, by their definitions."""
    values = np.float64(values)
    own, rest = values[chosen], values[~chosen]
    difference = own.mean() - rest.mean()
    spread = np.sqrt((own.var() + rest.var()) / 2)
    with np.errstate(divide="ignore"):
        d_prime = 0.0 if abs(difference) < 1e-12 else difference / spread
    bits = mutual_info_score(chosen, quantile_bins(values, bins)) / np.log(2)
    return difference / (own.mean() + rest.mean() + 0.001), d_prime, roc_auc_score(chosen, values), bits


def morcos(values, labels):
    means = sorted(np.float64(values)[labels == c].mean() for c in np.unique(labels))
    largest, rest = means[-1], np.mean(means[:-1])
    return 0.0 if largest == rest else (largest - rest) / (largest + rest)
