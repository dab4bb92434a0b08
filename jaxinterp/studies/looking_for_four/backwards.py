"""Does what stands behind the logit of 4 look like a 4? Row 5.4: output weights pushed back, and put to the test."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp import metrics
from jaxinterp.analysis import attribution, correlation
from jaxinterp.data import Dataset
from jaxinterp.networks import Network
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.looking_for_four.asked import Asked, layers
from jaxinterp.studies.looking_for_four.record import (
    ALIKE,
    AS_IT_IS,
    CHOSEN,
    DIFFERENCE,
    KINDS,
    MOST,
    TARGET,
    TRAINED,
    TURNED,
    TURNS,
    UNTRAINED,
    LookingForFour,
    Values,
    calibrated,
    calibrated_score,
    claim,
    turned_mean,
)

KERNELS, FOLDED, GATED = METHODS = ("kernels", "batch norm folded", "gates respected")
ATTRIBUTIONS = ("weights pushed back × input", "gradient × input", "integrated gradients")
ALL_PIXELS, INK, BRIGHTEST = ("random order", "ink in random order", "brightest first")
ORDERS = (*ATTRIBUTIONS, ALL_PIXELS, INK, BRIGHTEST)
IMAGES = 100  # images of the target whose pixels are deleted
STEPS = 40
FAVOURITES = 5  # neurons of 64: a few

_EXPLAINED = {
    KERNELS: "the product of the kernels alone",
    FOLDED: "the product of the kernels with batch norms folded in",
    GATED: "the mean gradient over the digit's test images, which passes only through active neurons",
}

Found = dict[str, Array]


def measure(asked: Asked) -> dict[str, Any]:
    """The record's fields of row 5.4."""
    looks = asked.compared(_looks, asked.scoring, asked.templates, asked.lit)
    maps = looks.pop("maps")[:, 0]
    key = jax.random.fold_in(jax.random.key(asked.subject.run.config.train.base_seed), 4)
    fours = asked.scoring.images[asked.scoring.labels == TARGET][:IMAGES]
    return {
        "methods": METHODS,
        **looks,
        "logit_map": mean(maps / _size(maps), 0),
        **asked.trained(_shares, asked.choosing, asked.scoring),
        "attributions": ATTRIBUTIONS,
        "orders": ORDERS,
        "deletion": asked.trained(_deletion, key, fours),
    }


def _size(maps: Values) -> Values:
    """Root mean square over pixels, so that no network counts for more."""
    return np.sqrt(np.mean(maps**2, axis=-1, keepdims=True))


def _looks(network: Network, data: Dataset, templates: Array, lit: Array) -> Found:
    """What every logit looks at, and how that correlates with the templates."""
    gradient = attribution.gradient(network, data.images, data.labels)
    gated = metrics.by_class(gradient.T, data.labels, classes=network.model.outputs).T
    maps = jnp.stack([_kernels(network), attribution.weights(network, site="logits"), gated])
    alike = jnp.stack([correlation.pairwise(of_method, templates, lit) for of_method in maps])
    own = jnp.diagonal(alike, axis1=1, axis2=4)
    return {"maps": maps, "look": own, "look_other": jnp.moveaxis(alike[:, :, :, TURNS.index(AS_IT_IS)], 1, 2)}


def _kernels(network: Network) -> Float[Array, "classes pixels"]:
    maps = None
    for name in (*layers(network.model), "output"):
        kernel = network.variables["params"][name]["kernel"].T
        maps = kernel if maps is None else jnp.matmul(kernel, maps, precision=jax.lax.Precision.HIGHEST)
    return jnp.asarray(maps)


def contributions(network: Network, data: Dataset, target: int) -> Float[Array, "examples neurons"]:
    """What each neuron of the last hidden layer adds to a logit, batch norms folded in; with the bias, the logit."""
    kernel, _ = attribution.folded(network)[-1]
    return network(data.images)[1][f"{layers(network.model)[-1]}/post"] * kernel[:, target]


def evidence(network: Network, data: Dataset) -> Float[Array, " neurons"]:
    """What each neuron adds to the target's logit on its images, less what it adds on all."""
    parts = contributions(network, data, TARGET)
    own = jnp.equal(data.labels, TARGET)
    return jnp.mean(parts, axis=0, where=own[:, None]) - jnp.mean(parts, axis=0)


def _shares(network: Network, choosing: Dataset, scoring: Dataset) -> Found:
    """Share of the target's evidence that its first k neurons carry, for every k, in two orders."""
    weight = network.variables["params"]["output"]["kernel"][:, TARGET]
    carried = evidence(network, scoring)
    total = jnp.sum(carried)

    def share(by):
        return jnp.cumsum(carried[jnp.argsort(-by)]) / jnp.where(total > 0, total, jnp.nan)

    return {"favourites": share(weight), "carriers": share(evidence(network, choosing))}


