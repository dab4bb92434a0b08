"""When is it settled what a neuron looks at? Row 5.3: weights over training, and the direction in which pixels move."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from jaxinterp import ensemble
from jaxinterp.analysis import attribution, correlation, movement
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import SNAPSHOTS, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, Given, above
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import NAME, OVER_INKED
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number

SETTLED = 0.5  # more than half of the way from where it began
ONWARD = 0.5  # three pixels go on as they began for one that turns back

Inked = Bool[Array | np.ndarray, " pixels"]


class Growth(NamedTuple):
    """Means over a layer's neurons, over pixels that have ink; other: with another neuron's kept weights, or beginning.

    settled: correlation of the weights at a stage with the kept ones. moved: share of the way to these. onward: share
    of (neuron, pixel) that moves on after a stage in the direction in which it moved until then.
    """

    settled: Float[np.ndarray, "conditions seeds layers"]
    settled_other: Float[np.ndarray, "conditions seeds layers"]
    moved: Float[np.ndarray, "conditions seeds layers"]
    onward: Float[np.ndarray, "conditions seeds layers"]
    onward_other: Float[np.ndarray, "conditions seeds layers"]


class Example(NamedTuple):
    """One network's weights of its first layer at every stage."""

    weights: Float[np.ndarray, "conditions units pixels"]


def stages(inputs: Inputs) -> tuple[str, ...]:
    """Every stage whose weights were kept, from untrained to trained."""
    return inputs.conditions((UNTRAINED, SNAPSHOTS, TRAINED))


def growth(inputs: Mapping[str, Inputs]) -> Growth:
    """Every network at every stage compared with itself before and after training."""
    own = inputs[NAME]
    compare = jax.jit(jax.vmap(_compare, in_axes=(0, 0, 0, None)))
    found = [compare(own.untrained, own.ensemble(stage), own.networks, own.once(maps.inked)) for stage in stages(own)]
    return Growth(*(np.array(parts, np.float64) for parts in zip(*found, strict=True)))


def _compare(untrained: Network, now: Network, trained: Network, inked: Inked) -> tuple[Array, ...]:
    def of_layer(begun, here, final):
        first, later = here - begun, final - here
        found = [correlation.rowwise(here, kept, inked) for kept in (final, _another(final))]
        found += [movement.share_gone(begun, here, final, inked)]
        found += [movement.goes_on(change, later, inked) for change in (first, _another(first))]
        return [jnp.nanmean(values) for values in found]

    by_layer = zip(*(maps.weights(network) for network in (untrained, now, trained)), strict=True)
    return tuple(map(jnp.stack, zip(*(of_layer(*layer) for layer in by_layer), strict=True)))


def _another(values: Float[Array, "units pixels"]) -> Float[Array, "units pixels"]:
    """Another neuron's in the place of each."""
    return jnp.roll(values, 1, axis=0)


def example(inputs: Mapping[str, Inputs]) -> Example:
    """The first layer of the network that is shown."""
    own = inputs[NAME]
    networks = [ensemble.take(own.ensemble(stage), maps.example(own)) for stage in stages(own)]
    return Example(np.stack([attribution.weights(network, site="hidden0/pre") for network in networks]))


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"conditions": stages(inputs[NAME]), "layers": maps.layers(inputs[NAME].model)}


MEASUREMENTS = (
    EnsembleMeasurement("growth", growth, _coords),
    EnsembleMeasurement("example", example, _coords),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.3, layer by layer; nothing where no weights were kept on the way."""
    found = results["growth"]
    if found.sizes["conditions"] < 3:
        return []
    return [claim(found.sel(layers=layer)) for layer in found.layers.to_numpy() for claim in (_settled, _direction)]


def _settled(found: xr.Dataset) -> Claim:
    layer, (early, *later) = found.layers.item(), found.conditions.to_numpy()[1:-1]
    moved = float(found.moved.sel(conditions=early).mean())
    return Claim(
        row="5.3",
        name=f"settled {layer}",
        text=f"{layer}: what a neuron looks at is settled early: correlation of its weights after {early} with the "
        "kept ones",
        measured=found.settled.sel(conditions=early),
        controls={UNTRAINED: found.settled.sel(conditions=UNTRAINED)},
        score=Calibrated(),
        rule=above(SETTLED),
        quantity="correlation with the kept weights",
        shown={"another neuron's kept weights": found.settled_other.sel(conditions=early)}
        | {f"after {stage}": found.settled.sel(conditions=stage) for stage in later},
        note=f"Mean over neurons, {OVER_INKED}; from the second layer on pushed back. Share of the way gone after "
        f"{early}: {format_number(moved)}.",
    )


def _direction(found: xr.Dataset) -> Claim:
    layer, early = found.layers.item(), found.conditions.to_numpy()[1]
    own, other = (values.sel(conditions=early) for values in (found.onward, found.onward_other))
    return Claim(
        row="5.3",
        name=f"direction {layer}",
        text=f"{layer}: pixels go on in the direction in which they begin: share of (neuron, pixel) that moves after "
        f"{early} as it did before",
        measured=own,
        controls={"another neuron's beginning": other},
        score=Given(2 * own - 1),
        rule=above(ONWARD),
        quantity="twice the share less 1",
        note=f"{OVER_INKED.capitalize()}.",
    )
