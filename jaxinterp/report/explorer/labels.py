"""What is each unit called? Labels by rules and by language models, each with its score beside the best baseline.

Labels by rules are written from facts measured on training images; those of a language model were stored when it was
asked. All are scored on test images.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxinterp import ensemble
from jaxinterp.analysis.units import sites
from jaxinterp.data import Dataset, Splits
from jaxinterp.explanation import baselines, evaluation, facts, rules, score, simulate
from jaxinterp.explanation.kept import Kept
from jaxinterp.interventions import Site
from jaxinterp.networks import Network
from jaxinterp.questions.explain import IMAGES
from jaxinterp.store import Run

SCORED = 1000  # test images that labels are scored on
NOTHING = -1  # in place of a text's number: this explainer has not labelled this unit


class Named(NamedTuple):
    """What the page holds of labels: meta is of all layers, arrays of each layer.

    Arrays: label, places among meta's texts, and label_score, "explainers seeds units"; baseline and baseline_score,
    "seeds units". Scores are Pearson correlations, NaN where undefined.
    """

    meta: dict[str, Any]
    arrays: list[dict[str, np.ndarray]]


def named(run: Run, splits: Splits, held: list[int], asked: Sequence[Kept]) -> Named:
    """The labels of the held networks' units. asked: what models answered."""
    train, test = splits.train.spaced(IMAGES), splits.test.spaced(SCORED)
    known = facts.brief(run.networks, train, loss=run.config.train.loss, seeds=held)
    units = [(layer, unit) for layer, own in enumerate(known.layers) for unit in range(own.dead.shape[1])]
    every = {(seed, *unit): known.of_unit(seed, *unit) for seed in range(len(held)) for unit in units}
    by_explainer = {
        name: (False, {place: rule(own) for place, own in every.items()}) for name, rule in rules.EXPLAINERS.items()
    }
    by_explainer |= {one.model: (True, _by_model(one, known.sites, held)) for one in asked}
    widths = [layer.dead.shape[1] for layer in known.layers]
    texts = sorted({text for _, own in by_explainer.values() for text in own.values()})
    number = {text: place for place, text in enumerate(texts)}
    label = np.array(
        [
            [
                [number[own[seed, *unit]] if (seed, *unit) in own else NOTHING for unit in units]
                for seed in range(len(held))
            ]
            for _, own in by_explainer.values()
        ],
        np.int32,
    )
    scores, others = _scores(ensemble.take(run.networks, held), known, texts, label, test)
    best = np.argmax(np.nan_to_num(others, nan=-np.inf), axis=1)
    arrays = {
        "label": label,
        "label_score": scores,
        "baseline": best.astype(np.int32),
        "baseline_score": np.take_along_axis(others, best[:, None], axis=1)[:, 0],
    }
    split = {name: np.split(values, np.cumsum(widths)[:-1], axis=-1) for name, values in arrays.items()}
    meta = {
        "explainers": [{"name": name, "model": is_model} for name, (is_model, _) in by_explainer.items()],
        "texts": texts,
        "baselines": list(baselines.BASELINES),
        "measured": len(train.labels),
        "scored": len(test.labels),
    }
    return Named(meta, [{name: own[layer] for name, own in split.items()} for layer in range(len(widths))])


def _by_model(one: Kept, found: Sequence[Site], held: list[int]) -> dict[tuple[int, int, int], str]:
    """Its labels by the place of the seed, layer and unit."""
    return {
        (place, layer, unit): text or "(no label)"
        for place, seed in enumerate(held)
        for layer, site in enumerate(found)
        for unit, text in enumerate(one.labels.get(seed, {}).get(site, ()))
    }


def _scores(networks: Network, known: facts.EnsembleFacts, texts: list[str], label: np.ndarray, test: Dataset):
    """Correlation of each unit with what its labels predict, "explainers seeds units", and with what the baselines do,
    "seeds baselines units".
    """
    names = tuple(map(known.data.name, range(known.layers[0].class_mean.shape[-1])))
    [compiled] = evaluation.compiled((tuple(texts),), names, known.data.shape).compiled
    predicted = simulate.predictions(compiled, test.images, test.labels)
    class_mean, exemplars = (
        np.concatenate([getattr(layer, name) for layer in known.layers], axis=1) for name in ("class_mean", "exemplars")
    )
    own = networks, class_mean, exemplars, np.swapaxes(label, 0, 1)
    images = jnp.asarray(known.data.images)
    # In a program of its own, since beside others it could wait for ever (see `analysis.decompositions`).
    regressed = jax.block_until_ready(_decomposed(images))
    scores, others = jax.device_get(_program(own, predicted, images, regressed, test))
    return np.where(label == NOTHING, np.nan, np.swapaxes(scores, 0, 1)), others


_decomposed = jax.jit(baselines.decomposed)


@jax.jit
def _program(own: tuple, predicted: Array, images: Array, regressed: baselines.Decomposed, test: Dataset):
    def of_network(own: tuple):
        network, class_mean, exemplars, label = own

        def activations(images):
            units = network.units(images)
            return jnp.concatenate([units[site] for site in sites(network)], axis=-1)

        real = activations(test.images).T
        found = baselines.predictions(
            class_mean, images[exemplars], regressed, activations(images), test.images, test.labels
        )
        return tuple(score.scores(own, jnp.broadcast_to(real, own.shape)).pearson for own in (predicted[label], found))

    return jax.lax.map(of_network, own)
