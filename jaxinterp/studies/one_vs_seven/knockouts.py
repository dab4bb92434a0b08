"""How accurate is a network without the neurons that differ between 1s and 7s, or without as many others? Row 1.8.

Units are chosen on one half of the test images, and accuracy, among all outputs, is measured on the other. Whether the
drop is due to their number or to their identity, rows 1.9 and 1.11, is judged in `number_or_identity`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, last_layer, responses
from jaxinterp.analysis.last_layer import KINDS
from jaxinterp.data import Dataset
from jaxinterp.ensemble import over_seeds
from jaxinterp.networks import Network
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, Given, above, between
from jaxinterp.studies.one_vs_seven.common import ARMS, CLASSES, LAST, NAME, ONE, SEVEN, SMALL, labelled, mean
from jaxinterp.studies.one_vs_seven.differences import NEAR
from jaxinterp.studies.study import Measurement, Results

THRESHOLDS = np.arange(1, 10) / 10
JUDGED = (0.1, 0.3, 0.5)  # from where nothing is left to where little is lost
SHOWN = 0.3  # single draws are kept at this threshold
ALL, PREFER_ONE, PREFER_SEVEN = SIGNS = ("all", "more active on 1s", "more active on 7s")
RANDOM, MATCHED = GROUPS = ("random", "matched on mean activation")
DRAWS = 200
STRATA, LEAST_IN_STRATUM = 10, 8  # of mean activation; a stratum of one unit leaves nothing to draw

PUBLISHED = xr.DataArray(
    [0.0, 0.045, 0.58, 0.875, 0.92, 0.955, 0.97, 0.975, 0.988], {"thresholds": THRESHOLDS}, name="published"
)


class KnockOuts(NamedTuple):
    """Accuracy without groups of units of the last hidden layer: the chosen ones, and as many drawn at random.

    units: how many are chosen. drawn: mean over draws; low, high: their middle 95 %. apart: without those of the drawn
    units that were not chosen. overlap: the share of the chosen units among them. by_draw: every draw, at SHOWN.
    """

    intact: Float[Array, ""]
    units: Float[Array, "signs thresholds"]
    chosen: Float[Array, "signs thresholds kinds"]
    by_class: Float[Array, "thresholds kinds classes"]
    drawn: Float[Array, "groups thresholds kinds"]
    low: Float[Array, "groups thresholds kinds"]
    high: Float[Array, "groups thresholds kinds"]
    apart: Float[Array, "groups thresholds kinds"]
    overlap: Float[Array, "groups thresholds"]
    by_draw: Float[Array, "groups kinds draws"]


def difference(network: Network, data: Dataset) -> Float[Array, " units"]:
    """The class difference of the units that the outputs read."""
    return responses.class_difference(network(data.images)[1][LAST], data.labels, ONE, SEVEN)


def knock_outs(network: Network, choosing: Dataset, scoring: Dataset, key, by_share, shares) -> KnockOuts:
    """Accuracy without the units whose class difference exceeds each threshold, and without as many others.

    by_share: choose these shares of the units, those of largest difference, in place of what exceeds a threshold.
    """
    differences, (draw_key, fill_key) = difference(network, choosing), jax.random.split(key)
    size = jnp.abs(differences)
    largest = jnp.argsort(jnp.argsort(-size)) < jnp.round(shares[:, None] * len(size))
    chosen = jnp.where(by_share, largest, size > THRESHOLDS[:, None])
    by_sign = jnp.stack([chosen, chosen & (differences > 0), chosen & (differences < 0)])
    drawn = _draw(draw_key, chosen, jnp.mean(network(choosing.images)[1][LAST], axis=0))
    masks = (by_sign, drawn, drawn & ~chosen[:, None])
    flat = jnp.concatenate([part.reshape(-1, len(size)) for part in masks])
    by_class = last_layer.group_accuracies(network, scoring, flat, fill_key)[..., np.array([ONE, SEVEN])]
    weights = jnp.stack([jnp.mean(jnp.asarray(scoring.labels) == label) for label in (ONE, SEVEN)])
    ends = np.cumsum([part[..., 0].size for part in masks])[:-1]
    of_sign, of_drawn, of_apart = (
        (part @ weights).reshape(*mask.shape[:-1], len(KINDS))
        for mask, part in zip(masks, jnp.split(by_class, ends), strict=True)
    )
    low, high = jnp.quantile(of_drawn, np.array([0.025, 0.975]), axis=2)
    count = jnp.sum(by_sign, axis=-1)
    return KnockOuts(
        intact=jnp.mean(metrics.correct("cross_entropy", network(scoring.images)[0], jnp.asarray(scoring.labels))),
        units=count,
        chosen=of_sign,
        by_class=by_class[: len(THRESHOLDS)],
        drawn=jnp.mean(of_drawn, axis=2),
        low=low,
        high=high,
        apart=jnp.mean(of_apart, axis=2),
        overlap=jnp.mean(jnp.sum(drawn & chosen[:, None], axis=-1) / jnp.maximum(count[0], 1)[:, None], axis=-1),
        by_draw=jnp.swapaxes(of_drawn[:, np.argmax(THRESHOLDS == SHOWN)], 1, 2),
    )


def shares_of_main(inputs: Mapping[str, Inputs]) -> tuple[Float[np.ndarray, " thresholds"]]:
    """The share of the wide networks' units that exceeds each threshold, mean over networks."""
    main = inputs[NAME]
    run = jax.jit(over_seeds(lambda network, data: jnp.abs(difference(network, data)) > THRESHOLDS[:, None], chunk=8))
    chosen = np.asarray(run(main.networks, main.choosing), float)[~main.diverged]
    return (np.nan_to_num(chosen.sum(axis=(0, 2)) / max(len(chosen), 1) / chosen.shape[-1]),)


