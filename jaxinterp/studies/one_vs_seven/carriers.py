"""Which neurons carry a stroke, such as the top bar of a 7? Row 1.10, on generated images and on MNIST's real 7s.

In the generated data, one stroke is all that separates the classes. Twins, pairs of images that differ by the stroke
alone, show which units it really moves; the study tests whether methods that rank units, such as the class difference,
find these units. On MNIST, twins are 7s with and without their top bar. Units are ranked on one half of the images and
scored on the other.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp.analysis import ablation, patching, responses, strokes, top_units, two_classes
from jaxinterp.analysis.two_classes import ACTIVITY, DIFFERENCE, METHODS, PATCHING
from jaxinterp.data import Dataset, toy
from jaxinterp.ensemble import stack
from jaxinterp.errors import InputError
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, permutation_p_over
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.one_vs_seven import common
from jaxinterp.studies.one_vs_seven.common import LARGEST_GROUP, LAYERS, MOST, ONE, SEVEN, STROKES, labelled
from jaxinterp.studies.scores import Calibrated
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import mean

CARRIES = 0.5  # a unit carries the stroke that moves it by more than this many of its sds within a class
QUARTER = 0.25
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # for the curve; as many as there are, where a layer has fewer
DRAWS = 200

Images = Float[Array | np.ndarray, "_ pixels"]
Pairs = tuple[Images, Images]
"""Images with the stroke, and their twins without it."""

_TRUTHS = {
    "moved": (
        "that the stroke moves most",
        f"Moved: mean absolute change over pairs, in the unit's sd within a class, as in {two_classes.D_PRIME}.",
    ),
    "patched": (
        "that carry the stroke to the logits",
        "To the logits: put back from the twin with the stroke, they restore most of the margin that it makes; "
        f"{PATCHING} is shown for comparison: the same on other pairs, what can be found at all.",
    ),
}


class Carriers(NamedTuple):
    """Share of each layer's units whose activation the stroke changes by more than CARRIES."""

    share: Float[Array, " layers"]


class Retrieval(NamedTuple):
    """How well the first quarter of each ranking of a layer's units finds the units that the stroke moves.

    quarter: share of the units in that quarter, which is what a random order finds. precision, recall: with the
    carriers as truth. moved: share found of the quarter of units that the stroke moves most. patched: share found of
    the quarter of units that restore most of the margin when they are patched.
    """

    quarter: Float[Array, " layers"]
    precision: Float[Array, "methods layers"]
    recall: Float[Array, "methods layers"]
    moved: Float[Array, "methods layers"]
    patched: Float[Array, "methods layers"]


class Patched(NamedTuple):
    """How much of the margin that a 7 loses with its top bar groups of units restore, as shares of that loss.

    total: the loss, in logits. restored: by the first 1, 2, 4, … units (SIZES) in the order of their single effects.
    top: by the first `group_size` of them; random: by as many random units; by_difference: by as many of largest class
    difference. overlap: share of the top units that are also among those of largest class difference.
    """

    total: Float[Array, " layers"]
    restored: Float[Array, "layers sizes"]
    top: Float[Array, " layers"]
    random: Float[Array, "layers draws"]
    by_difference: Float[Array, " layers"]
    overlap: Float[Array, " layers"]


def twins(inputs: Inputs) -> Pairs:
    """The test images of a run on strokes in pairs. Raises InputError for another source of data."""
    config, drawn, test = inputs.config.data, inputs.splits.test, inputs.test
    made = toy.strokes(config.data_seed)
    if config.source != "strokes" or not np.array_equal(made.splits.test.images, drawn.images):
        raise InputError(f"{STROKES} needs the strokes data as it was drawn, got {config.source} after changes")
    others = made.twins.test.images if inputs.rows is None else made.twins.test.images[inputs.rows]
    has_it = np.asarray(test.labels)[:, None] == 1
    return np.where(has_it, test.images, others), np.where(has_it, others, test.images)


def carriers(network: Network, pairs: Pairs) -> Carriers:
    """How many units carry the stroke."""
    moved = [patching.shifts(network, *pairs, site=f"{layer}/post") for layer in LAYERS]
    return Carriers(jnp.stack([jnp.mean(own > CARRIES) for own in moved]))


def retrieval(network: Network, ranking: Dataset, ranking_pairs: Pairs, scoring_pairs: Pairs) -> Retrieval:
    """Each method's ranking of each layer's units, compared with the units that the stroke itself moves."""

    def of_layer(layer) -> Retrieval:
        site = f"{layer}/post"
        moved = patching.shifts(network, *scoring_pairs, site=site)
        size, carry = max(1, round(QUARTER * len(moved))), moved > CARRIES
        restored = patching.patch_units(network, *scoring_pairs, site=site, first=1, second=0).effect
        most, restore = (top_units.largest(values, size) for values in (moved, jnp.abs(restored)))
        first = top_units.largest(two_classes.scores(network, ranking, *ranking_pairs, site=site), size)
        of_carriers, of_most, of_restoring = (jnp.sum(first & truth, axis=-1) for truth in (carry, most, restore))
        return Retrieval(
            jnp.mean(most), of_carriers / size, of_carriers / jnp.sum(carry), of_most / size, of_restoring / size
        )

    return stack(map(of_layer, LAYERS), axis=-1)


def bar_twins(test: Dataset) -> Pairs:
    """Every 7 that has a top bar, and the same without it."""
    sevens = common.of_class(test, SEVEN)
    bars = np.asarray(jax.jit(strokes.top_bars)(sevens))
    found = bars.any(axis=1)
    return sevens[found], np.where(bars[found], 0, sevens[found])


