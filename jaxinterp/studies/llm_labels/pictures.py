"""Does activation maximisation show what a neuron looks for? Row 2.3.

The write-up starts from N(0, 1) noise z, which it feeds to the network in place of a normalised image, and minimises
−a(z) + λΣz² by 200 steps of Adam, with λ = 1 and a the neuron's output. Before its ReLU a neuron of the first layer is
linear, so that the optimum is known: z = w/2λ, with value ‖w‖²/4λ + b. Values in the box are about images in [0, 1].
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxinterp.analysis import correlation, maximization, responses
from jaxinterp.analysis.maximization import images as spaces
from jaxinterp.analysis.maximization import objectives, optima
from jaxinterp.networks import Network
from jaxinterp.stats import indicator, known_mean
from jaxinterp.studies.claims import Finding, judged
from jaxinterp.studies.llm_labels.judging import calibrated_score, claimed, judged_beside, judged_shares
from jaxinterp.studies.llm_labels.record import (
    ALIKE,
    ARMS,
    CONDITIONS,
    EVERY,
    MOST,
    SITE,
    SIX,
    TRAINED,
    UNTRAINED,
    WIDE,
    Asked,
    LlmLabels,
    ask,
    ask_both,
    figure_of,
    key_of,
    laid_out,
    left_out,
    live,
    of_arms,
    over_live,
)

PENALTY, RATE, STEPS, STARTS = 1.0, 0.1, 200, 8
ASCENTS = 4
OUTPUT, INPUT = TARGETS = ("after the ReLU", "before the ReLU")
_SITES = {OUTPUT: "hidden0/post", INPUT: "hidden0/pre"}
VIEWS = (f"recipe {OUTPUT}", f"recipe {INPUT}", "exact optimum w/2λ", "optimum in [0, 1]")
EXEMPLARS = 9
REACHED = 0.95  # cosine with the optimum: an angle of less than 20 degrees
EXACT = 0.99  # of what is there to be gained
OTHERS = "other neurons' images"


def measure(groups: Mapping[str, Asked], seeds: int, example: np.ndarray) -> dict[str, Any]:
    """The record's fields of row 2.3. example: the network of each arm that pictures are of."""
    measured = [_of_arm(groups[arm]) for arm in ARMS]
    units = max(groups[arm].networks.model.widths[0] for arm in ARMS)
    shown = [_shown(groups[arm], found, int(seed)) for arm, found, seed in zip(ARMS, measured, example, strict=True)]
    drawn = {name: laid_out(name, [part[name] for part in shown], seeds=seeds, units=units) for name in shown[0]}
    return {"targets": TARGETS, "views": VIEWS} | of_arms(groups, seeds, measured) | drawn


def _of_arm(group: Asked) -> dict[str, np.ndarray]:
    images, networks = group.splits.test.images, group.networks
    followed = ask(recipe, networks, key_of(group, 3), chunk=2)
    return followed | ask(ascent, networks, images, key_of(group, 3), chunk=2) | ask_both(beside_images, group, images)


def as_written(network: Network) -> Network:
    """The network without its normalisation: it reads z, the normalised image, as the write-up's does."""
    return network.replace(model=network.model.clone(input_mean=0.0, input_std=1.0))


def recipe(network: Network, key) -> dict[str, Array]:
    """The write-up's recipe on each neuron, from the same starts after and before the ReLU."""
    network = as_written(network)
    weights, bias = optima.affine(network)
    best, value = optima.penalty_optimum(weights, bias, PENALTY)
    units = best.shape[0]

    def pictures(target):
        def objective(activations):
            values = [objectives.units(_SITES[name], jnp.arange(units))(activations) for name in TARGETS]
            return jnp.stack(values)[target]

        return maximization.maximize(
            key,
            network,
            objective,
            objectives=units,
            restarts=STARTS,
            steps=STEPS,
            parametrization=spaces.PIXELS,
            priors=(spaces.l2(PENALTY),),
            learning_rate=RATE,
        ).images

    images = jax.vmap(pictures)(jnp.arange(len(TARGETS)))  # "targets units starts pixels"
    entering = jnp.stack([_own(network(own)[1]["hidden0/pre"]) for own in images])
    length = jnp.linalg.norm(images, axis=-1) * jnp.linalg.norm(best, axis=-1)[:, None]
    product = jnp.einsum("tusp,up->tus", images, best, precision=jax.lax.Precision.HIGHEST)
    return {
        "recipe_cosine": jnp.where(length == 0, 0, product / jnp.where(length == 0, 1, length)),
        "recipe_fires": (entering > 0) + 0 * entering,
        "recipe_value": jnp.max(entering - PENALTY * jnp.sum(images**2, axis=-1), axis=-1),
        "exact_value": value,
        "silent_starts": jax.scipy.stats.norm.cdf(-bias / jnp.linalg.norm(weights, axis=1)),
        "first": jnp.concatenate([images[:, :, 0], best[None]]),
    }


