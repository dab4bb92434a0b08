"""What do parts of a digit do by themselves, and do units encode a stroke or its place? Rows 3.7 and 3.8.

Digits are cut into connected strokes, and each is shown alone, somewhere else, and as scattered ink. Then the same
strokes are shown in every place: drawn ones, with nothing else in the image, and parts of real digits.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int, Key

from jaxinterp.analysis import fragments
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.instance_variation import ensembles
from jaxinterp.studies.instance_variation.ensembles import EXAMPLES, NAME, OUTPUTS, against, layers_of
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import EnsembleMeasurement, Measurement, Results
from jaxinterp.text import format_number

FRAGMENTS, DIGITS, ENCODING, TABLES = "fragments", "digits", "encoding", "stroke-tables"
PARTS = 3
ALONE, MOVED, SCATTERED = KINDS = ("alone", "moved elsewhere", "as scattered ink")
ELSEWHERE, ANOTHER, IN_DIGIT, IN_OTHER = LINKS = (
    "moved elsewhere",
    "another one moved elsewhere",
    "added to its digit",
    "added to another image of the digit",
)

DRAWN, REAL = SOURCES = ("drawn strokes", "parts of digits")
SETS = 8

_CONDITIONS = (UNTRAINED, TRAINED)

Tables = Float[Array, "sources sets shapes places pixels"]


class Cut(NamedTuple):
    """Digits, the part that each pixel is in, and the parts shown. key: for what each network is shown.

    first: the first image of each class; of one that has none, the first image of all.
    """

    data: Dataset
    parts: Int[Array, "examples pixels"]
    shown: fragments.Shown
    key: Key[Array, ""]
    first: Int[np.ndarray, " digits"]


class Digits(NamedTuple):
    """The first image of each digit, and the part that each of its pixels is in."""

    images: Float[np.ndarray, "digits pixels"]
    parts: Float[np.ndarray, "digits pixels"]


class Encodings(NamedTuple):
    """What each layer's activations depend on, see `analysis.fragments.Encoding`; causes: its fields."""

    share: Float[Array, "sources layers causes"]


class Strokes(NamedTuple):
    """The same of the pixels themselves, and the first set of strokes, each in the middle."""

    share: Float[np.ndarray, "sources causes"]
    images: Float[np.ndarray, "sources shapes pixels"]


def cut(inputs: Inputs) -> Cut:
    """The study's images cut into strokes."""
    _, key = jax.random.split(inputs.key(1))
    show_key, effect_key = jax.random.split(key)
    data = ensembles.first_images(inputs)
    parts = jax.jit(fragments.cut, static_argnames="count")(data.images, count=PARTS)
    shown = jax.jit(fragments.show, static_argnames="count")(show_key, data.images, parts, count=PARTS)
    first = np.argmax(np.asarray(data.labels) == np.arange(inputs.model.outputs)[:, None], axis=1)
    return Cut(data, parts, shown, effect_key, first)


def digits(inputs: Mapping[str, Inputs]) -> Digits:
    """What the figure of fragments shows."""
    made = inputs[NAME].once(cut)
    return Digits(np.asarray(made.data.images)[made.first], np.asarray(made.parts)[made.first].astype(float))


def encodings(network: Network, tables: Tables) -> Encodings:
    """What each layer's activations on tables of strokes depend on."""
    blank = network(jnp.zeros(tables.shape[-1]))[1]
    layers = [ensembles.site(layer) for layer in layers_of(network.model)]

    def of_source(table):
        activations = network(table)[1]
        return jnp.stack([jnp.stack(fragments.encoding(activations[layer], blank[layer])) for layer in layers])

    return Encodings(jnp.stack([of_source(table) for table in tables]))


