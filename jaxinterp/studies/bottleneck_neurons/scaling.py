"""What does a digit gain with more of its most damaging neuron?"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import ablation, directions, doses
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import SHARE
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.class_accuracy import confusion_of
from jaxinterp.studies.bottleneck_neurons.damage import is_correct
from jaxinterp.studies.bottleneck_neurons.neurons import CHOSEN, DIRECTION, MOST, RANDOM, SEARCHED, of_chosen
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import Measurement, Results

STRENGTHS = np.arange(0, 3.01, 0.25)
EDITS = {"before": 1, "without": 0, "tripled": 3}


class Scaling(NamedTuple):
    """By class on the scoring half, with each unit's activation multiplied by each strength.

    margin: of the class's images, its logit less the highest other. f1: 2 TP/(2 TP + FP + FN) of predicting the class
    against the rest. Edits are the strengths of `EDITS`. rises: whether scaling the unit up raises the accuracy
    steadily (`doses.rises`). direction_…: of each class's most damaging direction of every random basis in place of its
    unit, chosen under zero-ablation on the choosing half.
    """

    accuracy: Float[Array, "units strengths classes"]
    margin: Float[Array, "units strengths classes"]
    f1: Float[Array, "units strengths classes"]
    rises: Float[Array, "units classes"]
    confusion: Float[Array, "edits units classes predictions"]
    direction_margin: Float[Array, "bases strengths classes"]
    direction_f1: Float[Array, "bases strengths classes"]
    direction_rises: Float[Array, "bases classes"]


def scaling(network: Network, choosing: Dataset, scoring: Dataset, key) -> Scaling:
    """What is predicted with each unit scaled, and with as many random directions? key: that of `damage`."""
    site, classes = neurons.site(network.model), network.model.outputs
    count = jnp.bincount(jnp.asarray(scoring.labels), length=classes)
    scaled, margin = ablation.doses(network, scoring, STRENGTHS, site=site, measure=_confusion_and_margin, chunk=8)
    accuracy = jnp.diagonal(scaled, axis1=2, axis2=3)
    worst = worst_directions(network, choosing, key)
    basis = worst.reshape(-1, worst.shape[-1]).T
    measure = partial(_confusion_and_margin, labels=jnp.asarray(scoring.labels))
    run = directions.mover(network, scoring.images, basis, site=site, measure=measure)
    along = directions.coordinates(network(scoring.images)[1][site], basis)

    def of_direction(direction):
        """Its own class's accuracy, margin and F1, by strength."""
        own = direction % classes

        def at(strength):
            confusion, margin = run(direction, (strength - 1) * along[:, direction])
            return confusion[own, own], margin[own], metrics.f1(confusion, count)[own]

        return jnp.stack(jax.lax.map(at, jnp.asarray(STRENGTHS, along.dtype)))

    own = jax.lax.map(of_direction, jnp.arange(basis.shape[1]), batch_size=8)
    by_direction = jnp.moveaxis(
        own.reshape(-1, classes, 3, len(STRENGTHS)), (2, 3), (0, 2)
    )  # measures bases strengths classes
    edits = np.searchsorted(STRENGTHS, list(EDITS.values()))
    return Scaling(
        accuracy=accuracy,
        margin=margin,
        f1=metrics.f1(scaled, count),
        rises=doses.rises(accuracy, count),
        confusion=jnp.moveaxis(scaled[:, edits], 1, 0),
        direction_margin=by_direction[1],
        direction_f1=by_direction[2],
        direction_rises=doses.rises(by_direction[0], count),
    )


def worst_directions(network: Network, choosing: Dataset, key) -> Float[Array, "bases classes units"]:
    """Each class's most damaging direction of every random basis, under zero-ablation."""
    site, classes = neurons.site(network.model), network.model.outputs

    def of_basis(basis):
        fill = jnp.zeros((1, len(choosing.labels), basis.shape[1]))
        measure = partial(is_correct, labels=choosing.labels)
        options = {"site": site, "measure": measure, "chunk": 8}
        [correct] = directions.replaced(network, choosing.images, fill, basis, **options)
        return basis.T[jnp.argmin(metrics.by_class(correct, choosing.labels, classes=classes), axis=0)]

    return jax.lax.map(of_basis, neurons.random_bases(key, network.model))


