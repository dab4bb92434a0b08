"""Few samples of each kind: `scripts/interval_coverage.py` takes many."""

import interval_coverage as coverage
import numpy as np
import pytest

SAMPLES = 400
NOISE = 3 * np.sqrt(0.95 * 0.05 / SAMPLES)
# What no interval can cover, or none that is not too long elsewhere; see docs/statistics.md.
HARD = {"accuracy .95, one network in ten at .1": 32, "1 − lognormal": 64, "share of 10 that go together, p = 0.95": 64}


@pytest.mark.parametrize("kind", coverage.KINDS, ids=lambda kind: kind.name)
def test_intervals_cover(kind):
    networks = HARD.get(kind.name, 8)
    found = coverage.coverage(kind, networks, SAMPLES)
    assert sum(found) == pytest.approx(1) and found.inside > 0.93 - NOISE


@pytest.mark.parametrize("networks", coverage.NETWORKS)
@pytest.mark.parametrize("p", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_intervals_of_yes_and_no_cover_exactly(p, networks):
    """Over every number of yes, weighted by its probability."""
    yes = np.arange(networks + 1)
    weights = coverage.scipy.stats.binom.pmf(yes, networks, p)
    found = [coverage.ours((np.arange(networks) < count) * 1.0, coverage.KINDS[1], 0.95) for count in yes]
    low, high = np.array([(one.low, one.high) for one in found]).T
    assert weights[low > p].sum() <= 0.035 and weights[high < p].sum() <= 0.035
    assert (0 <= low).all() and (high <= 1).all() and (low < high).all()
    assert (np.diff(low) > 0).all() and (np.diff(high) > 0).all()


def test_students_interval_covers_too_little_where_ours_does_not():
    kind = next(kind for kind in coverage.KINDS if kind.name == "yes or no, p = 0.95")
    assert coverage.coverage(kind, 8, SAMPLES, estimate=coverage.student).inside < 0.5


def test_a_row_for_every_kind_and_number_of_networks(monkeypatch, tmp_path):
    monkeypatch.setattr(coverage, "KINDS", coverage.KINDS[:2])
    monkeypatch.setattr(coverage, "DOCUMENT", tmp_path / "statistics.md")
    coverage.DOCUMENT.write_text("<!-- interval_coverage.py -->\n<!-- /interval_coverage.py -->\n")
    coverage.write(["5"])
    written = coverage.DOCUMENT.read_text()
    assert "Of 5 samples" in written and written.count("\n| normal |") == len(coverage.NETWORKS)
