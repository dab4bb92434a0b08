"""Do measures of similarity measure it? Every measure is asked for differences that are known to exist.

Networks are trained on true labels, on partly and on wholly shuffled ones; narrow and wide; and several layers deep. A
useful measure finds two networks of one group more alike than two of different groups (ReSi, Klabunde et al. 2024,
arXiv 2408.00531), and a layer most alike the same layer of another network (Kornblith et al. 2019, arXiv 1905.00414).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp.analysis import similarity
from jaxinterp.analysis.similarity import MEASURES, Measure
from jaxinterp.ensemble import over_seeds
from jaxinterp.errors import InputError
from jaxinterp.networks import Network, sites
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, Finding, above
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Results, Study
from jaxinterp.text import format_number, format_percent

NAME = "measuring-similarity"
HALF, SHUFFLED, WIDE = (f"{NAME}-{arm}" for arm in ("half-shuffled", "shuffled", "wide"))
RECIPES = {NAME: 32, HALF: 32, SHUFFLED: 32, WIDE: 32}
EXAMPLES = 500  # more than a few times the units of any network here
LABELS, WIDTHS, LAYERS = TESTS = ("labels", "widths", "layers")
CONDITIONS = (UNTRAINED, TRAINED)

GOOD = 0.9  # a measure that errs in more than one comparison of ten cannot be relied on

_TEXT = {
    LABELS: "tells networks trained on true labels, on half and on wholly shuffled ones apart",
    WIDTHS: "tells wider networks from narrower ones",
    LAYERS: "finds layer i of one network most alike layer i of another",
}
_QUANTITY = {
    LABELS: "the chance that a network is more alike one of its own group than one of another (area under the curve)",
    WIDTHS: "the chance that a network is more alike one of its own width than one of the other (area under the curve)",
    LAYERS: "the share of layers whose most alike layer of another network is the same one",
}

Layers = Float[np.ndarray, "layers seeds examples units"]


class Correctness(NamedTuple):
    """How often each measure is right, by network; by chance alone; NaN for networks that diverged.

    Untrained: the same networks with their initial weights, which the labels cannot have told apart.
    """

    right: Float[np.ndarray, "measures conditions seeds"]
    chance: Float[np.ndarray, ""]


def labels(inputs: Mapping[str, Inputs]) -> Correctness:
    """Whether the last layer tells true, partly and wholly shuffled labels apart."""
    return _asked(inputs, lambda layers, measure: _groups([layers[own][-1] for own in (NAME, HALF, SHUFFLED)], measure))


def widths(inputs: Mapping[str, Inputs]) -> Correctness:
    """Whether the last layer tells wide networks from narrow ones; NaN for measures that compare unit with unit."""

    def test(layers: Mapping[str, Layers], measure: Measure):
        if measure.unit_by_unit:
            return np.full(layers[NAME].shape[1], np.nan)  # it needs as many units in both
        return _groups([layers[NAME][-1], layers[WIDE][-1]], measure)

    return _asked(inputs, test)


def layers(inputs: Mapping[str, Inputs]) -> Correctness:
    """Whether a layer's most alike layer in another network is the same one."""
    found = _asked(inputs, lambda layers, measure: of_layers(layers[NAME], measure))
    return found._replace(chance=np.array(1 / len(inputs[NAME].once(read_layers)[0])))


def of_layers(layers: Layers, measure: Measure) -> Float[np.ndarray, " seeds"]:
    """By network, how often its layers find the same layer of another network most alike."""
    depth, seeds = layers.shape[:2]
    every = layers.reshape(depth * seeds, *layers.shape[2:])
    return same_layer(_likeness(measure, every, every).reshape(depth, seeds, depth, seeds))


def read_layers(inputs: Inputs) -> tuple[Layers, Layers]:
    """Activations of every hidden layer before and after training; NaN for networks that diverged."""
    images, read = jnp.asarray(inputs.splits.test.images[:EXAMPLES]), jax.jit(over_seeds(_hidden, chunk=8))

    def of(networks: Network) -> Layers:
        activations = np.array(read(networks, images), np.float64)
        activations[inputs.diverged] = np.nan
        return np.moveaxis(activations, 1, 0)

    return of(inputs.untrained), of(inputs.networks)


def _hidden(network: Network, images):
    activations = network(images)[1]
    return jnp.stack([activations[site] for site in sites(network.model) if site.endswith("/post")])