def pixel_encoding(inputs: Mapping[str, Inputs]) -> Strokes:
    """What the pixels of the strokes depend on."""
    tables = inputs[NAME].once(stroke_tables)
    blank = np.zeros(tables.shape[-1], np.float32)
    share = np.array([fragments.encoding(table, blank) for table in tables])
    return Strokes(share, np.asarray(tables[:, 0, :, fragments.PLACES // 2]))


def stroke_tables(inputs: Inputs) -> Tables:
    """Drawn strokes, and parts of digits, in every place."""
    seed = inputs.config.train.base_seed
    alone = inputs.once(cut).shown.images[0].reshape(-1, inputs.networks.pixels)
    return jnp.stack([fragments.drawn(seed, sets=SETS), fragments.placed(alone, sets=SETS, seed=seed)])


def claims(results: Results) -> list[Claim]:
    """Rows 3.7 and 3.8."""
    hidden = results[ENCODING].layers.drop_sel(layers=OUTPUTS).to_numpy().tolist()
    return [
        _own(results),
        _link(results, "shape", "A stroke moves the same logits wherever it is", ELSEWHERE, ANOTHER),
        _link(results, "context", "A stroke does alone what it does in its digit", IN_DIGIT, IN_OTHER),
        *(_active(results, layer, source) for layer in hidden for source in SOURCES),
        *(_learned(results, layer) for layer in hidden),
    ]


def _own(results: Results) -> Claim:
    effects = results[FRAGMENTS]
    return against(
        {kind: effects.own.sel(conditions=TRAINED, kinds=kind) for kind in KINDS},
        MOVED,
        row="3.7",
        name="own",
        text="A connected stroke of a digit, shown alone, raises that digit's logit more than any other",
        bounds=SHARE,
        quantity="the share of strokes that do",
        published="sketched",
        note=f"{PARTS} strokes per digit, of the first {EXAMPLES} test images at most; compared with the logits of the "
        f"blank image. Elsewhere: at a random place where the stroke is whole. By chance "
        f"{format_number(1 / effects.sizes['outputs'])}.",
    )


def _link(results: Results, name: str, text: str, link: str, chance: str) -> Claim:
    trained, untrained = (results[FRAGMENTS].linked.sel(conditions=condition) for condition in (TRAINED, UNTRAINED))
    return against(
        {
            link: trained.sel(links=link),
            chance: trained.sel(links=chance),
            f"{link}, {UNTRAINED}": untrained.sel(links=link),
        },
        chance,
        row="3.7",
        name=name,
        text=f"{text}: correlation over classes of what a fragment does to the logits alone and {link}",
        bounds=SIGNED,
        quantity="the correlation",
        published="sketched",
        note="Mean over fragments.",
    )


def _active(results: Results, layer: str, source: str) -> Claim:
    trained, untrained = _shares(results, layer, source)
    control = "different ones in the same place"
    return against(
        {
            "the same one in two places": trained.sel(causes="same_shape"),
            control: trained.sel(causes="same_place"),
            "different ones in two places": trained.sel(causes="neither"),
            UNTRAINED: untrained.sel(causes="same_shape"),
            f"{control}, {UNTRAINED}": untrained.sel(causes="same_place"),
        },
        control,
        row="3.8",
        name=f"{layer} {source}",
        text=f"{layer}: fragments that mean the same activate the same sub-network: {source}, one in two places",
        score=Difference(),
        rule=above(0.0),
        bounds=SHARE,
        quantity="the share of active units in common",
        published="wanted; expected: location, not concept",
        note=f"Active: the quarter of the units that change most from the blank image. {fragments.PLACES} places.",
    )


def _learned(results: Results, layer: str) -> Claim:
    trained, untrained = _shares(results, layer, DRAWN)
    pixels, shapes = results[TABLES].share.sel(sources=DRAWN), results[TABLES].sizes["shapes"]
    of_shape, of_place = (format_number(float(pixels.sel(causes=cause))) for cause in ("shape", "place"))
    chance = (shapes - 1) / (shapes * fragments.PLACES - 1)
    return against(
        {
            TRAINED: trained.sel(causes="shape"),
            UNTRAINED: untrained.sel(causes="shape"),
            "places explain": trained.sel(causes="place"),
            f"places explain, {UNTRAINED}": untrained.sel(causes="place"),
        },
        UNTRAINED,
        row="3.8",
        name=f"{layer} learned",
        text=f"{layer}: training makes activations depend on the stroke, wherever it is: share of variance explained",
        score=Difference(),
        rule=above(0.0),
        bounds=SHARE,
        quantity="the share of the variance of activations that strokes explain",
        note=f"Main effect in a two-way analysis of variance, of {shapes} drawn strokes × {fragments.PLACES} places; "
        f"by chance {format_number(chance)}. Of the pixels themselves strokes explain {of_shape} and places "
        f"{of_place}.",
    )


def _shares(results: Results, layer: str, source: str) -> tuple[xr.DataArray, xr.DataArray]:
    share = results[ENCODING].share.sel(layers=layer, sources=source)
    return share.sel(conditions=TRAINED), share.sel(conditions=UNTRAINED)


def _shared(inputs: Inputs) -> tuple:
    data, _, shown, key, first = inputs.once(cut)
    return data, shown, key, first


def _coords(inputs: Inputs) -> dict[str, Sequence[str]]:
    return {
        "kinds": KINDS,
        "links": LINKS,
        "sources": SOURCES,
        "layers": layers_of(inputs.model),
        "causes": fragments.Encoding._fields,
        "shapes": fragments.SHAPES,
    }


MEASUREMENTS = (
    Measurement(FRAGMENTS, fragments.effects, _shared, _coords, _CONDITIONS, chunk=1),
    EnsembleMeasurement(DIGITS, digits),
    Measurement(ENCODING, encodings, lambda inputs: (inputs.once(stroke_tables),), _coords, _CONDITIONS, chunk=1),
    EnsembleMeasurement(TABLES, pixel_encoding, lambda inputs: _coords(inputs[NAME])),
)
