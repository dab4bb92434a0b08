"""Do matched units of two trainings look at the same pixels? Row 3.5: correlation of the maps of matched units.

Units are matched by what they answer to test images, and the match is scored by their maps, which had no part in it.
The write-up matched by the maps themselves, which gives even random maps a correlation: that is shown beside.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis import matching
from jaxinterp.studies.claims import Claim, Finding, Rule
from jaxinterp.studies.instance_variation.maps import USED, VIEWS, WEIGHTS, Arm, Maps
from jaxinterp.studies.instance_variation.record import (
    ALIKE,
    STUDY,
    TRAINED,
    UNTRAINED,
    InstanceVariation,
    calibrated_score,
    judge,
    left_out,
    mirrored,
)
from jaxinterp.studies.subjects import blanked_pairs

RANDOM, BY_MAPS, BY_MAPS_UNTRAINED = "random pairs of units", "matched by the maps", "matched by the maps, untrained"
PAIRINGS = (TRAINED, UNTRAINED, RANDOM, BY_MAPS, BY_MAPS_UNTRAINED)
NETWORKS, PLACES = 3, 5  # in the gallery

_PUBLISHED = {"hidden0": ".297", "hidden1": ".259", "logits": ".441"}
_NAMES = {WEIGHTS: "weights", USED: "what is used"}


def measure(asked: Mapping[str, Arm], layers: Mapping[str, Mapping[str, Maps]]) -> dict[str, Any]:
    """The record's fields of row 3.5."""
    own = asked[TRAINED]
    odd = mirrored(own.networks.model)
    shown = np.flatnonzero(~own.left_out)[:NETWORKS]
    pairs, galleries = [], []
    for layer, maps in layers.items():
        outputs = layer == "logits"
        pair = partial(jax.jit(paired, static_argnames=("outputs", "odd")), outputs=outputs, odd=odd and not outputs)
        pairs.append(np.array(pair(maps[TRAINED], maps[UNTRAINED])))
        few = jax.tree.map(lambda leaf, shown=shown: np.asarray(leaf)[shown], maps[TRAINED])
        galleries.append(_gallery(few, outputs=outputs, odd=odd and not outputs))
    pictures, correlations = zip(*galleries, strict=True)
    return {
        "pairings": PAIRINGS,
        "attention": blanked_pairs(np.stack(pairs, axis=2), own.left_out),
        "gallery_seeds": np.concatenate([shown, np.full(NETWORKS - len(shown), -1)]),
        "gallery": np.stack(pictures, axis=1),
        "gallery_correlation": np.stack(correlations, axis=1),
    }


def paired(trained: Maps, untrained: Maps, *, outputs: bool, odd: bool) -> Float[Array, "pairings views seeds seeds"]:
    """Correlation over pixels of paired units' maps, mean over units.

    outputs: the units are classes, which are paired with themselves wherever they are not matched by the maps. odd: a
    unit and its mirror image count as the same: a pair whose answers correlate negatively has one map negated.
    """
    (own, chance, by_maps), (before, _, by_maps_before) = (
        _paired(found, outputs, odd) for found in (trained, untrained)
    )
    return jnp.stack([own, before, chance, by_maps, by_maps_before])


def _paired(found: Maps, outputs: bool, odd: bool):
    """By answers, at random and by the maps, each "views seeds seeds"."""
    answers = matching.correlations(found.answers)
    order = _order(answers, outputs, odd)
    sign = jnp.where(answers < 0, -1.0, 1.0) if odd else jnp.ones_like(answers)

    def by_view(maps):
        pixels = matching.correlations(jnp.swapaxes(maps, 1, 2))
        signed = sign * pixels
        matched = jnp.take_along_axis(signed, order[..., None], axis=-1)[..., 0]
        best = matching.match(pixels, absolute=odd).value
        best = jnp.abs(best) if odd else best
        return jnp.nanmean(matched, axis=-1), jnp.nanmean(signed, axis=(-2, -1)), jnp.nanmean(best, axis=-1)

    each = [by_view(found.maps[:, view]) for view in range(len(VIEWS))]
    return [jnp.stack(values) for values in zip(*each, strict=True)]