def _asked(inputs: Mapping[str, Inputs], test: Callable[[dict[str, Layers], Measure], np.ndarray]) -> Correctness:
    """Every measure, on the networks before training and after it."""
    by_condition = [
        {recipe: own.once(read_layers)[condition] for recipe, own in inputs.items()}
        for condition in range(len(CONDITIONS))
    ]
    right = [[test(layers, measure) for layers in by_condition] for measure in MEASURES.values()]
    return Correctness(np.array(right), np.array(0.5))


def _likeness(measure: Measure, activations, others) -> np.ndarray:
    """The measure of all pairs, higher for more alike whatever its direction."""
    values = np.asarray(_program(measure)(activations, others), np.float64)
    return values if measure.direction == "higher" else -values


@cache
def _program(measure: Measure):
    return jax.jit(partial(similarity.all_pairs, measure))


def _groups(groups: list[np.ndarray], measure: Measure) -> np.ndarray:
    """How often, by seed, a network is more alike one of its own group than one of another; mean over groups."""
    same_shape = len({group.shape for group in groups}) == 1
    if same_shape:  # one program compares them all
        together = np.concatenate(groups)
        table = _likeness(measure, together, together)
        seeds = len(groups[0])
        tables = np.moveaxis(table.reshape(len(groups), seeds, len(groups), seeds), 2, 1)
    else:
        tables = np.array([[_likeness(measure, one, other) for other in groups] for one in groups])
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


def check(inputs: Mapping[str, Inputs]) -> None:
    """Raise InputError unless all groups have as many networks."""
    sizes = {own.seeds for own in inputs.values()}
    if len(sizes) > 1:
        raise InputError(f"the groups must be of one size, got {', '.join(map(str, sorted(sizes)))} seeds")


def claims(results: Results) -> list[Claim]:
    """Every measure passes every test."""
    return [
        _claim(test, str(name), results[test].sel(measures=name), _note(results))
        for test in TESTS
        for name in results[test].measures.to_numpy()
        if results[test].right.sel(measures=name).notnull().any()
    ]


def _claim(test: str, name: str, found: xr.Dataset, note: str) -> Claim:
    return Claim(
        row=test,
        name=name,
        text=f"{name} {_TEXT[test]}",
        quantity=_QUANTITY[test],
        measured=found.right.sel(conditions=TRAINED),
        controls={UNTRAINED: found.right.sel(conditions=UNTRAINED)},
        rule=above(GOOD),
        shown={"chance": found.chance},
        note=note,
        recipes=tuple(RECIPES),
    )


def _note(results: Results) -> str:
    accuracy = results[NETWORKS].accuracy.sel(splits="test").mean("seeds")
    reached = [f"{recipe} {format_percent(float(accuracy.sel(recipes=recipe)), 1)}" for recipe in RECIPES]
    return f"Test accuracy: {', '.join(reached)}."


def answer(findings: Mapping[str, Finding]) -> str:
    """Which measures pass, or which one is best in its poorest test."""
    by_measure: dict[str, list[Finding]] = {}
    for finding in findings.values():
        by_measure.setdefault(finding.name, []).append(finding)
    complete = {name: own for name, own in by_measure.items() if len(own) == len(TESTS)}
    passed = [name for name, own in complete.items() if all(finding.verdict == "holds" for finding in own)]
    if passed:
        return f"Of {len(by_measure)} measures, {', '.join(passed)} detect every known difference."
    if not complete:
        return f"None of {len(by_measure)} measures was given every test."
    poorest = {name: min(finding.measured.mean for finding in own) for name, own in complete.items()}
    best = max(poorest, key=lambda name: np.nan_to_num(poorest[name], nan=-np.inf))
    return (
        f"None of {len(by_measure)} measures detects every known difference; {best} comes closest, right in at least "
        f"{format_number(poorest[best])} of comparisons on each test."
    )


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"measures": tuple(MEASURES), "conditions": CONDITIONS}


STUDY = Study(
    name=NAME,
    question="How often does each measure of similarity detect a difference that is known to exist?",
    source="none: a test of this package's own measures",
    recipes=RECIPES,
    measurements=(
        EnsembleMeasurement(LABELS, labels, _coords, (NAME, HALF, SHUFFLED)),
        EnsembleMeasurement(WIDTHS, widths, _coords, (NAME, WIDE)),
        EnsembleMeasurement(LAYERS, layers, _coords, (NAME,)),
    ),
    claims=(claims,),
    answer=answer,
    highlights=("labels debiased_cka", "layers debiased_cka", "widths debiased_cka", "labels cca", "layers procrustes"),
    least_seeds=3,  # a network is compared with two others
    check=check,
)
