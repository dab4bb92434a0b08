"""How early do a neuron's weights look as in the end? Row 5.3: weights over training, and the direction of change."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import attribution, correlation, movement
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network, names
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import SNAPSHOTS, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import NAME, OVER_INKED
from jaxinterp.studies.scores import Calibrated, Given
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import mean

STAGES = (UNTRAINED, SNAPSHOTS, TRAINED)
SETTLED = 0.5  # more than half of the way from where it began
ONWARD = 0.5  # three pixels go on as they began for one that turns back


class Growth(NamedTuple):
    """Means over a layer's neurons, over pixels that have ink; other: with another neuron's kept weights, or beginning.

    settled: correlation of the weights at a stage with the kept ones. moved: share of the way to these. onward: share
    of (neuron, pixel) that moves on after a stage in the direction in which it moved until then.
    """

    settled: Float[Array, "conditions seeds layers"]
    settled_other: Float[Array, "conditions seeds layers"]
    moved: Float[Array, "conditions seeds layers"]
    onward: Float[Array, "conditions seeds layers"]
    onward_other: Float[Array, "conditions seeds layers"]


class Example(NamedTuple):
    """Weights of a network's first layer."""

    weights: Float[Array, "units pixels"]


def growth(inputs: Mapping[str, Inputs]) -> Growth:
    """Every network at every stage compared with itself before and after training."""
    own = inputs[NAME]
    run = jax.jit(jax.vmap(compare, in_axes=(0, 0, 0, None)))
    return stack(
        run(own.untrained, own.ensemble(stage), own.networks, own.once(maps.inked)) for stage in own.conditions(STAGES)
    )


def compare(untrained: Network, now: Network, trained: Network, inked: maps.Inked) -> Growth:
    """One network at one stage, layer by layer."""

    def of_layer(begun, here, final) -> Growth:
        first, later = here - begun, final - here
        another, another_first = (jnp.roll(values, 1, axis=0) for values in (final, first))  # neuron's
        found = Growth(
            settled=correlation.rowwise(here, final, inked),
            settled_other=correlation.rowwise(here, another, inked),
            moved=movement.share_gone(begun, here, final, inked),
            onward=movement.goes_on(first, later, inked),
            onward_other=movement.goes_on(another_first, later, inked),
        )
        return jax.tree.map(jnp.nanmean, found)

    return stack(map(of_layer, *map(maps.weights, (untrained, now, trained))))


def example(network: Network) -> Example:
    """The first layer of a network."""
    return Example(attribution.weights(network, site=network.model.layers[0].pre))


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[Any]]:
    return {"conditions": inputs[NAME].conditions(STAGES), "layers": names(inputs[NAME].model)}


MEASUREMENTS = (
    EnsembleMeasurement("growth", growth, _coords),
    Measurement("example", example, conditions=STAGES, example=True),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.3, layer by layer; nothing where no weights were kept on the way."""
    every = results["growth"]
    if every.sizes["conditions"] < 3:
        return []
    return [claim for layer in every.layers for claim in _of_layer(every.sel(layers=layer))]


def _of_layer(found: xr.Dataset) -> list[Claim]:
    layer, (early, *later) = found.layers.item(), found.conditions.to_numpy()[1:-1]
    then = found.sel(conditions=early)
    settled = Claim(
        row="5.3",
        name=f"settled {layer}",
        text=f"{layer}: what a neuron looks at is settled early: correlation of its weights after {early} with the "
        "kept ones",
        measured=then.settled,
        controls={UNTRAINED: found.settled.sel(conditions=UNTRAINED)},
        score=Calibrated(),
        rule=above(SETTLED),
        bounds=SIGNED,
        quantity="correlation with the kept weights",
        shown={"another neuron's kept weights": then.settled_other}
        | {f"after {stage}": found.settled.sel(conditions=stage) for stage in later},
        note=f"Mean over neurons, {OVER_INKED}; from the second layer on pushed back. Share of the way gone after "
        f"{early}: {mean(then.moved, 2)}.",
    )
    direction = Claim(
        row="5.3",
        name=f"direction {layer}",
        text=f"{layer}: pixels go on in the direction in which they begin: share of (neuron, pixel) that moves after "
        f"{early} as it did before",
        measured=then.onward,
        controls={"another neuron's beginning": then.onward_other},
        score=Given(2 * then.onward - 1, SIGNED),
        rule=above(ONWARD),
        bounds=SHARE,
        quantity="twice the share less 1",
        note=f"{OVER_INKED.capitalize()}.",
    )
    return [settled, direction]