def _deletion(network: Network, key, fours: Array) -> Float[Array, "orders points"]:
    """The target's logit, mean over its images, as their pixels are blanked in every order."""
    everywhere = attribution.random_order(key, fours)
    maps = [attribution.METHODS[name](network, fours, TARGET) for name in ATTRIBUTIONS]
    maps += [everywhere, jnp.where(fours > 0, everywhere, -1.0), fours]
    steps = min(STEPS, fours.shape[-1])
    curves = [attribution.deletion(network, fours, of_order, TARGET, steps=steps) for of_order in maps]
    return jnp.stack([jnp.mean(curve, axis=0) for curve in curves])


def areas(record: LookingForFour) -> Float[np.ndarray, "seeds orders"]:
    """The area under each deletion curve, on a scale from the lowest point of any order to the untouched images."""
    start, floor = record.deletion[..., :1], record.deletion.min(axis=(1, 2), keepdims=True)
    share = (record.deletion - floor) / np.where(start > floor, start - floor, np.nan)
    return np.trapezoid(share, dx=1 / (share.shape[-1] - 1), axis=-1)


def findings(record: LookingForFour) -> list[Finding]:
    """Row 5.4 judged."""
    return [
        *(_unlike(record, method) for method in record.methods),
        _favourites(record),
        *(_tested(record, name) for name in ATTRIBUTIONS),
    ]


def _unlike(record: LookingForFour, method: str) -> Finding:
    row = claim(
        f"5.4 unlike {method}",
        f"Pushed back to the pixels, the output weights of {TARGET} do not look like a {TARGET}, by "
        f"{_EXPLAINED[method]}: correlation with the template",
        calibrated_score(f"the higher of {UNTRAINED} and {TURNED}"),
        high=ALIKE,
        published="“does not look like a 4”",
    )
    place, upright, less_rest = record.methods.index(method), TURNS.index(AS_IT_IS), KINDS.index(DIFFERENCE)
    own, before = (
        record.look[:, record.conditions.index(condition), place, less_rest] for condition in (TRAINED, UNTRAINED)
    )
    controls = {UNTRAINED: before[:, upright, TARGET], TURNED: turned_mean(own[:, :, TARGET], 1)}
    trained = record.conditions.index(TRAINED)
    beside = record.look_other[:, trained, place, less_rest, TARGET]
    others = {
        "the digit's mean image": record.look[:, trained, place, KINDS.index("mean"), upright, TARGET],
        "each digit's own template": mean(own[:, upright], 1),
        "templates of other digits, the highest": np.max(np.delete(beside, TARGET, axis=1), axis=1),
    }
    note = f"Over the lit pixels; template: mean {TARGET} less the mean of all other images."
    return calibrated(row, own[:, upright, TARGET], controls, others, note)


def _favourites(record: LookingForFour) -> Finding:
    few = min(FAVOURITES, record.favourites.shape[1])
    units = record.favourites.shape[1]
    row = claim(
        "5.4 favourites",
        f"A few favourite neurons carry the logit of {TARGET}: share of its evidence from the {few} of highest output "
        "weight",
        "that share; at most ±1",
        low=MOST,
    )
    own, most = record.favourites[:, few - 1], record.carriers[:, few - 1]
    chance = np.where(np.isnan(own), np.nan, few / units)
    others = {f"the {few} that carry most, {CHOSEN}": most}
    note = (
        f"Evidence: what the {units} neurons of {record.layers[-1]} add to the logit on images of a {TARGET} less what "
        "they add on all images, batch norms folded in."
    )
    return judged(row, own, chance, "as many at random", np.clip(own, -1, 1), others=others, note=note)


def _tested(record: LookingForFour, name: str) -> Finding:
    row = claim(
        f"5.4 deletion {name}",
        f"The heat map finds the pixels that the logit of {TARGET} stands on, by {name}: area under the deletion curve",
        f"how much smaller the area is than the smaller of {INK} and {BRIGHTEST}",
        low=0.0,
    )
    by_order: dict[str, Values] = dict(zip(record.orders, areas(record).T, strict=True))
    own, ink, brightest = by_order[name], by_order[INK], by_order[BRIGHTEST]
    hardest = BRIGHTEST if mean(brightest, None) < mean(ink, None) else INK
    others = {order: area for order, area in by_order.items() if order not in (*ATTRIBUTIONS, hardest)}
    note = (
        f"Pixels are blanked in the map's order, on {IMAGES} images at most; from 1, untouched, to 0, the lowest point "
        "of any order. Ink in random order: lit pixels first, since blanking a dark one changes nothing."
    )
    return judged(row, own, by_order[hardest], hardest, by_order[hardest] - own, others=others, note=note)
