"""Which neurons carry the stroke, where nothing else differs? Row 1.10, on data whose truth is known.

The truth about a unit comes from twins, pairs of images that differ by the stroke alone, and the rankings from images
and their labels. What is ranked on one half of the test images is scored on the other.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxinterp.analysis import ablation, patching, responses
from jaxinterp.data import Dataset, toy
from jaxinterp.errors import InputError
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Calibrated, Claim, above, below
from jaxinterp.studies.one_vs_seven.common import LAYERS, MOST, STROKES, labelled, mean
from jaxinterp.studies.study import Measurement, Results

DIFFERENCE, PATCHING = "class difference", "activation patching"
D_PRIME, AUC, INFORMATION = "d′", "AUC", "mutual information"
ZERO, MEAN, WEIGHT, ACTIVITY = "zero-ablation", "mean-ablation", "activation × weight", "mean activation"
METHODS = (DIFFERENCE, D_PRIME, AUC, INFORMATION, ZERO, MEAN, WEIGHT, ACTIVITY, PATCHING)
CARRIES = 0.5  # a unit carries the stroke that moves it by more than this many of its sds within a class
QUARTER = 0.25

_TEXTS = {"moved": "that the stroke moves most", "patched": "that carry the stroke to the logits"}
_NOTES = {
    "moved": f"Moved: mean absolute change over pairs, in the unit's sd within a class, as in {D_PRIME}.",
    "patched": "To the logits: put back from the twin with the stroke, they restore most of the margin that it makes; "
    f"{PATCHING} is shown for comparison: the same on other pairs, what can be found at all.",
}


class Carriers(NamedTuple):
    """Share of each layer's units that the stroke moves by more than CARRIES."""

    share: Float[Array, " layers"]


class Retrieval(NamedTuple):
    """How well the first quarter of each ranking of a layer's units finds those that the stroke moves.

    quarter: its share of the units, which is what a random order finds. precision, recall: against the carriers.
    moved, patched: share found of the quarter that the stroke moves most, and of the quarter that restores most of it
    when patched.
    """

    quarter: Float[Array, " layers"]
    precision: Float[Array, "methods layers"]
    recall: Float[Array, "methods layers"]
    moved: Float[Array, "methods layers"]
    patched: Float[Array, "methods layers"]


def twins(inputs: Inputs) -> Dataset:
    """The twin of every test image of a run on strokes. Raises InputError for another source of data."""
    config = inputs.config.data
    made = toy.strokes(config.data_seed)
    if config.source != "strokes" or not np.array_equal(made.splits.test.images, inputs.splits.test.images):
        raise InputError(f"{STROKES} needs the strokes data as it was drawn, got {config.source} after changes")
    return made.twins.test


def carriers(network: Network, images: Dataset, twins: Dataset) -> Carriers:
    """How many units carry the stroke."""
    return Carriers(jnp.stack([jnp.mean(_moved(network, images, twins, layer) > CARRIES) for layer in LAYERS]))


def retrieval(
    network: Network, ranking: Dataset, ranking_twins: Dataset, scoring: Dataset, twins: Dataset
) -> Retrieval:
    """Each method's ranking of each layer's units, compared with the units that the stroke itself moves."""

    def of_layer(layer):
        site = f"{layer}/post"
        moved = _moved(network, scoring, twins, layer)
        carry, most = moved > CARRIES, _largest(moved)
        restore = _largest(restoring(network, scoring, twins, site=site))
        scores = rankings(network, ranking, ranking_twins, site=site)
        first = jnp.stack([_largest(scores[name]) for name in METHODS])
        of_carriers, of_most, of_restoring = (jnp.sum(first & truth, axis=-1) for truth in (carry, most, restore))
        size = jnp.sum(most)
        return Retrieval(
            jnp.mean(most), of_carriers / size, of_carriers / jnp.sum(carry), of_most / size, of_restoring / size
        )

    return jax.tree.map(lambda *leaves: jnp.stack(leaves, axis=-1), *map(of_layer, LAYERS))


def shifts(network: Network, images: Dataset, twins: Dataset, *, site: Site) -> Float[Array, " units"]:
    """How much the stroke moves each unit: mean absolute change over pairs, in sds that the unit has within a class.

    0 for a unit that never varies, ∞ for one that only the stroke moves.
    """
    activations = [network(part)[1][site] for part in with_and_without(images, twins)]
    spread = jnp.sqrt((jnp.var(activations[0], axis=0) + jnp.var(activations[1], axis=0)) / 2)
    change = jnp.mean(jnp.abs(activations[0] - activations[1]), axis=0)
    return jnp.where(change > 0, change / spread, 0)


def restoring(network: Network, images: Dataset, twins: Dataset, *, site: Site) -> Float[Array, " units"]:
    """How much of the stroke's effect on the margin each unit restores when patched, or reverses."""
    pairs = with_and_without(images, twins)
    return jnp.abs(patching.patch_units(network, *pairs, site=site, first=1, second=0).effect)