def _order(answers: Float[Array, "seeds seeds_other units units_other"], outputs: bool, odd: bool) -> Array:
    if outputs:
        return jnp.broadcast_to(jnp.arange(answers.shape[-1]), answers.shape[:-1])
    return matching.match(answers, absolute=odd).order


def _gallery(found: Maps, *, outputs: bool, odd: bool) -> tuple[np.ndarray, np.ndarray]:
    """Maps of some units of the first network and of their counterparts, and their correlation, "views places shown …".

    Units evenly from that whose answers correlate most with its counterparts' to the one whose do least; of outputs the
    first. Padded with NaN to PLACES and NETWORKS.
    """
    count, _, units, pixels = found.maps.shape
    pictures = np.full((len(VIEWS), PLACES, NETWORKS, pixels), np.nan, np.float32)
    values = np.full((len(VIEWS), PLACES, NETWORKS), np.nan)
    if not count:
        return pictures, values
    order, alike = map(np.array, _counterparts(found.answers, outputs=outputs, odd=odd))
    order[0], alike[0] = np.arange(units), 1
    sign = np.where(alike < 0, -1, 1) if odd else np.ones_like(alike)
    ranked = np.argsort(-np.nan_to_num(np.abs(alike) if odd else alike).mean(axis=0), kind="stable")
    evenly = np.linspace(0, units - 1, min(PLACES, units)).astype(int)
    places = np.arange(len(evenly)) if outputs else ranked[evenly]
    for row in range(len(VIEWS)):
        maps = np.asarray(found.maps)[:, row]
        chosen = np.stack([sign[k][places, None] * maps[k][order[k][places]] for k in range(count)], axis=1)
        pictures[row, : len(places), :count] = chosen
        centred = chosen - chosen.mean(axis=-1, keepdims=True)
        size = np.linalg.norm(centred, axis=-1)
        product = np.sum(centred * centred[:, :1], axis=-1)
        values[row, : len(places), :count] = product / np.where(size * size[:, :1] > 0, size * size[:, :1], np.nan)
    return pictures, values


@partial(jax.jit, static_argnames=("outputs", "odd"))
def _counterparts(answers: Float[Array | np.ndarray, "seeds examples units"], *, outputs: bool, odd: bool):
    """Of every unit of the first network in each network: which it is, and how its answers correlate."""
    table = matching.correlations(answers[:1], answers)
    order = _order(table, outputs, odd)
    return order[0], jnp.take_along_axis(table, order[..., None], axis=-1)[0, ..., 0]


def findings(record: InstanceVariation) -> list[Finding]:
    """Row 3.5 judged, by the maps that the write-up looked at and by what is used of them."""
    rule = Rule(calibrated_score(f"the higher of {UNTRAINED} and {RANDOM}"), low=ALIKE)
    found = []
    for place, layer in enumerate(record.layers):
        for view in record.views:
            matrices = dict(zip(record.pairings, record.attention[:, record.views.index(view), place], strict=True))
            text = f"{layer}: two trainings look at the same pixels, by {_NAMES[view]}: correlation of matched maps"
            published = _PUBLISHED.get(layer, "—") if view == WEIGHTS else "—"
            how = "Outputs are paired by class" if layer == "logits" else "Units are matched by their answers to images"
            gain = [stats.over_pairs_estimate(matrices[name]).mean for name in (BY_MAPS, BY_MAPS_UNTRAINED)]
            note = (
                f"{how}; matched by the maps themselves, as in the write-up, it is {gain[0]:.3f}, and before training "
                f"{gain[1]:.3f}. {left_out(record)}"
            )
            claim = Claim(STUDY, f"3.5 {layer} {view}", text, published, rule)
            found.append(judge(claim, matrices, (UNTRAINED, RANDOM), note))
    return found
