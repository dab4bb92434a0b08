"""What does a digit lose without its most damaging neuron, and what predicts the loss?"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxinterp import metrics, stats
from jaxinterp.analysis import ablation, ablation_search, directions, top_units
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import (
    ALIKE,
    CHOSEN,
    DIRECTION,
    MOST,
    RANDOM,
    SEARCHED,
    WORDS,
    of_chosen,
)
from jaxinterp.studies.judge import Claim, Finding, above
from jaxinterp.studies.scores import Difference
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number, format_percent

JUDGED = ("zero", "mean", "resample")
PREDICTED = ("zero", "mean")
DRAWS = 100  # of the permutations behind searched_p: p-values down to 1/101
SELECTIVITY = "auc"  # of all predictors, the one that is judged
LABELS = {
    SELECTIVITY: "selectivity (AUC)",
    "selectivity": "selectivity (index)",
    "activation": "activation",
    "weight": "weight",
    "activation_weight": "activation × weight",
    "centred_activation_weight": "centred activation × weight",
}

GONE = 0.1  # what guessing among ten digits gives: an accuracy of "about 0 %" lies below it


class Damage(NamedTuple):
    """Accuracies by class on the scoring half: of the network as it is, and without each unit of the last hidden layer.

    worst: each class's most damaging unit, and worst_class the class that loses most without its own, both on the
    choosing half. worst_accuracy: of each class without the most damaging unit of each layer. searched_p: the lowest
    of all units, for damage that depends on the class more than permuted labels would make it, relative to each unit's
    own noise, corrected for the search over units and classes (`ablation_search.searched_p`).

    direction_accuracy, direction_worst_class: as worst_accuracy of the last hidden layer and worst_class, but of the
    directions of random bases (`directions.random_bases`) in place of the units: as many are searched on the same half.
    """

    intact: Float[Array, " classes"]
    ablated: Float[Array, "kinds units classes"]
    worst: Int[Array, "kinds classes"]
    worst_class: Int[Array, " kinds"]
    worst_accuracy: Float[Array, "kinds layers classes"]
    searched_p: Float[Array, "kinds classes"]
    direction_accuracy: Float[Array, "bases kinds classes"]
    direction_worst_class: Int[Array, "bases kinds"]


def damage(network: Network, choosing: Dataset, scoring: Dataset, key) -> Damage:
    """What does each class lose without single units? key: of resample-ablation, of the permutations and the bases."""
    model, halves = network.model, (choosing, scoring)
    resampled, permuted = jax.random.split(key)
    accuracy, search = partial(_accuracy, classes=model.outputs), partial(searched, network, *halves, resampled)
    by_layer = [search(layer.post) for layer in model.layers]
    own, bases = by_layer[-1], neurons.random_bases(key, model)
    left, direction_accuracy = jax.lax.map(lambda basis: search(neurons.site(model), basis)[1:3], bases)
    intact, correct = (ablation.baseline(network, half, measure=is_correct) for half in halves)
    loss, direction_loss = (accuracy(intact, choosing) - found for found in (own.chosen_accuracy, left))
    p_values = partial(ablation_search.searched_p, labels=scoring.labels, classes=model.outputs, draws=DRAWS)
    searched_p = jax.vmap(p_values, in_axes=(None, 0))(permuted, correct - own.correct)  # kinds share permutations
    return Damage(
        intact=accuracy(correct, scoring),
        ablated=accuracy(own.correct, scoring),
        worst=own.unit,
        worst_class=top_units.highest(loss),
        worst_accuracy=jnp.stack([found.accuracy for found in by_layer], axis=1),
        searched_p=jnp.min(searched_p, axis=1),
        direction_accuracy=direction_accuracy,
        direction_worst_class=top_units.highest(direction_loss),
    )


class Searched(NamedTuple):
    """Each class's most damaging unit of a layer, and the class's accuracy without it on the half that chose it.

    accuracy: on the scoring half; correct: 1 where an example of that half is classified correctly without a unit.
    """

    unit: Int[Array, "kinds classes"]
    chosen_accuracy: Float[Array, "kinds classes"]
    accuracy: Float[Array, "kinds classes"]
    correct: Float[Array, "kinds units examples"]


def searched(
    network: Network, choosing: Dataset, scoring: Dataset, key, site: Site, basis=None, *, kinds=ablation.KINDS
) -> Searched:
    """Which unit does each class need most, and what is left without it? basis: of directions in place of the units."""
    first, second = (_correct_without_units(network, half, site, key, basis, kinds) for half in (choosing, scoring))
    classes = network.model.outputs
    before, after = _accuracy(first, choosing, classes=classes), _accuracy(second, scoring, classes=classes)
    unit = jnp.argmin(before, axis=1)
    left_before, left = (jnp.take_along_axis(half, unit[:, None], axis=1)[:, 0] for half in (before, after))
    return Searched(unit, left_before, left, second)


def _accuracy(correct: Array, data: Dataset, *, classes: int) -> Float[Array, "*rows classes"]:
    return metrics.by_class(correct, data.labels, classes=classes)


def _correct_without_units(
    network: Network, data: Dataset, site: Site, key, basis, kinds
) -> Float[Array, "kinds units examples"]:
    """1 where an example is classified correctly without a unit, or without a direction of the basis."""
    activations, replaced = network(data.images)[1][site], ablation.replaced_units
    if basis is not None:
        activations, replaced = directions.coordinates(activations, basis), partial(directions.replaced, basis=basis)
    options = {"classes": network.model.outputs, "key": key}
    fills = jnp.stack([ablation.fill(kind, activations, data.labels, **options) for kind in kinds])
    measure = partial(is_correct, labels=data.labels)
    return replaced(network, data.images, fills, site=site, measure=measure, chunk=8)


def is_correct(logits: Array, labels: Array | np.ndarray) -> Float[Array, " examples"]:
    """1 where an example is classified correctly, 0 elsewhere."""
    return metrics.correct("cross_entropy", logits, labels).astype(logits.dtype)


def predictors(network: Network, choosing: Dataset) -> ablation.Predictors:
    """What may predict damage, of every neuron and class, from other images than those on which it is measured."""
    return ablation.predictors(network, choosing, site=neurons.site(network.model))


MEASUREMENTS = (
    Measurement(
        "damage",
        damage,
        lambda inputs: (inputs.choosing, inputs.scoring, neurons.keys(inputs)[2]),
        lambda inputs: neurons.coords(inputs) | {"kinds": ablation.KINDS},
    ),
    Measurement("predictors", predictors, lambda inputs: (inputs.choosing,), neurons.coords),
)


def lost(accuracy: xr.DataArray, intact: xr.DataArray) -> xr.DataArray:
    """1 where a class's accuracy is about 0 %, 0 where not; NaN for a class that was lost before the ablation."""
    return stats.indicator(accuracy < GONE, accuracy).where(intact >= GONE)