def with_and_without(images: Dataset, twins: Dataset) -> tuple[Array, Array]:
    """Every pair's image with the stroke, and the one without it."""
    has_it = jnp.asarray(images.labels)[:, None] == 1
    return jnp.where(has_it, images.images, twins.images), jnp.where(has_it, twins.images, images.images)


def rankings(network: Network, images: Dataset, twins: Dataset, *, site: Site) -> dict[str, Float[Array, " units"]]:
    """What each method ranks units by, largest first; only activation patching sees the twins."""
    activations = network(images.images)[1][site]
    measured = responses.selectivity(activations, images.labels, classes=2)
    before = ablation.baseline(network, images)
    zero, average = (
        ablation.damage(before, ablation.units(network, images, site=site, kind=kind)).margin
        for kind in ("zero", "mean")
    )
    weighted = ablation.predictors(network, images, site=site).activation_weight
    return {
        DIFFERENCE: jnp.abs(responses.class_difference(activations, images.labels, 1, 0)),
        D_PRIME: jnp.abs(measured.d_prime[1]),
        AUC: jnp.abs(measured.auc[1] - 0.5),
        INFORMATION: measured.mutual_information[1],
        ZERO: jnp.mean(zero, axis=-1),
        MEAN: jnp.mean(average, axis=-1),
        WEIGHT: jnp.max(jnp.abs(weighted), axis=-1),
        ACTIVITY: jnp.mean(activations, axis=0),
        PATCHING: restoring(network, images, twins, site=site),
    }


def _moved(network: Network, images: Dataset, twins: Dataset, layer: str) -> Float[Array, " units"]:
    return shifts(network, images, twins, site=f"{layer}/post")


def _largest(values: Float[Array, " units"]) -> Bool[Array, " units"]:
    """The quarter of the units of highest value; NaN is the lowest."""
    rank = jnp.argsort(jnp.argsort(-jnp.nan_to_num(values, nan=-jnp.inf)))
    return rank < max(1, round(QUARTER * values.shape[0]))


def _held(inputs: Inputs) -> tuple[Dataset, Dataset]:
    return inputs.scoring, inputs.once(twins).take(np.s_[1::2])


def _halves(inputs: Inputs) -> tuple[Dataset, ...]:
    return inputs.choosing, inputs.once(twins).take(np.s_[0::2]), *_held(inputs)


_COORDS = labelled(layers=LAYERS, methods=METHODS)
MEASUREMENTS = (
    Measurement("carriers", carriers, _held, _COORDS, (UNTRAINED, TRAINED), (STROKES,), chunk=2),
    Measurement("retrieval", retrieval, _halves, _COORDS, recipes=(STROKES,), chunk=2),
)


def check(inputs: Mapping[str, Inputs]) -> None:
    """Raise InputError unless the images of the strokes recipe have twins."""
    inputs[STROKES].once(twins)


def claims(results: Results) -> list[Claim]:
    """Row 1.10, on strokes: do few units carry the stroke, and does the class difference find them?"""
    return [
        claim
        for layer in LAYERS
        for claim in (_few(results, layer), _found(results, layer, "moved"), _found(results, layer, "patched"))
    ]


def _few(results: Results, layer: str) -> Claim:
    share = results["carriers"].share.sel(recipes=STROKES, layers=layer)
    found = results["retrieval"].sel(recipes=STROKES, layers=layer, methods=DIFFERENCE)
    return Claim(
        row="1.10",
        name=f"{layer} few",
        text=f"A minority of the units of {layer} carry the stroke, where nothing else differs",
        quantity="the share of the units that carry it",
        measured=share.sel(conditions=TRAINED),
        controls={"untrained networks": share.sel(conditions=UNTRAINED)},
        rule=below(MOST),
        note=f"A carrier: on average over pairs, adding the stroke moves the unit by more than {CARRIES:g} of its sd "
        f"within a class. At a quarter of the units, by {DIFFERENCE}: precision {mean(found.precision)}, recall "
        f"{mean(found.recall)}.",
        recipes=(STROKES,),
    )


def _found(results: Results, layer: str, truth: str) -> Claim:
    retrieved = results["retrieval"].sel(recipes=STROKES, layers=layer)
    by_method = {name: retrieved[truth].sel(methods=name) for name in METHODS}
    return Claim(
        row="1.10",
        name=f"{layer} {truth}",
        text=f"The class difference finds the units of {layer} {_TEXTS[truth]}",
        quantity="the share found of a quarter of the units",
        measured=by_method.pop(DIFFERENCE),
        controls={"random quarter": retrieved.quarter, ACTIVITY: by_method.pop(ACTIVITY)},
        score=Calibrated(),
        shown=by_method,
        rule=above(MOST),
        note=f"{_NOTES[truth]} Mean activation needs no labels. Equal units are ranked in the layer's order. Ranked on "
        "one half of the images; the truth is from pairs of the other.",
        recipes=(STROKES,),
    )
