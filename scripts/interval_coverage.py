"""How often do the intervals contain the truth? Writes the table in docs/statistics.md.

python scripts/interval_coverage.py           # 10,000 samples of each kind: about ten minutes
python scripts/interval_coverage.py 1000      # fewer samples
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.stats
from documents import insert
from tyro.conf import Positional

from jaxinterp import cli, stats
from jaxinterp.stats import SHARE, Bounds, Estimate
from jaxinterp.studies.inputs import PARTS

DOCUMENT = Path(__file__).parents[1] / "docs" / "statistics.md"
NETWORKS = (8, 16, 32)
IMAGES = 1000  # where images are a sample, too
STRICT = 0.999  # about the level at which the claims of a study are judged together
LEVELS = (stats.LEVEL, STRICT)

Sample = Callable[[np.random.Generator, int], "np.ndarray | Crossed"]


class Kind(NamedTuple):
    """A kind of quantity whose true mean is known. draw: a sample, from a generator and the number of networks."""

    name: str
    truth: float
    draw: Sample
    bounds: Bounds | None = None


class Coverage(NamedTuple):
    """Of a kind's intervals over many samples: the shares that contain the truth, lie above it, and lie below it."""

    inside: float
    above: float
    below: float


def _shares(of: int, p: float) -> Kind:
    name = "yes or no" if of == 1 else f"share of {of}"
    return Kind(f"{name}, p = {p:g}", p, lambda rng, n: rng.binomial(of, p, n) / of, SHARE._replace(things=of))


def _related(rng: np.random.Generator, n: int) -> np.ndarray:
    """Shares of ten digits that tend to go together: each network has a probability of its own."""
    return rng.binomial(10, rng.beta(7.6, 0.4, n)) / 10


def _collapsed(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.1, 0.1, 0.95) + rng.normal(0, 0.005, n)


def _additive(rng: np.random.Generator, n: int) -> np.ndarray:
    """Pairs that share their networks' effects; mean 0."""
    effects, noise = rng.normal(size=n), rng.normal(size=(n, n))
    return effects[:, None] + effects + 0.3 * (noise + noise.T)


class Crossed(NamedTuple):
    """One value per network and image: networks are averaged over images, on all of them and on parts of them."""

    values: np.ndarray

    @property
    def by_network(self) -> np.ndarray:
        """Each network's mean over all images."""
        return self.values.mean(axis=1)

    @property
    def by_part(self) -> np.ndarray:
        """The mean over networks on every tenth image, and so on."""
        return np.array([self.values[:, part::PARTS].mean() for part in range(PARTS)])


def _crossed(both: float, rng: np.random.Generator, n: int) -> Crossed:
    """Networks' and images' own effects and, of standard deviation `both`, what they do together; mean 0."""
    networks, images = rng.normal(size=(n, 1)), rng.normal(size=(1, IMAGES))
    return Crossed(networks / np.sqrt(IMAGES) + images + both * rng.normal(size=(n, IMAGES)))


def _right(rng: np.random.Generator, n: int) -> Crossed:
    """Right or wrong, where images are of different difficulty: an accuracy of .95."""
    difficulty = rng.beta(1.9, 0.1, size=IMAGES)
    return Crossed(rng.random((n, IMAGES)) < difficulty)


def _rare(rng: np.random.Generator, n: int) -> np.ndarray:
    """1 for pairs of the same kind of network, where one network in five is of another kind; mean .8² + .2²."""
    other = rng.random(n) < 0.2
    return (other[:, None] == other).astype(float)


