"""How do the neurons come to be what they are? Rows 4.2 and 4.12: activity, drift and selectivity over training.

The write-up saw the mean activation rise and then decline, and its spread grow, in one network. Here the same training
is kept after every epoch, and within the first. What a network shares with its own end is compared with what it shares
with another network's: networks that learn the same task become alike without any memory. A CNN is asked the same (row
4.11), a channel's activation being the mean over its map.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from jaxinterp import stats
from jaxinterp.analysis import dynamics, responses
from jaxinterp.ensemble import stack
from jaxinterp.networks import Network, pad_units
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.bottleneck_neurons import neurons
from jaxinterp.studies.bottleneck_neurons.neurons import CNN, MOST, NAME
from jaxinterp.studies.inputs import SNAPSHOTS, TRAINED, UNTRAINED, Inputs
from jaxinterp.studies.judge import Claim, above, below
from jaxinterp.studies.scores import Calibrated, Difference, Ratio
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_number, mean

EVERY = f"{NAME}-every-epoch"
COURSE, DRIFT, BECOMING, ONSET, BARRIERS = "course", "drift", "becoming", "onset", "barriers"
CKA, MATCHED = dynamics.MEASURES
FIRST, PREVIOUS, SAME, END = dynamics.REFERENCES
OWN, OTHER = dynamics.ENDS
IN_ORDER, REORDERED = dynamics.ORDERS
CHUNK = 8  # networks at once

EARLY = 1  # epoch
RISEN = 2.0  # the published mean grows fivefold: what does not even double is not what was seen
FALLEN = 0.95  # a decline by a twentieth can be seen in a figure
NEARLY_ALL = 0.9
BECOME = 0.9  # correlation of a neuron with its end: four fifths of its variance
LOW = 0.1  # of the barrier to another network: less is a bump within a basin

_ROWS, _WHOSE = {EVERY: "4.12", CNN: "4.11"}, {EVERY: "a network", CNN: "a CNN"}


class Course(NamedTuple):
    """`dynamics.Activity` of each layer, `dynamics.Turnover` of its units, and each unit's mean activation."""

    mean: Float[Array, "epochs seeds layers"]
    spread: Float[Array, "epochs seeds layers"]
    dead: Float[Array, "epochs seeds layers"]
    sparsity: Float[Array, "epochs seeds layers"]
    participation: Float[Array, "epochs seeds layers"]
    rank: Float[Array, "epochs seeds layers"]
    births: Float[Array, "epochs seeds layers"]
    deaths: Float[Array, "epochs seeds layers"]
    unit_mean: Float[Array, "epochs seeds layers units"]


class Barriers(NamedTuple):
    """Those of `dynamics.barriers_to_end`."""

    barrier: Float[Array, "ends orders epochs seeds"]


def training(inputs: Inputs) -> Network:
    """The networks at every time that was kept, as `dynamics` expects them; NaN where they diverged."""
    stages = stack(inputs.ensemble(condition) for condition in _stages(inputs))

    def masked(leaf):
        return jnp.where(inputs.diverged.reshape(1, -1, *[1] * (leaf.ndim - 2)), jnp.nan, leaf)

    return jax.tree.map(masked, stages)


def course(inputs: Mapping[str, Inputs], *, recipe: str) -> Course:
    """How active every layer is, and which units die."""
    own = inputs[recipe]
    activity, unit_mean, dead = _activity(own.once(training), own.sample.images)
    births, deaths = (jnp.where(jnp.isnan(activity.mean), jnp.nan, found) for found in dynamics.turnover(dead == 1))
    return Course(**activity._asdict(), births=births, deaths=deaths, unit_mean=unit_mean)


@jax.jit
def _activity(training: Network, images: Array | np.ndarray):
    def of_network(network: Network, images):
        units = network.units(images)
        layers = [units[layer.post] for layer in network.model.layers]
        return (
            stack(map(dynamics.activity, layers)),
            pad_units([jnp.mean(layer, axis=0) for layer in layers]),
            pad_units([responses.liveness(layer).dead for layer in layers]),
        )

    return dynamics.over_course(of_network, chunk=CHUNK)(training, images)