def correlation(results: Results, predictor: str, kind: str, *, shifted: bool = False) -> xr.DataArray:
    """Spearman's correlation over (unit, class) of a predictor with the accuracy that an ablation costs.

    shifted: with the predictor for another class than the damaged one, mean over all others.
    """
    values, damage = results["predictors"][predictor], results["damage"]
    cost = damage.intact - damage.ablated.sel(kinds=kind, drop=True)
    if shifted:
        values = xr.concat([values.roll(classes=shift) for shift in range(1, values.sizes["classes"])], "shifts")
    found = stats.spearman_over(("units", "classes"), values, cost)
    return found.mean("shifts") if shifted else found


def claims(results: Results) -> list[Claim]:
    """Row 4.6: digits depend on one neuron, and selectivity predicts the damage."""
    lost_digits = [claim for kind in JUDGED for claim in _of_kind(results["damage"].sel(kinds=kind))]
    return [*lost_digits, *(_predicted(results, kind) for kind in PREDICTED)]


def answer(findings: Mapping[str, Finding]) -> str:
    """Whether most digits are lost without one neuron, beyond those lost without a direction, by each kind of ablation.

    The shares are those beyond random directions, which the verdicts are about.
    """
    by_kind = []
    for kind in JUDGED:
        finding = findings[f"4.6 most digits {kind}"]
        share = format_percent(finding.score.mean)
        by_kind.append(f"{WORDS[finding.verdict]} under {kind}-ablation ({share})")
    return (
        f"Most digits fall below {format_percent(GONE)} without their most damaging neuron, beyond random directions: "
        f"{', '.join(by_kind)}."
    )


