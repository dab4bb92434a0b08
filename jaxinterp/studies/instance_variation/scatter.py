"""Is what units look at scattered, or a connected cluster of pixels? Rows 3.4 and 3.6, once judged by eye."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from jaxinterp import stats
from jaxinterp.analysis.locality import Locality, locality
from jaxinterp.studies.claims import Claim, Control, Finding, Rule, left_out
from jaxinterp.studies.instance_variation.maps import (
    ARMS,
    ONE_DIGIT_ARM,
    ONE_DIGIT_UNTRAINED,
    SHUFFLED,
    TRAINED_ARMS,
    USED,
    VIEWS,
    WEIGHTS,
    Arm,
    Maps,
)
from jaxinterp.studies.instance_variation.record import STUDY, TRAINED, UNTRAINED, InstanceVariation

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

# Within a factor of two of random weights: more than half of their effective pixels.
SCATTERED = 0.5
# More than half of what the control leaves open: then most of it is in one cluster, or like its neighbours.
LOCAL = 0.5

_NAMES = {WEIGHTS: "weights", USED: "what is used"}
_EXPLAINED = {
    WEIGHTS: "Maps: weights, from deeper layers the product of the kernels.",
    USED: "Maps: mean gradient over the test images × sd of the pixel.",
}

Values = Float[np.ndarray, " networks"]


def measure(asked: Mapping[str, Arm], layers: Mapping[str, Mapping[str, Maps]]) -> dict[str, Any]:
    """The record's fields of rows 3.4 and 3.6; NaN for an arm that was not trained."""
    size = max(len(arm.left_out) for arm in asked.values())
    statistics = Locality._fields
    local = np.full((len(ARMS), len(VIEWS), len(layers), len(statistics), size), np.nan)
    quantiles = np.full((len(ARMS), len(layers), len(statistics), len(QUANTILES)), np.nan)
    accuracy = np.full((len(ARMS), size), np.nan)
    counts, diverged = np.zeros((2, len(ARMS)), int)
    of_every_network = jax.jit(lambda maps: jax.lax.map(jax.vmap(locality), maps))
    for place, name in enumerate(ARMS):
        if name not in asked and name != SHUFFLED:
            continue
        arm = asked[TRAINED if name == SHUFFLED else name]
        accuracy[place, : len(arm.accuracy)] = arm.accuracy
        counts[place], diverged[place] = len(arm.left_out), arm.left_out.sum()
        for layer, maps in enumerate(layers.values()):
            values = np.array(of_every_network(maps[name].maps), np.float64)  # statistics networks views units
            values[:, arm.left_out] = np.nan
            local[place, :, layer, :, : counts[place]] = np.moveaxis(stats.known_mean(values, -1), -1, 0)
            used = values[:, :, VIEWS.index(USED)].reshape(len(statistics), -1)
            known = used[:, np.isfinite(used).all(axis=0)]
            if known.size:
                quantiles[place, layer] = np.quantile(known, QUANTILES, axis=1).T
    return {
        "arms": ARMS,
        "layers": tuple(layers),
        "views": VIEWS,
        "statistics": statistics,
        "quantiles": np.array(QUANTILES),
        "locality": local,
        "locality_quantiles": quantiles,
        "arm_accuracy": accuracy,
        "arm_networks": counts,
        "arm_diverged": diverged,
    }


def findings(record: InstanceVariation) -> list[Finding]:
    """Rows 3.4 and 3.6 judged."""
    layers = range(len(record.layers))
    found = [_scattered(record, layer, view) for layer in layers for view in record.views]
    if np.isfinite(record.locality[ARMS.index(ONE_DIGIT_ARM)]).any():
        found += [_one_digit(record, layer) for layer in layers]
    return found + [fn(record, layer, view) for layer in layers for view in record.views for fn in (_cluster, _smooth)]


def values(record: InstanceVariation, arm: str, view: str, layer: int, statistic: str) -> Values:
    """Mean over a layer's units, network by network."""
    return record.locality[record.arms.index(arm), record.views.index(view), layer, record.statistics.index(statistic)]


def _scattered(record: InstanceVariation, layer: int, view: str) -> Finding:
    own, control = (values(record, arm, view, layer, "participation") for arm in (TRAINED, UNTRAINED))
    text = f"{record.layers[layer]}: what units look at is scattered, by {_NAMES[view]}: effective number of pixels"
    note = f"{_EXPLAINED[view]} {_told(record, layer, view, ('gini', 'spread'))}"
    claim = _claim(f"3.4 {record.layers[layer]} {view}", text, _share_of(UNTRAINED), SCATTERED, "“scattered”")
    return _finding(record, claim, own, control, UNTRAINED, _at_most_all(own, control), layer, view, note=note)


