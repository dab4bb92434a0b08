"""Does a neuron's map concentrate on one place, or on two? Row 5.2: focus of every neuron, trained and untrained."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import locality
from jaxinterp.data import image_shape
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network, pad_units
from jaxinterp.stats import SHARE
from jaxinterp.studies.inputs import TRAINED, UNTRAINED
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import ALIKE, CONDITIONS, OVER_INKED, USED, VIEWS, WEIGHTS
from jaxinterp.studies.scores import Calibrated, Difference, Ratio
from jaxinterp.studies.study import Measurement, Results

FAR = 1 / 3  # of the image's side, between centres: further than a digit's stroke is from its neighbour
SHUFFLED = "the same map, its pixels shuffled"
_NONE: Mapping[str, xr.DataArray] = {}
NARROWED = 0.5  # half of the pixels that random weights have

_NAMES = {WEIGHTS: "weights", USED: "what is used"}
_EXPLAINED = {
    WEIGHTS: f"Maps: weights, from the second layer on pushed back with batch norms folded in, {OVER_INKED}, 0 "
    "elsewhere.",
    USED: f"Maps: mean gradient over test images × sd of the pixel, {OVER_INKED}, 0 elsewhere.",
}


class Focus(NamedTuple):
    """How every neuron's map lies in the image; see `locality`. two_foci: 1 where two foci are far apart.

    largest_shuffled: of the same map with its inked pixels shuffled, in one order for all neurons. neurons: how many a
    layer has; the narrower layers are padded with NaN.
    """

    participation: Float[Array, "views layers units"]
    gini: Float[Array, "views layers units"]
    spread: Float[Array, "views layers units"]
    components: Float[Array, "views layers units"]
    largest: Float[Array, "views layers units"]
    largest_shuffled: Float[Array, "views layers units"]
    foci: Float[Array, "views layers units"]
    two_foci: Float[Array, "views layers units"]
    neurons: Float[Array, " layers"]


def focus(network: Network, key, images: maps.Images, inked: maps.Inked) -> Focus:
    """The focus of every neuron, by its weights and by what it uses. key: of the order of shuffled pixels."""
    both = stack(map(pad_units, (maps.weights(network), maps.used(network, images))))
    flat = jnp.where(inked, both, 0).reshape(-1, both.shape[-1])
    local, foci = locality.locality(flat), locality.foci(flat)
    far = FAR * image_shape(flat.shape[-1])[0]
    two = jnp.where(jnp.isnan(foci.count), jnp.nan, (foci.count >= 2) & (foci.distance > far))
    moved = locality.locality(flat[:, locality.shuffled(key, jnp.asarray(inked))])
    statistics = local.participation, local.gini, local.spread, local.components, local.largest, moved.largest
    statistics = *statistics, foci.count, two
    return Focus(
        *(values.reshape(both.shape[:-1]) for values in statistics),
        neurons=jnp.array([layer.units for layer in network.model.layers], float),
    )


MEASUREMENTS = (
    Measurement("focus", focus, lambda own: maps.shared(own)[::2], maps.coords, CONDITIONS, key=2, chunk=2),
)


def claims(results: Results) -> list[Claim]:
    """Row 5.2, by weights and by what is used of them."""
    every = results["focus"]
    each = [every.sel(layers=layer, views=view) for layer in every.layers for view in VIEWS]
    return [claim for found in each for claim in _of_layer(found)]


def _of_layer(found: xr.Dataset) -> list[Claim]:
    """Values of trained networks against those of untrained ones, in one layer and by one view."""
    layer, view, trained = found.layers.item(), found.views.item(), found.sel(conditions=TRAINED)
    seen, maps_are, neurons = _NAMES[view], _EXPLAINED[view], float(found.neurons.max())
    best = found.drop_vars("neurons").isel(units=found.participation.fillna(np.inf).argmin("units"))
    shown = [f"{s} {_trained_and_not(found[s].mean('units'))}" for s in ("gini", "spread", "components")]
    narrowed = {"score": Ratio(), "rule": below(1 - NARROWED), "quantity": "effective number of pixels"}

    def claim(name: str, text: str, values: xr.DataArray, published="found by eye", also=_NONE, **said: Any) -> Claim:
        return Claim(
            row="5.2",
            name=f"{name} {layer} {view}",
            text=f"{layer}: {text}",
            published=published,
            measured=values.sel(conditions=TRAINED),
            controls={UNTRAINED: values.sel(conditions=UNTRAINED), **also},
            **said,
        )

    return [
        claim(
            "focus",
            f"neurons use few pixels, wherever these are, by {seen}: effective number of pixels, mean over neurons",
            found.participation,
            published="by eye: some",
            note=f"{maps_are} Trained ({UNTRAINED}): {', '.join(shown)}.",
            **narrowed,
        ),
        claim(
            "most focused",
            f"a network's most focused neuron uses few pixels, wherever these are, by {seen}: effective number of "
            "pixels",
            found.participation.min("units"),
            shown={"mean over neurons": trained.participation},
            note=f"{maps_are} Control: the fewest pixels among as many neurons of the same network before training.",
            **narrowed,
        ),
        claim(
            "one place",
            f"a network's most focused neuron looks at one place, by {seen}: share of its core in the largest "
            "connected part",
            best.largest,
            also={SHUFFLED: best.largest_shuffled.sel(conditions=TRAINED)},
            score=Calibrated(),
            rule=above(ALIKE),
            bounds=SHARE,
            quantity="share of the core",
            shown={"mean over neurons": trained.largest},
            note="Core: the fewest pixels that hold half of the map's squares. Spread in pixels "
            f"{_trained_and_not(best.spread)}. {maps_are}",
        ),
        claim(
            "two foci",
            f"training gives a network neurons with two foci far apart, by {seen}: share of neurons",
            found.two_foci,
            score=Difference(),
            rule=above(1 / neurons),  # more than one neuron
            bounds=SHARE,
            quantity="share of neurons",
            note=f"Foci: connected parts of the core with at least {locality.FOCUS:.0%} of its mass; far apart: "
            f"centres further than {FAR:.2f} of the image's side. Foci per neuron "
            f"{_trained_and_not(found.foci.mean('units'))}. The bar is one neuron of the layer's {neurons:.0f}. "
            f"{maps_are}",
        ),
    ]


def _trained_and_not(values: xr.DataArray) -> str:
    trained, untrained = (float(values.sel(conditions=name).mean()) for name in (TRAINED, UNTRAINED))
    return f"{trained:.3g} ({untrained:.3g})"
