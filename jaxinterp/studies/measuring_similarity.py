"""How often does each measure of similarity detect a difference that is known to exist?

Networks differ in known ways: trained on true, half shuffled or wholly shuffled labels; narrow or wide; and one layer
from another (see `analysis.similarity.discrimination`). The best of many measures is best partly by chance, so it is
chosen on one half of the networks and judged on the other.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp.analysis.similarity import MEASURES, Measure, discrimination
from jaxinterp.ensemble import over_seeds, side_by_side
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, Finding, above
from jaxinterp.studies.needs import Needs
from jaxinterp.studies.study import NETWORKS, EnsembleMeasurement, Results, Study
from jaxinterp.text import format_number, format_percent

NAME = "measuring-similarity"
HALF, SHUFFLED, WIDE = (f"{NAME}-{arm}" for arm in ("half-shuffled", "shuffled", "wide"))
RECIPES = {NAME: 32, HALF: 32, SHUFFLED: 32, WIDE: 32}
EXAMPLES = 500  # more than a few times the units of any network here; parts of them would be too few
LABELS, WIDTHS, LAYERS = TESTS = ("labels", "widths", "layers")
CONDITIONS = (UNTRAINED, TRAINED)

BEST = "best"
HALVES = CHOOSING, JUDGING = ("choosing", "judging")  # every other network, and the rest

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

Layers = list[Float[np.ndarray, "seeds examples _"]]


class Correctness(NamedTuple):
    """How often each measure is right, by network; by chance alone; NaN for networks that diverged.

    Untrained: the same networks with their initial weights, which the labels cannot have told apart. by_half: of
    trained networks, each half compared among itself; its last is NaN where a half has fewer.
    """

    right: Float[np.ndarray, "measures conditions seeds"]
    by_half: Float[np.ndarray, "measures halves half_seeds"]
    chance: Float[np.ndarray, ""]


def groups(inputs: Mapping[str, Inputs]) -> Correctness:
    """Whether the last layer tells the networks of one recipe from those of others."""
    return _given(
        inputs, lambda by_recipe: [layers[-1] for layers in by_recipe], discrimination.groups_apart, chance=0.5
    )


def layers(inputs: Mapping[str, Inputs]) -> Correctness:
    """Whether a layer's most alike layer in another network is the same one."""
    chance = 1 / len(inputs[NAME].once(read_layers)[0])
    return _given(inputs, lambda by_recipe: by_recipe[0], discrimination.layers_found, chance=chance)


def read_layers(inputs: Inputs) -> tuple[Layers, Layers]:
    """Activations of every hidden layer before and after training; NaN for networks that diverged."""
    images, read = jnp.asarray(inputs.splits.test.images[:EXAMPLES]), jax.jit(over_seeds(_hidden, chunk=8))

    def of(networks: Network) -> Layers:
        layers = [np.array(layer, np.float64) for layer in read(networks, images)]
        for layer in layers:
            layer[inputs.diverged] = np.nan
        return layers

    return of(inputs.untrained), of(inputs.networks)


def _hidden(network: Network, images):
    activations = network(images)[1]
    return [activations[layer.post] for layer in network.model.layers]


def _given(inputs: Mapping[str, Inputs], sets: Callable, right: Callable, *, chance: float) -> Correctness:
    """Every measure, on the networks before training and after it.

    sets: from the layers of every recipe's networks, those that are compared.
    """
    by_condition = [
        sets(by_recipe) for by_recipe in zip(*(own.once(read_layers) for own in inputs.values()), strict=True)
    ]

    def of_measure(measure: Measure):
        return [discrimination.alike(measure, own) for own in by_condition]

    tables = side_by_side(of_measure, list(MEASURES.values()))
    values = [[right(table) for table in own] for own in tables]
    by_half = [[of_half(right, own[CONDITIONS.index(TRAINED)], half) for half in range(2)] for own in tables]
    return Correctness(np.array(values), np.array(by_half), np.array(chance))


