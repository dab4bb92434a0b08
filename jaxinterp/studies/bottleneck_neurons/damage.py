"""What does a digit lose without its most damaging neuron, or gain with more of it, and what predicts the loss?"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int

from jaxinterp import metrics, stats
from jaxinterp.analysis import ablation, doses, top_units
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.class_accuracy import confusion_of
from jaxinterp.studies.bottleneck_neurons.neurons import ALIKE, CHOSEN, MOST, RANDOM, of_chosen
from jaxinterp.studies.judge import Claim, Given, above
from jaxinterp.studies.study import Measurement, Results
from jaxinterp.text import format_number, format_percent

JUDGED = ("zero", "mean", "resample")
PREDICTED = ("zero", "mean")
STRENGTHS = np.arange(0, 3.01, 0.25)
EDITS = {"before": 1, "without": 0, "tripled": 3}
DRAWS = 100  # of the permutations behind searched_p: p-values down to 1/101
LABELS = {
    "selectivity": "selectivity",
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
    own noise, corrected for the search over units and classes (`ablation.searched_p`).
    """

    intact: Float[Array, " classes"]
    ablated: Float[Array, "kinds units classes"]
    worst: Int[Array, "kinds classes"]
    worst_class: Int[Array, " kinds"]
    worst_accuracy: Float[Array, "kinds layers classes"]
    searched_p: Float[Array, "kinds classes"]


class Scaling(NamedTuple):
    """By class on the scoring half, with each unit's activation multiplied by each strength: accuracy, and confusions.

    Edits are the strengths of `EDITS`. rises: whether scaling the unit up raises the class steadily (`doses.rises`).
    """

    accuracy: Float[Array, "units strengths classes"]
    rises: Float[Array, "units classes"]
    confusion: Float[Array, "edits units classes predictions"]


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

    by_layer = [without_units(layer) for layer in model.layers]
    worst, left_choosing, _, correct_without = by_layer[-1]
    intact_choosing, correct = (ablation.baseline(network, half, measure=_correct) for half in halves)
    loss = accuracy(intact_choosing, choosing) - left_choosing
    p_values = partial(ablation.searched_p, labels=scoring.labels, classes=model.outputs, draws=DRAWS)
    searched_p = jax.vmap(p_values, in_axes=(None, 0))(permuted, correct - correct_without)  # kinds share permutations
    return Damage(
        intact=accuracy(correct, scoring),
        ablated=accuracy(correct_without, scoring),
        worst=worst,
        worst_class=top_units.highest(loss),
        worst_accuracy=jnp.stack([left for _, _, left, _ in by_layer], axis=1),
        searched_p=jnp.min(searched_p, axis=1),
    )


def _correct_without_units(network: Network, data: Dataset, site: Site, key) -> Float[Array, "kinds units examples"]:
    """1 where an example is classified correctly without a unit."""
    activations, classes = network(data.images)[1][site], network.model.outputs
    fills = [ablation.fill(kind, activations, data.labels, classes=classes, key=key) for kind in ablation.KINDS]
    measure = partial(_correct, labels=data.labels)
    return ablation.replaced_units(network, data.images, jnp.stack(fills), site=site, measure=measure, chunk=8)


def _correct(logits: Array, labels: Array | np.ndarray) -> Float[Array, " examples"]:
    return metrics.correct("cross_entropy", logits, labels).astype(logits.dtype)


def scaling(network: Network, scoring: Dataset) -> Scaling:
    """What is predicted with each unit scaled?"""
    site, classes = neurons.site(network.model), network.model.outputs
    scaled = ablation.doses(network, scoring, STRENGTHS, site=site, measure=confusion_of, chunk=8)
    accuracy = jnp.diagonal(scaled, axis1=2, axis2=3)
    edits = np.searchsorted(STRENGTHS, list(EDITS.values()))
    return Scaling(
        accuracy=accuracy,
        rises=doses.rises(accuracy, jnp.bincount(jnp.asarray(scoring.labels), length=classes)),
        confusion=jnp.moveaxis(scaled[:, edits], 1, 0),
    )


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
    Measurement(
        "scaling",
        scaling,
        lambda inputs: (inputs.scoring,),
        lambda inputs: neurons.coords(inputs) | {"strengths": STRENGTHS.tolist(), "edits": tuple(EDITS)},
    ),
    Measurement("predictors", predictors, lambda inputs: (inputs.choosing,), neurons.coords),
)


def lost(accuracy: xr.DataArray, intact: xr.DataArray) -> xr.DataArray:
    """1 where a class's accuracy is about 0 %, 0 where not; NaN for a class that was lost before the ablation."""
    return stats.indicator(accuracy < GONE, accuracy).where(intact >= GONE)