def _own(entering: Float[Array, "units starts others"]) -> Float[Array, "units starts"]:
    """What enters each neuron on its own images."""
    return jnp.diagonal(entering, axis1=0, axis2=2).T


def ascent(network: Network, images: Float[Array | np.ndarray, "examples pixels"], key) -> dict[str, Array]:
    """What gradient ascent finds in the box."""
    found = maximization.units(key, network, images[:1], site="hidden0/pre", restarts=ASCENTS)
    return {"ascent_value": found.values}


def beside_images(network: Network, images: Float[Array | np.ndarray, "examples pixels"]) -> dict[str, Array]:
    """The optimum in the box beside the best real images, and how alike the recipe's optimum and these look."""
    weights, bias = optima.affine(network)
    activations = network(images)[1]
    entering, (box, value) = activations["hidden0/pre"], optima.box_optimum(weights, bias)
    best = responses.exemplars(entering, k=min(EXEMPLARS, len(images)))
    means = jnp.mean(jnp.asarray(images)[best.index], axis=1)
    alike = correlation.pairwise(weights, means)
    units = weights.shape[0]
    others = jnp.where(jnp.eye(units, dtype=bool), 0, alike)
    return {
        "box_value": value,
        "blank_value": bias,
        "best_value": best.value[:, 0],
        "likeness": jnp.diagonal(alike),
        "likeness_other": jnp.sum(others, axis=1) / (units - 1) if units > 1 else jnp.full(1, jnp.nan),
        "best": best.index,
        "box": box,
        "firing": responses.liveness(activations[SITE]).firing_rate,
    }