def _draw(
    key, chosen: Bool[Array, "thresholds units"], quantity: Float[Array, " units"]
) -> Bool[Array, "groups thresholds draws units"]:
    strata = min(STRATA, max(1, len(quantity) // LEAST_IN_STRATUM))

    def draw(pair):
        own_key, group = pair
        random = ablation.random_groups(own_key, group, draws=DRAWS)
        return jnp.stack([random, ablation.matched_groups(own_key, group, quantity, draws=DRAWS, strata=strata)])

    return jnp.swapaxes(jax.lax.map(draw, (jax.random.split(key, len(chosen)), chosen)), 0, 1)


def _shared(inputs: Inputs) -> tuple:
    # The small networks' activations are larger: thresholds would take nearly all units, and leave nothing to draw.
    key = jax.random.split(inputs.key(2), 1 + len(ARMS))[1 + ARMS.index(inputs.recipe)]
    return inputs.choosing, inputs.scoring, key, inputs.recipe == SMALL


_COORDS = labelled(signs=SIGNS, thresholds=tuple(THRESHOLDS), kinds=KINDS, classes=CLASSES, groups=GROUPS)
MEASUREMENTS = (Measurement("knockouts", knock_outs, _shared, _COORDS, recipes=ARMS, common=shares_of_main, chunk=1),)


def claims(results: Results) -> list[Claim]:
    """Row 1.8: is the accuracy without the chosen units the published one?"""
    return [*(_accuracy(results, threshold) for threshold in JUDGED), _of_sevens(results)]


def _accuracy(results: Results, threshold: float) -> Claim:
    found = results["knockouts"].sel(recipes=NAME, thresholds=threshold)
    chosen, zero = found.chosen.sel(signs=ALL), found.sel(kinds="zero")
    by_class = [f"on {name}s {mean(zero.by_class.sel(classes=name))}" for name in CLASSES]
    by_sign = [
        f"without the {mean(zero.units.sel(signs=sign), 0)} units {sign}: {mean(zero.chosen.sel(signs=sign))}"
        for sign in SIGNS
    ]
    return Claim(
        row="1.8",
        name=f"{threshold:g}",
        text=f"Accuracy without the units that differ by more than {threshold:g} between 1s and 7s",
        published=f"{float(PUBLISHED.sel(thresholds=threshold)):g}",
        quantity=f"our accuracy less the published one, to be within {NEAR:g}",
        measured=chosen.sel(kinds="zero"),
        controls={"as many random units": zero.drawn.sel(groups=RANDOM)},
        shown={f"{kind}-ablation": chosen.sel(kinds=kind) for kind in KINDS if kind != "zero"},
        score=Given(chosen.sel(kinds="zero") - PUBLISHED.sel(thresholds=threshold)),
        rule=between(-NEAR, NEAR),
        note=f"Zero-ablation at the last hidden layer. Accuracy {', '.join(by_class)}; {'; '.join(by_sign)}.",
    )


def _of_sevens(results: Results) -> Claim:
    found = results["knockouts"].sel(recipes=NAME, kinds="zero")
    distance, of_sevens = (
        np.abs(accuracy - PUBLISHED).mean("thresholds", skipna=False)
        for accuracy in (found.chosen.sel(signs=ALL), found.by_class.sel(classes="7"))
    )
    return Claim(
        row="1.8",
        name="on 7s",
        text="The published curve is that of 7s alone",
        quantity="how much further the curve of all images lies from the published one, mean over thresholds",
        measured=of_sevens,
        controls={"accuracy on 1s and 7s": distance},
        score=Given(distance - of_sevens),
        rule=above(0.0),
        note="Mean distance from the published curve; measured: of accuracy on 7s. Zero-ablation.",
    )
