"""What do language models say of neurons? Rows 2.6 and 2.7 with a language model, beside rules on the same networks.

`jaxinterp explain` keeps in a run's folder what a model said; where it has said nothing, there is nothing here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp import data, stats
from jaxinterp.explanation import evaluation, kept, reading
from jaxinterp.explanation.baselines import BASELINES
from jaxinterp.explanation.kept import Kept, Read
from jaxinterp.explanation.reading import PUBLISHED
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.explanation.score import Scores
from jaxinterp.explanation.simulate import Compiled
from jaxinterp.networks import mirrors
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels import labels
from jaxinterp.studies.llm_labels.neurons import NAME, SITE, over_live
from jaxinterp.studies.llm_labels.readers import CONFUSION, NEAREST, QUANTITIES, TRUTH
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_percent, mean

MODELS = "models"
MODEL = "model"
READERS = (MODEL, NEAREST, TRUTH, CONFUSION)


class Told(NamedTuple):
    """What each model's labels score, and what it reaches as a reader of its summaries; NaN where it was not asked.

    labelled: 1 for networks that it labelled, else 0. score, compiled, others, p: as in `labels.Labels`. reached,
    images: as in `readers.Read`; all readers are tested on the images that the model was asked about.
    """

    labelled: Float[np.ndarray, "models seeds"]
    score: Float[np.ndarray, "models scores seeds units"]
    compiled: Float[np.ndarray, "models seeds units"]
    others: Float[np.ndarray, "models seeds units"]
    p: Float[np.ndarray, "models seeds"]
    reached: Float[np.ndarray, "models readers quantities seeds"]
    images: Float[np.ndarray, "models seeds"]


def measure(inputs: Mapping[str, Inputs]) -> Told:
    """Score every model's labels of the study's own networks, and its answers."""
    own = inputs[NAME]
    real = evaluation.activations(own.networks, own.test.images, site=SITE)
    found = [(*_labels(own, one, real), *_readers(own, one)) for one in _kept(own)]
    return Told(*(np.stack(parts) for parts in zip(*found, strict=True)))


def _kept(inputs: Inputs) -> tuple[Kept, ...]:
    return kept.read(inputs.path, data.hash_arrays(jax.tree.leaves(inputs.networks.variables)))


def _labels(inputs: Inputs, one: Kept, real: np.ndarray) -> tuple[np.ndarray, ...]:
    known, units = inputs.once(labels.trained), real.shape[1]
    texts = tuple(_texts(one, seed, units) for seed in range(inputs.seeds))
    labelled = evaluation.compiled(texts, inputs.classes, inputs.test.shape)
    simulations = evaluation.simulated(labelled, inputs.test)
    rng = np.random.default_rng(inputs.config.train.base_seed)
    others = evaluation.controls(simulations, real, known.fitted, rng, absolute=mirrors(inputs.model))
    is_compiled = np.array([[float(isinstance(label, Compiled)) for label in own] for own in labelled.compiled])
    is_known = np.array([seed in one.labels for seed in range(inputs.seeds)])
    scores = np.stack(evaluation.scores(simulations, real))

    def where_known(values: np.ndarray) -> np.ndarray:
        return np.where(is_known if values.ndim == 1 else is_known[:, None], values, np.nan)

    return 1.0 * is_known, *map(where_known, (scores, is_compiled, others.others, others.p))


def _texts(one: Kept, seed: int, units: int) -> tuple[str, ...]:
    return one.labels[seed][SITE] if seed in one.labels else ("",) * units


def _readers(inputs: Inputs, one: Kept) -> tuple[np.ndarray, np.ndarray]:
    """QUANTITIES of each of READERS on each network, "readers quantities seeds", and images of either kind."""
    test, classes = inputs.splits.test, inputs.model.outputs
    truth, known = np.asarray(test.labels), inputs.once(labels.trained).facts.data
    predicted = evaluation.predicted(inputs.networks, test.images, loss=inputs.config.train.loss)
    predicted = np.where(inputs.diverged[:, None], truth, predicted)  # so that these count for no confusion
    confused = reading.confusions(predicted, truth, classes=classes)
    reached = np.full((len(READERS), len(QUANTITIES), inputs.seeds), np.nan)
    images = np.full(inputs.seeds, np.nan)
    in_part = np.ones(len(truth), bool) if inputs.rows is None else np.isin(np.arange(len(truth)), inputs.rows)
    for seed, own in one.read.items():
        said, right, wrong = _of_part(own, len(truth), in_part)
        rows = np.concatenate([right, wrong])
        digits = np.full(len(truth), -1)
        if not (len(right) and len(wrong)):
            continue
        digits[rows] = reading.nearest(np.asarray(test.images)[rows], known.images, known.labels)
        answers = np.stack([said, digits, truth, confused[seed]])
        counts = reading.counts(answers, predicted[seed], truth, right, wrong)
        agreement = (counts.c + counts.n) / 2  # as many images of either kind, also where a part has not
        beyond = stats.calibrated(agreement, agreement[1])
        scores = reading.scores(counts, classes=classes)
        reached[:, :, seed] = np.stack([*counts, *scores, agreement, beyond], axis=-1)
        images[seed] = len(right)
    return reached, images


def _of_part(own: Read, examples: int, in_part: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The model's answer to every image, −1 without one, and the rows of this part: correct ones, and wrong ones."""
    said = np.full(examples, -1)
    said[np.concatenate([own.right, own.wrong])] = own.answers
    return said, own.right[in_part[own.right]], own.wrong[in_part[own.wrong]]