def _shown(group: Asked, found: dict[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The pictures of one network, taken out of what was found; those of the recipe are from the first start."""
    first = found.pop("first")[seed]
    box, best, firing = (found.pop(name)[seed, CONDITIONS.index(TRAINED)] for name in ("box", "best", "firing"))
    return {
        "pictures": np.stack([*first, box]),
        "best_images": np.asarray(group.splits.test.images)[best],
        "outgoing": np.asarray(group.networks.variables["params"]["output"]["kernel"][seed]),
        "firing": firing,
    }


def reached(record: LlmLabels, arm: str, target: str) -> Float[np.ndarray, "seeds units"]:
    """Share of the starts that end at the known optimum."""
    cosine = record.recipe_cosine[:, record.arms.index(arm), record.targets.index(target)]
    return known_mean(indicator(cosine >= REACHED, cosine), 2)


def gained(record: LlmLabels, values, arm: str = SIX, condition: str = TRAINED) -> Float[np.ndarray, "seeds units"]:
    """Values as a share of the way from the blank image's to the best that an image in [0, 1] can have, at least −1."""
    place, when = record.arms.index(arm), record.conditions.index(condition)
    blank, most = (values[:, place, when] for values in (record.blank_value, record.box_value))
    return np.maximum((values - blank) / np.where(most > blank, most - blank, np.nan), -1)


def findings(record: LlmLabels) -> list[Finding]:
    """Row 2.3 judged."""
    place, apart = record.arms.index(SIX), left_out(record, SIX)
    own, before = (known_mean(reached(record, SIX, target), 1) for target in TARGETS)
    output = record.targets.index(OUTPUT)
    never = known_mean(1 - record.recipe_fires[:, place, output], (1, 2))
    worth = record.exact_value[:, place]
    others = {
        "live neurons": over_live(record, reached(record, SIX, OUTPUT)),
        "dead neurons": _over_dead(record, reached(record, SIX, OUTPUT)),
        "starts on which the neuron is silent": known_mean(record.silent_starts[:, place], 1),
        "pictures on which it is silent": never,
        "the same, before the ReLU": known_mean(1 - record.recipe_fires[:, place, record.targets.index(INPUT)], (1, 2)),
        "twelve neurons": known_mean(reached(record, WIDE, OUTPUT), 1),
    }
    text = "The write-up's maximisation finds what a neuron looks for: from a random start it ends at the known optimum"
    score = f"share of starts, over all neurons, whose picture has a cosine of at least {REACHED:g} with it"
    claim = claimed("2.3 recipe", text, score, EVERY)
    note = (
        f"{STARTS} starts a neuron, read as normalised images. The exact value ‖w‖²/4λ + b is above 0 for "
        f"{figure_of(known_mean(indicator(worth > 0, worth), 1), 2)} of the neurons: for the others no picture is "
        f"better than none after the ReLU.{apart}"
    )
    found = [judged_shares(claim, own, before, f"the same starts, {INPUT}", own, others=others, note=note)]
    return [*found, _ascent(record, apart), _real(record, apart), _alike(record, apart), _dark(record, apart)]


def _over_dead(record: LlmLabels, values) -> np.ndarray:
    return known_mean(np.where(live(record, SIX) == 0, values, np.nan), 1)


def _ascent(record: LlmLabels, apart: str) -> Finding:
    place = record.arms.index(SIX)
    climbed = known_mean(gained(record, record.ascent_value[:, place]), 1)
    best = known_mean(gained(record, record.best_value[:, place, record.conditions.index(TRAINED)]), 1)
    wide = gained(record, record.ascent_value[:, record.arms.index(WIDE)], WIDE)
    text = "Ascent on what enters the ReLU, among images in [0, 1], reaches the exact optimum"
    claim = claimed("2.3 ascent", text, "share of the way from the blank image to it", EXACT)
    note = f"Sigmoid pixels, the best of {ASCENTS} starts.{apart}"
    others = {"twelve neurons": known_mean(wide, 1)}
    return judged(claim, climbed, best, "best test image", climbed, others=others, note=note)


def _real(record: LlmLabels, apart: str) -> Finding:
    def best(arm, condition):
        values = record.best_value[:, record.arms.index(arm), record.conditions.index(condition)]
        return over_live(record, gained(record, values, arm, condition), arm, condition)

    own = best(SIX, TRAINED)
    text = "A neuron meets what it looks for: the best test image goes most of the way from blank to the best picture"
    score = calibrated_score(UNTRAINED, "the share of the way, mean over live neurons,")
    claim = claimed("2.3 real", text, score, MOST)
    note = f"Before the ReLU; pictures in [0, 1].{apart}"
    others = {"twelve neurons": best(WIDE, TRAINED)}
    return judged_beside(claim, own, {UNTRAINED: best(SIX, UNTRAINED)}, others=others, note=note)


def _alike(record: LlmLabels, apart: str) -> Finding:
    def of(values, arm=SIX, condition=TRAINED):
        values = values[:, record.arms.index(arm), record.conditions.index(condition)]
        return over_live(record, values, arm, condition)

    controls = {OTHERS: of(record.likeness_other), UNTRAINED: of(record.likeness, SIX, UNTRAINED)}
    others = {
        "untrained, other neurons' images": of(record.likeness_other, SIX, UNTRAINED),
        "twelve neurons": of(record.likeness, WIDE),
        "twelve neurons, other neurons' images": of(record.likeness_other, WIDE),
    }
    text = "A neuron's picture looks like the images that it answers to: correlation over pixels"
    score = calibrated_score(f"the higher of {UNTRAINED} and {OTHERS}", "the correlation")
    claim = claimed("2.3 looks", text, score, ALIKE)
    note = (
        f"The exact optimum, w/2λ, with the mean of the neuron's best {EXEMPLARS} test images; live neurons. The "
        f"images are chosen by the very weights that are the picture, in untrained networks as well.{apart}"
    )
    return judged_beside(claim, of(record.likeness), controls, others=others, note=note)


def _dark(record: LlmLabels, apart: str) -> Finding:
    place = record.arms.index(SIX)
    dark, before = (
        _over_dead(record, indicator(box <= 0, box))
        for box in (record.box_value[:, place, record.conditions.index(when)] for when in (TRAINED, UNTRAINED))
    )
    fires = record.recipe_fires[:, place, record.targets.index(INPUT)].max(axis=2)
    others = {"silent on the recipe's picture too": _over_dead(record, 1 - fires)}
    text = "A dead neuron has nothing to look for: no image in [0, 1] makes it fire"
    name = "the same neurons before training"
    claim = claimed("2.3 dead", text, calibrated_score(name, "the share of dead neurons"), MOST)
    note = f"Dead: fires on no test image.{apart}"
    return judged_beside(claim, dark, {name: before}, others=others, note=note)
