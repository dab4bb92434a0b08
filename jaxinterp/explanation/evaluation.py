"""Is a label better than one that knows nothing of the unit? Labels of a whole layer against baselines and controls.

Labels are scored on images that their facts were not measured on. Controls are the labels of other units of the layer,
of the matched unit in another network, and of any unit there; networks that were not trained are labelled and scored by
the same functions. A label may also be right about when the unit matters: the unit is ablated, and predictions change
on images where the label says that it is active, or on others.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxinterp import ensemble, metrics
from jaxinterp.analysis import ablation, correlation, matching
from jaxinterp.data import Dataset, Shape
from jaxinterp.explanation import baselines, score
from jaxinterp.explanation.facts import EnsembleFacts
from jaxinterp.explanation.rules import Explainer
from jaxinterp.explanation.score import Scores
from jaxinterp.explanation.simulate import Compiled, Refused, compile_label, predictions
from jaxinterp.interventions import Site
from jaxinterp.networks import Network

ABLATIONS = ("zero", "mean")  # of `analysis.ablation`
_SEEDS = 4  # networks at once

Activations = Float[np.ndarray, "seeds units examples"]
Fitted = Float[np.ndarray, "seeds units fitted"]


class Labelled(NamedTuple):
    """The labels of one layer in every network, by seed and unit, and what rules make of them."""

    texts: tuple[tuple[str, ...], ...]
    compiled: tuple[tuple[Compiled | Refused, ...], ...]


class Controls(NamedTuple):
    """What other labels score on a unit: mean Pearson correlation, where undefined ones count as 0.

    others: labels of the other units of its layer. matched: [i, j] is the label, from network j, of the unit that is
    matched with the one in network i; any_unit: the mean over all labels of network j's layer. Both are NaN for i = j.
    p: that the layer's labels score as high if they are handed out at random, see `score.shuffled_p`.
    """

    others: Float[np.ndarray, "seeds units"]
    matched: Float[np.ndarray, "seeds seeds units"]
    any_unit: Float[np.ndarray, "seeds seeds units"]
    p: Float[np.ndarray, " seeds"]


class Causal(NamedTuple):
    """Share of images whose predicted class changes without the unit, by ABLATIONS: where the label says that it is
    active, and elsewhere. said_by_others, elsewhere_by_others: by the labels of the layer's other units, on average.

    A unit that keeps its mean is missed where it would be silent, too. NaN where a label predicts the same for all
    images.
    """

    said: Float[np.ndarray, "ablations seeds units"]
    elsewhere: Float[np.ndarray, "ablations seeds units"]
    said_by_others: Float[np.ndarray, "ablations seeds units"]
    elsewhere_by_others: Float[np.ndarray, "ablations seeds units"]


def label(facts: EnsembleFacts, layer: int, explainer: Explainer) -> Labelled:
    """Label every unit of a layer, counted from 0, by an explainer."""
    seeds, units, classes = facts.layers[layer].class_mean.shape
    texts = tuple(tuple(explainer(facts.of_unit(seed, layer, unit)) for unit in range(units)) for seed in range(seeds))
    return compiled(texts, tuple(map(facts.data.name, range(classes))), facts.data.shape)


def compiled(texts: tuple[tuple[str, ...], ...], class_names: tuple[str, ...], shape: Shape) -> Labelled:
    """Labels from anywhere, by seed and unit, compiled for images of a shape. Equal texts are compiled once."""
    known = {text: compile_label(text, class_names, shape) for text in {text for own in texts for text in own}}
    return Labelled(texts, tuple(tuple(known[text] for text in own) for own in texts))


def simulated(labelled: Labelled, test: Dataset) -> Activations:
    """What every label predicts for every image; see `simulate.predictions`."""
    flat = [one for own in labelled.compiled for one in own]
    found = predictions(flat, test.images, test.labels)
    return found.reshape(len(labelled.compiled), -1, found.shape[-1])


def activations(networks: Network, images: Float[Array | np.ndarray, "examples pixels"], *, site: Site) -> Activations:
    """Every unit's activation at a site; of a channel, its mean over the map."""
    return np.asarray(_activations(networks, jnp.asarray(images), site=site))


def predicted(
    networks: Network, images: Float[Array | np.ndarray, "examples pixels"], *, loss: str
) -> Int[np.ndarray, "seeds examples"]:
    """The class that every network answers for every image."""
    return np.asarray(_predicted(networks, jnp.asarray(images), loss=loss))


def scores(simulations: Activations, real: Activations) -> Scores:
    """The five scores of every label, "seeds units" each."""
    return jax.device_get(_scores(simulations, real))


def baseline_scores(facts: EnsembleFacts, layer: int, fitted: Fitted, real: Activations, test: Dataset) -> Scores:
    """The five scores of every one of `baselines.BASELINES`, "seeds baselines units" each.

    fitted: activations on the images of the facts. One network at a time is in memory.
    """
    own = facts.layers[layer]
    images, regressed = jnp.asarray(facts.data.images), _decomposed(jnp.asarray(facts.data.images))
    by_network = own.class_mean, own.exemplars, np.swapaxes(fitted, 1, 2), real
    return jax.device_get(_baseline_scores(by_network, images, regressed, test))


