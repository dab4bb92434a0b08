"""Is there a neuron that looks for a 4? Row 5.6: every neuron against every template, corrected for the search.

A template is a class's mean image, or that less the mean of all other images. A neuron looks like one by its weights,
by what is used of them, or by the image that maximises it. That is likeness alone: whether the neuron that looks most
like a 4 is there for 4s is asked of its answers, and of networks without it.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import ensemble, metrics
from jaxinterp.analysis import ablation, correlation, maximization, responses
from jaxinterp.analysis.maximization import optima
from jaxinterp.data import Dataset
from jaxinterp.interventions import Site
from jaxinterp.networks import Network, sites
from jaxinterp.stats import known_mean as mean
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.looking_for_four.asked import Asked, Seen, layers
from jaxinterp.studies.looking_for_four.focus import USED, WEIGHTS
from jaxinterp.studies.looking_for_four.record import (
    ALIKE,
    AS_IT_IS,
    CHOSEN,
    CONDITIONS,
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

MAXIMISER = "maximiser"
VIEWS = (WEIGHTS, USED, MAXIMISER)
ABLATIONS = ("zero", "mean", "resample")
BINS = np.linspace(-1, 1, 41)
TELLS = 0.8  # an AUC of .9: of a 4 and another image it answers the 4 more strongly nine times out of ten
EXEMPLARS = 5
RESTARTS, STEPS = 4, 128

_UNITS = 16  # ablated at once
_NAMES = {WEIGHTS: "its weights", USED: "what it uses", MAXIMISER: "the image that maximises it"}
_UPRIGHT = TURNS.index(AS_IT_IS)
_LESS_REST = KINDS.index(DIFFERENCE)

Found = dict[str, Array]


class Half(NamedTuple):
    """One half of the test images, and those of the target among them."""

    every: Dataset
    fours: Float[Array | np.ndarray, "examples pixels"]


def measure(asked: Asked) -> dict[str, Any]:
    """The record's fields of row 5.6."""
    base = jax.random.key(asked.subject.run.config.train.base_seed)
    rise_key, resample_key = jax.random.split(jax.random.fold_in(base, 6))
    shared = asked.templates, asked.lit
    found = asked.compared(_matches, rise_key, *shared, asked.choosing, asked.scoring)
    halves = [Half(half, half.images[half.labels == TARGET]) for half in (asked.choosing, asked.scoring)]
    lost = asked.trained(_losses, resample_key, *shared, *halves)
    cards = _cards(asked, found.pop("teller"), found.pop("teller_map"), found["teller_match"])
    return {"views": VIEWS, "ablations": ABLATIONS, **found, **lost, **cards}


def _views(seen: Seen, layer: int, key) -> Float[Array, "views units pixels"]:
    network, site = seen.network, f"{layers(seen.network.model)[layer]}/pre"
    if site == sites(network.model)[1]:
        maximiser, _ = optima.box_optimum(*optima.affine(network))
    else:
        real = jnp.zeros((1, network.pixels))  # images to compare with, which nothing here is
        maximiser = maximization.units(key, network, real, site=site, restarts=RESTARTS, steps=STEPS).images
    return jnp.stack([seen.weights[layer], seen.used[layer], maximiser])


def _tellers(
    activations: Float[Array, "examples units"], labels: Array | np.ndarray, classes: int
) -> Int[Array, " classes"]:
    """Each class's neuron whose means over the class and over the rest lie furthest apart, in standard deviations."""
    found = responses.selectivity(activations, labels, classes=classes, bins=1)
    return jnp.argmax(jnp.nan_to_num(found.d_prime, nan=-jnp.inf), axis=1)


def _best(alike: Float[Array, " units"]) -> Array:
    return jnp.argmax(jnp.nan_to_num(alike, nan=-jnp.inf))


def _matches(seen: Seen, key, templates, lit, choosing: Dataset, scoring: Dataset) -> Found:
    """How alike a layer's neurons and templates are, and how its chosen neurons answer, all "layers …"."""
    network = seen.network
    classes = jnp.arange(network.model.outputs)
    before, after = (network(half.images)[1] for half in (choosing, scoring))

    def of_layer(place, layer):
        maps = _views(seen, place, key)
        alike = correlation.pairwise(maps.reshape(-1, maps.shape[-1]), templates, lit).reshape(
            *maps.shape[:2], *templates.shape[:-1]
        )
        target, told = alike[:, :, _LESS_REST, _UPRIGHT, TARGET], alike[:, :, _LESS_REST]
        tellers = _tellers(before[f"{layer}/post"], choosing.labels, len(classes))
        chosen = jnp.stack([_best(target[VIEWS.index(USED)]), tellers[TARGET]])
        counts = jax.vmap(lambda values: jnp.histogram(values, jnp.asarray(BINS))[0])(target)
        return {
            "best_match": jnp.nanmax(alike, axis=1),
            "match_share": counts / target.shape[1],
            "teller": tellers,
            "teller_map": maps[:, tellers],
            "teller_match": jnp.moveaxis(told[:, tellers, :, classes], 0, -1),
            "teller_other": jnp.nanmean(told[:, :, _UPRIGHT], axis=1),
        }, after[f"{layer}/post"][:, chosen]

    found, answers = zip(*(of_layer(*layer) for layer in enumerate(layers(network.model))), strict=True)
    told = responses.selectivity(jnp.concatenate(answers, axis=1), scoring.labels, classes=len(classes), bins=1)
    match_auc, teller_auc = told.auc[TARGET].reshape(-1, 2).T
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *found)
    return stacked | {"match_auc": match_auc, "teller_auc": teller_auc}


