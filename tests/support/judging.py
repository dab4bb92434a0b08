"""Planted results, and the findings that they lead to."""

import numpy as np

from jaxinterp.studies import runner


def plant(values, mean, *, spread=0.01, seed=0, **where):
    """Set a labelled array, where its labels say so, to a mean and a little that differs; pairs of networks alike."""
    noise = spread * np.random.default_rng(seed).normal(size=values.sel(where).shape)
    if "seeds_other" in values.dims:
        noise = (noise + np.swapaxes(noise, -1, -2)) / 2
    values.loc[where] = mean + noise


def shake(values, size=1e-3, seed=0):
    """Make networks that are planted alike differ a little: all alike, they have no interval, or a wide one."""
    values[:] += size * np.random.default_rng(seed).uniform(-1, 1, values.shape)


def judged(study, results, start=""):
    """The findings of a study by id, those that begin so."""
    claims = [claim for topic in study.claims for claim in topic(results) if claim.id.startswith(start)]
    return {finding.id: finding for finding in runner.findings(study, claims, results)}


def verdicts(study, results, start):
    """The different verdicts on all claims that begin so."""
    return {finding.verdict for finding in judged(study, results, start).values()}