def _of_kind(found: xr.Dataset) -> list[Claim]:
    kind, (*earlier, last) = found.kinds.item(), found.layers.to_numpy()
    without = found.worst_accuracy.sel(layers=last, drop=True)
    significant = stats.indicator(found.searched_p < 0.05, found.searched_p).mean()
    most_digits = Claim(
        row="4.6",
        name=f"most digits {kind}",
        text="Most digits have a neuron without which they fall to about 0 %, beyond what as many random directions "
        f"do: share of digits under {kind}-ablation",
        published="“about 0 %”",
        bounds=SHARE,
        quantity=f"share of digits that fall below {format_percent(GONE)}",
        measured=lost(without, found.intact),
        controls={
            DIRECTION: lost(found.direction_accuracy, found.intact),
            RANDOM: lost(found.ablated, found.intact),
        },
        score=Difference(),
        rule=above(MOST),
        shown={
            "accuracy without it": without,
            f"accuracy without {DIRECTION}": found.direction_accuracy,
            f"accuracy without {RANDOM}": found.ablated,
            "accuracy with all neurons": found.intact,
            **{f"most damaging neuron of {layer}": found.worst_accuracy.sel(layers=layer) for layer in earlier},
        },
        note=f"Each digit without its most damaging neuron, {CHOSEN}. {SEARCHED} Share of digits that some neuron's "
        "loss depends on, beyond its spread under permuted labels, at 5 %, corrected for the search over neurons and "
        f"digits: {format_number(float(significant))}.",
    )
    of_one, intact = (of_chosen(values, classes=found.worst_class) for values in (without, found.intact))
    direction, direction_intact = (
        of_chosen(values, classes=found.direction_worst_class) for values in (found.direction_accuracy, found.intact)
    )
    takes_any = (lost(found.ablated, found.intact) == 1).any("classes")
    share = takes_any.where(found.intact.notnull().any("classes")).mean()
    some_digit = Claim(
        row="4.6",
        name=f"some digit {kind}",
        text="Some digit has a neuron without which it falls to about 0 %, beyond what as many random directions do: "
        f"share of networks under {kind}-ablation",
        published="“about 0 %”",
        bounds=SHARE,
        quantity=f"share of networks in which it falls below {format_percent(GONE)}",
        measured=lost(of_one, intact),
        controls={DIRECTION: lost(direction, direction_intact)},
        score=Difference(),
        rule=above(MOST),
        shown={
            "accuracy without it": of_one,
            f"accuracy without {DIRECTION}": direction,
            "accuracy with all neurons": intact,
        },
        note=f"The digit that loses most without its most damaging neuron, {CHOSEN}. {SEARCHED} Share of neurons "
        f"without which any digit falls that low: {format_number(float(share), 3)}.",
    )
    return [most_digits, some_digit]


def _predicted(results: Results, kind: str) -> Claim:
    selectivity, worst = results["predictors"][SELECTIVITY], results["damage"].worst.sel(kinds=kind)
    same = (selectivity.fillna(-np.inf).argmax("units") == worst).where(worst.notnull()).mean()
    return Claim(
        row="4.6",
        name=f"selectivity {kind}",
        text=f"Selectivity (AUC) predicts the damage of {kind}-ablation: rank correlation with the drop in accuracy",
        bounds=SIGNED,
        quantity="Spearman's correlation over neurons × digits",
        measured=correlation(results, SELECTIVITY, kind),
        controls={"selectivity for other digits": correlation(results, SELECTIVITY, kind, shifted=True)},
        rule=above(ALIKE),
        shown={LABELS[name]: correlation(results, name, kind) for name in LABELS if name != SELECTIVITY},
        note="Predictors from one half of the test images, damage on the other. Share of digits whose most selective "
        f"neuron is also their most damaging: {format_number(float(same))}, by chance "
        f"{1 / selectivity.sizes['units']:.2f}.",
    )
