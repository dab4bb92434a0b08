"""Do matched units of two trainings use the same pixels? Row 3.5: correlation of the maps of matched units.

Units are matched by their activations on test images, and the match is scored by their maps, which had no part in it.
The write-up matched by the maps themselves, which gives even random maps a correlation: that is shown too.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import map_matching
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import maps
from jaxinterp.studies.instance_variation.ensembles import NAME, OUTPUTS, against, layers_of
from jaxinterp.studies.instance_variation.maps import VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.judge import SIGNED, Claim, estimate
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

    See `map_matching.gallery`. seed: the networks' numbers. NaN where fewer than SHOWN did not diverge.
    """

    maps: Float[np.ndarray, "views layers places shown pixels"]
    correlation: Float[np.ndarray, "views layers places shown"]
    seed: Float[np.ndarray, " shown"]


def measure(inputs: Mapping[str, Inputs]) -> Attention:
    """The likeness of paired units' maps, for all pairs of networks."""
    run = inputs[NAME]
    networks = run.once(maps.of_networks)

    def of_layer(layer: str) -> list[Array]:
        trained, untrained = (
            map_matching.likeness(*networks[condition][layer], **_options(run, layer))
            for condition in (TRAINED, UNTRAINED)
        )
        return [trained.activations, untrained.activations, trained.random, trained.maps, untrained.maps]

    return Attention(np.stack([of_layer(layer) for layer in layers_of(run.model)], axis=2))


def gallery(inputs: Mapping[str, Inputs]) -> Gallery:
    """Some units of the first networks that did not diverge."""
    run = inputs[NAME]
    networks = run.once(maps.of_networks)[TRAINED]
    finite = [np.isfinite(layer.activations).all(axis=(1, 2)) for layer in networks.values()]
    seeds = np.flatnonzero(np.all(finite, axis=0) & ~run.diverged)[:SHOWN]
    layers = [
        map_matching.gallery(layer.maps[seeds], layer.activations[seeds], places=PLACES, **_options(run, name))
        for name, layer in networks.items()
    ]
    pictures, correlations = (np.stack(part, axis=1) for part in zip(*layers, strict=True))

    def padded(values: np.ndarray, *after: tuple[int, int]) -> np.ndarray:
        widths = [(0, 0)] * (values.ndim - 1 - len(after)) + [(0, SHOWN - len(seeds)), *after]
        return np.pad(values, widths, constant_values=np.nan)

    return Gallery(padded(pictures, (0, 0)), padded(correlations), padded(seeds.astype(float)))


def claims(results: Results) -> list[Claim]:
    """Row 3.5, by the maps that the write-up compared and by what is used of them."""
    pairs = results[ATTENTION].correlation
    return [_claim(pairs, layer, view) for layer in pairs.layers.to_numpy().tolist() for view in VIEWS]


def _claim(pairs: xr.DataArray, layer: str, view: str) -> Claim:
    values = {name: pairs.sel(pairings=name, layers=layer, views=view) for name in PAIRINGS}
    matched, untrained = (format_number(estimate(values[name]).mean, 3) for name in (BY_MAPS, BY_MAPS_UNTRAINED))
    how = "Outputs are paired by class" if layer == OUTPUTS else "Units are matched by their activations on images"
    return against(
        values,
        UNTRAINED,
        RANDOM,
        row="3.5",
        name=f"{layer} {view}",
        text=f"{layer}: matched units of two trainings use the same pixels, by {WORDS[view]}: correlation of maps",
        bounds=SIGNED,
        quantity="the correlation over pixels of paired units' maps",
        published=_PUBLISHED.get(layer, "—") if view == WEIGHTS else "—",
        note=f"{how}; matched by the maps themselves, as in the write-up, it is {matched}, and before training "
        f"{untrained}.",
    )


def _options(run: Inputs, layer: str) -> dict[str, bool]:
    outputs = layer == OUTPUTS
    return {"outputs": outputs, "odd": ACTIVATIONS[run.model.activation].odd and not outputs}


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"pairings": PAIRINGS, "views": VIEWS, "layers": layers_of(inputs[NAME].model)}


MEASUREMENTS = (
    EnsembleMeasurement(ATTENTION, measure, _coords),
    EnsembleMeasurement(GALLERY, gallery, _coords),
)