def _losses(seen: Seen, key, templates, lit, choosing: Half, scoring: Half) -> Found:
    """What the target's accuracy loses without a neuron, all "ablations layers"."""
    network, halves = seen.network, (choosing, scoring)
    before = [_accuracy(network(half.fours)[0]) for half in halves]

    def of_layer(layer, used):
        best = _best(correlation.pairwise(used, templates[_LESS_REST, _UPRIGHT, TARGET], lit))
        first, second = (
            start - _accuracy_without(network, half, f"{layer}/post", key)
            for start, half in zip(before, halves, strict=True)
        )
        worst = jnp.take_along_axis(second, jnp.argmax(first, axis=1)[:, None], axis=1)[:, 0]
        return {"match_loss": second[:, best], "random_loss": jnp.mean(second, axis=1), "worst_loss": worst}

    found = [of_layer(*layer) for layer in zip(layers(network.model), seen.used, strict=True)]
    return jax.tree.map(lambda *parts: jnp.stack(parts, axis=1), *found) | {"baseline": before[1]}


def _accuracy(logits: Float[Array, "examples classes"]) -> Float[Array, ""]:
    labels = jnp.full(logits.shape[0], TARGET)
    return jnp.mean(metrics.correct("cross_entropy", logits, labels).astype(logits.dtype))


def _accuracy_without(network: Network, half: Half, site: Site, key) -> Float[Array, "ablations units"]:
    """On the target's images, without each unit in turn; what it is given in its place is of all images."""
    everywhere, here = (network(images)[1][site] for images in (half.every.images, half.fours))
    classes, units = network.model.outputs, here.shape[1]
    fills = [ablation.fill(kind, everywhere, half.every.labels, classes=classes, key=key) for kind in ABLATIONS]
    run = ablation.unit_mover(network, half.fours, site=site, measure=_accuracy)
    changes = jnp.concatenate([(fill[: here.shape[0]] - here).T for fill in fills])
    edits = jnp.tile(jnp.arange(units), len(ABLATIONS)), changes
    return jax.lax.map(lambda edit: run(*edit), edits, batch_size=_UNITS).reshape(-1, units)


def _cards(asked: Asked, teller: Values, teller_map: Values, teller_match: Values) -> dict[str, Any]:
    """One network's most differentiated neuron for every class: what it looks at, and what it answers most."""
    place = asked.example, CONDITIONS.index(TRAINED)
    chosen = np.nan_to_num(teller[place]).astype(int)
    network = ensemble.take(asked.subject.run.networks, asked.example)
    found = jax.tree.map(np.asarray, jax.jit(_answers)(network, chosen, asked.scoring))
    return {
        "card_unit": chosen,
        "card_map": np.swapaxes(teller_map[place], 1, 2),
        "card_match": np.swapaxes(teller_match[place][:, :, _UPRIGHT], 1, 2),
        "card_images": asked.scoring.images[found["exemplars"]],
        "card_profile": found["profile"],
    }


def _answers(network: Network, chosen: Int[Array | np.ndarray, "layers classes"], scoring: Dataset) -> Found:
    """The images that each chosen neuron answers most, and its means by class in its standard deviations."""
    every = network(scoring.images)[1]

    def of_layer(layer, units):
        activations = every[f"{layer}/post"][:, units]
        spread = jnp.std(activations, axis=0)
        standard = (activations - jnp.mean(activations, axis=0)) / jnp.where(spread > 0, spread, jnp.nan)
        return {
            "exemplars": responses.exemplars(activations, k=min(EXEMPLARS, len(scoring.labels))).index,
            "profile": metrics.by_class(standard.T, scoring.labels, classes=network.model.outputs),
        }

    found = [of_layer(*layer) for layer in zip(layers(network.model), chosen, strict=True)]
    return jax.tree.map(lambda *parts: jnp.stack(parts), *found)