def gain(accuracy: xr.DataArray) -> xr.DataArray:
    """Accuracy with a unit tripled, less that of the network as it is."""
    return accuracy.sel(strengths=EDITS["tripled"], drop=True) - accuracy.sel(strengths=EDITS["before"], drop=True)


def most_damaging(results: Results) -> xr.DataArray:
    """Each class's most damaging unit under zero-ablation, chosen on the choosing half."""
    return results["damage"].worst.sel(kinds="zero", drop=True)


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
    """Row 4.6: digits depend on one neuron, more of it raises them, and selectivity predicts the damage."""
    lost_digits = [claim for kind in JUDGED for claim in _of_kind(results["damage"].sel(kinds=kind))]
    return [*lost_digits, *_scaled(results), *(_predicted(results, kind) for kind in PREDICTED)]


def _of_kind(found: xr.Dataset) -> list[Claim]:
    kind, (*earlier, last) = found.kinds.item(), found.layers.to_numpy()
    without = found.worst_accuracy.sel(layers=last, drop=True)
    significant = stats.indicator(found.searched_p < 0.05, found.searched_p).mean()
    most_digits = Claim(
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
        note=f"Mean over digits, each without its most damaging neuron, {CHOSEN}. Share of digits that some "
        "neuron's loss depends on, beyond its spread under permuted labels, at 5 %, corrected for the search over "
        f"neurons and digits: {format_number(float(significant))}.",
    )
    of_one, at_random, intact = (
        of_chosen(values, classes=found.worst_class) for values in (without, found.ablated.mean("units"), found.intact)
    )
    takes_any = (lost(found.ablated, found.intact) == 1).any("classes")
    share = takes_any.where(found.intact.notnull().any("classes")).mean()
    some_digit = Claim(
        row="4.6",
        name=f"some digit {kind}",
        text=f"Some digit has a neuron without which it falls to about 0 %: accuracy under {kind}-ablation",
        published="“about 0 %”",
        quantity=f"share of networks in which it falls below {format_percent(GONE)}",
        measured=of_one,
        controls={RANDOM: at_random},
        score=Given(lost(of_one, intact)),
        rule=above(MOST),
        shown={"no ablation": intact},
        note=f"The digit that loses most without its most damaging neuron, {CHOSEN}. Share of neurons without which "
        f"any digit falls that low: {format_number(float(share), 3)}.",
    )
    return [most_digits, some_digit]


def _scaled(results: Results) -> list[Claim]:
    gains, rises, worst = gain(results["scaling"].accuracy), results["scaling"].rises, most_damaging(results)
    chosen = f"Each digit's most damaging neuron under zero-ablation, {CHOSEN}."
    return [
        Claim(
            row="4.6",
            name="dose gain",
            text="Tripling a digit's neuron raises the digit: its accuracy at 3 less that at 1",
            published="“raises it”",
            quantity="difference in accuracy, mean over digits",
            measured=of_chosen(gains, units=worst),
            controls={RANDOM: gains},
            rule=above(0.0),
            shown={"accuracy over all digits, at 3 less at 1": of_chosen(gains.mean("classes"), units=worst)},
            note=chosen,
        ),
        Claim(
            row="4.6",
            name="dose monotonic",
            text="Scaling a digit's neuron from 0 to 3 raises the digit monotonically: share of digits",
            published="“monotonically”",
            quantity="share of digits",
            measured=of_chosen(rises, units=worst),
            controls={RANDOM: rises},
            rule=above(MOST),
            note=f"{chosen} Steps of 0.25: none down by more than one image, and up by more than one image in all.",
        ),
    ]


def _predicted(results: Results, kind: str) -> Claim:
    selectivity, worst = results["predictors"].selectivity, results["damage"].worst.sel(kinds=kind)
    same = (selectivity.fillna(-np.inf).argmax("units") == worst).where(worst.notnull()).mean()
    return Claim(
        row="4.6",
        name=f"selectivity {kind}",
        text=f"Selectivity predicts the damage of {kind}-ablation: rank correlation with the drop in accuracy",
        quantity="Spearman's correlation over neurons × digits",
        measured=correlation(results, "selectivity", kind),
        controls={"selectivity for other digits": correlation(results, "selectivity", kind, shifted=True)},
        rule=above(ALIKE),
        shown={LABELS[name]: correlation(results, name, kind) for name in LABELS if name != "selectivity"},
        note="Predictors from one half of the test images, damage on the other. Share of digits whose most selective "
        f"neuron is also their most damaging: {format_number(float(same))}, by chance "
        f"{1 / selectivity.sizes['units']:.2f}.",
    )