def drift(inputs: Mapping[str, Inputs], *, recipe: str) -> dynamics.Drift:
    """How alike networks are to themselves and to others, at other times."""
    own = inputs[recipe]
    return _drift(own.once(training), own.sample.images, own.key(1), chunk=CHUNK)


def becoming(inputs: Mapping[str, Inputs], *, recipe: str) -> dynamics.Becoming:
    """How alike units are to what they will be."""
    own = inputs[recipe]
    return _becoming(own.once(training), own.sample.images, chunk=CHUNK)


def onset(inputs: Mapping[str, Inputs], *, recipe: str) -> dynamics.Selective:
    """How selective the neurons of the last hidden layer are."""
    own = inputs[recipe]
    choosing, scoring = (own.sample.take(np.s_[first::2]) for first in (0, 1))
    site, classes = neurons.site(own.model), own.model.outputs
    return _selective(own.once(training), choosing, scoring, site=site, classes=classes, chunk=CHUNK)


def barriers(inputs: Mapping[str, Inputs], *, recipe: str) -> Barriers:
    """The barriers between networks and their ends."""
    own = inputs[recipe]
    loss = own.config.train.loss
    return Barriers(_barriers(own.once(training), own.sample, own.key(2), loss=loss))


# Compiled once for all parts of the test images.
_drift = jax.jit(dynamics.drift, static_argnames="chunk")
_becoming = jax.jit(dynamics.becoming, static_argnames="chunk")
_selective = jax.jit(dynamics.selective, static_argnames=("site", "classes", "chunk"))
_barriers = jax.jit(dynamics.barriers_to_end, static_argnames=("points", "loss", "chunk"))


def _stages(inputs: Inputs) -> tuple[str, ...]:
    return inputs.conditions((UNTRAINED, SNAPSHOTS, TRAINED))


def _coords(inputs: Mapping[str, Inputs], *, recipe: str) -> dict[str, Sequence[Any]]:
    own = inputs[recipe]
    between = [float(condition.removeprefix("epoch ")) for condition in _stages(own)[1:-1]]
    return neurons.coords(own) | {
        "epochs": [0.0, *between, float(own.config.train.epochs)],
        "measures": dynamics.MEASURES,
        "references": dynamics.REFERENCES,
        "ends": dynamics.ENDS,
        "orders": dynamics.ORDERS,
    }


def name_of(measurement: str, recipe: str) -> str:
    """What a measurement is called where it is made of a recipe's networks."""
    return measurement if recipe == EVERY else f"cnn-{measurement}"


MEASUREMENTS = tuple(
    EnsembleMeasurement(
        name_of(name, recipe), partial(fn, recipe=recipe), partial(_coords, recipe=recipe), recipes=(recipe,)
    )
    for recipe in (EVERY, CNN)
    for name, fn in (
        (COURSE, course),
        (DRIFT, drift),
        (BECOMING, becoming),
        (ONSET, onset),
        (BARRIERS, barriers),
    )
)


def early(found: xr.Dataset | xr.DataArray) -> float:
    """The first time from the end of the first epoch on that is not the end; infinite where there is none."""
    times = found.epochs.to_numpy()
    return float(np.min(times[(times >= EARLY) & (times < times[-1])], initial=np.inf))


def at_others_peak(curves: xr.DataArray) -> xr.DataArray:
    """Each network's value at the time between beginning and end at which the other networks' mean is highest.

    So no network's own fluctuations are taken for a peak.
    """
    between = curves.isel(epochs=slice(1, -1))
    others = between.sum("seeds") - between.fillna(0)
    return between.isel(epochs=others.argmax("epochs")).drop_vars("epochs")


def become_by(correlations: xr.DataArray, time: float) -> xr.DataArray:
    """Whether each unit stays above BECOME from a time on: 1 and 0, NaN where the last correlation is."""
    ordered = correlations.transpose("epochs", ...)
    since = dynamics.stays_from(ordered.to_numpy(), BECOME)
    end = ordered.isel(epochs=-1, drop=True)
    place = int(np.searchsorted(correlations.epochs.to_numpy(), time))
    return stats.indicator(xr.DataArray(np.asarray(since) <= place, end.coords, end.dims), end)


