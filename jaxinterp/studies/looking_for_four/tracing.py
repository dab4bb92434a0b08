"""Does a real 4 light what the average 4 lights? Row 5.5: the last hidden layer's activations, image by image."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import ensemble, metrics
from jaxinterp.analysis import attribution, correlation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.claims import Finding
from jaxinterp.studies.looking_for_four.asked import Asked, Seen, layers
from jaxinterp.studies.looking_for_four.backwards import ATTRIBUTIONS, contributions
from jaxinterp.studies.looking_for_four.record import (
    ALIKE,
    TARGET,
    TRAINED,
    UNTRAINED,
    LookingForFour,
    calibrated,
    calibrated_score,
    claim,
    estimate,
)

PATH = 0.15  # share of the layer's neurons that are a path: 10 of the write-up's 64

Found = dict[str, Array]


def measure(asked: Asked) -> dict[str, Any]:
    """The record's fields of row 5.5."""
    return asked.compared(_trace, asked.choosing, asked.scoring) | _example(asked)


def _trace(seen: Seen, choosing: Dataset, scoring: Dataset) -> Found:
    """Of images of each class with each class's average: correlation over neurons, and overlap of their paths."""
    network, classes = seen.network, seen.network.model.outputs
    site = f"{layers(network.model)[-1]}/post"
    average = metrics.by_class(network(choosing.images)[1][site].T, choosing.labels, classes=classes).T
    alike = correlation.pairwise(network(scoring.images)[1][site], average)
    nearest = jnp.argmax(jnp.nan_to_num(alike, nan=-jnp.inf), axis=1) == TARGET

    def beyond(data):
        """What each neuron adds to the target's logit, whatever the image, beyond what it adds on average."""
        parts = contributions(network, data, TARGET)
        return parts - jnp.mean(parts, axis=0)

    averages = _path(metrics.by_class(beyond(choosing).T, choosing.labels, classes=classes).T)
    taken = _path(beyond(scoring))
    shared = jnp.matmul(taken, averages.T, precision="highest") / path_length(taken.shape[1])
    return {
        "trace": metrics.by_class(alike.T, scoring.labels, classes=classes).T,
        "trace_nearest": jnp.mean(nearest, where=jnp.equal(scoring.labels, TARGET)),
        "path": metrics.by_class(shared.T, scoring.labels, classes=classes).T,
    }


def path_length(neurons: int) -> int:
    """How many of a layer's neurons a path has."""
    return max(1, round(PATH * neurons))


def _path(values: Float[Array, "rows neurons"]) -> Float[Array, "rows neurons"]:
    """1 for the highest, 0 for the others; NaN for a row that is not known."""
    count = values.shape[-1]
    _, index = jax.lax.top_k(values, path_length(count))
    chosen = jnp.sum(jax.nn.one_hot(index, count), axis=-2)
    return jnp.where(jnp.isnan(values).any(axis=-1, keepdims=True), jnp.nan, chosen)


def _example(asked: Asked) -> dict[str, Any]:
    """One network's answer to the first 4 of the scoring half that it answers rightly, if there is one."""
    network, data = ensemble.take(asked.subject.run.networks, asked.example), asked.scoring
    fours = np.flatnonzero(data.labels == TARGET)
    right = np.asarray(jax.jit(lambda network, images: network(images)[0])(network, data.images[fours])).argmax(axis=1)
    index = int(fours[np.argmax(right == TARGET)])
    found = jax.tree.map(np.asarray, jax.jit(_answer)(network, data, index))
    return {"traced_image": np.asarray(data.images[index]), **found}


def _answer(network: Network, data: Dataset, index: Array) -> Found:
    image, classes = jnp.asarray(data.images)[index][None], network.model.outputs
    values = network(data.images)[1][f"{layers(network.model)[-1]}/post"]
    parts = contributions(network, data, TARGET)
    return {
        "traced_map": jnp.stack([attribution.METHODS[name](network, image, TARGET)[0] for name in ATTRIBUTIONS]),
        "traced_activation": values[index],
        "traced_average": metrics.by_class(values.T, jnp.asarray(data.labels), classes=classes).T,
        "traced_contribution": parts[index] - jnp.mean(parts, axis=0),
    }


def findings(record: LookingForFour) -> list[Finding]:
    """Row 5.5 judged."""
    return [_activations(record), _taken(record)]


def _activations(record: LookingForFour) -> Finding:
    row = claim(
        "5.5 average",
        f"A real {TARGET} lights the neurons of {record.layers[-1]} as the average {TARGET} does: correlation over "
        "neurons",
        calibrated_score("the average of the nearest other digit"),
        low=ALIKE,
    )
    trained, before = (record.trace[:, record.conditions.index(name), TARGET] for name in (TRAINED, UNTRAINED))
    others = np.delete(trained, TARGET, axis=1)
    controls = {"the average of the nearest other digit": np.max(others, axis=1)}
    beside = {
        "averages of all other digits": mean(others, 1),
        UNTRAINED: before[:, TARGET],
        f"the nearest other digit, {UNTRAINED}": np.max(np.delete(before, TARGET, axis=1), axis=1),
    }
    nearest = [estimate(record.trace_nearest[:, record.conditions.index(name)]).mean for name in (TRAINED, UNTRAINED)]
    note = (
        f"Mean over the {TARGET}s of one half of the test images, averages over the other. {TARGET}s that are nearest "
        f"their own average: {nearest[0]:.3f}, {UNTRAINED} {nearest[1]:.3f}."
    )
    return calibrated(row, trained[:, TARGET], controls, beside, note)


def _taken(record: LookingForFour) -> Finding:
    row = claim(
        "5.5 path",
        f"A real {TARGET} takes the average {TARGET}'s path: share of the neurons that add most to its logit",
        calibrated_score("the highest of the controls"),
        low=ALIKE,
    )
    trained, before = (record.path[:, record.conditions.index(name)] for name in (TRAINED, UNTRAINED))
    controls = {
        "the path of the nearest other average": np.max(np.delete(trained[:, TARGET], TARGET, axis=1), axis=1),
        f"images of the digit that takes most of the average {TARGET}'s": np.max(
            np.delete(trained[:, :, TARGET], TARGET, axis=1), axis=1
        ),
        UNTRAINED: before[:, TARGET, TARGET],
    }
    neurons = int(record.widths[-1])
    note = (
        f"The {path_length(neurons)} neurons of {record.layers[-1]} that add most to the logit of {TARGET}, for images "
        f"and averages of every digit alike, beyond what they add on average; of {neurons}. Averages are of the other "
        "half of the test images."
    )
    return calibrated(row, trained[:, TARGET, TARGET], controls, note=note)