def _confusion_and_margin(logits: Array, labels: Array) -> tuple[Float[Array, "classes predictions"], Array]:
    margin = metrics.by_class(metrics.margins(logits, labels), labels, classes=logits.shape[-1])
    return confusion_of(logits, labels), margin


MEASUREMENTS = (
    Measurement(
        "scaling",
        scaling,
        lambda inputs: (inputs.choosing, inputs.scoring, neurons.keys(inputs)[2]),
        lambda inputs: neurons.coords(inputs) | {"strengths": STRENGTHS.tolist(), "edits": tuple(EDITS)},
    ),
)


def gain(scaled: xr.DataArray) -> xr.DataArray:
    """What is measured with a unit tripled, less the same of the network as it is."""
    return scaled.sel(strengths=EDITS["tripled"], drop=True) - scaled.sel(strengths=EDITS["before"], drop=True)


def most_damaging(results: Results) -> xr.DataArray:
    """Each class's most damaging unit under zero-ablation, chosen on the choosing half."""
    return results["damage"].worst.sel(kinds="zero", drop=True)


def claims(results: Results) -> list[Claim]:
    """Row 4.6: more of a digit's neuron raises the digit, and does so monotonically."""
    found, worst = results["scaling"], most_damaging(results)
    gains, f1, accuracy = (gain(values) for values in (found.margin, found.f1, found.accuracy))
    own, chosen = of_chosen(gains, units=worst), f"Each digit's most damaging neuron under zero-ablation, {CHOSEN}."
    return [
        Claim(
            row="4.6",
            name="dose gain",
            text="Tripling a digit's neuron raises the digit on its own images, more than another neuron does: margin "
            "at 3 less at 1",
            published="“raises it”",
            quantity="gain in the margin, a digit's logit less the highest other, mean over digits",
            measured=own,
            controls={"no gain": xr.DataArray(0.0), RANDOM: gains},
            score=Difference(),
            rule=above(0.0),
            shown={
                "F1 of the digit against the rest, at 3 less at 1": of_chosen(f1, units=worst),
                "accuracy on the digit, at 3 less at 1": of_chosen(accuracy, units=worst),
                "accuracy over all digits, at 3 less at 1": of_chosen(accuracy.mean("classes"), units=worst),
            },
            note=f"{chosen} Accuracy on a digit is near its ceiling at 1; the margin, in logits, is not. F1 also "
            "counts the images of other digits that are then taken for it.",
        ),
        Claim(
            row="4.6",
            name="dose neurons",
            text="It takes a neuron: tripling a digit's most damaging neuron raises its margin more than tripling its "
            "most damaging random direction",
            quantity="gain in the margin from 1 to 3, mean over digits",
            measured=own,
            controls={DIRECTION: gain(found.direction_margin)},
            score=Difference(),
            rule=above(0.0),
            shown={
                "gain in F1": of_chosen(f1, units=worst),
                f"gain in F1, {DIRECTION}": gain(found.direction_f1),
            },
            note=f"{chosen} {SEARCHED}",
        ),
        Claim(
            row="4.6",
            name="dose monotonic",
            text="Scaling a digit's neuron from 0 to 3 raises the digit monotonically, beyond what random directions "
            "do: share of digits",
            published="“monotonically”",
            bounds=SHARE,
            quantity="share of digits",
            measured=of_chosen(found.rises, units=worst),
            controls={DIRECTION: found.direction_rises, RANDOM: found.rises},
            score=Calibrated(),
            rule=above(MOST),
            note=f"{chosen} {SEARCHED} Accuracy on the digit in steps of 0.25: none down by more than one image, and "
            "up by more than one image in all.",
        ),
    ]