def findings(record: LookingForFour) -> list[Finding]:
    """Row 5.6 judged."""
    each = range(len(record.layers))
    found = [judge(record, layer, view) for judge in (_search, _differentiated) for layer in each for view in VIEWS]
    found += [_fires(record, layer) for layer in each]
    return found + [_needed(record, layer, kind) for layer in each for kind in record.ablations]


def of_condition(record: LookingForFour, values: Values, condition: str, layer: int, view: str) -> Values:
    """A field that leads with seeds, conditions, layers and views, of one of each but the seeds."""
    return values[:, record.conditions.index(condition), layer, record.views.index(view)]


def _search(record: LookingForFour, layer: int, view: str) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.6 a neuron {name} {view}",
        f"{name}: a network has a neuron that looks like a {TARGET}, by {_NAMES[view]}: correlation with the template",
        calibrated_score(f"the higher of {UNTRAINED} and {TURNED}"),
        low=ALIKE,
    )
    own, before = (
        of_condition(record, record.best_match, condition, layer, view) for condition in (TRAINED, UNTRAINED)
    )
    target = own[:, _LESS_REST, :, TARGET]
    controls = {UNTRAINED: before[:, _LESS_REST, _UPRIGHT, TARGET], TURNED: turned_mean(target, 1)}
    others = {
        LIKEST_TURN: likest_turn(target, 1),
        "the digit's mean image": own[:, KINDS.index("mean"), _UPRIGHT, TARGET],
        "any digit, best of all templates": np.max(own[:, :, _UPRIGHT], axis=(1, 2)),
        f"the same, {UNTRAINED}": np.max(before[:, :, _UPRIGHT], axis=(1, 2)),
        "the same, turned and mirrored": turned_mean(np.max(own, axis=(1, 3)), 1),
    }
    note = f"Every figure is the layer's highest. Template: mean {TARGET} less the mean of all other images."
    return calibrated(row, target[:, _UPRIGHT], controls, others, note)


def _differentiated(record: LookingForFour, layer: int, view: str) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.6 differentiated {name} {view}",
        f"{name}: the most differentiated neuron for a {TARGET} looks like a {TARGET}, by {_NAMES[view]}: correlation "
        "with the template",
        calibrated_score(f"the higher of {UNTRAINED} and {TURNED}"),
        low=ALIKE,
        published="“looks like a 4”",
    )
    own, before = (
        of_condition(record, record.teller_match, condition, layer, view) for condition in (TRAINED, UNTRAINED)
    )
    controls = {UNTRAINED: before[:, _UPRIGHT, TARGET], TURNED: turned_mean(own[:, :, TARGET], 1)}
    others = {
        LIKEST_TURN: likest_turn(own[:, :, TARGET], 1),
        "each digit's own neuron and template": mean(own[:, _UPRIGHT], 1),
        "a neuron at random": of_condition(record, record.teller_other, TRAINED, layer, view)[:, TARGET],
    }
    note = (
        "Most differentiated: the difference of its means over the digit and over the rest is largest, in standard "
        "deviations, on one half of the test images; the template is of the training images."
    )
    return calibrated(row, own[:, _UPRIGHT, TARGET], controls, others, note)


def _fires(record: LookingForFour, layer: int) -> Finding:
    name = record.layers[layer]
    row = claim(
        f"5.6 fires {name}",
        f"{name}: the neuron that looks most like a {TARGET} fires for {TARGET}s: AUC against all other images",
        "2 AUC − 1",
        low=TELLS,
    )
    own, before = (record.match_auc[:, record.conditions.index(condition), layer] for condition in (TRAINED, UNTRAINED))
    others = {"the most differentiated neuron": record.teller_auc[:, record.conditions.index(TRAINED), layer]}
    note = f"Looks most like: by {_NAMES[USED]}. The most differentiated one was {CHOSEN}."
    return judged(row, own, before, UNTRAINED, 2 * own - 1, others=others, note=note)


def _needed(record: LookingForFour, layer: int, kind: str) -> Finding:
    name, place = record.layers[layer], record.ablations.index(kind)
    row = claim(
        f"5.6 needed {name} {kind}",
        f"{name}: without the neuron that looks most like a {TARGET} the network fails on {TARGET}s: accuracy lost "
        f"under {kind}-ablation",
        f"share of the accuracy on {TARGET}s that is lost",
        low=MOST,
    )
    own, chance = (losses[:, place, layer] for losses in (record.match_loss, record.random_loss))
    others = {f"the worst neuron, {CHOSEN}": record.worst_loss[:, place, layer]}
    score = np.clip(own / np.where(record.baseline > 0, record.baseline, np.nan), -1, 1)
    accuracy = mean(record.baseline, None)
    note = f"Looks most like: by {_NAMES[USED]}. Accuracy on {TARGET}s with all neurons: {accuracy:.3f}."
    return judged(row, own, chance, "a neuron at random", score, others=others, note=note)
