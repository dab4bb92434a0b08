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
from jaxinterp.studies.looking_for_four.asked import Asked, Seen, layers
from jaxinterp.studies.looking_for_four.record import (
    ALIKE,
    AS_IT_IS,
    CHOSEN,
    DIFFERENCE,
    KINDS,
    LIKEST_TURN,
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
    likest_turn,
    turned_mean,
)

KERNELS, FOLDED, GATED = METHODS = ("kernels", "batch norm folded", "gates respected")
ATTRIBUTIONS = ("weights pushed back × input", "gradient × input", "integrated gradients")
INK, BRIGHTEST = ("ink in random order", "brightest first")
ORDERS = (*ATTRIBUTIONS, INK, BRIGHTEST)
IMAGES = 100  # images of the target whose ink is blanked
STEPS = 40  # shares of the ink
FAVOURITES = 5  # neurons: a few, however many there are

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


def _looks(seen: Seen, data: Dataset, templates: Array, lit: Array) -> Found:
    """What every logit looks at, and how that correlates with the templates."""
    network = seen.network
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


def _shares(seen: Seen, choosing: Dataset, scoring: Dataset) -> Found:
    """Share of the target's evidence that its first k neurons carry, for every k, in two orders."""
    network = seen.network
    weight = network.variables["params"]["output"]["kernel"][:, TARGET]
    carried = evidence(network, scoring)
    total = jnp.sum(carried)

    def share(by):
        return jnp.cumsum(carried[jnp.argsort(-by)]) / jnp.where(total > 0, total, jnp.nan)

    return {"favourites": share(weight), "carriers": share(evidence(network, choosing))}


def _deletion(seen: Seen, key, fours: Array) -> Float[Array, "orders points"]:
    """The target's logit, mean over its images, as their ink is blanked in every order, by the share that is gone.

    Ink goes first in all orders, for blanking a dark pixel changes nothing: else a signed map would win by blanking
    dark pixels before the ink that speaks against the target. Images differ in how much ink they have.
    """
    network, fours = seen.network, jnp.asarray(fours)
    maps = [attribution.METHODS[name](network, fours, TARGET) for name in ATTRIBUTIONS]
    maps += [attribution.random_order(key, fours), fours]
    pixels, ink = fours.shape[-1], fours > 0
    gone = jnp.linspace(0, 1, STEPS + 1) * jnp.sum(ink, axis=1, keepdims=True)

    def curve(of_order):
        by_pixel = attribution.deletion(network, fours, jnp.where(ink, of_order, -jnp.inf), TARGET, steps=pixels)
        by_ink = jax.vmap(jnp.interp, (0, None, 0))(gone, jnp.arange(pixels + 1.0), by_pixel)
        return jnp.mean(by_ink, axis=0)

    return jax.lax.map(curve, jnp.stack(maps))


def areas(record: LookingForFour) -> Float[np.ndarray, "seeds orders"]:
    """The area under each deletion curve, on a scale from 0, the blank image's logit, to 1, the untouched images'.

    Every curve ends at the blank image, so that no order sets the scale of the others; one that blanks the ink that
    speaks against the target last falls below it on the way, and its area may be negative.
    """
    start, blank = record.deletion[..., :1], record.deletion[..., -1:]
    share = (record.deletion - blank) / np.where(start > blank, start - blank, np.nan)
    return np.asarray(np.trapezoid(share, dx=1 / (share.shape[-1] - 1), axis=-1))


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
        calibrated_score(f"the lower of {UNTRAINED} and {TURNED}"),
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
        LIKEST_TURN: likest_turn(own[:, :, TARGET], 1),
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
        f"how much smaller the area is than the smaller of {INK} and {BRIGHTEST}; at most ±1",
        low=0.0,
    )
    by_order: dict[str, Values] = dict(zip(record.orders, areas(record).T, strict=True))
    own, ink, brightest = by_order[name], by_order[INK], by_order[BRIGHTEST]
    hardest = BRIGHTEST if mean(brightest, None) < mean(ink, None) else INK
    others = {order: area for order, area in by_order.items() if order not in (*ATTRIBUTIONS, hardest)}
    note = (
        f"The lit pixels of each of {IMAGES} images at most are blanked in the map's order, dark ones never; over the "
        f"share of them that is gone. Logits from 1, untouched, to 0, blank."
    )
    score = np.clip(by_order[hardest] - own, -1, 1)
    return judged(row, own, by_order[hardest], hardest, score, others=others, note=note)