def _one_digit(record: InstanceVariation, layer: int) -> Finding:
    own, control = (values(record, arm, USED, layer, "participation") for arm in (ONE_DIGIT_ARM, ONE_DIGIT_UNTRAINED))
    name = record.layers[layer]
    text = f"{name}: in networks for one digit, too, what units look at is scattered: effective number of pixels"
    weights = _at_most_all(
        *(values(record, arm, WEIGHTS, layer, "participation") for arm in (ONE_DIGIT_ARM, ONE_DIGIT_UNTRAINED))
    )
    accuracy = _estimate(record.arm_accuracy[ARMS.index(ONE_DIGIT_ARM)]).mean
    note = f"{_EXPLAINED[USED]} By weights the score is {_estimate(weights).mean:.2f}. Test accuracy {accuracy:.3f}."
    claim = _claim(f"3.4 one digit {name}", text, _share_of(UNTRAINED), SCATTERED, "“scattered”")
    found = _finding(record, claim, own, control, UNTRAINED, _at_most_all(own, control), layer, USED, note=note)
    ten = Control("ten digits", _estimate(values(record, TRAINED, USED, layer, "participation")))
    return found._replace(others=(ten,), note=f"{note}{_omitted(record, ONE_DIGIT_ARM)}")


def _cluster(record: InstanceVariation, layer: int, view: str) -> Finding:
    text = (
        f"{record.layers[layer]}: what units look at is one connected cluster, by {_NAMES[view]}: share in the largest"
    )
    note = (
        f"Of the fewest pixels that hold half of a map's squares. {_EXPLAINED[view]} "
        f"{_told(record, layer, view, ('core', 'components', 'spread'))}"
    )
    return _beside_controls(record, f"3.6 cluster {record.layers[layer]} {view}", text, "largest", layer, view, note)


def _smooth(record: InstanceVariation, layer: int, view: str) -> Finding:
    text = f"{record.layers[layer]}: what units look at is smooth from pixel to pixel, by {_NAMES[view]}: Moran's I"
    name = f"3.6 smooth {record.layers[layer]} {view}"
    return _beside_controls(record, name, text, "moran", layer, view, _EXPLAINED[view])


def _beside_controls(
    record: InstanceVariation, name: str, text: str, statistic: str, layer: int, view: str, note: str
) -> Finding:
    """A finding on a scale from the higher of two controls, which are of the same networks, to 1."""
    own, *controls = (values(record, arm, view, layer, statistic) for arm in (TRAINED, UNTRAINED, SHUFFLED))
    chosen = int(np.argmax([np.nan_to_num(_estimate(control).mean, nan=-np.inf) for control in controls]))
    control, control_name = controls[chosen], (UNTRAINED, SHUFFLED)[chosen]
    score = np.clip(stats.calibrated(own, control), -1, 1)
    rule = f"the measured figure, 0 for the higher of {UNTRAINED} and {SHUFFLED} and 1 for the most there can be"
    claim = _claim(name, text, f"{rule}; at most ±1", LOCAL, "judged by eye: no")
    return _finding(record, claim, own, control, control_name, score, layer, view, statistic=statistic, note=note)


def _finding(
    record: InstanceVariation,
    claim: Claim,
    own: Values,
    control: Values,
    control_name: str,
    score: Values,
    layer: int,
    view: str,
    *,
    note: str,
    statistic: str = "participation",
) -> Finding:
    beside = {
        name: _estimate(values(record, name, view, layer, statistic))
        for name in (UNTRAINED, SHUFFLED, *TRAINED_ARMS)
        if name != control_name
    }
    others = tuple(Control(name, estimate) for name, estimate in beside.items() if estimate.n)
    note = f"{note}{_omitted(record, TRAINED)}"
    return Finding(claim, _estimate(own), _estimate(control), control_name, _estimate(score), others, note)


def _claim(name: str, text: str, score: str, low: float, published: str) -> Claim:
    return Claim(STUDY, name, text, published, Rule(score, low=low))


def _share_of(control: str) -> str:
    return f"effective pixels as a share of what {control} networks have, at most 1"


def _at_most_all(own: Values, control: Values) -> Values:
    return np.minimum(own / control, 1)


def _told(record: InstanceVariation, layer: int, view: str, statistics: tuple[str, ...]) -> str:
    """Further statistics in words, trained beside untrained."""
    pairs = [
        [_estimate(values(record, arm, view, layer, name)).mean for arm in (TRAINED, UNTRAINED)] for name in statistics
    ]
    told = ", ".join(f"{name} {own:.3g} ({before:.3g})" for name, (own, before) in zip(statistics, pairs, strict=True))
    return f"Trained ({UNTRAINED}): {told}."


def _omitted(record: InstanceVariation, arm: str) -> str:
    place = record.arms.index(arm)
    told = left_out(int(record.arm_diverged[place]), int(record.arm_networks[place]))
    return told and f" {told}"


_estimate = stats.over_seeds_estimate
