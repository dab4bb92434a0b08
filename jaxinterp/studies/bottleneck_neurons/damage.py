"""What does a digit lose without its most damaging neuron, under each kind of ablation?"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxinterp import metrics, stats
from jaxinterp.analysis import ablation
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import CHOSEN, MOST, RANDOM, layers, of_chosen
from jaxinterp.studies.judge import Claim, Given, above
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number, format_percent

JUDGED = ("zero", "mean", "resample")
DRAWS = 100  # of the permutations behind searched_p: p-values down to 1/101
_UNITS = 8  # ablated at once

GONE = 0.1  # what guessing among ten digits gives: an accuracy of "about 0 %" lies below it


class Damage(NamedTuple):
    """Accuracies by class on the scoring half: of the network as it is, and without each unit of the last hidden layer.

    worst: each class's most damaging unit, and worst_class the class that loses most without its own, both on the
    choosing half. worst_accuracy: of each class without the most damaging unit of each layer. searched_p: the lowest
    of all units, corrected for the search over units and classes (`ablation.searched_p`).
    """

    intact: Float[Array, " classes"]
    ablated: Float[Array, "kinds units classes"]
    worst: Int[Array, "kinds classes"]
    worst_class: Int[Array, " kinds"]
    worst_accuracy: Float[Array, "kinds layers classes"]
    searched_p: Float[Array, "kinds classes"]


def damage(network: Network, choosing: Dataset, scoring: Dataset, key) -> Damage:
    """What does each class lose without single units? key: of resample-ablation and of the permutations."""
    model, halves = network.model, (choosing, scoring)
    resampled, permuted = jax.random.split(key)

    def accuracy(correct, data):
        return metrics.by_class(correct, data.labels, classes=model.outputs)

    def without_units(layer):
        """Each class's most damaging unit, its accuracy without that on both halves, and scored examples by unit."""
        first, second = (_correct_without_units(network, half, f"{layer}/post", resampled) for half in halves)
        before, after = accuracy(first, choosing), accuracy(second, scoring)
        worst = jnp.argmin(before, axis=1)
        own = [jnp.take_along_axis(half, worst[:, None], axis=1)[:, 0] for half in (before, after)]
        return worst, *own, second

    by_layer = [without_units(layer) for layer in layers(model)]
    worst, left_choosing, _, correct_without = by_layer[-1]
    intact_choosing, correct = (ablation.baseline(network, half, measure=_correct) for half in halves)
    loss = accuracy(intact_choosing, choosing) - left_choosing
    p_values = partial(ablation.searched_p, labels=scoring.labels, classes=model.outputs, draws=DRAWS)
    searched_p = jax.vmap(p_values, in_axes=(None, 0))(permuted, correct - correct_without)  # kinds share permutations
    return Damage(
        intact=accuracy(correct, scoring),
        ablated=accuracy(correct_without, scoring),
        worst=worst,
        worst_class=jnp.argmax(jnp.nan_to_num(loss, nan=-jnp.inf), axis=1),
        worst_accuracy=jnp.stack([left for _, _, left, _ in by_layer], axis=1),
        searched_p=jnp.min(searched_p, axis=1),
    )


def _correct_without_units(network: Network, data: Dataset, site: Site, key) -> Float[Array, "kinds units examples"]:
    """1 where an example is classified correctly without a unit: one program for all kinds of ablation."""
    activations, kinds = network(data.images)[1][site], ablation.KINDS
    fill = partial(ablation.fill, activations=activations, labels=data.labels, classes=network.model.outputs, key=key)
    away = jnp.moveaxis(jnp.stack([fill(kind) for kind in kinds]) - activations, 2, 1)
    run = ablation.unit_mover(network, data.images, site=site, measure=lambda logits: _correct(logits, data.labels))
    flat = jnp.tile(jnp.arange(away.shape[1]), len(kinds)), away.reshape(-1, away.shape[2])
    return jax.lax.map(lambda edit: run(*edit), flat, batch_size=_UNITS).reshape(away.shape)


def _correct(logits: Array, labels: Array | np.ndarray) -> Float[Array, " examples"]:
    return metrics.correct("cross_entropy", logits, labels).astype(logits.dtype)


def lost(accuracy: xr.DataArray, intact: xr.DataArray) -> xr.DataArray:
    """1 where a class's accuracy is about 0 %, 0 where not; NaN for a class that was lost before the ablation."""
    return stats.indicator(accuracy < GONE, accuracy).where(intact >= GONE)


def claims(results: Results) -> list[Claim]:
    """Most digits, or some digit, depend on one neuron, under each kind of ablation."""
    found = results["damage"]
    return [claim(found.sel(kinds=kind), kind) for kind in JUDGED for claim in (_most_digits, _some_digit)]


def _most_digits(found: xr.Dataset, kind: str) -> Claim:
    *earlier, last = found.layers.to_numpy()
    without = found.worst_accuracy.sel(layers=last, drop=True)
    significant = stats.indicator(found.searched_p < 0.05, found.searched_p).mean()
    return Claim(
        row="4.6",
        name=f"most digits {kind}",
        text=f"Most digits have a neuron without which they fall to about 0 %: accuracy under {kind}-ablation",
        published="“about 0 %”",
        quantity=f"share of digits that fall below {format_percent(GONE)}",
        measured=without,
        controls={RANDOM: found.ablated},
        score=Given(lost(without, found.intact)),
        rule=above(MOST),
        shown={
            "no ablation": found.intact,
            **{f"most damaging neuron of {layer}": found.worst_accuracy.sel(layers=layer) for layer in earlier},
        },
        note=(
            f"Mean over digits, each without its most damaging neuron, {CHOSEN}. Share of digits whose largest loss is "
            "significant at 5 %, corrected for the search over neurons and digits: "
            f"{format_number(float(significant))}."
        ),
    )


def _some_digit(found: xr.Dataset, kind: str) -> Claim:
    last = found.layers.to_numpy()[-1]
    without, at_random, intact = (
        of_chosen(values, classes=found.worst_class)
        for values in (found.worst_accuracy.sel(layers=last, drop=True), found.ablated.mean("units"), found.intact)
    )
    takes_any = (lost(found.ablated, found.intact) == 1).any("classes")
    share = takes_any.where(found.intact.notnull().any("classes")).mean()
    return Claim(
        row="4.6",
        name=f"some digit {kind}",
        text=f"Some digit has a neuron without which it falls to about 0 %: accuracy under {kind}-ablation",
        published="“about 0 %”",
        quantity=f"share of networks in which it falls below {format_percent(GONE)}",
        measured=without,
        controls={RANDOM: at_random},
        score=Given(lost(without, intact)),
        rule=above(MOST),
        shown={"no ablation": intact},
        note=(
            f"The digit that loses most without its most damaging neuron, {CHOSEN}. Share of neurons without which any "
            f"digit falls that low: {format_number(float(share), 3)}."
        ),
    )


MEASUREMENTS = (
    Measurement(
        "damage",
        damage,
        lambda inputs: (*neurons.halves(inputs), neurons.keys(inputs)[2]),
        lambda inputs: neurons.coords(inputs) | {"kinds": ablation.KINDS},
    ),
)
