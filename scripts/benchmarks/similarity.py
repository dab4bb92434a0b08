"""How fast is the similarity of all pairs of networks, compared with loops over pairs?

Activations are random with shared directions, since time does not depend on the values: 64 networks, 10,000 images, 32
units. A turn of a loop has as many pairs as take a few seconds at most.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import scipy.spatial
import scipy.spatial.distance

from benchmarks import peers
from benchmarks.options import Options
from benchmarks.race import Contestant, Result, Timing, calls, race, rows, spread
from jaxinterp import controls, data
from jaxinterp.analysis import similarity
from jaxinterp.analysis.similarity import MEASURES, Measure

NETWORKS, EXAMPLES, UNITS = 64, 10_000, 32
DRAWS = 200
FEWER = 1_000  # images for measures that compare all pairs of images
OF_EXAMPLES = ("euclidean_rsa", "rank_rsa", "distance_correlation", "neighbours")
NUMPY = {"numpy, feature space": "≥ 6", "numpy, each network prepared once": ""}
LIBRARIES = {"ckatorch": "≥ 100", "rsatoolbox": "≥ 100"}
SCIPY = {"scipy": "≥ 15"}
CHECKED = 8  # networks among which ours is compared with NumPy's


def measure(splits: data.Splits, options: Options) -> tuple[dict[str, Any], list[Result]]:
    """Every raw timing, and the table's rows."""
    activations = made(NETWORKS, EXAMPLES, UNITS)
    timings: dict[str, Any] = {}
    results: list[Result] = []
    for name, loops, targets, rounds in (
        ("debiased_cka", numpy_loop, NUMPY, options.rounds),
        ("debiased_cka", library_loops, LIBRARIES, 1),  # one pair takes them a minute
        ("procrustes", scipy_loop, SCIPY, options.rounds),
    ):
        contestants = {"ours": ours(MEASURES[name], activations)} | loops(np.asarray(activations))
        raced = race(contestants, rounds)
        timings[f"{name}, {loops.__name__}"] = raced
        results += rows(name, "pairs/s", raced, targets, missing=peers.missing("ckatorch or rsatoolbox"))
    error = deviation(activations[:CHECKED])
    results.append(Result("debiased_cka, ours minus numpy in float64", "", spread([error]), target="≤ 1e-5"))
    drawn = Contestant(1, calls(jax.jit(partial(permutations, draws=DRAWS)), activations, jax.random.key(0)))
    timings["permutations"] = race({"ours": drawn}, 1)["ours"]
    note = timings["permutations"].compiling
    seconds = spread(timings["permutations"].seconds)
    results.append(Result(f"{DRAWS} permutations, debiased_cka", "s", seconds, target="< 120", note=note))
    timings["each"] = {}
    for name, measured in MEASURES.items():
        timings["each"][name], row = _cost(measured, activations)
        results.append(row)
    return timings, results


def made(networks: int, examples: int, units: int) -> jax.Array:
    """Activations that share a few directions: "networks examples units"."""
    shared_key, mixing_key, own_key = jax.random.split(jax.random.key(0), 3)
    shared = jax.random.normal(shared_key, (examples, 10))
    mixed = shared @ jax.random.normal(mixing_key, (networks, 10, units))
    return jnp.tanh(mixed + jax.random.normal(own_key, (networks, examples, units)))


def pairs(networks: int) -> int:
    """Number of pairs of different networks."""
    return networks * (networks - 1) // 2


def ours(measured: Measure, activations) -> Contestant:
    """All pairs per turn."""
    return Contestant(pairs(len(activations)), calls(jax.jit(partial(similarity.all_pairs, measured)), activations))


def loop(fn: Callable, networks: Any, count: int) -> Contestant:
    """`count` pairs per turn, one after another."""

    def turns():
        for start in itertools.count():
            first = start % len(networks)
            yield [fn(networks[first], networks[(first + step) % len(networks)]) for step in range(1, count + 1)]

    return Contestant(count, turns())


def numpy_loop(activations: np.ndarray) -> dict[str, Contestant]:
    """Debiased CKA with NumPy in feature space: pair by pair, and with the per-network part computed once."""
    prepared = [prepare(x) for x in activations]

    def turns():
        for start in itertools.count():
            first = prepared[start % len(prepared)]
            yield [compare(first, other) for other in prepared]

    pair_by_pair, once = NUMPY
    return {
        pair_by_pair: loop(lambda x, y: compare(prepare(x), prepare(y)), activations, 8),
        once: Contestant(len(prepared), turns()),
    }


def library_loops(activations: np.ndarray) -> dict[str, Contestant]:
    """CKA by libraries, which compare every image with every other; rsatoolbox's is the biased one."""
    loops = {}
    if peers.ckatorch is not None:
        unbiased = partial(peers.ckatorch.cka_base, unbiased=True)
        loops["ckatorch"] = loop(unbiased, peers.torch.tensor(activations), 1)
    if peers.rdm is not None:
        loops["rsatoolbox"] = loop(_rsatoolbox, activations, 1)
    return loops


def scipy_loop(activations: np.ndarray) -> dict[str, Contestant]:
    """SciPy's Procrustes, which needs the same number of units in both."""
    return {"scipy": loop(scipy.spatial.procrustes, activations, 8)}


def prepare(x):
    """Centred columns, each example's squared length, and f(X, X) of debiased CKA."""
    x = x - x.mean(axis=0)
    squares = (x * x).sum(axis=1)
    return x, squares, _unbiased(((x.T @ x) ** 2).sum(), squares, squares)


def compare(first, second):
    """Debiased CKA of two prepared networks."""
    (x, x_squares, x_size), (y, y_squares, y_size) = first, second
    return _unbiased(((x.T @ y) ** 2).sum(), x_squares, y_squares) / np.sqrt(x_size * y_size)


def _unbiased(products, first, second):
    n = len(first)
    return products - n / (n - 2) * first @ second + first.sum() * second.sum() / ((n - 1) * (n - 2))


def _rsatoolbox(first, second):
    tables = [peers.rdm.RDMs(scipy.spatial.distance.pdist(x, "sqeuclidean")[None]) for x in (first, second)]
    return peers.rdm.compare(*tables, method="cosine_cov")


def deviation(activations) -> float:
    """The largest difference between ours and NumPy's in float64."""
    prepared = [prepare(x) for x in np.asarray(activations, np.float64)]
    exact = np.array([[compare(first, second) for second in prepared] for first in prepared])
    return float(np.abs(similarity.linear_cka(activations) - exact).max())


def permutations(activations, key, *, draws: int):
    """Debiased CKA of all pairs for `draws` random orders of the images."""
    orders = jax.vmap(controls.shuffled_rows, (0, None))(jax.random.split(key, draws), jnp.arange(activations.shape[1]))
    return similarity.permuted(MEASURES["debiased_cka"], activations, orders)


def _cost(measured: Measure, activations) -> tuple[Timing, Result]:
    examples = FEWER if measured.name in OF_EXAMPLES else activations.shape[1]
    timing = race({"ours": ours(measured, activations[:, :examples])}, 1)["ours"]
    cost = spread([1000 * seconds / timing.work for seconds in timing.seconds])
    return timing, Result(f"{measured.name}, per pair", "ms", cost, note=f"{examples} images; {timing.compiling}")