def patched(network: Network, test: Dataset, pairs: Pairs, key) -> Patched:
    """What groups of units restore of a 7's top bar; units are ranked on one half of the 7s and scored on the other."""
    ranking, scoring = _half(pairs, 0), _half(pairs, 1)
    others = jnp.where(jnp.asarray(test.labels) == ONE, ONE, -1)  # 7s that are scored are not ranked by
    labels = jnp.concatenate([others, jnp.full(len(ranking[0]), SEVEN)])
    activations = network(jnp.concatenate([test.images, ranking[0]]))[1]

    def of_layer(layer) -> Patched:
        options = {"site": f"{layer}/post", "first": SEVEN, "second": ONE}
        alone = patching.patch_units(network, *ranking, **options)
        difference = jnp.abs(responses.class_difference(activations[f"{layer}/post"], labels, ONE, SEVEN))
        size = common.group_size(len(difference))
        top, large = (top_units.largest(values, size) for values in (alone.effect, difference))
        prefixes = ablation.prefixes(jnp.argsort(-alone.effect))[np.minimum(SIZES, len(difference))]
        masks = jnp.concatenate([prefixes, top[None], large[None], ablation.random_groups(key, top, draws=DRAWS)])
        effects = patching.patch_groups(network, *scoring, masks, **options)
        restored, of_top, of_large, of_random = jnp.split(effects, np.cumsum([len(SIZES), 1, 1]))
        return Patched(alone.total, restored, of_top[0], of_random, of_large[0], jnp.sum(top & large) / size)

    return stack(map(of_layer, LAYERS))


def check(inputs: Mapping[str, Inputs]) -> None:
    """Raise InputError unless the images of the strokes recipe have twins."""
    inputs[STROKES].once(twins)


def _half(pairs: Pairs, half: int) -> Pairs:
    """Those with even numbers or with odd ones, as in `Inputs.choosing` and `Inputs.scoring`."""
    return pairs[0][half::2], pairs[1][half::2]


def _scoring(inputs: Inputs) -> tuple[Pairs]:
    return (_half(inputs.once(twins), 1),)


def _halves(inputs: Inputs) -> tuple[Dataset, Pairs, Pairs]:
    return inputs.choosing, _half(inputs.once(twins), 0), _half(inputs.once(twins), 1)


_COORDS = labelled(layers=LAYERS, methods=METHODS, sizes=SIZES)
MEASUREMENTS = (
    Measurement("carriers", carriers, _scoring, _COORDS, (UNTRAINED, TRAINED), (STROKES,), chunk=2),
    Measurement("retrieval", retrieval, _halves, _COORDS, recipes=(STROKES,), chunk=2),
    Measurement("top_bar", patched, lambda own: (own.test, bar_twins(own.test), own.key(3)), _COORDS, chunk=1),
)


def claims(results: Results) -> list[Claim]:
    """Row 1.10: do few units carry the stroke, does the class difference find them, and do few carry a 7's bar?"""
    on_strokes = [claim for layer in LAYERS for claim in _on_strokes(results, layer)]
    return [*on_strokes, *(_on_mnist(results["top_bar"].sel(layers=layer)) for layer in LAYERS)]


def _on_strokes(results: Results, layer: str) -> list[Claim]:
    share = results["carriers"].share.sel(recipes=STROKES, layers=layer)
    retrieved = results["retrieval"].sel(recipes=STROKES, layers=layer)
    by_difference = retrieved.sel(methods=DIFFERENCE)
    few = Claim(
        row="1.10",
        name=f"{layer} few",
        text=f"A minority of the units of {layer} carry the stroke, where nothing else differs",
        bounds=SHARE,
        quantity="the share of the units that carry it",
        measured=share.sel(conditions=TRAINED),
        controls={"untrained networks": share.sel(conditions=UNTRAINED)},
        rule=below(MOST),
        note=f"A carrier: on average over pairs, adding the stroke moves the unit by more than {CARRIES:g} of its sd "
        f"within a class. At a quarter of the units, by {DIFFERENCE}: precision {mean(by_difference.precision)}, "
        f"recall {mean(by_difference.recall)}.",
        recipes=(STROKES,),
    )
    found = [
        Claim(
            row="1.10",
            name=f"{layer} {truth}",
            text=f"The class difference finds the units of {layer} {which}",
            bounds=SHARE,
            quantity="the share found of a quarter of the units",
            measured=by_difference[truth],
            controls={"random quarter": retrieved.quarter, ACTIVITY: retrieved[truth].sel(methods=ACTIVITY)},
            score=Calibrated(),
            shown={name: retrieved[truth].sel(methods=name) for name in METHODS if name not in (DIFFERENCE, ACTIVITY)},
            rule=above(MOST),
            note=f"{note} Mean activation needs no labels. Equal units are ranked in the layer's order. Ranked on one "
            "half of the images; the truth is from pairs of the other.",
            recipes=(STROKES,),
        )
        for truth, (which, note) in _TRUTHS.items()
    ]
    return [few, *found]


def _on_mnist(found: xr.Dataset) -> Claim:
    layer, p = found.layers.item(), permutation_p_over("draws", found.top, found.random)
    return Claim(
        row="1.10",
        name=f"MNIST {layer}",
        text=f"{LARGEST_GROUP} units of {layer} carry the top bar of real 7s: patched, they restore most of the margin",
        quantity="the share that they restore of what is lost",
        measured=found.top,
        controls={"as many random units": found.random},
        score=Calibrated(),
        shown={f"as many of largest {DIFFERENCE}": found.by_difference},
        rule=above(MOST),
        note=f"Without its bar a 7 loses {mean(found.total, 2)} logits of margin. Units are ranked by activation "
        f"patching on half of the 7s and scored on the others; largest p of a network {mean(p.max())}. "
        f"{mean(found.overlap)} of them are among as many of largest {DIFFERENCE}.",
    )
