"""Do units encode a stroke or its place? Row 3.8: the same strokes in every place, drawn ones and parts of digits."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import fragments
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation.ensembles import NAME, OUTPUTS, layers_of, site
from jaxinterp.studies.instance_variation.fragments import cut
from jaxinterp.studies.judge import Claim, Difference, above
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

ENCODING, STROKES = "encoding", "strokes"
DRAWN, REAL = SOURCES = ("drawn strokes", "parts of digits")
SETS = 8

Tables = Float[Array, "sources sets shapes places pixels"]


class Encodings(NamedTuple):
    """What each layer's activations depend on, see `analysis.fragments.Encoding`; causes: its fields."""

    share: Float[Array, "sources layers causes"]


class Strokes(NamedTuple):
    """The same of the pixels themselves, and the first set of strokes, each in the middle."""

    share: Float[np.ndarray, "sources causes"]
    images: Float[np.ndarray, "sources shapes pixels"]


def measure(network: Network, tables: Tables) -> Encodings:
    """What each layer's activations on tables of strokes depend on."""
    blank = network(jnp.zeros(tables.shape[-1]))[1]
    layers = [site(layer) for layer in layers_of(network.model)]

    def of_source(table):
        activations = network(table)[1]
        return jnp.stack([jnp.stack(fragments.encoding(activations[layer], blank[layer])) for layer in layers])

    return Encodings(jnp.stack([of_source(table) for table in tables]))


def strokes(inputs: Mapping[str, Inputs]) -> Strokes:
    """What the pixels of the strokes depend on."""
    tables = inputs[NAME].once(stroke_tables)
    blank = np.zeros(tables.shape[-1], np.float32)
    share = np.array([fragments.encoding(table, blank) for table in tables])
    return Strokes(share, np.asarray(tables[:, 0, :, fragments.PLACES // 2]))


def stroke_tables(inputs: Inputs) -> Tables:
    """Drawn strokes, and parts of digits, in every place."""
    seed = inputs.config.train.base_seed
    return jnp.stack([fragments.drawn(seed, sets=SETS), _parts_of_digits(inputs, seed)])


def claims(results: Results) -> list[Claim]:
    """Row 3.8."""
    layers = [str(layer) for layer in results[ENCODING].layers.to_numpy() if layer != OUTPUTS]
    share = results[ENCODING].share
    return [
        *(_shared(share.sel(layers=layer, sources=source), layer, source) for layer in layers for source in SOURCES),
        *(_learned(results, layer) for layer in layers),
    ]


def _shared(share: xr.DataArray, layer: str, source: str) -> Claim:
    trained, untrained = (share.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    control = "different ones in the same place"
    return Claim(
        row="3.8",
        name=f"{layer} {source}",
        text=f"{layer}: fragments that mean the same activate the same sub-network: {source}, one in two places",
        measured=trained.sel(causes="same_shape"),
        controls={control: trained.sel(causes="same_place")},
        shown={
            "different ones in two places": trained.sel(causes="neither"),
            UNTRAINED: untrained.sel(causes="same_shape"),
            f"{control}, {UNTRAINED}": untrained.sel(causes="same_place"),
        },
        score=Difference(),
        rule=above(0.0),
        quantity="the share of active units in common",
        published="wanted; expected: location, not concept",
        note=f"Active: the quarter of the units that change most from the blank image. {fragments.PLACES} places.",
    )


def _learned(results: Results, layer: str) -> Claim:
    share = results[ENCODING].share.sel(layers=layer, sources=DRAWN)
    trained, untrained = (share.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    pixels = {
        cause: format_number(float(results[STROKES].share.sel(sources=DRAWN, causes=cause)))
        for cause in ("shape", "place")
    }
    shapes = results[STROKES].sizes["shapes"]
    cells = shapes * fragments.PLACES
    return Claim(
        row="3.8",
        name=f"{layer} learned",
        text=f"{layer}: training makes activations depend on the stroke, wherever it is: share of variance explained",
        measured=trained.sel(causes="shape"),
        controls={UNTRAINED: untrained.sel(causes="shape")},
        shown={
            "places explain": trained.sel(causes="place"),
            f"places explain, {UNTRAINED}": untrained.sel(causes="place"),
        },
        score=Difference(),
        rule=above(0.0),
        quantity="the share of the variance of activations that strokes explain",
        note=f"Main effect in a two-way analysis of variance, of {shapes} drawn strokes × {fragments.PLACES} places; "
        f"by chance {format_number((shapes - 1) / (cells - 1))}. Of the pixels themselves strokes explain "
        f"{pixels['shape']} and places {pixels['place']}.",
    )


def _parts_of_digits(inputs: Inputs, seed: int) -> Float[Array, "sets shapes places pixels"]:
    """Parts of digits drawn at random, of those that stay whole in every place; black where there are too few."""
    alone = np.asarray(inputs.once(cut).shown.images[0])
    alone = alone.reshape(-1, alone.shape[-1])
    fitting = np.flatnonzero(np.asarray(jax.jit(fragments.fits)(alone)))
    wanted = SETS * len(fragments.SHAPES)
    order = np.random.default_rng(seed).permutation(fitting)[:wanted]
    chosen = np.zeros((wanted, alone.shape[-1]), np.float32)
    chosen[: len(order)] = alone[order]
    placed = jax.jit(fragments.in_every_place)(chosen)
    return jnp.moveaxis(placed.reshape(fragments.PLACES, SETS, len(fragments.SHAPES), -1), 0, 2)


def _tables(inputs: Inputs) -> tuple[Tables]:
    return (inputs.once(stroke_tables),)


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {
        "sources": SOURCES,
        "layers": layers_of(inputs.model),
        "causes": fragments.Encoding._fields,
        "shapes": fragments.SHAPES,
    }


MEASUREMENTS = (
    Measurement(ENCODING, measure, _tables, _coords, conditions=(UNTRAINED, TRAINED), chunk=1),
    EnsembleMeasurement(STROKES, strokes, lambda inputs: _coords(inputs[NAME])),
)
