"""What do language models say of neurons? Rows 2.6 and 2.7 with a language model, beside rules on the same networks.

`jaxinterp explain` keeps in a run's folder what a model said; where it has said nothing, there is nothing here.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from jaxinterp import stats
from jaxinterp.analysis import correlation
from jaxinterp.explanation import evaluation, kept, reading
from jaxinterp.explanation.baselines import BASELINES
from jaxinterp.explanation.kept import Kept, Read
from jaxinterp.explanation.reading import ANOTHER, CONFUSION, MODEL, NEAREST, PUBLISHED, TOLD, TRUTH
from jaxinterp.explanation.rules import EXPLAINERS
from jaxinterp.explanation.score import Scores
from jaxinterp.explanation.simulate import Compiled
from jaxinterp.networks import mirrors
from jaxinterp.stats import SHARE, SIGNED
from jaxinterp.studies.inputs import Inputs
from jaxinterp.studies.judge import Claim, above
from jaxinterp.studies.llm_labels import labels
from jaxinterp.studies.llm_labels.neurons import NAME, SITE, over_live
from jaxinterp.studies.llm_labels.readers import QUANTITIES
from jaxinterp.studies.scores import Calibrated, Difference
from jaxinterp.studies.study import EnsembleMeasurement, Results
from jaxinterp.text import format_percent, mean

MODELS = "models"
WAYS = (MODEL, TOLD, ANOTHER)  # in which a model reads
READERS = (*WAYS, NEAREST, TRUTH, CONFUSION)


class Told(NamedTuple):
    """What each model's labels score, and what it reaches as a reader of its summaries; NaN where it was not asked.

    labelled: 1 for networks that it labelled, else 0. score, compiled, others, p: as in `labels.Labels`. by_itself:
    correlation of each unit with the model's own predictions, on predicted images. reached, images: as in
    `readers.Read`; all readers are tested on the images that the model was asked about.
    """

    labelled: Float[np.ndarray, "models seeds"]
    score: Float[np.ndarray, "models scores seeds units"]
    compiled: Float[np.ndarray, "models seeds units"]
    others: Float[np.ndarray, "models seeds units"]
    p: Float[np.ndarray, "models seeds"]
    by_itself: Float[np.ndarray, "models seeds units"]
    predicted: Float[np.ndarray, "models seeds"]
    reached: Float[np.ndarray, "models readers quantities seeds"]
    images: Float[np.ndarray, "models seeds"]


def measure(inputs: Mapping[str, Inputs]) -> Told:
    """Score every model's labels of the study's own networks, and its answers."""
    own = inputs[NAME]
    real = evaluation.activations(own.networks, own.test.images, site=SITE)
    found = [(*_labels(own, one, real), *_predictions(own, one, real), *_readers(own, one)) for one in _kept(own)]
    return Told(*(np.stack(parts) for parts in zip(*found, strict=True)))


def _kept(inputs: Inputs) -> tuple[Kept, ...]:
    return kept.read(inputs.path, inputs.networks)


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


def _predictions(inputs: Inputs, one: Kept, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each unit's correlation with what the model predicts, "seeds units", and on how many images."""
    found, images = np.full(real.shape[:2], np.nan), np.full(len(real), np.nan)
    for seed, own in one.predicted.items():
        shared, said, places = np.intersect1d(own.rows, _rows(inputs), return_indices=True)
        if len(shared):
            values = own.values[SITE][:, said].astype(np.float32)
            found[seed], images[seed] = correlation.rowwise(values, real[seed][:, places]), len(shared)
    return found, images