def claims(results: Results) -> list[Claim]:
    """Rows 4.2 and 4.12, and of a CNN 4.11; nothing where no weights were kept on the way."""
    found, of_cnn = [], results.get(name_of(DRIFT, CNN))
    if COURSE in results and np.isfinite(early(results[COURSE])):
        layers = results[COURSE].layers.to_numpy()
        found += [
            *(claim for layer in layers for claim in _activity_claims(results[COURSE].sel(layers=layer))),
            *(_own_end(results[DRIFT].sel(layers=layer)) for layer in layers),
            *(_convergence(results[DRIFT].sel(layers=layer)) for layer in layers),
            *(_units(results[BECOMING].sel(layers=layer)) for layer in layers),
            _selectivity(results[ONSET]),
            _basin(results[BARRIERS].barrier),
        ]
    if of_cnn is not None and np.isfinite(early(of_cnn)):
        found += [_own_end(of_cnn.sel(layers=layer), CNN) for layer in of_cnn.layers.to_numpy()]
        found.append(_basin(results[name_of(BARRIERS, CNN)].barrier, CNN))
    return found


def _activity_claims(found: xr.Dataset) -> list[Claim]:
    layer = found.layers.item()
    first, last = found.isel(epochs=0, drop=True), found.isel(epochs=-1, drop=True)
    peak = at_others_peak(found["mean"])
    moved = f"Births {_total(found.births)}, deaths {_total(found.deaths)} of units per network, on the sample."
    claim = partial(Claim, row="4.2", recipes=(EVERY,))
    return [
        claim(
            name=f"rises {layer}",
            text=f"{layer}: the mean activation rises: it more than doubles",
            published="“from about .3 to 1.5”",
            measured=peak,
            controls={UNTRAINED: first["mean"]},
            score=Ratio(),
            rule=above(RISEN),
            quantity="mean activation, at the time at which it is highest in the other networks,",
            shown={TRAINED: last["mean"]},
            note=moved,
        ),
        claim(
            name=f"declines {layer}",
            text=f"{layer}: then the mean activation declines",
            published="“then declines”",
            measured=last["mean"],
            controls={"highest mean": peak},
            score=Ratio(),
            rule=below(FALLEN),
            quantity="mean activation at the end",
            note="Highest mean: at the time between beginning and end at which it is highest in the other networks.",
        ),
        claim(
            name=f"spread {layer}",
            text=f"{layer}: the spread of activations grows",
            published="“spread grows”",
            measured=last.spread,
            controls={UNTRAINED: first.spread},
            score=Ratio(),
            rule=above(1.0),
            quantity="standard deviation over (neuron, image)",
        ),
        claim(
            name=f"relative spread {layer}",
            text=f"{layer}: the spread grows by more than the mean does",
            measured=last.spread / last["mean"],
            controls={UNTRAINED: first.spread / first["mean"]},
            score=Difference(),
            rule=above(0.0),
            quantity="standard deviation as a multiple of the mean",
            note=f"Effective rank {mean(first['rank'], 1)} untrained, {mean(last['rank'], 1)} trained; participation "
            f"ratio {mean(first.participation, 1)} and {mean(last.participation, 1)}.",
        ),
    ]


def _own_end(found: xr.Dataset, recipe: str = EVERY) -> Claim:
    layer, time = found.layers.item(), early(found)
    own, between = (values.sel(measures=CKA, references=END) for values in (found.own, found.between))
    matched = found.own.sel(measures=MATCHED, references=END)
    return Claim(
        row=_ROWS[recipe],
        name=f"own end {layer}",
        text=f"{layer}: after {_epoch(time)} {_WHOSE[recipe]}'s representation is much closer to its final one than "
        "to that of another network: debiased CKA",
        measured=own.sel(epochs=time),
        controls={OTHER: between.sel(epochs=time), UNTRAINED: own.isel(epochs=0)},
        score=Calibrated(),
        rule=above(MOST),
        bounds=SIGNED,
        quantity="debiased CKA with a network's end",
        shown={
            "matched correlation with its end": matched.sel(epochs=time),
            "debiased CKA, an epoch before the end": own.isel(epochs=-2),
        },
        recipes=(recipe,),
    )


