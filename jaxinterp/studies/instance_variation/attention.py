"""Do matched units of two trainings use the same pixels? Row 3.5: correlation of the maps of matched units.

Units are matched by their activations on test images, and the match is scored by their maps, which had no part in it.
The write-up matched by the maps themselves, which gives even random maps a correlation: that is shown too.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import correlation, matching
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import maps
from jaxinterp.studies.instance_variation.ensembles import ALIKE, NAME, OUTPUTS, against, layers_of, mirrored
from jaxinterp.studies.instance_variation.maps import VIEWS, WEIGHTS, WORDS, Maps
from jaxinterp.studies.judge import Calibrated, Claim, above, estimate
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number

ATTENTION, GALLERY = "attention", "gallery"
RANDOM, BY_MAPS, BY_MAPS_UNTRAINED = "random pairs of units", "matched by the maps", "matched by the maps, untrained"
PAIRINGS = (TRAINED, UNTRAINED, RANDOM, BY_MAPS, BY_MAPS_UNTRAINED)
SHOWN, PLACES = 3, 5  # networks and units in the gallery

_PUBLISHED = {"hidden0": ".297", "hidden1": ".259", OUTPUTS: ".441"}


class Attention(NamedTuple):
    """Correlation over pixels of the maps of paired units, mean over units."""

    correlation: Float[np.ndarray, "pairings views layers seeds seeds"]


class Gallery(NamedTuple):
    """Maps of some units of the first network and of their matches in others, and their correlation with the first.

    Units evenly from the one whose activations correlate most with its matches' to the one whose do least; of outputs
    the first. NaN where there are fewer.
    """

    maps: Float[np.ndarray, "views layers places shown pixels"]
    correlation: Float[np.ndarray, "views layers places shown"]
    seed: Float[np.ndarray, " shown"]


def measure(inputs: Mapping[str, Inputs]) -> Attention:
    """The likeness of paired units' maps, for all pairs of networks."""
    run = inputs[NAME]
    networks = run.once(maps.of_networks)
    program = jax.jit(paired, static_argnames=("outputs", "odd"))
    layers = [
        program(networks[TRAINED][layer], networks[UNTRAINED][layer], **_options(run, layer))
        for layer in layers_of(run.model)
    ]
    return Attention(np.stack(layers, axis=2))


def gallery(inputs: Mapping[str, Inputs]) -> Gallery:
    """Some units of the first networks that did not diverge."""
    run = inputs[NAME]
    networks = run.once(maps.of_networks)[TRAINED]
    finite = [np.isfinite(layer.activations).all(axis=(1, 2)) for layer in networks.values()]
    seeds = np.flatnonzero(np.all(finite, axis=0) & ~run.diverged)[:SHOWN]
    few = {name: jax.tree.map(lambda leaf: np.asarray(leaf)[seeds], layer) for name, layer in networks.items()}
    pictures, correlations = zip(*(chosen(layer, **_options(run, name)) for name, layer in few.items()), strict=True)
    shown = np.append(seeds.astype(float), np.full(SHOWN - len(seeds), np.nan))
    return Gallery(np.stack(pictures, axis=1), np.stack(correlations, axis=1), shown)


def paired(trained: Maps, untrained: Maps, *, outputs: bool, odd: bool) -> Float[Array, "pairings views seeds seeds"]:
    """Correlation over pixels of paired units' maps, mean over units, by PAIRINGS.

    outputs: the units are classes, which are paired with themselves unless they are matched by the maps. odd: a unit
    and its mirror image count as the same: a pair whose activations correlate negatively has one map negated.
    """
    (by_activations, chance, by_maps), (before, _, by_maps_before) = (
        _paired(networks, outputs, odd) for networks in (trained, untrained)
    )
    return jnp.stack([by_activations, before, chance, by_maps, by_maps_before])


