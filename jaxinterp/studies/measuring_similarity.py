"""Do measures of similarity measure it? Every measure is asked for differences that are known to be there.

Networks are trained on true labels, on partly and on wholly shuffled ones; narrow and wide; and several layers deep. A
measure that is of use finds two networks of one group more alike than two of different groups (ReSi, Klabunde et al.
2024, arXiv 2408.00531), and a layer most alike the same layer of another network (Kornblith et al. 2019, arXiv
1905.00414).
"""

from collections.abc import Mapping
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from jaxinterp import ensemble, stats
from jaxinterp.analysis import similarity
from jaxinterp.analysis.similarity import MEASURES, Measure
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import Network, sites
from jaxinterp.studies.claims import Claim, Control, Finding, Rule
from jaxinterp.studies.subjects import Subject, blanked
from jaxinterp.train import SPLITS, kept_accuracy

STUDY = "measuring-similarity"
HALF, SHUFFLED, WIDE = (f"{STUDY}-{arm}" for arm in ("half-shuffled", "shuffled", "wide"))
RECIPES = {STUDY: 32, HALF: 32, SHUFFLED: 32, WIDE: 32}
LEAST_SEEDS = 3  # a network is compared with two others
EXAMPLES = 500  # more than a few times the units of any network here
LABELS, WIDTHS, LAYERS = TESTS = ("labels", "widths", "layers")
TRAINED, UNTRAINED = CONDITIONS = ("trained", "untrained")

GOOD = 0.9  # a measure that errs in more than one comparison of ten cannot be leant on

_TEXT = {
    LABELS: "tells networks trained on true labels, on half and on wholly shuffled ones apart",
    WIDTHS: "tells wider networks from narrower ones",
    LAYERS: "finds layer i of one network most alike layer i of another",
}
_SCORE = {
    LABELS: "the chance that a network is more alike one of its own group than one of another (area under the curve)",
    WIDTHS: "the chance that a network is more alike one of its own width than one of the other (area under the curve)",
    LAYERS: "the share of layers whose most alike layer of another network is the same one",
}


class MeasuringSimilarity(NamedTuple):
    """How often each measure is right, by network, on each test; networks left out are NaN.

    Untrained: the same networks with their initial weights, which the labels cannot have told apart. Measures that
    compare unit with unit are not asked about widths.
    """

    measures: tuple[str, ...]
    tests: tuple[str, ...]
    conditions: tuple[str, ...]
    right: Float[np.ndarray, "measures tests conditions seeds"]
    chance: Float[np.ndarray, " tests"]
    recipes: tuple[str, ...]
    accuracy: Float[np.ndarray, "recipes seeds"]
    diverged: Int[np.ndarray, " recipes"]


Record = MeasuringSimilarity


def measure(subjects: Mapping[str, Subject]) -> MeasuringSimilarity:
    """Ask every measure all three tests, on the first 500 test images."""
    sizes = {ensemble.size(subjects[recipe].run.networks) for recipe in RECIPES}
    if len(sizes) > 1:
        raise InputError(f"the groups must be of one size, got {', '.join(map(str, sorted(sizes)))} seeds")
    layers = {recipe: _layers(subjects[recipe]) for recipe in RECIPES}
    tables = [
        [
            [test({recipe: both[place] for recipe, both in layers.items()}, asked) for place in range(len(CONDITIONS))]
            for test in (_labels, _widths, _of_layers)
        ]
        for asked in MEASURES.values()
    ]
    depth = len(layers[STUDY][0])
    return MeasuringSimilarity(
        measures=tuple(MEASURES),
        tests=TESTS,
        conditions=CONDITIONS,
        right=np.array(tables),
        chance=np.array([0.5, 0.5, 1 / depth]),
        recipes=tuple(RECIPES),
        accuracy=np.stack([kept_accuracy(subjects[recipe].run.history)[:, SPLITS.index("test")] for recipe in RECIPES]),
        diverged=np.array([subjects[recipe].diverged.sum() for recipe in RECIPES]),
    )


def findings(record: MeasuringSimilarity) -> list[Finding]:
    """Every measure judged on every test."""
    reached = ", ".join(
        f"{recipe} {100 * stats.over_seeds_estimate(values).mean:.1f} %"
        for recipe, values in zip(record.recipes, record.accuracy, strict=True)
    )
    lost = int(record.diverged.sum())
    note = f"Test accuracy: {reached}." + (f" {lost} networks diverged and are left out." if lost else "")
    found = []
    for place, test in enumerate(record.tests):
        for name, right in zip(record.measures, record.right[:, place], strict=True):
            if np.isnan(right).all():
                continue
            by_condition = {c: stats.over_seeds_estimate(values) for c, values in zip(CONDITIONS, right, strict=True)}
            claim = Claim(STUDY, f"{test} {name}", f"{name} {_TEXT[test]}", "—", Rule(_SCORE[test], low=GOOD))
            chance = float(record.chance[place])
            found.append(
                Finding(
                    claim,
                    by_condition[TRAINED],
                    by_condition[UNTRAINED],
                    UNTRAINED,
                    by_condition[TRAINED],
                    (Control("chance", stats.Estimate(chance, np.nan, np.nan, np.nan, by_condition[TRAINED].n)),),
                    note,
                )
            )
    return found