def _readers(inputs: Inputs, one: Kept) -> tuple[np.ndarray, np.ndarray]:
    """QUANTITIES of each of READERS on each network, "readers quantities seeds", and images of either kind."""
    test, classes = inputs.splits.test, inputs.model.outputs
    truth, known = np.asarray(test.labels), inputs.once(labels.trained).facts.data
    predicted = evaluation.predicted(inputs.networks, test.images, loss=inputs.config.train.loss)
    predicted = np.where(inputs.diverged[:, None], truth, predicted)  # so that these count for no confusion
    confused = reading.confusions(predicted, truth, classes=classes)
    reached = np.full((len(READERS), len(QUANTITIES), inputs.seeds), np.nan)
    images = np.full(inputs.seeds, np.nan)
    in_part = np.isin(np.arange(len(truth)), _rows(inputs))
    for seed, own in one.read.items():
        right, wrong = own.right[in_part[own.right]], own.wrong[in_part[own.wrong]]
        rows = np.concatenate([right, wrong])
        digits = np.full(len(truth), -1)
        if not (len(right) and len(wrong)):
            continue
        digits[rows] = reading.nearest(np.asarray(test.images)[rows], known.images, known.labels)
        answers = np.stack([*(_said(own, way, len(truth)) for way in WAYS), digits, truth, confused[seed]])
        counts = reading.counts(answers, predicted[seed], truth, right, wrong)
        agreement = (counts.c + counts.n) / 2  # as many images of either kind, also where a part has not
        beyond = stats.calibrated(agreement, agreement[READERS.index(NEAREST)])
        scores = reading.scores(counts, classes=classes)
        was_asked = [reader not in WAYS or reader in own.answers for reader in READERS]
        values = np.stack([*counts, *scores, agreement, beyond], axis=-1)
        reached[:, :, seed] = np.where(np.array(was_asked)[:, None], values, np.nan)
        images[seed] = len(right)
    return reached, images


def _rows(inputs: Inputs) -> np.ndarray:
    """Rows of the test images that these inputs are about."""
    return np.arange(len(inputs.splits.test.labels)) if inputs.rows is None else inputs.rows


def _said(own: Read, way: str, examples: int) -> np.ndarray:
    """The class that the model answered for each image; −1 without an answer."""
    said = np.full(examples, -1)
    if way in own.answers:
        said[np.concatenate([own.right, own.wrong])] = own.answers[way]
    return said


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
    by_itself, predicted = {}, ""
    if own.predicted.notnull().any():
        by_itself = {"by its own predictions": over(own.by_itself.fillna(0)).where(own.predicted.notnull())}
        predicted = f" Images that it predicts activations of: {mean(own.predicted, 0)}."
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
        | {"labels without a defined score": over(own.score.sel(scores="pearson").isnull().astype(float))}
        | by_itself,
        note=f"Networks labelled: {int(is_known.sum())}.{predicted} {compiled} of the labels can be compiled by rules. "
        "Labels handed out to a network's neurons at random score as high with "
        f"p ≤ {labels.SIGNIFICANT:g} in {mean(beaten, 2)} of the networks.",
    )


def _reads(own: xr.Dataset, name: str, model: str) -> Claim:
    def reached(reader: str, quantity: str) -> xr.DataArray:
        return own.reached.sel(readers=reader, quantities=quantity)

    known = [reader for reader in READERS if reached(reader, "agreement").notnull().any()]
    return Claim(
        row="2.7",
        name=name,
        text=f"{model} predicts from summaries what the network answers, better than readers who know nothing of it",
        published=f"final {PUBLISHED[0].scores.final}",
        bounds=SHARE,
        quantity="share of images, half of them misclassified, where reader and network agree",
        measured=reached(MODEL, "agreement"),
        controls={reader: reached(reader, "agreement") for reader in known if reader not in (MODEL, TOLD)},
        rule=above(0.0),
        score=Calibrated(),
        shown={quantity: reached(MODEL, quantity) for quantity in QUANTITIES if quantity != "agreement"}
        | {f"final, {reader}": reached(reader, "final") for reader in known if reader in (TOLD, ANOTHER, NEAREST)},
        note=f"Images of either kind: {mean(own.images, 0)}. Published {PUBLISHED[1].name.partition(', ')[2]}: final "
        f'{PUBLISHED[1].scores.final}. A score of 0 is not "no understanding".',
    )