def chosen(
    networks: Maps, *, outputs: bool, odd: bool
) -> tuple[Float[np.ndarray, "views places shown pixels"], Float[np.ndarray, "views places shown"]]:
    """The maps of a gallery, mirrored where their unit is, and their correlations with the first network's."""
    count, _, units, pixels = networks.maps.shape
    pictures = np.full((len(VIEWS), PLACES, SHOWN, pixels), np.nan)
    correlations = np.full(pictures.shape[:-1], np.nan)
    if not count:
        return pictures, correlations
    order, alike = map(np.array, _matches(networks.activations, outputs=outputs, odd=odd))
    order[0], alike[0] = np.arange(units), 1
    sign = np.where(alike < 0, -1, 1) if odd else np.ones_like(alike)
    ranked = np.argsort(-np.nan_to_num(np.abs(alike) if odd else alike).mean(axis=0), kind="stable")
    evenly = np.linspace(0, units - 1, min(PLACES, units)).astype(int)
    picked = np.arange(len(evenly)) if outputs else ranked[evenly]
    rows = np.take_along_axis(np.asarray(networks.maps), order[:, None, picked, None], axis=2)
    drawn = np.moveaxis(sign[:, None, picked, None] * rows, 0, 2)  # views places shown pixels
    pictures[:, : len(picked), :count] = drawn
    correlations[:, : len(picked), :count] = correlation.rowwise(drawn, np.broadcast_to(drawn[:, :, :1], drawn.shape))
    return pictures, correlations


def claims(results: Results) -> list[Claim]:
    """Row 3.5, by the maps that the write-up compared and by what is used of them."""
    pairs = results[ATTENTION].correlation
    return [_claim(pairs, str(layer), view) for layer in pairs.layers.to_numpy() for view in VIEWS]


def _claim(pairs: xr.DataArray, layer: str, view: str) -> Claim:
    values = {name: pairs.sel(pairings=name, layers=layer, views=view) for name in PAIRINGS}
    matched, untrained = (format_number(estimate(values[name]).mean, 3) for name in (BY_MAPS, BY_MAPS_UNTRAINED))
    how = "Outputs are paired by class" if layer == OUTPUTS else "Units are matched by their activations on images"
    return Claim(
        row="3.5",
        name=f"{layer} {view}",
        text=f"{layer}: matched units of two trainings use the same pixels, by {WORDS[view]}: correlation of maps",
        **against(values, TRAINED, UNTRAINED, RANDOM),
        score=Calibrated(),
        rule=above(ALIKE),
        quantity="the correlation over pixels of paired units' maps",
        published=_PUBLISHED.get(layer, "—") if view == WEIGHTS else "—",
        note=f"{how}; matched by the maps themselves, as in the write-up, it is {matched}, and before training "
        f"{untrained}.",
    )


def _paired(networks: Maps, outputs: bool, odd: bool):
    """By activations, at random and by the maps, each "views seeds seeds"."""
    activations = matching.correlations(networks.activations)
    order = _order(activations, outputs, odd)
    sign = jnp.where(activations < 0, -1.0, 1.0) if odd else jnp.ones_like(activations)

    def by_view(view):
        pixels = matching.correlations(jnp.swapaxes(view, 1, 2))
        signed = sign * pixels
        matched = jnp.take_along_axis(signed, order[..., None], axis=-1)[..., 0]
        best = matching.match(pixels, absolute=odd).value
        best = jnp.abs(best) if odd else best
        return jnp.nanmean(matched, axis=-1), jnp.nanmean(signed, axis=(-2, -1)), jnp.nanmean(best, axis=-1)

    by_views = [by_view(networks.maps[:, view]) for view in range(len(VIEWS))]
    return [jnp.stack(values) for values in zip(*by_views, strict=True)]


def _order(activations: Float[Array, "seeds seeds_other units units_other"], outputs: bool, odd: bool) -> Array:
    if outputs:
        return jnp.broadcast_to(jnp.arange(activations.shape[-1]), activations.shape[:-1])
    return matching.match(activations, absolute=odd).order


@partial(jax.jit, static_argnames=("outputs", "odd"))
def _matches(activations: Float[Array | np.ndarray, "seeds examples units"], *, outputs: bool, odd: bool):
    """For every unit of the first network, its match in each network, and how the two's activations correlate."""
    table = matching.correlations(activations[:1], activations)
    order = _order(table, outputs, odd)
    return order[0], jnp.take_along_axis(table, order[..., None], axis=-1)[0, ..., 0]


def _options(run: Inputs, layer: str) -> dict[str, bool]:
    outputs = layer == OUTPUTS
    return {"outputs": outputs, "odd": mirrored(run.model) and not outputs}


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"pairings": PAIRINGS, "views": VIEWS, "layers": layers_of(inputs[NAME].model)}


MEASUREMENTS = (
    EnsembleMeasurement(ATTENTION, measure, _coords),
    EnsembleMeasurement(GALLERY, gallery, _coords),
)