def answer(record: MeasuringSimilarity) -> str:
    """Which measures pass, and which one to take."""
    verdicts = {finding.claim.id: finding.verdict for finding in findings(record)}
    means = {
        name: [stats.over_seeds_estimate(right[CONDITIONS.index(TRAINED)]).mean for right in tests]
        for name, tests in zip(record.measures, record.right, strict=True)
    }
    passed = [
        name for name in record.measures if all(verdicts.get(f"{test} {name}") == "holds" for test in record.tests)
    ]
    best = max(means, key=lambda name: np.nan_to_num(min(means[name]), nan=-np.inf))
    figures = ", ".join(f"{test} {value:.2f}" for test, value in zip(record.tests, means[best], strict=True))
    who = f"{', '.join(passed)} pass all {len(record.tests)} tests" if passed else "none passes every test"
    return (
        f"Which measure of similarity should one take? Of {len(record.measures)}, {who}; the one whose poorest test "
        f"is best is {best} ({figures})."
    )


def _layers(subject: Subject) -> tuple[np.ndarray, np.ndarray]:
    """Activations "layers seeds examples units" after and before training; NaN for networks that diverged."""
    images, read = jnp.asarray(subject.splits.test.images[:EXAMPLES]), jax.jit(over_seeds(_hidden, chunk=8))
    after, before = (
        np.moveaxis(blanked(read(networks, images), subject.diverged), 1, 0)
        for networks in (subject.run.networks, subject.untrained())
    )
    return after, before


def _hidden(network: Network, images):
    activations = network(images)[1]
    return jnp.stack([activations[site] for site in sites(network.model) if site.endswith("/post")])


def _likeness(asked: Measure, activations, others) -> np.ndarray:
    """The measure of all pairs, higher for more alike whatever its direction."""
    values = np.asarray(_program(asked)(activations, others), np.float64)
    return values if asked.direction == "higher" else -values


@cache
def _program(asked: Measure):
    return jax.jit(partial(similarity.all_pairs, asked))


def _groups(groups: list[np.ndarray], asked: Measure) -> np.ndarray:
    """How often, by seed, a network is more alike one of its own group than one of another; mean over groups."""
    same_shape = len({group.shape for group in groups}) == 1
    if same_shape:  # one program compares them all
        together = np.concatenate(groups)
        table = _likeness(asked, together, together)
        seeds = len(groups[0])
        tables = np.moveaxis(table.reshape(len(groups), seeds, len(groups), seeds), 2, 1)
    else:
        tables = np.array([[_likeness(asked, one, other) for other in groups] for one in groups])
    return np.mean(
        [
            [more_alike(tables[own, own], tables[own, other]) for other in range(len(groups)) if other != own]
            for own in range(len(groups))
        ],
        axis=(0, 1),
    )


def more_alike(
    own: Float[np.ndarray, "seeds seeds"], other: Float[np.ndarray, "seeds seeds"]
) -> Float[np.ndarray, " seeds"]:
    """For every network, the share of (one of its group, one of another) in which the first is more alike; ties half.

    Networks of one number have the same initial weights in both groups: such pairs, and a network with itself, count
    nowhere, nor do pairs that are NaN. The area under the curve (Mann and Whitney's U).
    """
    known = np.isfinite(own) & ~np.eye(len(own), dtype=bool)
    known_other = np.isfinite(other) & ~np.eye(len(own), dtype=bool)
    both = known[:, :, None] & known_other[:, None]
    wins = (own[:, :, None] > other[:, None]) + 0.5 * (own[:, :, None] == other[:, None])
    count = both.sum(axis=(1, 2))
    return np.where(both, wins, 0).sum(axis=(1, 2)) / np.where(count, count, np.nan)


def same_layer(table: Float[np.ndarray, "layers seeds layers seeds"]) -> Float[np.ndarray, " seeds"]:
    """For every network, the share of (layer, other network) whose most alike layer is the same; ties share it."""
    layers, seeds = table.shape[:2]
    table = np.moveaxis(table, 2, 3)  # layers seeds seeds layers
    known = np.isfinite(table).all(axis=-1)
    most = table == np.max(table, axis=-1, keepdims=True)
    right = np.stack([most[layer, ..., layer] / np.maximum(most[layer].sum(axis=-1), 1) for layer in range(layers)])
    counted = known & ~np.eye(seeds, dtype=bool)
    count = counted.sum(axis=(0, 2))
    return np.where(counted, right, 0).sum(axis=(0, 2)) / np.where(count, count, np.nan)


def _labels(layers: Mapping[str, np.ndarray], asked: Measure) -> np.ndarray:
    return _groups([layers[recipe][-1] for recipe in (STUDY, HALF, SHUFFLED)], asked)


def _widths(layers: Mapping[str, np.ndarray], asked: Measure) -> np.ndarray:
    if asked.unit_by_unit:
        return np.full(layers[STUDY].shape[1], np.nan)  # it needs as many units in both
    return _groups([layers[recipe][-1] for recipe in (STUDY, WIDE)], asked)


def _of_layers(layers: Mapping[str, np.ndarray], asked: Measure) -> np.ndarray:
    depth, seeds = layers[STUDY].shape[:2]
    every = layers[STUDY].reshape(depth * seeds, *layers[STUDY].shape[2:])
    return same_layer(_likeness(asked, every, every).reshape(depth, seeds, depth, seeds))