KINDS = (
    Kind("normal", 0.0, lambda rng, n: rng.normal(size=n)),
    *(_shares(1, p) for p in (0.5, 0.8, 0.9, 0.95, 0.99)),
    *(_shares(10, p) for p in (0.5, 0.9, 0.95, 0.99)),
    *(_shares(16, p) for p in (0.5, 0.9, 0.95, 0.99)),
    Kind("share of 10 that go together, p = 0.95", 0.95, _related, SHARE._replace(things=10)),
    Kind("Beta(30, 1)", 30 / 31, lambda rng, n: rng.beta(30, 1, n), SHARE),
    Kind("accuracy .95, one network in ten at .1", 0.9 * 0.95 + 0.1 * 0.1, _collapsed),
    Kind("1 − lognormal", 1 - np.exp(0.5), lambda rng, n: 1 - rng.lognormal(size=n)),
    Kind("pairs, additive", 0.0, _additive),
    Kind("pairs, one network in five of another kind", 0.68, _rare, SHARE),
    Kind("networks × images, additive", 0.0, partial(_crossed, 0.0)),
    Kind("networks × images, also together", 0.0, partial(_crossed, 5.0)),
    Kind("accuracy .95, images of different difficulty", 0.95, _right, SHARE),
)


def ours(values: "np.ndarray | Crossed", kind: Kind, level: float) -> Estimate:
    """The estimate of a study: over networks and images, over pairs of networks, or over networks."""
    if isinstance(values, Crossed):
        alone = stats.over_seeds_estimate(values.by_network, bounds=kind.bounds, level=level)
        return stats.with_images(alone, values.by_part, bounds=kind.bounds, level=level)
    if values.ndim == 2:
        return stats.over_pairs_estimate(values, bounds=kind.bounds, level=level)
    return stats.over_seeds_estimate(values, bounds=kind.bounds, level=level)


def student(values: "np.ndarray | Crossed", kind: Kind, level: float) -> Estimate:
    """Student's t interval over networks, as if pairs were independent and there were no other images."""
    if isinstance(values, Crossed):
        values = values.by_network
    values = values[np.triu_indices(len(values), 1)] if values.ndim == 2 else values
    mean, n = values.mean(), len(values)
    half = scipy.stats.t.ppf((1 + level) / 2, n - 1) * values.std(ddof=1) / np.sqrt(n)
    return Estimate(mean, np.nan, mean - half, mean + half, n)


def coverage(
    kind: Kind, networks: int, samples: int, *, estimate: Callable = ours, level: float = stats.LEVEL, seed: int = 0
) -> Coverage:
    """How often does the estimate's interval contain the kind's true mean? A missing interval excludes nothing."""
    rng = np.random.default_rng(seed)
    found = [estimate(kind.draw(rng, networks), kind, level) for _ in range(samples)]
    slack = 1e-9  # what is equal but for rounding is not excluded
    above = float(np.mean([one.low > kind.truth + slack for one in found]))
    below = float(np.mean([one.high < kind.truth - slack for one in found]))
    return Coverage(1 - above - below, above, below)


def rows(samples: int) -> Iterator[tuple[str, ...]]:
    """The table's rows as text, one for each kind and number of networks."""
    for kind in KINDS:
        for networks in NETWORKS:
            measure = partial(coverage, kind, networks, samples)
            plain, strict = (measure(level=level) for level in LEVELS)
            shares = (plain.inside, plain.above, plain.below, measure(estimate=student).inside, strict.inside)
            yield kind.name, str(networks), *(f"{share:.3f}" for share in shares)


def section(samples: int) -> str:
    """The table with its caption."""
    columns = ("quantity", "networks", "inside", "above", "below", "Student's t", f"inside, level {STRICT:g}")
    lines = [f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows(samples))]
    caption = (
        f"Of {samples:,} samples: the share of 95 % intervals that contain the true mean, that lie above it and below "
        f"it, the share of Student's t intervals that contain it, and the share of ours of level {STRICT:g}."
    )
    return "\n".join([caption, "", *lines])


def measure(samples: Positional[int] = 10_000) -> None:
    """Measure how often intervals contain the truth, and write the table into docs/statistics.md.

    Args:
        samples: samples of each kind
    """
    text = DOCUMENT.read_text(encoding="utf-8")
    DOCUMENT.write_text(insert(text, "interval_coverage.py", section(samples)), "utf-8")
    print(f"wrote {DOCUMENT}")


def write(arguments: list[str]) -> None:
    """Parse the command line and measure."""
    cli.parse(measure, arguments)


if __name__ == "__main__":
    sys.exit(cli.guarded(write, sys.argv[1:]))
