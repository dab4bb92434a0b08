"""Do matched units of two trainings use the same pixels? Row 3.5: correlation of the maps of matched units.

Units are matched by their activations on test images and compared by their maps, which the match did not use. Maps are
compared over lit pixels. Their correlation is judged relative to the highest that could be measured (noise ceiling):
that of a unit's map with the same unit's map from as many other images. The write-up matched units by the maps
themselves, which makes even random maps correlate; this is repeated, and compared with the published value.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import correlation, map_matching
from jaxinterp.choices import ACTIVATIONS
from jaxinterp.networks import Network
from jaxinterp.stats import SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import maps
from jaxinterp.studies.instance_variation.ensembles import NAME, OUTPUTS, against, first_images, layers_of
from jaxinterp.studies.instance_variation.maps import OVER_LIT, VIEWS, WEIGHTS, WORDS
from jaxinterp.studies.judge import Claim, between
from jaxinterp.studies.scores import Given, estimate
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

ATTENTION, CEILING, GALLERY = "attention", "attention-ceiling", "gallery"
RANDOM, BY_MAPS, BY_MAPS_UNTRAINED = "random pairs of units", "matched by the maps", "matched by the maps, untrained"
AS_PUBLISHED = "matched by the maps, over all pixels"
PAIRINGS = (TRAINED, UNTRAINED, RANDOM, BY_MAPS, BY_MAPS_UNTRAINED, AS_PUBLISHED)
SHOWN, PLACES = 3, 5  # networks and units in the gallery

_PUBLISHED = {"hidden0": ".297", "hidden1": ".259", OUTPUTS: ".441"}
CLOSE = 0.05  # of a correlation: what a reader would take for the same


class Attention(NamedTuple):
    """Correlation over lit pixels of the maps of paired units, mean over units."""

    correlation: Float[np.ndarray, "pairings views layers seeds seeds"]


class Ceiling(NamedTuple):
    """Correlation of a unit's map with its map from as many other images, mean over units; see `ceiling`."""

    reliability: Float[Array, "views layers"]


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
    networks, lit = run.once(maps.of_networks), np.asarray(maps.lit(first_images(run).images))

    def of_layer(layer: str) -> list[Array]:
        (own, activations), (initial, initial_activations) = (networks[name][layer] for name in (TRAINED, UNTRAINED))
        options = _options(run, layer)
        trained = map_matching.likeness(own[..., lit], activations, **options)
        untrained = map_matching.likeness(initial[..., lit], initial_activations, **options)
        published = map_matching.likeness(own, activations, **options)
        return [
            *(trained.activations, untrained.activations, trained.random, trained.maps, untrained.maps),
            published.maps,
        ]

    return Attention(np.stack([of_layer(layer) for layer in layers_of(run.model)], axis=2))


def ceiling(network: Network, images: Float[Array, "examples pixels"]) -> Ceiling:
    """How well do images measure a unit's map? From its maps on two halves of them, as `stats.noise_ceiling` does.

    Spearman and Brown's 2r/(1 + r) of their correlation r over lit pixels: what is expected of maps from two sets of as
    many images as there are. 1 for maps that do not depend on images.
    """
    lit = maps.lit(images)

    def of_layer(layer: str) -> Float[Array, " views"]:
        first, second = (maps.of_layer(network, half, layer=layer).maps for half in (images[0::2], images[1::2]))
        r = correlation.rowwise(first, second, lit)
        return jnp.nanmean(2 * r / (1 + r), axis=-1)

    return Ceiling(jnp.stack([of_layer(layer) for layer in layers_of(network.model)], axis=1))