def of_half(
    right: Callable, table: Float[np.ndarray, "sets sets seeds seeds"], half: int
) -> Float[np.ndarray, " half_seeds"]:
    """How often the measure is right about every other network, compared with those of its half alone."""
    seeds = table.shape[-1]
    values = right(table[:, :, half::2, half::2])
    return np.pad(values, (0, -(-seeds // 2) - len(values)), constant_values=np.nan)


def check(inputs: Mapping[str, Inputs]) -> None:
    """Raise InputError unless all groups have as many networks."""
    sizes = {own.seeds for own in inputs.values()}
    if len(sizes) > 1:
        raise InputError(f"the groups must be of one size, got {', '.join(map(str, sorted(sizes)))} seeds")


def claims(results: Results) -> list[Claim]:
    """Every measure passes every test that it can be given; and the one that a reader would take passes its poorest."""
    best = _best(results)
    return [*_every(results), *([] if best is None else [best])]


def _best(results: Results) -> Claim | None:
    """The measure that is best in its poorest test, both chosen on one half of the networks, judged on the other."""
    table = xr.Dataset({test: results[test].by_half for test in TESTS}).to_dataarray("tests")
    chosen_by = table.sel(halves=CHOOSING, drop=True).mean("half_seeds")
    complete = chosen_by.notnull().all("tests")
    if not complete.any():
        return None
    poorest = chosen_by.min("tests").where(complete, -1)
    name = str(poorest.idxmax("measures").item())
    test = str(chosen_by.sel(measures=name).idxmin("tests").item())
    judged = table.sel(halves=JUDGING, drop=True).rename(half_seeds="seeds")
    others = judged.sel(tests=test).where(complete).drop_sel(measures=name)
    return Claim(
        row=BEST,
        name="chosen",
        text=f"{name}, chosen on one half of the networks as best in its poorest test ({test}), is right in it on the "
        "other half",
        bounds=SHARE,
        quantity=_QUANTITY[test],
        measured=judged.sel(measures=name, tests=test),
        controls={"the other measures": others},
        rule=above(GOOD),
        shown={
            "the same on the half that chose it": table.sel(halves=CHOOSING, measures=name, tests=test),
            **{f"{name}, {other}": judged.sel(measures=name, tests=other) for other in TESTS if other != test},
        },
        note="Every other network chooses; each half is compared among itself.",
        recipes=tuple(RECIPES),
    )


def _every(results: Results) -> list[Claim]:
    accuracy = results[NETWORKS].accuracy.sel(splits="test").mean("seeds")
    reached = [f"{recipe} {format_percent(float(accuracy.sel(recipes=recipe)), 1)}" for recipe in RECIPES]
    tested = [
        (test, str(name), results[test].sel(measures=name))
        for test in TESTS
        for name in results[test].measures.to_numpy()
    ]
    return [
        Claim(
            row=test,
            name=name,
            text=f"{name} {_TEXT[test]}",
            bounds=SHARE,
            quantity=_QUANTITY[test],
            measured=found.right.sel(conditions=TRAINED),
            controls={UNTRAINED: found.right.sel(conditions=UNTRAINED)},
            rule=above(GOOD),
            shown={"chance": found.chance},
            note=f"Test accuracy: {', '.join(reached)}.",
            recipes=tuple(RECIPES),
        )
        for test, name, found in tested
        if found.right.notnull().any()
    ]


def answer(findings: Mapping[str, Finding]) -> str:
    """Which measures pass, or how good the one is that was chosen on other networks."""
    by_measure: dict[str, list[Finding]] = {}
    for finding in findings.values():
        if finding.row in TESTS:
            by_measure.setdefault(finding.name, []).append(finding)
    complete = {name: own for name, own in by_measure.items() if len(own) == len(TESTS)}
    passed = [name for name, own in complete.items() if all(finding.verdict == "holds" for finding in own)]
    if passed:
        return f"Of {len(by_measure)} measures, {', '.join(passed)} detect every known difference."
    best = findings.get(f"{BEST} chosen")
    if best is None:
        return f"None of {len(by_measure)} measures was given every test."
    chosen, _, _ = best.text.partition(",")
    return (
        f"None of {len(by_measure)} measures detects every known difference; {chosen}, best on half of the networks, "
        f"is right in {format_number(best.measured.mean)} of comparisons on the others."
    )


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"measures": tuple(MEASURES), "conditions": CONDITIONS, "halves": HALVES}


STUDY = Study(
    name=NAME,
    question="How often does each measure of similarity detect a difference that is known to exist?",
    source="none: a test of this package's own measures",
    recipes=RECIPES,
    measurements=(
        EnsembleMeasurement(LABELS, groups, _coords, (NAME, HALF, SHUFFLED)),
        EnsembleMeasurement(WIDTHS, groups, _coords, (NAME, WIDE)),
        EnsembleMeasurement(LAYERS, layers, _coords, (NAME,)),
    ),
    claims=(claims,),
    answer=answer,
    highlights=(f"{BEST} chosen", "labels debiased_cka", "layers debiased_cka", "widths debiased_cka", "labels cca"),
    least_seeds=3,  # a network is compared with two others
    needs=Needs(layers=2),  # since one test compares different layers
    check=check,
    total=45,
)