MEASUREMENTS = (
    EnsembleMeasurement(
        MODELS,
        measure,
        lambda inputs: {
            "models": tuple(one.model for one in _kept(inputs[NAME])),
            "scores": Scores._fields,
            "readers": READERS,
            "quantities": QUANTITIES,
        },
        folder=kept.FOLDER,
    ),
)


def claims(results: Results) -> list[Claim]:
    """Rows 2.6 and 2.7 of each model."""
    if MODELS not in results:
        return []
    found = []
    for number, model in enumerate(results[MODELS][MODELS].to_numpy().tolist()):
        own = results[MODELS].isel(models=number)
        suffix = f" {number + 1}" if number else ""
        found.append(_says(results, own, f"model{suffix}", model))
        if own.images.notnull().any():
            found.append(_reads(own, f"model reader{suffix}", model))
    return found


def _says(results: Results, own: xr.Dataset, name: str, model: str) -> Claim:
    is_known = own.labelled == 1

    def over(values: xr.DataArray) -> xr.DataArray:
        return over_live(results, values).where(is_known)

    scored = {score: over(own.score.sel(scores=score).fillna(0)) for score in Scores._fields}
    by_rule = {f"labels by {rule}": labels.scored(results, rule).where(is_known) for rule in EXPLAINERS}
    baselines = {baseline: labels.by_baseline(results, baseline).where(is_known) for baseline in BASELINES}
    beaten = (own.p <= labels.SIGNIFICANT).astype(float).where(own.p.notnull())
    compiled = format_percent(float(over(own.compiled).mean()))
    return Claim(
        row="2.6",
        name=name,
        text=f"{model}: its labels say more of a neuron than labels by rules, and than no words",
        published="labels by a language model, not scored",
        bounds=SIGNED,
        quantity="correlation over test images, mean over live neurons",
        measured=scored["pearson"],
        controls={labels.OTHERS: over(own.others), **by_rule, **baselines},
        rule=above(0.0),
        score=Difference(),
        shown={score: values for score, values in scored.items() if score != "pearson"}
        | {"labels without a defined score": over(own.score.sel(scores="pearson").isnull().astype(float))},
        note=f"Networks labelled: {int(is_known.sum())}. {compiled} of the labels can be compiled by rules. Labels "
        "handed out to a network's neurons at random score as high with "
        f"p ≤ {labels.SIGNIFICANT:g} in {mean(beaten, 2)} of the networks.",
    )


def _reads(own: xr.Dataset, name: str, model: str) -> Claim:
    def reached(reader: str, quantity: str) -> xr.DataArray:
        return own.reached.sel(readers=reader, quantities=quantity)

    return Claim(
        row="2.7",
        name=name,
        text=f"{model} predicts from summaries what the network answers, better than readers who know nothing of it",
        published=f"final {PUBLISHED[0].scores.final}",
        bounds=SHARE,
        quantity="share of images, half of them misclassified, where reader and network agree",
        measured=reached(MODEL, "agreement"),
        controls={reader: reached(reader, "agreement") for reader in READERS[1:]},
        rule=above(0.0),
        score=Calibrated(),
        shown={quantity: reached(MODEL, quantity) for quantity in QUANTITIES if quantity != "agreement"}
        | {f"final, {NEAREST}": reached(NEAREST, "final")},
        note=f'Images of either kind: {mean(own.images, 0)}. A score of 0 is not "no understanding".',
    )