def gallery(inputs: Mapping[str, Inputs]) -> Gallery:
    """Some units of the first networks that did not diverge."""
    run = inputs[NAME]
    networks, lit = run.once(maps.of_networks)[TRAINED], np.asarray(maps.lit(first_images(run).images))
    finite = [np.isfinite(layer.activations).all(axis=(1, 2)) for layer in networks.values()]
    seeds = np.flatnonzero(np.all(finite, axis=0) & ~run.diverged)[:SHOWN]
    layers = [
        map_matching.gallery(layer.maps[seeds], layer.activations[seeds], lit, places=PLACES, **_options(run, name))
        for name, layer in networks.items()
    ]
    pictures, correlations = (np.stack(part, axis=1) for part in zip(*layers, strict=True))

    def padded(values: np.ndarray, *after: tuple[int, int]) -> np.ndarray:
        widths = [(0, 0)] * (values.ndim - 1 - len(after)) + [(0, SHOWN - len(seeds)), *after]
        return np.pad(values, widths, constant_values=np.nan)

    return Gallery(padded(pictures, (0, 0)), padded(correlations), padded(seeds.astype(float)))


def claims(results: Results) -> list[Claim]:
    """Row 3.5, as the write-up measured it, and with units that are matched by something else."""
    pairs, most = results[ATTENTION].correlation, results[CEILING].reliability.mean("seeds")
    layers = pairs.layers.to_numpy().tolist()
    return [
        *(_published(pairs, layer) for layer in layers if layer in _PUBLISHED),
        *(_same_pixels(pairs, float(most.sel(layers=x, views=view)), x, view) for x in layers for view in VIEWS),
    ]


def _published(pairs: xr.DataArray, layer: str) -> Claim:
    values = {name: pairs.sel(pairings=name, layers=layer, views=WEIGHTS) for name in PAIRINGS}
    return Claim(
        row="3.5",
        name=f"published {layer}",
        text=f"{layer}: matched by their maps and over all pixels, as in the write-up, maps correlate as published",
        measured=values[AS_PUBLISHED],
        controls={BY_MAPS_UNTRAINED: values[BY_MAPS_UNTRAINED]},
        score=Given(values[AS_PUBLISHED] - float(_PUBLISHED[layer]), None),
        rule=between(-CLOSE, CLOSE),
        bounds=SIGNED,
        quantity=f"the correlation of paired units' maps less the published one, to be within {CLOSE:g}",
        published=_PUBLISHED[layer],
        shown={BY_MAPS: values[BY_MAPS]},
        note=f"{BY_MAPS.capitalize()}: {OVER_LIT}.",
    )


def _same_pixels(pairs: xr.DataArray, most: float, layer: str, view: str) -> Claim:
    values = {name: pairs.sel(pairings=name, layers=layer, views=view) for name in PAIRINGS if name != AS_PUBLISHED}
    matched, untrained = (format_number(estimate(values[name]).mean, 3) for name in (BY_MAPS, BY_MAPS_UNTRAINED))
    how = "Outputs are paired by class" if layer == OUTPUTS else "Units are matched by their activations on images"
    return against(
        {name: own / most for name, own in values.items()},
        UNTRAINED,
        RANDOM,
        row="3.5",
        name=f"{layer} {view}",
        text=f"{layer}: matched units of two trainings use the same pixels, by {WORDS[view]}: correlation of maps, "
        "relative to the most that can be measured",
        quantity="the correlation of paired units' maps, relative to that of a unit's map with its own from as many "
        "other images",
        note=f"{how}; maps {OVER_LIT}. Correlation of a unit's map with its own from as many other images "
        f"{format_number(most, 3)}. Matched by the maps themselves, the correlation is {matched}, and before training "
        f"{untrained}.",
    )


def _options(run: Inputs, layer: str) -> dict[str, bool]:
    outputs = layer == OUTPUTS
    return {"outputs": outputs, "odd": ACTIVATIONS[run.model.activation].odd and not outputs}


def _coords(inputs: Mapping[str, Inputs]) -> dict[str, Sequence[str]]:
    return {"pairings": PAIRINGS, "views": VIEWS, "layers": layers_of(inputs[NAME].model)}


def _coords_of_one(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {"views": VIEWS, "layers": layers_of(inputs.model)}


MEASUREMENTS = (
    EnsembleMeasurement(ATTENTION, measure, _coords),
    Measurement(CEILING, ceiling, lambda inputs: (first_images(inputs).images,), _coords_of_one, chunk=1),
    EnsembleMeasurement(GALLERY, gallery, _coords),
)