def controls(
    simulations: Activations, real: Activations, fitted: Fitted, rng: np.random.Generator, *, absolute: bool
) -> Controls:
    """What the labels of other units score, of this network and of others.

    fitted: activations on the images of the facts, by which units are matched. absolute: a mirror image counts as a
    match, too (`networks.mirrors`), whose label says the opposite.
    """
    seeds, units, examples = real.shape
    flat = np.asarray(_pairwise(simulations.reshape(-1, examples), real.reshape(-1, examples)))
    table = np.moveaxis(flat.reshape(seeds, units, seeds, units), 2, 0)  # networks, networks of labels, labels, units
    own = table[np.arange(seeds), np.arange(seeds)]
    pairs = jax.device_get(_matched(np.swapaxes(fitted, 1, 2), absolute=absolute))
    known = np.where(np.isnan(real).any(axis=-1) | (np.ptp(real, axis=-1) == 0), np.nan, 0)[:, None]
    known = known + np.where(np.eye(seeds, dtype=bool), np.nan, 0)[..., None]
    scored = np.nan_to_num(table)
    matched = np.take_along_axis(scored, pairs.order[:, :, None], axis=2)[:, :, 0]
    if absolute:
        matched = matched * np.sign(pairs.value)
    return Controls(
        others=score.of_others(own),
        matched=matched + known,
        any_unit=scored.mean(axis=2) + known,
        p=np.array([score.shuffled_p(one, rng) for one in own]),
    )


def causal(networks: Network, simulations: Activations, test: Dataset, *, site: Site, loss: str) -> Causal:
    """On how many images each unit's ablation changes the predicted class, by what its label says of the image."""
    found = _causal(networks, jnp.asarray(simulations), jnp.asarray(test.images), site=site, loss=loss)
    said, elsewhere = (np.moveaxis(np.asarray(part), 1, 0) for part in found)  # ablations, seeds, labels, units
    own = (np.diagonal(part, axis1=-2, axis2=-1) for part in (said, elsewhere))
    return Causal(*own, *map(score.of_others, (said, elsewhere)))


@partial(jax.jit, static_argnames="site")
def _activations(networks: Network, images: Array, *, site: Site) -> Float[Array, "seeds units examples"]:
    return ensemble.over_seeds(lambda network: network.units(images)[site].T, chunk=_SEEDS)(networks)


@partial(jax.jit, static_argnames="loss")
def _predicted(networks: Network, images: Array, *, loss: str) -> Int[Array, "seeds examples"]:
    return ensemble.over_seeds(lambda network: metrics.predictions(loss, network(images)[0]), chunk=8)(networks)


@jax.jit
def _scores(simulations: Array, real: Array) -> Scores:
    def of_some(own: tuple[Array, Array]) -> Scores:
        return jax.lax.map(lambda one: score.scores(*one), own)

    return ensemble.over_devices(of_some)((simulations, real))


@jax.jit
def _baseline_scores(by_network: tuple, images: Array, regressed: baselines.Decomposed, test: Dataset) -> Scores:
    def of_some(some: tuple, images: Array, regressed: baselines.Decomposed, test: Dataset) -> Scores:
        def of_network(own: tuple) -> Scores:
            class_mean, exemplars, fitted, real = own
            found = baselines.predictions(class_mean, images[exemplars], regressed, fitted, test.images, test.labels)
            return score.scores(found, jnp.broadcast_to(real, found.shape))

        return jax.lax.map(of_network, some)

    # Sorting takes one core each.
    return ensemble.over_devices(of_some)(by_network, images, regressed, test)


_decomposed = jax.jit(baselines.decomposed)
_pairwise = jax.jit(correlation.pairwise)


@partial(jax.jit, static_argnames="absolute")
def _matched(fitted: Array, *, absolute: bool) -> matching.Matching:
    return matching.match(matching.correlations(fitted), absolute=absolute)


@partial(jax.jit, static_argnames=("site", "loss"))
def _causal(networks: Network, simulations: Array, images: Array, *, site: Site, loss: str) -> tuple[Array, Array]:
    def of_network(own: tuple[Network, Array]) -> tuple[Array, Array]:
        network, simulations = own
        logits, activations = network(images)
        before, at_site = metrics.predictions(loss, logits), activations[site]
        run = ablation.unit_mover(
            network, images, site=site, measure=lambda logits: 1.0 * (metrics.predictions(loss, logits) != before)
        )
        fills = jnp.stack([ablation.fill(kind, at_site, before, classes=logits.shape[-1]) for kind in ABLATIONS])
        changed = ablation.each_change(run, fills - at_site, chunk=_SEEDS)  # ablations, units, examples
        said = 1.0 * score.above_mean(simulations)
        varies = score.varies(simulations)[:, None]

        def share(where: Array) -> Array:
            total = jnp.matmul(where, jnp.swapaxes(changed, 1, 2), precision=jax.lax.Precision.HIGHEST)
            return jnp.where(varies, total / jnp.sum(where, axis=1, keepdims=True), jnp.nan)

        return share(said), share(1 - said)

    return jax.lax.map(of_network, (networks, simulations))
