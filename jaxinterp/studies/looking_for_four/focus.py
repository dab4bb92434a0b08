"""Does a neuron look at one place, or at two? Row 5.2: focus as a number, of every neuron, trained and untrained."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import locality
from jaxinterp.data import image_shape
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, Difference, Ratio, above, below
from jaxinterp.studies.looking_for_four import maps
from jaxinterp.studies.looking_for_four.maps import ALIKE, CONDITIONS, OVER_INKED, USED, VIEWS, WEIGHTS
from jaxinterp.studies.study import Measurement, Results

FAR = 1 / 3  # of the image's side, between centres: further than a digit's stroke is from its neighbour
NARROWED = 0.5  # half of the pixels that random weights have

_NAMES = {WEIGHTS: "weights", USED: "what is used"}
_EXPLAINED = {
    WEIGHTS: f"Maps: weights, from the second layer on pushed back with batch norms folded in, {OVER_INKED}, 0 "
    "elsewhere.",
    USED: f"Maps: mean gradient over test images × sd of the pixel, {OVER_INKED}, 0 elsewhere.",
}


Images = Float[Array | np.ndarray, "examples pixels"]
Inked = Bool[Array | np.ndarray, " pixels"]


class Focus(NamedTuple):
    """How every neuron's map lies in the image; see `locality`. two_foci: 1 where two foci are far apart.

    neurons: how many a layer has; the narrower layers are padded with NaN.
    """

    participation: Float[Array, "views layers units"]
    gini: Float[Array, "views layers units"]
    spread: Float[Array, "views layers units"]
    components: Float[Array, "views layers units"]
    largest: Float[Array, "views layers units"]
    foci: Float[Array, "views layers units"]
    two_foci: Float[Array, "views layers units"]
    neurons: Float[Array, " layers"]


def focus(network: Network, images: Images, inked: Inked) -> Focus:
    """The focus of every neuron, by its weights and by what it uses."""
    both = jnp.stack([maps.padded(views) for views in (maps.weights(network), maps.used(network, images))])
    flat = jnp.where(inked, both, 0).reshape(-1, both.shape[-1])
    local, foci = locality.locality(flat), locality.foci(flat)
    far = FAR * image_shape(flat.shape[-1])[0]
    two = jnp.where(jnp.isnan(foci.count), jnp.nan, (foci.count >= 2) & (foci.distance > far))
    statistics = local.participation, local.gini, local.spread, local.components, local.largest, foci.count, two
    return Focus(
        *(values.reshape(both.shape[:-1]) for values in statistics), neurons=jnp.array(network.model.widths, float)
    )


def _shared(inputs: Inputs) -> tuple:
    return inputs.once(maps.sample), inputs.once(maps.inked)


MEASUREMENTS = (Measurement("focus", focus, _shared, maps.coords, CONDITIONS, chunk=2),)


def most_focused(found: xr.Dataset) -> xr.Dataset:
    """The statistics of each network's neuron of fewest pixels."""
    return found.drop_vars("neurons").isel(units=found.participation.fillna(np.inf).argmin("units"))


def claims(results: Results) -> list[Claim]:
    """Row 5.2, by weights and by what is used of them."""
    found = results["focus"]
    each = [found.sel(layers=layer, views=view) for layer in found.layers.to_numpy() for view in VIEWS]
    return [claim(of_layer) for of_layer in each for claim in (_focus, _most_focused, _one_place, _two_foci)]


def _focus(found: xr.Dataset) -> Claim:
    shown = [f"{s} {_trained_and_not(found[s].mean('units'))}" for s in ("gini", "spread", "components")]
    return _narrowed(
        found,
        "focus",
        "neurons focus, by {}: effective number of pixels, mean over neurons",
        found.participation,
        published="by eye: some",
        note=f"Trained ({UNTRAINED}): {', '.join(shown)}.",
    )


def _most_focused(found: xr.Dataset) -> Claim:
    return _narrowed(
        found,
        "most focused",
        "a network's most focused neuron is focused, by {}: effective number of pixels",
        found.participation.min("units"),
        published="found by eye",
        shown={"mean over neurons": found.participation.sel(conditions=TRAINED)},
        note="Control: the fewest pixels among as many neurons of the same network before training.",
    )


def _narrowed(found: xr.Dataset, name: str, text: str, pixels: xr.DataArray, note: str, **options) -> Claim:
    layer, view = found.layers.item(), found.views.item()
    return Claim(
        row="5.2",
        name=f"{name} {layer} {view}",
        text=f"{layer}: {text.format(_NAMES[view])}",
        measured=pixels.sel(conditions=TRAINED),
        controls={UNTRAINED: pixels.sel(conditions=UNTRAINED)},
        score=Ratio(),
        rule=below(1 - NARROWED),
        quantity="effective number of pixels",
        note=f"{_EXPLAINED[view]} {note}",
        **options,
    )


def _one_place(found: xr.Dataset) -> Claim:
    layer, view = found.layers.item(), found.views.item()
    best = most_focused(found)
    return Claim(
        row="5.2",
        name=f"one place {layer} {view}",
        text=f"{layer}: a network's most focused neuron looks at one place, by {_NAMES[view]}: share of its core in "
        "the largest connected part",
        measured=best.largest.sel(conditions=TRAINED),
        controls={UNTRAINED: best.largest.sel(conditions=UNTRAINED)},
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="share of the core",
        published="found by eye",
        shown={"mean over neurons": found.largest.sel(conditions=TRAINED)},
        note="Core: the fewest pixels that hold half of the map's squares. Spread in pixels "
        f"{_trained_and_not(best.spread)}. {_EXPLAINED[view]}",
    )


def _two_foci(found: xr.Dataset) -> Claim:
    layer, view = found.layers.item(), found.views.item()
    neurons = float(found.neurons.max())
    return Claim(
        row="5.2",
        name=f"two foci {layer} {view}",
        text=f"{layer}: training gives a network neurons with two foci far apart, by {_NAMES[view]}: share of neurons",
        measured=found.two_foci.sel(conditions=TRAINED),
        controls={UNTRAINED: found.two_foci.sel(conditions=UNTRAINED)},
        score=Difference(),
        rule=above(1 / neurons),  # more than one neuron
        quantity="share of neurons",
        published="found by eye",
        note=f"Foci: connected parts of the core with at least {locality.FOCUS:.0%} of its mass; far apart: centres "
        f"further than {FAR:.2f} of the image's side. Foci per neuron {_trained_and_not(found.foci.mean('units'))}. "
        f"The bar is one neuron of the layer's {neurons:.0f}. {_EXPLAINED[view]}",
    )


def _trained_and_not(values: xr.DataArray) -> str:
    trained, untrained = (float(values.sel(conditions=name).mean()) for name in (TRAINED, UNTRAINED))
    return f"{trained:.3g} ({untrained:.3g})"