def _convergence(found: xr.Dataset) -> Claim:
    layer, time = found.layers.item(), early(found)
    gains = {
        measure: found.between.sel(measures=measure, references=SAME)
        - found.between.sel(measures=measure, references=SAME).isel(epochs=0)
        for measure in dynamics.MEASURES
    }
    return Claim(
        row="4.12",
        name=f"convergence {layer}",
        text=f"{layer}: nearly all of the rise in similarity between two networks happens in {_epoch(time)}: "
        "debiased CKA",
        published="“nearly all” (arXiv 2502.18710)",
        measured=gains[CKA].sel(epochs=time),
        controls={"in all of training": gains[CKA].isel(epochs=-1)},
        score=Ratio(),
        rule=above(NEARLY_ALL),
        quantity="rise of the debiased CKA between two networks",
        shown={
            f"rise of {MATCHED}": gains[MATCHED].sel(epochs=time),
            f"rise of {MATCHED} in all of training": gains[MATCHED].isel(epochs=-1),
        },
        recipes=(EVERY,),
    )


def _units(found: xr.Dataset) -> Claim:
    layer, time = found.layers.item(), early(found)
    return Claim(
        row="4.12",
        name=f"units {layer}",
        text=f"{layer}: after {_epoch(time)} most neurons respond as they do at the end of training, beyond the share "
        "that respond as their match in another network: share of neurons",
        measured=become_by(found.own, time),
        controls={OTHER: become_by(found.other, time), UNTRAINED: become_by(found.own, 0.0)},
        score=Difference(),
        rule=above(MOST),
        bounds=SHARE,
        quantity=f"share of neurons that correlate above {BECOME:g} with their end from then on",
        shown={
            f"correlation after {_epoch(time)}": found.own.sel(epochs=time),
            "with its match in another network": found.other.sel(epochs=time),
        },
        note="Neurons that are constant at the end are left out.",
        recipes=(EVERY,),
    )


def _selectivity(found: xr.Dataset) -> Claim:
    time = early(found)
    gain, of_end = (values - values.isel(epochs=0) for values in (found.now, found.end))
    return Claim(
        row="4.12",
        name="selectivity",
        text=f"Most of the selectivity that training gives to digits' most selective neurons comes in {_epoch(time)}: "
        "AUC gained",
        measured=gain.sel(epochs=time),
        controls={"in all of training": gain.isel(epochs=-1)},
        score=Ratio(),
        rule=above(MOST),
        quantity="gain in AUC of the most selective neuron, mean over digits,",
        shown={
            "by the neuron that is the most selective at the end": of_end.sel(epochs=time),
            "by that neuron in all of training": of_end.isel(epochs=-1),
        },
        note=f"{neurons.CHOSEN.capitalize()}, at every time. AUC {mean(found.now.isel(epochs=0))} untrained, "
        f"{mean(found.now.isel(epochs=-1))} trained.",
        recipes=(EVERY,),
    )


def _basin(found: xr.DataArray, recipe: str = EVERY) -> Claim:
    time = early(found)
    now = found.sel(epochs=time)
    apart = now.sel(ends=OTHER, orders=IN_ORDER)

    def joined(end: str, order: str) -> xr.DataArray:
        barrier = now.sel(ends=end, orders=order)
        return stats.indicator(barrier < LOW * apart, barrier)

    return Claim(
        row=_ROWS[recipe],
        name="basin",
        text=f"After {_epoch(time)} {_WHOSE[recipe]} is linearly connected to its final weights, with no barrier in "
        "the loss: share of networks",
        measured=joined(OWN, IN_ORDER),
        controls={f"{OTHER}, {REORDERED}": joined(OTHER, REORDERED)},
        score=Difference(),
        rule=above(MOST),
        bounds=SHARE,
        quantity="share of networks without a barrier",
        shown={
            f"barrier, {end}, {order}": now.sel(ends=end, orders=order)
            for end in (OWN, OTHER)
            for order in dynamics.ORDERS
        },
        note=f"A barrier: above {LOW:g} of that to {OTHER}, {IN_ORDER}. {REORDERED.capitalize()}: the end's neurons "
        "matched to the network's by their weights.",
        recipes=(recipe,),
    )


def _epoch(time: float) -> str:
    return "one epoch" if time == 1 else f"{time:g} epochs"


def _total(events: xr.DataArray) -> str:
    return format_number(float(events.sum("epochs", min_count=1).mean()), 2)
